"""Wrong proofs about convolutions, each refused for its own reason."""

import copy
import io
import json
from typing import Any

import pytest

from monic_checker import Array, InvalidProof, MalformedProof, OverBudget, check
from tests.monic_checker.examples import EXAMPLES, Example
from tests.monic_checker.tiny_prover import Layer, doubles, named, tree_body


def checked(example: Example) -> None:
    check(io.BytesIO(example.proof), example.arrays)


def changed(name: str, change: Any) -> Example:
    """A copy of an example whose header was changed in place."""
    example = EXAMPLES[name]
    header = copy.deepcopy(example.header)
    change(header)
    return Example(header, example.body, example.arrays)


def evidence(**fields: Any) -> Any:
    return lambda header: header["evidence"].update(fields)


def first_class(**fields: Any) -> Any:
    return lambda header: header["evidence"]["classes"][0].update(fields)


def grid(**fields: Any) -> Any:
    return lambda header: header["subject"]["map"][1][3].update(fields)


FACTORED, WRITTEN = "paired filters, factored", "paired filters, written out"
ONE_SIDED = [((1.0,), 0.0)]
RANK = {"kind": "paired-filters", "prime": 1009, "pairs": [[0, 2]]}


@pytest.mark.parametrize(
    ("name", "change", "kind", "words"),
    [
        (FACTORED, evidence(pairs=[[0, 3], [1, 2]]), InvalidProof, "not opposite"),
        (FACTORED, evidence(pairs=[[0, 0], [1, 3]]), InvalidProof, "not opposite"),
        (FACTORED, evidence(pairs=[[0, 2], [0, 2]]), MalformedProof, "different first blocks"),
        (FACTORED, evidence(pairs=[]), MalformedProof, "at least one pair"),
        (FACTORED, evidence(pairs=[[0, 4]]), MalformedProof, "numbers below 4"),
        (FACTORED, evidence(prime=1001), MalformedProof, "expected a prime"),
        (FACTORED, evidence(prime=2**31 + 11), MalformedProof, "below"),
        (FACTORED, evidence(pairs=[[0, 2]], prime=2), MalformedProof, "at least 3"),
        (WRITTEN, grid(padding=[[4, 0]]), MalformedProof, "padding that fit"),
        (WRITTEN, grid(mode="zero", stride=[2]), InvalidProof, "rank"),
        (WRITTEN, grid(shape=[3, 1]), MalformedProof, "for 3 channels"),
        (WRITTEN, grid(padding=[[2**31 - 1, 2**31 - 1]], mode="zero"), MalformedProof, "fit"),
        ("windows by pairs", evidence(size=[2]), MalformedProof, "does not lie in the input"),
        ("windows by pairs", evidence(size=[]), MalformedProof, "each axis"),
        ("windows by pairs", first_class(windows=[[0, 0], [0, 1]]), InvalidProof, "cover"),
        ("windows by pairs", first_class(windows=[[1, 0]]), MalformedProof, "lie in the input"),
        ("windows by pairs", first_class(windows=[]), MalformedProof, "one window"),
        ("windows by pairs", first_class(proof={"kind": "point"}), MalformedProof, "one of"),
        ("windows by pairs", evidence(classes=[]), InvalidProof, "cover"),
        ("windows by pairs", first_class(proof={"kind": "tree"}), MalformedProof, "ends before"),
        ("windows by trees", first_class(proof=RANK), InvalidProof, "not opposite"),
        ("windows by opposite filters", first_class(proof=RANK), InvalidProof, "not full"),
        ("windows by opposite filters", first_class(windows=[[0, 0]]), InvalidProof, "cover"),
        ("windows by opposite filters", evidence(size=[1]), InvalidProof, None),
        (FACTORED, evidence(kind="tree"), MalformedProof, None),
    ],
)
def test_is_refused(name: str, change: Any, kind: type[Exception], words: str | None) -> None:
    checked(EXAMPLES[name])
    with pytest.raises(kind, match=words):
        checked(changed(name, change))


def test_biases_that_leave_a_gap_are_refused() -> None:
    example = EXAMPLES[WRITTEN]
    kernel, bias = example.arrays
    lower = type(bias)("bias", "float64", (2,), doubles([1.0, -1.5 - 2**-40]))
    header = copy.deepcopy(example.header)
    header["subject"]["arrays"][1] = {
        "dtype": "float64",
        "shape": [2],
        "sha256": lower.sha256,
    }
    with pytest.raises(InvalidProof, match="leave a gap"):
        checked(Example(header, b"", [kernel, lower]))
    header["subject"]["map"][2][0] = "channel-shift-negative"
    checked(Example(header, b"", [kernel, lower]))  # -1 and 1.5 + 2^-40 leave none


def test_one_filter_fewer_covers_less() -> None:
    example = changed(FACTORED, evidence(pairs=[[1, 3]]))
    checked(example)  # filter 1 by itself has full column rank
    example = changed(FACTORED, lambda h: grid(padding=[[0, 1]], stride=[3])(h))
    with pytest.raises(InvalidProof, match="rank"):
        checked(example)


def test_numbers_that_differ_within_a_filter_make_no_blocks() -> None:
    def spread(header: dict[str, Any]) -> None:
        values = {"values": ["-1/2"] * 5 + ["-1/4"], "shape": [6]}
        header["subject"]["arrays"].append(values)
        header["subject"]["map"][2] = ["scale", 2, 1]

    with pytest.raises(InvalidProof, match="one number for each filter"):
        checked(changed(FACTORED, spread))


CHANGES: dict[str, list[Any]] = {
    "shift": ["shift", ["1/3", "0", "-2"]],
    "one shift": ["shift-negative", ["1/7"]],
    "channel shift": ["channel-shift", ["5"]],
    "other channel shift": ["channel-shift-negative", ["-1/2"]],
    "scale": ["scale", ["1/3", "-5", "2"]],
    "channel scale": ["channel-scale", ["-1000/229"]],
    "permutation": ["select", [2, 0, 1]],
}
OVER_FILTERS = [name for name in EXAMPLES if name.startswith(("paired filters", "windows"))]


def behind(name: str, *changes: list[Any]) -> Example:
    """An example whose convolutions are applied to a changed input."""

    def change(header: dict[str, Any]) -> None:
        arrays, (start, *rest) = header["subject"]["arrays"], header["subject"]["map"]
        steps: list[Any] = []
        for kind, numbers in changes:
            at = numbers
            if kind not in ("select", "centre"):
                arrays.append({"values": numbers, "shape": [len(numbers)]})
                at = len(arrays) - 1
            steps.append([kind, at, len(steps)])
        for step in rest:
            first = 1 if step[0] == "concat" else 2
            sources = [k + len(steps) for k in step[first : None if first == 1 else 3]]
            step[first : first + len(sources)] = sources
        header["subject"]["map"] = [start, *steps, *rest]

    return changed(name, change)


@pytest.mark.parametrize("name", OVER_FILTERS)
def test_invertible_changes_of_the_input_keep_proofs(name: str) -> None:
    for change in CHANGES.values():
        checked(behind(name, change))
    checked(behind(name, *CHANGES.values()))


@pytest.mark.parametrize("name", OVER_FILTERS)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["scale", ["1", "0", "1"]], "scales other than 0"),
        (["scale", ["0"]], "scales other than 0"),
        (["channel-scale", ["0"]], "scales other than 0"),
        (["select", [2, 0, 2]], "each entry once"),
        (["centre", 1], "Got a centre"),
    ],
    ids=lambda value: str(value),
)
def test_changes_that_lose_something_are_refused(name: str, change: Any, words: str) -> None:
    for around in ([change], [CHANGES["shift"], change], [change, CHANGES["permutation"]]):
        with pytest.raises(InvalidProof, match=words):
            checked(behind(name, *around))


def test_convolutions_of_different_changes_are_refused() -> None:
    def apart(header: dict[str, Any]) -> None:
        subject = header["subject"]
        subject["arrays"].append({"values": ["1"], "shape": [1]})
        convolution = subject["map"][1]
        other = [*convolution[:2], 1, convolution[3]]
        scaled = ["channel-scale", 1, 3]
        subject["map"] = [["input", 3], ["shift", 2, 0], convolution, other, scaled]
        subject["map"].append(["concat", 2, 4])

    with pytest.raises(InvalidProof, match="of one change"):
        checked(changed(FACTORED, apart))


def test_convolutions_of_convolutions_are_refused() -> None:
    def twice(header: dict[str, Any]) -> None:
        outer = copy.deepcopy(header["subject"]["map"][1])
        outer[2], outer[3]["shape"] = 1, [2, 3]
        outer[3]["groups"] = 2
        rest = [["channel-scale", 1, 2], ["concat", 2, 3]]
        header["subject"]["map"][2:] = [outer, *rest]

    with pytest.raises(InvalidProof, match="Got a convolution"):
        checked(changed(FACTORED, twice))


def test_a_domain_says_nothing_about_a_changed_input() -> None:
    """One filter that is 1 is active on the orthant, but not one less than the input."""
    example = EXAMPLES["windows by trees"]
    header = copy.deepcopy(example.header)
    header["subject"]["domain"] = {"kind": "orthant"}
    layer = Layer([[*row, bias] for row, bias in ONE_SIDED], {"kind": "orthant"})
    rows = [Array("kernel", "float64", (1, 1, 1), doubles([1.0]))]
    rows.append(Array("bias", "float64", (1,), doubles([0.0])))
    header["subject"]["arrays"] = [named(array) for array in rows]
    body = tree_body(layer)
    assert body is not None
    checked(Example(header, body, rows))
    steps = header["subject"]["map"]
    header["subject"]["arrays"].append({"values": ["-1"], "shape": [1]})
    steps[1][2], steps[2][2] = 1, 2
    steps.insert(1, ["shift", 2, 0])
    with pytest.raises(MalformedProof, match="below 2"):
        checked(Example(header, body, rows))


def test_huge_outputs_are_refused_before_they_are_built() -> None:
    subject = {
        "kind": "relu-layer",
        "arrays": [{"values": ["1"], "shape": [1, 1, 1, 1, 1]}],
        "map": [
            ["input", 1],
            [
                "convolution",
                *(0, 0),
                {
                    "shape": [1, 1, 1, 1],
                    "stride": [1, 1, 1],
                    "dilation": [1, 1, 1],
                    "padding": [[4000, 4000]] * 3,
                    "groups": 1,
                    "mode": "replicate",
                },
            ],
        ],
        "domain": {"kind": "whole"},
    }
    for why in (
        {"kind": "paired-filters", "prime": 1013, "pairs": [[0, 0]]},
        {"kind": "tree"},
    ):
        header = {"claim": "INJECTIVE", "assumption": None, "subject": subject, "evidence": why}
        proof = b"monic-proof 1\n" + json.dumps(header).encode() + b"\n"
        with pytest.raises((OverBudget, InvalidProof)):
            check(io.BytesIO(proof), [])
