"""Wrong proofs that one line alone refuses: without the line, something false would pass.

Each case is a small change of a valid proof, or the smallest false claim of its kind.
"""

import copy
import io
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from monic_checker import Array, InvalidProof, MalformedProof, check, check_files
from tests.monic_checker.examples import EXAMPLES, TREES, Example
from tests.monic_checker.slow_check import tree_holds
from tests.monic_checker.tiny_prover import Layer, doubles, named

VALID = Path(__file__).parents[1] / "certificates" / "valid"
RULES = {"stride": [1], "dilation": [1], "padding": [[0, 0]], "groups": 1, "mode": "zero"}


def refusal(example: Example) -> tuple[type[Exception], str]:
    with pytest.raises((InvalidProof, MalformedProof)) as caught:
        check(io.BytesIO(example.proof), example.arrays)
    return caught.type, str(caught.value)


def convolution(kernel: int, source: int, shape: list[int], **changes: Any) -> list[Any]:
    return ["convolution", kernel, source, {"shape": shape, **RULES, **changes}]


def over_filters(
    kernel: list[list[float]], steps: list[Any], evidence: dict[str, Any], **more: list[str]
) -> Example:
    """A layer over filters of one channel; further arrays are given by their numbers."""
    flat = [entry for row in kernel for entry in row]
    array = Array("kernel", "float64", (len(kernel), 1, len(kernel[0])), doubles(flat))
    arrays = [named(array), *({"values": v, "shape": [len(v)]} for v in more.values())]
    subject = {
        "kind": "relu-layer",
        "arrays": arrays,
        "map": steps,
        "domain": {"kind": "whole"},
    }
    header = {"claim": "INJECTIVE", "assumption": None, "subject": subject}
    return Example(header | {"evidence": evidence}, b"", [array])


def pairs(*found: list[int]) -> dict[str, Any]:
    return {"kind": "paired-filters", "prime": 1009, "pairs": list(found)}


def windows(size: list[int], places: list[list[int]], proof: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "windows", "size": size, "classes": [{"windows": places, "proof": proof}]}


#: Two filters whose rows would be opposite if only their numbers counted.
APART = [[1.0, 2.0], [-1.0, -2.0]]
OPPOSITE = [[1.0], [-1.0]]
KERNELS = [[1.0, 2.0], [3.0, 5.0]]
TREE = {"kind": "tree"}
#: One filter, read twice over the same input: by two steps, of which the second is negated.
TWO_READERS = {
    "another shape": [convolution(0, 0, [1, 6]), convolution(0, 0, [2, 3], groups=2)],
    "another padding": [
        convolution(0, 0, [1, 3], padding=[[0, 1]]),
        convolution(0, 0, [1, 3], padding=[[1, 0]]),
    ],
    "another mode": [
        convolution(0, 0, [1, 3], padding=[[0, 1]]),
        convolution(0, 0, [1, 3], padding=[[0, 1]], mode="circular"),
    ],
}


@pytest.mark.parametrize("name", TWO_READERS)
def test_opposite_numbers_that_read_other_entries_are_no_pair(name: str) -> None:
    first, second = TWO_READERS[name]
    size = 6 if name == "another shape" else 3
    steps = [["input", size], first, second, ["scale", 1, 2], ["concat", 1, 3]]
    example = over_filters(KERNELS, steps, pairs([0, 2]), minus=["-1"])
    assert refusal(example)[1].endswith("the filters are not opposite, or leave a gap")
    twice = [["input", size], first, first, ["scale", 1, 2], ["concat", 1, 3]]
    both = over_filters(KERNELS, twice, pairs([0, 2], [1, 3]), minus=["-1"])
    if name != "another shape":
        check(io.BytesIO(both.proof), both.arrays)  # the same numbers, read alike


GROUPS = [["input", 6], convolution(0, 0, [2, 3], groups=2)]
PLAIN = [["input", 3], convolution(0, 0, [1, 3])]
WRONG_FILTERS = {
    "of two groups": (over_filters(OPPOSITE, GROUPS, pairs([0, 1])), "not opposite"),
    "of zeros": (over_filters([[0.0], [0.0]], PLAIN, pairs([0, 1])), "not opposite"),
    "times zero": (
        over_filters(
            OPPOSITE,
            [*PLAIN, ["channel-scale", 1, 1]],
            pairs([0, 1]),
            zero=["1", "0"],
        ),
        "not opposite",
    ),
    "times zeros": (
        over_filters(OPPOSITE, [*PLAIN, ["scale", 1, 1]], pairs([0, 1]), zero=["0"]),
        "not opposite",
    ),
    "of one group": (
        over_filters([[1.0], [-1.0], [1.0], [1.0]], GROUPS, pairs([0, 1])),
        "not full",
    ),
    "of two convolutions": (
        over_filters(
            KERNELS,
            [
                ["input", 3],
                convolution(0, 0, [1, 3]),
                convolution(0, 0, [1, 3]),
                ["scale", 1, 2],
                ["concat", 1, 3],
            ],
            pairs([0, 2], [3, 1]),
            minus=["-1"],
        ),
        "first filters of one convolution",
    ),
    "of another group than the window": (
        over_filters(
            [*OPPOSITE, *OPPOSITE],
            GROUPS,
            windows([1], [[1, k] for k in range(3)], pairs([0, 1])),
        ),
        "filters of the window's group",
    ),
    "of two groups in one class of windows": (
        over_filters(
            [*OPPOSITE, *OPPOSITE],
            GROUPS,
            windows([1], [[g, k] for g in range(2) for k in range(3)], pairs([0, 1])),
        ),
        "differ",
    ),
    "in windows of two shapes": (
        over_filters(
            OPPOSITE,
            [*GROUPS, convolution(0, 0, [1, 6]), ["concat", 1, 2]],
            windows([1], [[0, 0]], TREE),
        ),
        "convolutions of one input shape",
    ),
    "in windows of two axes": (
        over_filters(OPPOSITE, PLAIN, windows([1, 1], [[0, 0, 0]], TREE)),
        "a side for each axis",
    ),
    "too large for their windows": (
        over_filters(APART, PLAIN, windows([1], [[0, k] for k in range(3)], TREE)),
        "a window has no rows",
    ),
}


@pytest.mark.parametrize("name", WRONG_FILTERS)
def test_wrong_filters_are_refused(name: str) -> None:
    example, words = WRONG_FILTERS[name]
    assert words in refusal(example)[1]


def test_a_bottleneck_behind_given_statistics_is_refused() -> None:
    """With statistics that differ from input to input, counting numbers proves nothing."""
    example = EXAMPLES["bottleneck"]
    header = copy.deepcopy(example.header)
    header["subject"]["stages"][0]["activation"] = "normalization"
    for assumption in (None, "statistics"):
        changed = Example(header | {"assumption": assumption}, b"", example.arrays)
        kind, words = refusal(changed)
        assert kind is (MalformedProof if assumption else InvalidProof), words
        assert assumption or "no given statistics before the stage" in words


@pytest.mark.parametrize("rows", [[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]])
def test_rows_of_zeros_are_no_pair(rows: list[list[float]]) -> None:
    layer = Layer(rows)
    for pair in ([0, 1], [1, 0]):
        proof = layer.proof({"kind": "paired-rows", "pairs": [pair]})
        with pytest.raises(InvalidProof, match="expected w_"):
            check(io.BytesIO(proof), layer.arrays)


def test_active_rows_alone_with_beta_zero_close_nothing_on_a_ball() -> None:
    """Where x0 = 0 both rows are zero, so active: their sum says nothing against that."""
    ball = {"kind": "ball", "radius": "1", "center": ["0", "0", "0"]}
    rows = [
        [1.0, 0.0, 0.0, 0.0],
        [-1.0, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 2.0],
        [1.0, 0.0, 0.0, 5.0],
    ]
    layer = Layer(rows, domain=ball)
    one_of_0_1, one_of_1_3 = bytes([2, 0, 0, 1, 1, 1]), bytes([2, 0, 1, 3, 1, 1])
    never_both = bytes([0, 0, 2, 0, 1, 1, 1])
    proof = layer.proof(TREE, body=one_of_0_1 + one_of_1_3 + never_both)
    with pytest.raises(InvalidProof, match="active rows alone does not give beta > 0"):
        check(io.BytesIO(proof), layer.arrays)


@pytest.mark.parametrize(
    ("x", "other", "holds"),
    [
        (["0", "0"], ["0", "1/2"], True),
        (["0", "1"], ["0", "-1"], True),  # both on the sphere, which belongs to the ball
        (["0", "0"], ["0", "3/2"], False),
        (["3/5", "4/5"], ["3/5", "-4/5"], True),
        (["3/5", "4/5"], ["3/5", "-9/10"], False),
        (["2", "0"], ["2", "1"], False),
    ],
)
def test_collisions_on_a_ball_lie_in_it(x: list[str], other: list[str], holds: bool) -> None:
    ball = {"kind": "ball", "radius": "1", "center": ["0", "0"]}
    layer = Layer([[1.0, 0.0, 1.0]], domain=ball)
    evidence = {"kind": "collision", "x": x, "other": other}
    proof = layer.proof(evidence, "NOT_INJECTIVE")
    if holds:
        assert check(io.BytesIO(proof), layer.arrays).claim == "NOT_INJECTIVE"
    else:
        with pytest.raises(InvalidProof):
            check(io.BytesIO(proof), layer.arrays)


#: x0 and -x0; x0 + x1 and x0 - x1; x2 and -x2.
_THREE_PAIRS = Layer(
    [
        *([1.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0]),
        *([1.0, 1.0, 0.0, 0.0], [1.0, -1.0, 0.0, 0.0]),
        *([0.0, 0.0, 1.0, 0.0], [0.0, 0.0, -1.0, 0.0]),
    ]
)


def test_a_record_is_not_referred_to_where_its_rows_are_not_active() -> None:
    """If row 0 is active, one of rows 2, 3 is; below row 1 nobody knows."""
    below_0 = bytes([2, 1, 2, 3, 0]) + bytes([2, 0, 4, 5]) + bytes([0, 1])
    body = bytes([2, 0, 0, 1]) + below_0 + bytes([0, 2])
    assert not tree_holds(_THREE_PAIRS, body)
    with pytest.raises(InvalidProof, match=r"not all rows \[0\] of the relation are active here"):
        check(io.BytesIO(_THREE_PAIRS.proof(TREE, body=body)), _THREE_PAIRS.arrays)


@pytest.mark.parametrize("name", ["three dimensions", "five rows"])
def test_trees_with_a_stretch_replaced_by_a_reference(name: str) -> None:
    layer, body = TREES[name].layer, TREES[name].body
    for start in range(len(body)):
        for stop in range(start, min(start + 9, len(body)) + 1):
            for distance in (1, 2, 3):
                changed = body[:start] + bytes([0, distance]) + body[stop:]
                try:
                    check(io.BytesIO(layer.proof(TREE, body=changed)), layer.arrays)
                    accepted = True
                except (InvalidProof, MalformedProof):
                    accepted = False
                assert accepted == tree_holds(layer, changed), changed.hex()


BALL, BOX, POLYHEDRON = (f"-on-a-{name}" for name in ("ball", "box", "polyhedron"))
LIPSCHITZ, KAPPA, SIGMA = "bound-lipschitz", "bound-inverse-lipschitz", "bound-smallest-singular"
ALWAYS, PAIRS = ("evidence", "always"), ("evidence", "pairs")
RELATION, X = ("bound", "relation"), ("evidence", "x")
NETWORK = "bound-of-a-network-inverse-lipschitz"
WRONG_BOUNDS = [
    (f"{LIPSCHITZ}-at-least{BOX}", X, ["-1", "0"], "not in the interior"),
    (f"{LIPSCHITZ}-at-least{BALL}", X, ["1", "1/2"], "not in the interior"),
    (f"{LIPSCHITZ}-at-least{BOX}", ("evidence", "direction"), ["0", "0"], "other than 0"),
    (f"{KAPPA}-at-most{BOX}", X, ["-2", "0"], "does not lie in the domain"),
    (f"{KAPPA}-at-most{BALL}", ("evidence", "other"), ["2", "0"], "does not lie in the domain"),
    (f"{KAPPA}-at-least{BOX}", ALWAYS, [0], "at most once"),
    (f"{LIPSCHITZ}-at-most{BOX}", ALWAYS, [0], "expected no rows for this quantity"),
    (f"{SIGMA}-at-least{BOX}", ALWAYS, [0], "expected no rows for this quantity"),
    (f"{SIGMA}-at-least{BOX}", PAIRS, [[0, 2]], "expected no pairs for this quantity"),
    (f"{KAPPA}-at-least{BOX}", ("bound", "value"), "0", "a bound > 0 of the side"),
    (f"{SIGMA}-at-least{BOX}", RELATION, "<=", "a bound > 0 of the side"),
    (f"{LIPSCHITZ}-at-most{BOX}", RELATION, ">=", "a bound > 0 of the side"),
    ("bound-of-opposite-rows", PAIRS, [[0, 2]], "expected 2 pairs"),
    ("bound-of-opposite-rows", PAIRS, [[0, 1], [2, 3]], "expected w_j"),
    ("bound-of-opposite-rows", ("evidence", "direction"), ["0", "0"], "other than 0"),
    ("bound-of-opposite-rows", ("evidence", "direction"), ["1", "1"], "do not attain"),
    ("bound-of-opposite-rows", ("bound", "value"), "1/1000", "do not attain"),
    ("bound-of-opposite-rows", ("subject", "domain"), {"kind": "orthant"}, "all of R"),
    ("bound-of-data-error-at-most", ("bound", "noise"), "-1/8", "rational >= 0"),
    ("bound-of-data-error-at-most", ("evidence", "value"), "0", "rational > 0"),
    ("bound-of-data-distance-at-least", ("evidence", "positive"), ["0"] * 4, "smaller distance"),
    ("bound-of-data-distance-at-least", ("assumption",), "statistics", "null for a bound"),
    ("bound-of-an-affine-map-smallest-singular-at-least", RELATION, "<=", "the side"),
    (f"{NETWORK}-at-least", ("evidence", "stages", 0, "value"), "-1", "relu or identity"),
    (f"{NETWORK}-at-least", ("evidence", "stages", 1, "value"), "1/2", "is not the claim"),
    (f"{NETWORK}-at-least", ("subject", "stages", 0, "activation"), "tanh", "relu or identity"),
    (f"{NETWORK}-at-least", RELATION, "<=", "that a product proves"),
    (f"{NETWORK}-at-most", RELATION, ">=", "that a pair of inputs proves"),
    (f"{NETWORK}-at-most", ("subject", "stages", 0, "activation"), "tanh", "stages alone"),
    (f"{NETWORK}-at-most", ("subject", "domain"), {"kind": "orthant"}, "not lie in the domain"),
]


@pytest.mark.parametrize(("name", "place", "value", "words"), WRONG_BOUNDS)
def test_wrong_bounds_are_refused(
    name: str, place: tuple[str | int, ...], value: object, words: str, tmp_path: Path
) -> None:
    def change(header: dict[str, Any]) -> None:
        inner: Any = header
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value

    _refused_file(name, change, words, tmp_path)


def _refused_file(name: str, change: Any, words: str, folder: Path) -> None:
    proof = VALID / f"{name}.monic"
    version, line, body = proof.read_bytes().split(b"\n", 2)
    header = json.loads(line)
    changed = change(header) or header
    file = folder / "changed.monic"
    file.write_bytes(b"\n".join([version, json.dumps(changed).encode(), body]))
    with pytest.raises((InvalidProof, MalformedProof), match=words):
        check_files(file, [proof.with_suffix(".npz")])


def test_the_keys_of_a_bound_have_an_order(tmp_path: Path) -> None:
    def turned(header: dict[str, Any]) -> dict[str, Any]:
        return dict(reversed(header.items()))

    _refused_file("bound-by-opposite-rows", turned, "keys in the order", tmp_path)


def test_weights_of_third_moments_are_whole() -> None:
    example = EXAMPLES["moments"]
    header = copy.deepcopy(example.header)
    weights = header["evidence"]["weights"]
    for scale in ("1/7", "1/1000"):
        header["evidence"]["weights"] = [
            [row, str(Fraction(number) * Fraction(scale))] for row, number in weights
        ]
        kind, _ = refusal(Example(header, b"", example.arrays))
        assert kind is MalformedProof


@pytest.mark.parametrize("bound", ["0", "1", "-1"])
def test_a_half_space_has_a_normal(bound: str) -> None:
    layer = Layer([[1.0, 0.0], [-1.0, 0.0]], {"kind": "polyhedron", "A": [["0"]], "c": [bound]})
    with pytest.raises(MalformedProof, match="a row that is not zero"):
        check(io.BytesIO(layer.proof(TREE, body=bytes([2, 0, 0, 1]))), layer.arrays)
