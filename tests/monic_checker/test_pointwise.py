"""Values at a point, block by block, are the rows times the point."""

import math
import random
from fractions import Fraction
from typing import Any

import pytest
from flint import fmpq

from monic_checker import Array, InvalidProof, MalformedProof, OverBudget, pointwise
from monic_checker.budget import Budget
from tests.monic_checker.test_evaluation import CASES, A, about, rows, system
from tests.monic_checker.tiny_prover import doubles, named


def _constant(values: list[str]) -> dict[str, Any]:
    return {"values": values, "shape": [len(values)]}


ENTRIES = [named(A), _constant(["1/3", "-2"]), _constant(["5"])]


def _values(subject: dict[str, Any], arrays: list[Array], x: list[fmpq]) -> list[Fraction]:
    found = system(subject, arrays).values_at(x, "evidence.x")
    return [Fraction(int(v.p), int(v.q)) for v in found]


@pytest.mark.parametrize("block", [1, 3, 4, 1 << 18])
@pytest.mark.parametrize("steps", [steps for steps, _ in CASES])
def test_every_step(steps: list[Any], block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointwise, "_BLOCK", block)
    subject = about(steps, ENTRIES)
    numbers = random.Random(0)
    for _ in range(5):
        x = [Fraction(numbers.randint(-9, 9), numbers.randint(1, 9)) for _ in range(steps[0][1])]
        expected = [
            sum((a * t for a, t in zip(row, [*x, Fraction(1)], strict=True)), Fraction(0))
            for row in rows(subject, [A])
        ]
        point = [fmpq(t.numerator, t.denominator) for t in x]
        assert _values(subject, [A], point) == expected


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("place", [0, 5])
def test_infinite_entries_are_refused_wherever_they_are(
    bad: float, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pointwise, "_BLOCK", 3)
    numbers = [1.0] * 6
    numbers[place] = bad
    array = Array("B", "float64", (2, 3), doubles(numbers))
    used = about([["input", 3], ["linear", 0, 0]], [named(array)])
    unused = about([["input", 3], ["linear", 0, 0]], [named(A), named(array)])
    for subject in (used, unused):
        with pytest.raises(InvalidProof, match="finite"):
            _values(subject, [A, array], [fmpq(1)] * 3)


def test_long_numbers_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointwise, "_BITS_LIMIT", 100)
    subject = about([["input", 1], ["scale", 0, 0]], [_constant([str(2**90)])])
    assert _values(subject, [], [fmpq(1)]) == [2**90]
    with pytest.raises(MalformedProof, match="bits"):
        _values(subject, [], [fmpq(2**20)])


def test_doubling_values_are_stopped_before_they_are_made() -> None:
    steps: list[Any] = [["input", 1]]
    steps += [["concat", i, i] for i in range(38)]
    found = system(about(steps, []), [])
    assert isinstance(found.subject.budget, Budget)
    with pytest.raises(OverBudget, match="memory"):
        found.values_at([fmpq(1)], "evidence.x")
