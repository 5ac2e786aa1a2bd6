"""Affine maps of filters, and changes that lose nothing: wrong proofs, each refused."""

import copy
import io
from typing import Any

import numpy as np
import pytest

from monic.certificate import subject
from monic.certificate.subject import arrays_in
from monic.model import (
    AffineMap,
    ChannelScale,
    Concat,
    Convolution,
    Geometry,
    Input,
    Select,
    WholeSpace,
)
from monic_checker import Array, InvalidProof, MalformedProof, check
from tests.monic_checker.examples import Example

KERNEL = np.array([[1.0, 2.0], [3.0, 4.0], [2.0, 4.0]])
SCALE = np.array([1.0, -2.0, 0.0])
FILTERS = ChannelScale(SCALE, Convolution(KERNEL, Input(6), Geometry((2, 3))))
MOVED = Select([2, 0, 1], ChannelScale(SCALE[:2].repeat([1, 2]), Input(3)))
EVIDENCE = {"kind": "independent-filters", "prime": 1009, "filters": [0, 1]}


def example(value: AffineMap, evidence: dict[str, Any]) -> Example:
    about = subject("affine", value, WholeSpace())
    header = {"claim": "INJECTIVE", "assumption": None, "subject": about, "evidence": evidence}
    arrays = {a.shape: a for step in value.steps() for a in arrays_in(step)}
    named = [Array("a", "float64", shape, a.tobytes()) for shape, a in arrays.items()]
    return Example(copy.deepcopy(header), b"", named)


def checked(given: Example) -> None:
    check(io.BytesIO(given.proof), given.arrays)


def test_two_filters_span_both_channels() -> None:
    checked(example(FILTERS, EVIDENCE))
    checked(example(Concat((FILTERS, FILTERS)), EVIDENCE | {"filters": [3, 1]}))


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"filters": [0]}, InvalidProof, "rank"),
        ({"filters": [0, 2]}, InvalidProof, "none times 0"),
        ({"filters": [0, 0]}, MalformedProof, "each once"),
        ({"filters": []}, MalformedProof, "at least one block"),
        ({"filters": [0, 3]}, MalformedProof, "numbers below 3"),
        ({"filters": [-1]}, MalformedProof, "at least 0"),
        ({"prime": 1001}, MalformedProof, "expected a prime"),
        ({"more": 1}, MalformedProof, "evidence"),
    ],
    ids=str,
)
def test_wrong_filters(change: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        checked(example(FILTERS, EVIDENCE | change))


def test_filters_of_two_steps_prove_nothing_together() -> None:
    other = Convolution(KERNEL, FILTERS.parts()[0].parts()[0], Geometry((2, 3)))
    value = Concat((FILTERS, other))
    with pytest.raises(InvalidProof, match="one step"):
        checked(example(value, EVIDENCE | {"filters": [0, 4]}))


def test_parallel_filters_have_no_full_rank() -> None:
    value = Convolution(KERNEL[[0, 2]], Input(6), Geometry((2, 3)))
    with pytest.raises(InvalidProof, match="not full"):
        checked(example(value, EVIDENCE))


def test_a_matrix_must_fit_the_channels() -> None:
    given = example(FILTERS, EVIDENCE)
    given.header["subject"]["map"][1][3]["shape"] = [3, 2]
    with pytest.raises(MalformedProof, match="3 channels"):
        checked(given)


def test_changes_that_lose_nothing() -> None:
    checked(example(MOVED, {"kind": "invertible"}))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Select([0, 0, 1], Input(3)), "takes each entry once"),
        (Select([0, 1], Input(3)), "takes each entry once"),
        (ChannelScale(SCALE, Input(3)), "other than 0"),
        (Concat((Input(3), Input(3))), "Got a concat"),
        (FILTERS.parts()[0], "Got a convolution"),
    ],
    ids=range(5),
)
def test_what_may_lose_something_is_refused(value: AffineMap, words: str) -> None:
    if isinstance(value, Concat):
        start = Input(3)
        value = Concat((start, start))
    with pytest.raises(InvalidProof, match=words):
        checked(example(value, {"kind": "invertible"}))


def test_a_relu_layer_needs_more() -> None:
    given = example(MOVED, {"kind": "invertible"})
    given.header["subject"]["kind"] = "relu-layer"
    with pytest.raises(MalformedProof, match=r"evidence\.kind"):
        checked(given)


@pytest.mark.parametrize("name", ["independent-filters", "invertible"])
def test_nothing_follows(name: str) -> None:
    given = example(*((FILTERS, EVIDENCE) if name != "invertible" else (MOVED, {"kind": name})))
    with pytest.raises(MalformedProof, match="end here"):
        checked(Example(given.header, b"x", given.arrays))


def test_arrays_are_looked_up_by_content() -> None:
    given = example(FILTERS, EVIDENCE)
    with pytest.raises(InvalidProof, match="no float64 array"):
        check(io.BytesIO(given.proof), given.arrays[:1])
