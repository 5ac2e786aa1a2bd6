"""Swaps by exact separation: choices, regions, and points with few active rows."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from monic import Ball, Box, Domain, Execution, Limits, Orthant, Polyhedron, ReLULayer, WholeSpace
from monic.decision import falsify as falsifying
from monic.decision import swap as swapping
from monic.decision.descent import Schedule
from monic.decision.falsify import falsify
from monic.decision.problem import Problem
from monic.decision.region import FloatArray, Region, region
from monic.decision.swap import swap
from monic.decision.witness import confirm


def never(best: int) -> bool:
    return False


def least_active(weight: FloatArray) -> int:
    """The least number of active rows in the plane: by all directions between rows' normals."""
    angles = np.sort(
        np.concatenate([np.arctan2(weight[:, 0], -weight[:, 1]) + k for k in (0, np.pi)])
    )
    middles = angles + np.diff(np.append(angles, angles[0] + 2 * np.pi)) / 2
    points = np.stack([np.cos(middles), np.sin(middles)])
    return int((weight @ points >= 0).sum(0).min())


def starts(where: Region, count: int, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    return np.asarray(where.place(where.starts(count, rng), np), dtype=np.float64)


@pytest.mark.parametrize("seed", range(8))
def test_the_least_count_in_the_plane(seed: int) -> None:
    """Walks from anywhere find the optimum, which is known by going around the circle."""
    weight = np.random.default_rng(seed).standard_normal((25, 2))
    where = region(Problem(ReLULayer(weight)))
    least = least_active(weight)
    best, points = swap(where, starts(where, 6), least, 200, never)
    assert best.min() == least
    assert int((weight @ points[:, 0] >= 0).sum()) == least


def test_a_choice_that_can_be_separated_is_separated_at_once() -> None:
    """Rows with a common half-space: no turn is taken."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((60, 8))
    weight[weight[:, 0] > 0] *= -1
    where = region(Problem(ReLULayer(weight)))
    best, points = swap(where, starts(where, 1), 0, 0, never)
    assert best.tolist() == [0]
    assert (weight @ points[:, 0] < 0).all()


def _domains(n: int) -> list[Domain]:
    sides = np.vstack([np.eye(n), -np.ones((1, n))])
    return [
        WholeSpace(),
        Orthant(),
        Ball(0.75, np.full(n, 0.1)),
        Box(-np.ones(n), np.full(n, 0.5)),
        Box(np.full(n, -np.inf), np.full(n, 0.5)),
        Polyhedron(sides, np.ones(n + 1)),
    ]


@pytest.mark.parametrize("kind", range(6))
@pytest.mark.parametrize("biased", [False, True])
def test_points_lie_inside_and_counts_are_true(kind: int, biased: bool) -> None:
    n, m = 6, 40
    rng = np.random.default_rng([kind, int(biased)])
    domain = _domains(n)[kind]
    bias = rng.standard_normal(m) / 2 if biased else None
    layer = ReLULayer(rng.standard_normal((m, n)), bias, domain)
    problem = Problem(layer)
    where = region(problem)
    before = starts(where, 6)
    best, points = swap(where, before, n - 1, 60, never)
    for count, point in zip(best, points.T, strict=True):
        x = where.point(point)
        assert domain.contains((x + (0.1 if kind == 2 else 0)).tolist(), interior=True)
        outside = problem.outside(tuple(map(Fraction, x.tolist())))
        values = layer.weight @ np.array(outside, dtype=float) + (0 if bias is None else bias)
        assert int((values >= 0).sum()) <= count  # rows at the threshold count as active
    alone = [where.count(where.point(z)) for z in before.T]
    assert best.min() < min(alone), "swaps improve on where they start"


def test_walks_repeat_themselves() -> None:
    where = region(Problem(ReLULayer(np.random.default_rng(1).standard_normal((120, 20)))))
    first, second = (swap(where, starts(where, 4), 5, 40, never) for _ in range(2))
    assert (first[0] == second[0]).all()
    assert (first[1] == second[1]).all()


def test_the_clock_is_heard() -> None:
    where = region(Problem(ReLULayer(np.random.default_rng(1).standard_normal((300, 40)))))
    told: list[int] = []

    def stop(best: int) -> bool:
        told.append(best)
        return len(told) > 6

    swap(where, starts(where, 4), 0, 10_000, stop)
    assert len(told) < 12
    assert told == sorted(told, reverse=True) or len(set(told)) > 1


def test_no_start_is_no_walk() -> None:
    where = region(Problem(ReLULayer(np.random.default_rng(1).standard_normal((30, 4)))))
    best, _ = swap(where, np.zeros((4, 0)), 3, 10, never)
    assert best.size == 0


@pytest.mark.parametrize("n", [12, 40])
def test_turns_get_further_than_giving_up_rows(n: int) -> None:
    """Without turns, rows are given up until there is a point; turns then find better choices."""
    before = after = 0
    for seed in range(4):
        weight = np.random.default_rng(seed).standard_normal((6 * n, n))
        where = region(Problem(ReLULayer(weight)))
        before += int(swap(where, starts(where, 4), n // 2, 0, never)[0].min())
        after += int(swap(where, starts(where, 4), n // 2, 100, never)[0].min())
    assert after < 0.9 * before


def test_falsify_confirms_what_swaps_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """Projections are kept from finding anything; what swaps find passes the exact test."""
    calls = []

    def counted(*arguments: Any) -> Any:
        calls.append(swap(*arguments))
        return calls[-1]

    monkeypatch.setattr(swapping, "swap", counted)
    idle = [Schedule(walks=8, steps=16, projections=8, swaps=4, turns=80)]
    monkeypatch.setattr(falsifying, "_rounds", lambda problem: iter(idle))
    monkeypatch.setattr(falsifying, "HOPELESS", (9.0, 9.0))
    layer = ReLULayer(np.random.default_rng(0).standard_normal((330, 60)))
    witness = falsify(Problem(layer), limits=Limits(), execution=Execution())
    assert calls, "descent alone was good enough: ask for something harder"
    assert witness is not None
    assert len(witness.active) < 60
    assert confirm(Problem(layer), witness.x) is not None
