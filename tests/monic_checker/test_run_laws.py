"""What runs of stages prove, compared with the formulas of the specification for one number."""

import copy
import io
from fractions import Fraction
from typing import Any

import pytest

from monic_checker import InvalidProof, check
from tests.monic_checker.examples import EXAMPLES, Example
from tests.monic_checker.networks import collision_header
from tests.monic_checker.tiny_prover import Layer

HALVES = [Fraction(k, 8) for k in range(-8, 9)]
SLACK = Fraction(1, 64)


def accepts(header: dict[str, Any], layers: list[Layer]) -> bool:
    arrays = [array for layer in layers for array in layer.arrays]
    try:
        check(io.BytesIO(Example(header, b"", arrays).proof), arrays)
    except InvalidProof:
        return False
    return True


def run(stages: list[tuple[Layer, str]], evidence: dict[str, Any]) -> dict[str, Any]:
    header = collision_header(stages, {"kind": "whole"}, [], [])
    layers = [{"stages": len(stages), "domain": None, "evidence": evidence}]
    return header | {"claim": "INJECTIVE", "evidence": {"kind": "composition", "layers": layers}}


def test_two_branches_are_a_contraction_exactly_when_their_constants_are_below_one() -> None:
    """x -> x + c ReLU(x + 1), twice: the second branch also sees what the first one added."""
    found = set()
    for c in HALVES:
        for d in HALVES[::2]:
            layers = [
                Layer([[1.0, 0.0], [1.0, 1.0]]),
                Layer([[1.0, float(c), 0.0], [1.0, float(c), 1.0]]),
                Layer([[1.0, float(d), 0.0]]),
            ]
            one, first, second = 1 + SLACK, abs(c) + SLACK, abs(d) + SLACK
            norms: list[list[Fraction | int]] = [
                [one, 0, one, 0],
                [one, first, one, first],
                [one, second, 0, 0],
            ]
            words = [[str(number) for number in row] for row in norms]
            stages = [(layers[0], "relu past 1"), (layers[1], "relu past 1")]
            header = run(
                [*stages, (layers[2], "identity")], {"kind": "contraction", "norms": words}
            )
            branch = first * one  # the constant of the first branch
            after = one * one * one + first * one
            constant = one * branch + second * after
            assert accepts(header, layers) == (constant < 1), (c, d)
            found.add(constant < 1)
    assert found == {True, False}


@pytest.mark.parametrize("name", ["contraction", "slopes"])
def test_a_run_that_ends_under_a_relu_carries_nothing(name: str) -> None:
    """The last ReLU loses every x with x + ReLU(x + 1) / 2 < 0, whatever the numbers say."""
    example = EXAMPLES[name]
    header = copy.deepcopy(example.header)
    header["subject"]["stages"][1]["activation"] = "relu"
    with pytest.raises(InvalidProof):
        check(io.BytesIO(Example(header, b"", example.arrays).proof), example.arrays)


STEEPEST = {"relu": Fraction(1), "tanh": Fraction(1), "sigmoid": Fraction(1, 4)}


@pytest.mark.parametrize("name", STEEPEST)
@pytest.mark.parametrize("sign", [1, -1])
def test_slopes_lie_between_zero_and_the_steepest(name: str, sign: int) -> None:
    """x + c f(x + 1) has slopes from 1 to 1 + c s, where s is the largest slope of f."""
    first = Layer([[1.0, 0.0], [float(sign), 1.0]])
    found = set()
    for c in (Fraction(k, 2) for k in range(-10, 11)):
        last = Layer([[1.0, float(c), 0.0]])
        ends = (Fraction(1), 1 + sign * c * STEEPEST[name])
        for p in (Fraction(-1), Fraction(-1, 4), Fraction(1, 2), Fraction(1), Fraction(5, 4)):
            evidence = {"kind": "slopes", "inverse": [[str(p)]], "weights": ["1"]}
            header = run([(first, f"{name} past 1"), (last, "identity")], evidence)
            holds = all(abs(1 - p * end) < 1 for end in ends)
            assert accepts(header, [first, last]) == holds, (c, p)
            found.add(holds)
    assert found == {True, False}


@pytest.mark.parametrize(
    ("lower", "upper", "slopes"),
    [("-3", "-1", (0,)), ("-1", "4", (1,)), ("-2", "0", (0, 1)), ("-5/4", "-1", (0,))],
)
def test_slopes_of_a_relu_are_known_where_it_does_not_bend(
    lower: str, upper: str, slopes: tuple[int, ...]
) -> None:
    """x - 2 ReLU(x + 1) rises below -1, and falls above."""
    first, last = Layer([[1.0, 0.0], [1.0, 1.0]]), Layer([[1.0, -2.0, 0.0]])
    for p in (-1, 1):
        evidence = {"kind": "slopes", "inverse": [[str(p)]], "weights": ["1"]}
        header = run([(first, "relu past 1"), (last, "identity")], evidence)
        header["subject"]["domain"] = {"kind": "box", "lower": [lower], "upper": [upper]}
        holds = all(abs(1 - p * (1 - 2 * slope)) < 1 for slope in slopes)
        assert accepts(header, [first, last]) == holds, p


def test_a_linear_part_that_merges_inputs_is_no_start_of_a_contraction() -> None:
    """x + ReLU(y) / 4 has one number of two, however little the branch moves."""
    first, last = Layer([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), Layer([[1.0, 0.25, 0.0]])
    norms = [["9/8", "0", "9/8", "0"], ["9/8", "3/8", "0", "0"]]
    header = run(
        [(first, "relu past 1"), (last, "identity")], {"kind": "contraction", "norms": norms}
    )
    assert not accepts(header, [first, last])
