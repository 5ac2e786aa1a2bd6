"""Evidence `random-skip`: where the matrix must stand, and what must hold of it."""

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest

from monic_checker import Array, InvalidProof, MalformedProof, OverBudget, check
from tests.monic_checker.examples import EXAMPLES, Example
from tests.monic_checker.tiny_prover import doubles, named

GOOD = EXAMPLES["random skip"]


def changed(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> Example:
    header = copy.deepcopy(GOOD.header)
    change(*header["subject"]["stages"])
    return Example(header, GOOD.body, GOOD.arrays)


def test_the_sentence_says_what_was_assumed_and_counted() -> None:
    claim = check(io.BytesIO(GOOD.proof), GOOD.arrays)
    assert claim.assumption == "random-projections"
    for words in ("drawn from a density", "which was not checked", "3 >= 2 x 1 + 1"):
        assert words in claim.sentence()


def _not_carried(first: dict[str, Any], last: dict[str, Any]) -> None:
    """A acts on what the ReLU gives."""
    last["map"][1] = ["select", [1], 0]


def _bent(first: dict[str, Any], last: dict[str, Any]) -> None:
    first["carried"] = 0


def _computed(first: dict[str, Any], last: dict[str, Any]) -> None:
    """What is carried is computed, by an array that is no part of what is followed."""
    first["map"][3] = ["concat", 1, 2]


def _two(first: dict[str, Any], last: dict[str, Any]) -> None:
    """x has two coordinates by now: three rows are too few."""
    last["map"] = [*last["map"][:6], ["select", [0, 1], 3], ["select", [0, 1], 5], ["add", 6, 7]]


def _twice(first: dict[str, Any], last: dict[str, Any]) -> None:
    """A is the matrix of the other term as well."""
    last["map"][5] = ["linear", 0, 4]


def _tied(first: dict[str, Any], last: dict[str, Any]) -> None:
    """The same content stands for both matrices."""
    last["arrays"][1] = last["arrays"][0]


def _sloped(first: dict[str, Any], last: dict[str, Any]) -> None:
    last |= {"activation": "leaky-relu", "slope": 0}


def _subtracted(first: dict[str, Any], last: dict[str, Any]) -> None:
    """A x is read twice, once by the sum of both."""
    last["map"].append(["add", 6, 2])


def _constant(first: dict[str, Any], last: dict[str, Any]) -> None:
    last["arrays"][0] = {"values": ["1", "2", "-1"], "shape": [3, 1]}


def _dequantized(first: dict[str, Any], last: dict[str, Any]) -> None:
    """The matrix of the other term is A times a number."""
    last["arrays"][1:] = [
        {"values": ["1/2"], "shape": [1]},
        {"dequantized": [0, 1], "axis": 0, "shape": [3, 1]},
    ]
    last["map"][3], last["map"][5] = ["scale", 1, 2], ["linear", 2, 4]


def _relu(first: dict[str, Any], last: dict[str, Any]) -> None:
    last["activation"] = "relu"


def _mixed(first: dict[str, Any], last: dict[str, Any]) -> None:
    """What is made of A x goes through another matrix."""
    last["arrays"].append({"values": ["1"] * 9, "shape": [3, 3]})
    last["map"].append(["linear", 3, 6])


REFUSED = [
    *(_not_carried, _bent, _computed, _two, _twice, _tied, _sloped, _subtracted, _constant),
    *(_dequantized, _relu, _mixed),
]


@pytest.mark.parametrize("change", REFUSED)
def test_other_sums_are_malformed(
    change: Callable[[dict[str, Any], dict[str, Any]], None],
) -> None:
    example = changed(change)
    with pytest.raises(MalformedProof) as caught:
        check(io.BytesIO(example.proof), example.arrays)
    assert caught.value.address == "evidence"


def test_a_sum_with_nothing_of_a_is_invalid() -> None:
    example = changed(lambda _, last: last["arrays"][2].update(values=["0"]))
    with pytest.raises(InvalidProof, match="multiplied by 0"):
        check(io.BytesIO(example.proof), example.arrays)


def test_a_matrix_without_full_rank_is_invalid() -> None:
    zero = Array("drawn", "float64", (3, 1), doubles([0.0, 0.0, 0.0]))
    example = changed(lambda _, last: last["arrays"].__setitem__(0, named(zero)))
    arrays = [zero, *(array for array in GOOD.arrays if array.name != "drawn")]
    with pytest.raises(InvalidProof, match="full rank"):
        check(io.BytesIO(example.proof), arrays)


@pytest.mark.parametrize("assumption", [None, "general-position", "statistics"])
def test_the_assumption_must_be_stated(assumption: object) -> None:
    header = GOOD.header | {"assumption": assumption}
    with pytest.raises(MalformedProof) as caught:
        check(io.BytesIO(Example(header, GOOD.body, GOOD.arrays).proof), GOOD.arrays)
    assert caught.value.address == "assumption"


def test_a_map_of_too_many_numbers_is_refused_before_they_are_followed() -> None:
    def doubled(first: dict[str, Any], last: dict[str, Any]) -> None:
        steps = [["input", 2], *(["concat", k, k] for k in range(36))]
        last["map"] = [*steps, ["select", [0, 1, 2], 36]]

    example = changed(doubled)
    with pytest.raises(OverBudget, match="memory"):
        check(io.BytesIO(example.proof), example.arrays)
