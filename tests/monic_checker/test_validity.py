"""The whole subject is looked at before any evidence, also where no evidence looks at it."""

import io
import json
import math
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic_checker import Array, Claim, InvalidProof, check
from monic_checker.arrays import ITEM_SIZES, _numbers
from monic_checker.lanes import all_finite, all_nonzero, all_positive
from tests.monic_checker.tiny_prover import VERSION, named

WHOLE = {"kind": "whole"}
CODES = {"float16": "e", "float32": "f", "float64": "d", "int8": "b", "uint8": "B"}
EYE = {"values": ["1", "0", "0", "1"], "shape": [2, 2]}
ONES = {"values": ["1", "1"], "shape": [1, 2]}


def array(name: str, dtype: str, *numbers: float) -> Array:
    data = struct.pack(f"<{len(numbers)}{CODES[dtype]}", *numbers)
    return Array(name, dtype, (len(numbers),), data)


def stage(entries: Sequence[Any], steps: list[Any], slope: int | None = None) -> dict[str, Any]:
    """A stage; arrays of the model among the entries are named by content."""
    arrays = [named(entry) if isinstance(entry, Array) else entry for entry in entries]
    name = "identity" if slope is None else "leaky-relu"
    about = {"activation": name, "carried": 0, "slope": slope, "arrays": arrays}
    return about | {"map": [["input", 2], *steps]}


def proof(stages: list[dict[str, Any]], evidence: dict[str, Any]) -> bytes:
    found = evidence["kind"] == "bottleneck"
    header = {
        "claim": "NOT_INJECTIVE" if found else "INJECTIVE",
        "assumption": None,
        "subject": {"kind": "network", "stages": stages, "domain": WHOLE},
        "evidence": evidence,
    }
    return VERSION + json.dumps(header).encode() + b"\n"


def narrow(entries: Sequence[Any], steps: list[Any], last: int) -> bytes:
    """A proof by counting: a stage that does something, and one that gives a single number."""
    stages = [stage(entries, steps), stage([ONES], [["linear", 0, 0]])]
    stages[0]["map"] += [["select", [0, 1], last]]
    return proof(stages, {"kind": "bottleneck", "stage": 1, "x": ["0", "0"]})


def bent(*entries: Any) -> bytes:
    """A proof by rows: the identity, and a leaky ReLU with the last of the arrays as slopes."""
    rows = {"kind": "independent-rows", "rows": [0, 1]}
    stages = [stage([EYE, *entries], [["linear", 0, 0]], len(entries))]
    layers = [{"stages": 1, "domain": None, "evidence": rows}]
    return proof(stages, {"kind": "composition", "layers": layers})


def attempt(data: bytes, *arrays: Array) -> Claim:
    return check(io.BytesIO(data), arrays)


TINY = 5e-324


@pytest.mark.parametrize(
    ("dtype", "numbers"),
    [
        ("float64", [0.0]),
        ("float64", [-0.0]),
        ("float64", [0.25, -TINY]),
        ("float64", [-1.0, 1.0]),
        ("float32", [math.inf]),
        ("float32", [0.5, math.nan]),
        ("float16", [-math.inf, 1.0]),
        ("int8", [-1]),
        ("int8", [1, 0]),
        ("uint8", [0]),
    ],
)
def test_slopes_that_are_not_positive_are_refused(dtype: str, numbers: list[float]) -> None:
    slopes = array("slopes", dtype, *numbers)
    with pytest.raises(InvalidProof, match=r"positive slopes|finite") as caught:
        attempt(bent(slopes), slopes)
    finite = all(map(math.isfinite, numbers))
    assert caught.value.address == "subject.stages[0]" + (
        ".slope" if finite else ": subject.arrays[1]"
    )


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "uint8"])
def test_small_and_steep_slopes_are_slopes(dtype: str) -> None:
    least = {"float64": TINY, "float32": 2.0**-149, "float16": 2.0**-24, "uint8": 1}[dtype]
    slopes = array("slopes", dtype, least, 7)
    assert attempt(bent(slopes), slopes).claim == "INJECTIVE"


@pytest.mark.parametrize("numbers", [["0"], ["-0"], ["0/5"], ["1", "-1/9"]])
def test_slopes_in_the_proof_are_looked_at(numbers: list[str]) -> None:
    with pytest.raises(InvalidProof, match="positive slopes"):
        attempt(bent({"values": numbers, "shape": [len(numbers)]}))


def test_slopes_that_are_computed_are_looked_at() -> None:
    gamma, variance = array("g", "float64", 1.0, -1.0), array("v", "float64", 1.0, 1.0)
    factors = {"factors": [1, 2], "epsilon": "0", "shape": [2]}
    with pytest.raises(InvalidProof, match="positive slopes"):
        attempt(bent(gamma, variance, factors), gamma, variance)
    q, s = array("q", "int8", 3, 2), array("s", "float32", 0.5)
    scaled = {"dequantized": [1, 2, 3], "axis": 0, "shape": [2]}
    zero = {"values": ["2"], "shape": [1]}
    with pytest.raises(InvalidProof, match="positive slopes"):
        attempt(bent(q, s, zero, scaled), q, s)
    zero = {"values": ["1"], "shape": [1]}
    assert attempt(bent(q, s, zero, scaled), q, s).claim == "INJECTIVE"


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("used", [True, False])
def test_numbers_that_are_none_are_refused_though_no_evidence_reads_them(
    number: float, dtype: str, used: bool
) -> None:
    shift = array("shift", dtype, 1.0, number)
    with pytest.raises(InvalidProof, match="finite numbers in 'shift'") as caught:
        attempt(narrow([shift], [["shift", 0, 0]] if used else [], int(used)), shift)
    assert caught.value.address == "subject.stages[0]: subject.arrays[0]"


def test_sources_of_computed_arrays_must_be_finite() -> None:
    gamma, variance = array("g", "float64", math.inf, 1.0), array("v", "float64", 1.0, 1.0)
    factors = {"factors": [0, 1], "epsilon": "1", "shape": [2]}
    with pytest.raises(InvalidProof, match="finite numbers in 'g'"):
        attempt(narrow([gamma, variance, factors], [["scale", 2, 0]], 1), gamma, variance)


@pytest.mark.parametrize("variances", [[1.0, 0.0], [1.0, -0.0], [-2.0, 1.0]])
@pytest.mark.parametrize("used", [True, False])
def test_variances_must_be_positive(variances: list[float], used: bool) -> None:
    gamma, variance = array("g", "float64", 1.0, 1.0), array("v", "float64", *variances)
    factors = {"factors": [0, 1], "epsilon": "0", "shape": [2]}
    steps = [["scale", 2, 0]] if used else []
    with pytest.raises(InvalidProof, match="variances that are positive"):
        attempt(narrow([gamma, variance, factors], steps, int(used)), gamma, variance)


def test_divisors_of_every_kind_are_looked_at() -> None:
    zero, ones = array("z", "float32", 1.0, -0.0), array("o", "float64", 1.0, 1.0)
    factors = {"factors": [0, 1], "epsilon": "0", "shape": [2]}
    scaled = {"dequantized": [0, 1, 2], "axis": 0, "shape": [2]}
    two = {"values": ["1", "2"], "shape": [2]}
    for entries, place in (
        ([zero], 0),
        ([{"values": ["0"], "shape": [1]}], 0),
        ([{"values": ["3", "-0/7"], "shape": [2]}], 0),
        ([zero, ones, factors], 2),
        ([ones, ones, two, scaled], 3),
    ):
        with pytest.raises(InvalidProof, match="divisors other than 0") as caught:
            attempt(narrow(entries, [["quotient", place, 0]], 1), zero, ones)
        assert caught.value.address == "subject.stages[0]: subject.map[1]"
    fine = array("f", "float32", -(2.0**-149), 1e30)
    assert attempt(narrow([fine], [["quotient", 0, 0]], 1), fine).claim == "NOT_INJECTIVE"


def test_a_long_chain_of_computed_divisors() -> None:
    one = {"values": ["1"], "shape": [1]}
    entries = [one, *({"dequantized": [k, 0], "axis": 0, "shape": [1]} for k in range(3000))]
    assert attempt(narrow(entries, [["quotient", 3000, 0]], 1)).claim == "NOT_INJECTIVE"


@given(st.sampled_from(sorted(ITEM_SIZES)), st.binary(max_size=96), st.integers(0, 3))
def test_lanes_agree_with_decoded_numbers(dtype: str, data: bytes, zeros: int) -> None:
    size = ITEM_SIZES[dtype]
    data = (b"\0" * zeros * size + data)[: len(data) // size * size]
    found = Array("a", dtype, (len(data) // size,), data)
    numbers = _numbers(dtype, data)
    finite = all(math.isfinite(number) for number in numbers)
    assert all_finite(found) == finite
    assert all_nonzero(found) == all(number != 0 for number in numbers)
    if finite:
        assert all_positive(found) == all(number > 0 for number in numbers)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8"])
@pytest.mark.parametrize("place", [0, 1, 40_000, 2**16, 99_999])
def test_one_number_of_many_is_seen(dtype: str, place: int) -> None:
    numbers: list[Any] = [1.0] * 100_000 if dtype != "int8" else [1] * 100_000
    assert all_positive(array("a", dtype, *numbers))
    for bad in (0, -1):
        numbers[place] = bad
        assert not all_positive(array("a", dtype, *numbers))
        assert all_nonzero(array("a", dtype, *numbers)) == (bad != 0)
    if dtype != "int8":
        numbers[place] = math.nan
        assert not all_finite(array("a", dtype, *numbers))
