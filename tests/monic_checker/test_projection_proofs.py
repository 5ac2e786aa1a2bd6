"""Evidence `random-projection`: what must hold of the matrix, and what must be said."""

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest

from monic_checker import Array, InvalidProof, MalformedProof, check
from tests.monic_checker.examples import EXAMPLES, Example
from tests.monic_checker.networks import composition, network_subject
from tests.monic_checker.tiny_prover import Layer, doubles, named

GOOD = EXAMPLES["random projection"]
WHOLE = {"kind": "whole"}
RAYS = Layer([[1.0, 0.0], [-1.0, 0.0], [2.0, 0.0], [-2.0, 1.0]])


def projected(last: Layer, activation: str = "identity") -> Example:
    """RAYS and then a matrix that is said to be random."""
    header, body = composition([(RAYS, "relu")], [])
    header["assumption"] = "random-projections"
    header["subject"] = network_subject([(RAYS, "relu"), (last, activation)], WHOLE)
    evidence = {"kind": "random-projection"}
    header["evidence"]["layers"].append({"stages": 1, "domain": WHOLE, "evidence": evidence})
    return Example(header, body, [*RAYS.arrays, *last.arrays])


def test_the_sentence_says_what_was_assumed_and_counted() -> None:
    claim = check(io.BytesIO(GOOD.proof), GOOD.arrays)
    assert claim.assumption == "random-projections"
    for words in ("drawn from a density", "which was not checked", "3 >= 2 x 1 + 1"):
        assert words in claim.sentence()


@pytest.mark.parametrize(
    "assumption",
    [None, "general-position", "random-projection", "random-projections and general-position", 1],
)
def test_the_assumption_must_be_stated(assumption: object) -> None:
    header = GOOD.header | {"assumption": assumption}
    with pytest.raises(MalformedProof) as caught:
        check(io.BytesIO(Example(header, GOOD.body, GOOD.arrays).proof), GOOD.arrays)
    assert caught.value.address == "assumption"


ROWS = [[1.0, 0.0, 2.0, 1.0, 0.5], [0.0, 1.0, 0.0, -1.0, 0.0], [0.0, 0.0, 1.0, 3.0, 1.0]]


@pytest.mark.parametrize(
    ("rows", "activation", "words"),
    [
        (ROWS[:2], "identity", "from 3 = 2 x 1 \\+ 1 to 3 rows. Got 2"),
        ([*ROWS, [1.0, 1.0, 1.0, 1.0, 0.0]], "identity", "Got 4"),
        ([*ROWS[:2], [1.0, 1.0, 2.0, 0.0, 9.0]], "identity", "linearly dependent"),
        (ROWS, "relu", "evidence.kind"),
    ],
)
def test_too_few_or_dependent_rows_and_a_relu_are_refused(
    rows: list[list[float]], activation: str, words: str
) -> None:
    example = projected(Layer(rows), activation)
    with pytest.raises((InvalidProof, MalformedProof), match=words):
        check(io.BytesIO(example.proof), example.arrays)


def _twice(header: dict[str, Any]) -> None:
    """A scale by the entries of the matrix: the map is no longer one matrix and shifts."""
    header["subject"]["stages"][1]["map"].append(["scale", 1, 2])


def _tied(header: dict[str, Any]) -> None:
    """The matrix is used by another stage too."""
    header["subject"]["stages"].append(copy.deepcopy(header["subject"]["stages"][1]))
    header["subject"]["stages"][2]["map"] = [["input", 3], ["linear-transposed", 0, 0]]
    layers = header["evidence"]["layers"]
    layers.append(
        {"stages": 1, "domain": WHOLE, "evidence": {"kind": "independent-rows", "rows": [0, 1, 3]}}
    )


def _constant(header: dict[str, Any]) -> None:
    """The matrix is written in the proof."""
    rows = [str(entry) for row in ROWS for entry in row[:-1]]
    constant = {"values": [row.replace(".0", "") for row in rows], "shape": [3, 4]}
    header["subject"]["stages"][1]["arrays"][0] = constant


def _beside(header: dict[str, Any]) -> None:
    """The shift is applied to x, and the matrix to what was shifted."""
    header["subject"]["stages"][1]["map"] = [["input", 4], ["shift", 1, 0], ["linear", 0, 1]]


def _more(header: dict[str, Any]) -> None:
    header["evidence"]["layers"][1]["evidence"]["rows"] = [0]


@pytest.mark.parametrize("change", [_twice, _tied, _constant, _beside, _more])
def test_other_maps_are_malformed(change: Callable[[dict[str, Any]], None]) -> None:
    example = projected(Layer([[*row[:-1], 1.0] for row in ROWS]))
    check(io.BytesIO(example.proof), example.arrays)
    header = copy.deepcopy(example.header)
    change(header)
    with pytest.raises(MalformedProof) as caught:
        check(io.BytesIO(Example(header, example.body, []).proof), example.arrays)
    assert caught.value.address.startswith(("evidence.layers[1]", "subject.stages[1]"))


def test_a_convolution_is_no_matrix_from_a_density() -> None:
    """Three rows from four numbers, all of the same two entries: almost no matrix is like that."""
    kernel = Array("kernel", "float64", (1, 1, 2), doubles([1.0, 3.0]))
    example = projected(Layer(ROWS))
    header = copy.deepcopy(example.header)
    grid = {"shape": [1, 4], "stride": [1], "dilation": [1], "padding": [[0, 0]], "groups": 1}
    stage = header["subject"]["stages"][1]
    stage["arrays"] = [named(kernel)]
    stage["map"] = [["input", 4], ["convolution", 0, 0, grid | {"mode": "zero"}]]
    with pytest.raises(MalformedProof, match="expected a matrix of the model"):
        check(io.BytesIO(Example(header, example.body, []).proof), [*RAYS.arrays, kernel])


def test_shifts_by_computed_numbers_are_no_shifts() -> None:
    """Numbers that are computed from the model's may be the matrix's own."""
    example = projected(Layer(ROWS))
    gamma = Array("gamma", "float64", (3,), doubles([1.0, 2.0, 3.0]))
    header = copy.deepcopy(example.header)
    stage = header["subject"]["stages"][1]
    place = len(stage["arrays"])
    factors = {"factors": [place, place], "epsilon": "1/8", "shape": [3]}
    stage["arrays"] += [named(gamma), factors]
    stage["map"] = [*stage["map"][:2], ["shift", place, 1]]
    arrays = [*example.arrays, gamma]
    for shift in (place, place + 1):
        stage["map"][2][1] = shift
        with pytest.raises(MalformedProof, match="nothing but shifts"):
            check(io.BytesIO(Example(header, example.body, []).proof), arrays)
    del stage["arrays"][-1]
    stage["map"][2][1] = place
    check(io.BytesIO(Example(header, example.body, []).proof), arrays)


def test_alone_it_proves_nothing() -> None:
    layer = Layer(ROWS)
    header = layer.header({"kind": "random-projection"}) | {"assumption": "random-projections"}
    header["subject"]["kind"] = "affine"
    with pytest.raises(MalformedProof) as caught:
        check(io.BytesIO(Example(header, b"", layer.arrays).proof), layer.arrays)
    assert caught.value.address.startswith("evidence.kind")
