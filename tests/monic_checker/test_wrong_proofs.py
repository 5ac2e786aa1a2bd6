"""Wrong proofs: whatever is done to a valid one, nothing false is ever accepted.

The second road is `slow_check`: what a changed tree is worth, and whether a changed claim is true.
"""

import copy
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monic_checker import Array, InvalidProof, MalformedProof, check
from tests.monic_checker.examples import EXAMPLES, TREES, Example
from tests.monic_checker.slow_check import claim_is_true, tree_holds
from tests.monic_checker.tiny_prover import VERSION, Layer, tree_body


def accepts(proof: bytes, arrays: list[Array]) -> bool:
    try:
        check(io.BytesIO(proof), arrays)
    except (InvalidProof, MalformedProof):
        return False
    return True


def changes(value: Any) -> Iterator[Any]:
    """Yields what one change makes of a JSON document: a deletion, a swap, another value."""
    if isinstance(value, dict):
        yield from _changed_object(value)
    elif isinstance(value, list):
        yield from _changed_list(value)
    elif isinstance(value, str):
        yield from (other for other in _STRINGS if other != value)
    elif isinstance(value, int):
        yield from (value - 1, value + 1, -value, 10**17, 10**30, True, False, str(value), None)
        yield value + 0.0
    yield [value]
    yield {"kind": value}


_STRINGS = (
    "", "0", "1", "-1", "2", "-2", "1/2", "-1/2", "1/0", "0/1", "1.5", "1e3", " 1", "+1", "1/-2",
    "INJECTIVE", "NOT_INJECTIVE", "relu-layer", "affine", "whole", "orthant", "tree", "point",
    "linear", "linear-transposed", "shift", "shift-negative", "scale", "concat", "input",
    "float32", "int64", "0" * 64, "\ud800", None, 1,
)  # fmt: skip


def _changed_object(value: dict[str, Any]) -> Iterator[Any]:
    for key, entry in value.items():
        rest = {k: v for k, v in value.items() if k != key}
        yield rest
        yield rest | {key + "s": entry}
        for other in changes(entry):
            yield {k: other if k == key else v for k, v in value.items()}
    yield value | {"more": None}


def _changed_list(value: list[Any]) -> Iterator[Any]:
    yield []
    for i, entry in enumerate(value):
        yield value[:i] + value[i + 1 :]
        yield [*value[:i], entry, *value[i:]]
        yield value[:i] + value[i + 1 : i + 2] + [entry] + value[i + 2 :]
        for other in changes(entry):
            yield [*value[:i], other, *value[i + 1 :]]


@pytest.mark.thorough
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_changed_header_is_refused_unless_its_claim_is_true(name: str) -> None:
    example = EXAMPLES[name]
    refused = 0
    for header in changes(copy.deepcopy(example.header)):
        changed = Example(header, example.body, example.arrays)
        if accepts(changed.proof, example.arrays):
            assert claim_is_true(header, example.arrays), header
        else:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize("name", TREES)
def test_a_changed_tree_is_accepted_exactly_when_it_still_holds(name: str) -> None:
    layer, body = TREES[name].layer, TREES[name].body
    head = layer.proof({"kind": "tree"})
    bodies = {body[:i] + body[i + 1 :] for i in range(len(body))}
    bodies |= {body[:i] + body[i : i + 1] + body[i:] for i in range(len(body))}
    bodies |= {body[:i] + body[i + 1 : i + 2] + body[i : i + 1] + body[i + 2 :]
               for i in range(len(body) - 1)}  # fmt: skip
    values = [*range(14), 127, 128, 129, 255]
    bodies |= {body[:i] + bytes([v]) + body[i + 1 :] for i in range(len(body)) for v in values}
    for changed in bodies:
        assert accepts(head + changed, layer.arrays) == tree_holds(layer, changed), changed.hex()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_truncated_file_is_malformed(name: str) -> None:
    example = EXAMPLES[name]
    for length in range(len(example.proof)):
        with pytest.raises(MalformedProof):
            check(io.BytesIO(example.proof[:length]), example.arrays)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_file_with_a_byte_too_many_is_malformed(name: str) -> None:
    example = EXAMPLES[name]
    for more in (b"\0", b"\1", b"\n"):
        with pytest.raises(MalformedProof):
            check(io.BytesIO(example.proof + more), example.arrays)


@pytest.mark.parametrize("name", EXAMPLES)
def test_one_changed_weight_is_another_layer(name: str) -> None:
    example = EXAMPLES[name]
    for k, array in enumerate(example.arrays):
        data = bytes([array.data[0] ^ 1]) + array.data[1:]
        other = [*example.arrays]
        other[k] = Array(array.name, array.dtype, array.shape, data)
        with pytest.raises(InvalidProof, match="Was the proof made for other weights"):
            check(io.BytesIO(example.proof), other)


#: Nearly injective: in each, one number has been changed so that a whole region is dead.
FALSE_LAYERS = [
    Layer([[1.0, 0.0], [-1.0, -0.5]]),
    Layer([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, -1.0, -1.0]]),
    Layer([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]], {"kind": "orthant"}),
    Layer([[1.0, -0.5], [1.0, -1.0]], {"kind": "box", "lower": ["0"], "upper": [None]}),
    Layer([[1.0, 0.5]], {"kind": "ball", "radius": "1", "center": ["0"]}),
    Layer([[0.0, 1.0], [0.0, -1.0]]),
]


@pytest.mark.parametrize("layer", FALSE_LAYERS)
def test_no_short_body_proves_a_false_claim(layer: Layer) -> None:
    assert tree_body(layer) is None
    head = layer.proof({"kind": "tree"})
    letters = range(5)
    for a in letters:
        for b in letters:
            for c in letters:
                for rest in (b"", b"\0", b"\1", b"\0\1", b"\1\0", b"\0\0\1", b"\0\1\0\1"):
                    assert not accepts(head + bytes([a, b, c]) + rest, layer.arrays)


@settings(max_examples=300)
@given(
    st.sampled_from(FALSE_LAYERS),
    st.lists(
        st.sampled_from(
            [bytes.fromhex(record) for record in (
                "02000001", "02000002", "02000103", "020000 03", "010000", "010001", "010002",
                "0001", "0002", "03000001 02", "0301000102 00", "0201000100", "020100 0201",
                "0101000 0".replace(" ", ""), "02000001 0101", "010000 01", "010100 00 0101",
            )]
        ),
        max_size=8,
    ),
)  # fmt: skip
def test_no_sequence_of_records_proves_a_false_claim(layer: Layer, records: list[bytes]) -> None:
    assert not accepts(layer.proof({"kind": "tree"}, body=b"".join(records)), layer.arrays)


@given(st.sampled_from(sorted(TREES)), st.data())
def test_no_tree_of_an_injective_layer_proves_another(name: str, data: st.DataObject) -> None:
    layer, body = TREES[name].layer, TREES[name].body
    i = data.draw(st.integers(0, layer.m - 1))
    j = data.draw(st.integers(0, layer.n))
    rows = [list(row) for row in layer.rows]
    rows[i][j] = float(data.draw(st.integers(-3, 3)))
    other = Layer(rows, layer.domain)
    accepted = accepts(other.proof({"kind": "tree"}, body=body), other.arrays)
    assert accepted == tree_holds(other, body)
    if accepted:
        assert claim_is_true(other.header({"kind": "tree"}), other.arrays)


EVIDENCE: dict[str, list[list[Any]]] = {
    "paired rows": [
        [[0, 2], [3, 0]],
        [[0, 2], [0, 2]],
        [[0, 2], [1, 1]],
        [[0, 2]],
        [[0, 2], [3, 1], [1, 3]],
        [[0, 2], [3, 4]],
    ],
    "independent rows": [[0, 0], [0, 2], [0], [0, 1, 2], [0, 4], [0, True]],
}


@pytest.mark.parametrize("name", EVIDENCE)
def test_wrong_lists_of_rows_are_refused(name: str) -> None:
    example = EXAMPLES[name]
    key = next(key for key in example.header["evidence"] if key != "kind")
    for rows in EVIDENCE[name]:
        header = example.header | {"evidence": {**example.header["evidence"], key: rows}}
        proof = VERSION + json.dumps(header).encode() + b"\n"
        assert not accepts(proof, example.arrays), rows


def test_a_pair_whose_biases_leave_a_gap_is_refused_by_its_address() -> None:
    layer = Layer([[1.0, 0.0], [-1.0, -1.0]])
    proof = layer.proof({"kind": "paired-rows", "pairs": [[0, 1]]})
    with pytest.raises(InvalidProof) as caught:
        check(io.BytesIO(proof), layer.arrays)
    assert caught.value.address == "evidence.pairs[0]"


@pytest.mark.parametrize(
    ("x", "other"),
    [
        (["-1/2", "-1/4"], ["-1/2", "-1/4"]),  # the same point
        (["-1/2", "-1/4"], ["-1/2", "-2/8"]),  # again, in other words
        (["-1/2", "-1/4"], ["-2", "-1/4"]),  # outside the box
        (["-1/2", "-1/4"], ["1/4", "-1/4"]),  # another output
    ],
)
def test_wrong_collisions_are_refused(x: list[str], other: list[str]) -> None:
    example = EXAMPLES["collision"]
    header = example.header | {"evidence": {"kind": "collision", "x": x, "other": other}}
    with pytest.raises(InvalidProof):
        check(io.BytesIO(Example(header, b"", example.arrays).proof), example.arrays)


@pytest.mark.parametrize(
    "x",
    [
        ["-1", "-1/4"],  # on the boundary of the box
        ["1/2", "-1/4"],
        ["0", "0"],  # two rows are zero there, which is active
        ["-2", "0"],  # outside
    ],
)
def test_wrong_points_are_refused(x: list[str]) -> None:
    example = EXAMPLES["point"]
    header = example.header | {"evidence": {"kind": "point", "x": x}}
    with pytest.raises(InvalidProof) as caught:
        check(io.BytesIO(Example(header, b"", example.arrays).proof), example.arrays)
    assert caught.value.address == "evidence.x"


def test_a_point_on_the_sphere_is_not_interior() -> None:
    layer = Layer([[1.0, -5.0]], {"kind": "ball", "radius": "1", "center": ["1"]})
    for x, holds in (("2", False), ("0", False), ("1/100", True), ("3", False)):
        evidence = {"kind": "point", "x": [x]}
        assert accepts(layer.proof(evidence, "NOT_INJECTIVE"), layer.arrays) == holds


def test_the_empty_file_is_malformed() -> None:
    with pytest.raises(MalformedProof) as caught:
        check(io.BytesIO(b""), [])
    assert caught.value.address == "version"
