"""Looks for a point of non-injectivity in floats, and confirms it exactly.

Fewer than n active rows cannot span R^n: a point with so few is a proof, whose signs are confirmed
over the rationals (`signs`). The search is `descent`; docs/falsify.md says what it minimises and
how far it goes. It proves nothing when it finds nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from monic.clock import monotonic
from monic.decision.descent import Projected, Schedule, anneal, project
from monic.decision.problem import Point, Problem
from monic.decision.region import FloatArray, Region, region
from monic.decision.result import Execution, Limits, Margin, Progress, Statistics
from monic.decision.signs import SLACK, active_rows, depth_below
from monic.decision.witness import EXPLICIT, Witness, roundings, simplest
from monic.errors import LayerError
from monic.model import Box, ChannelShift, Orthant, Shift, WholeSpace

__all__ = ["falsify", "interior", "sparse_margin", "sparse_witness"]

#: Up to this n, branching is so fast that only a short look comes before it.
SMALL = 10

#: Up to this n, a few rounds; beyond, as many as make progress.
MEDIUM = 20

#: Walks times rows times inputs that one step may handle, beyond the least number of walks.
STEP = 1 << 26

#: Rows times inputs up to which rows are swapped by exact separation, which is dense.
SWAPPED = 1 << 18

#: Parallel rows are merged, exactly, in layers of up to so many entries.
REDUCE = 1 << 16

#: Descent that ends above this many times the wanted count, in the first round and in later
#: ones, is the end of the search.
HOPELESS = (2.2, 1.6)


@dataclass(slots=True)
class _Clock:
    """Ends a round when there are few enough active rows, or time is up; tells of progress."""

    wanted: int
    limit: float | None
    progress: Progress | None
    started: float
    told: float = 0.0

    @property
    def over(self) -> bool:
        return self.limit is not None and monotonic() - self.started >= self.limit

    def __call__(self, count: int) -> bool:
        now = monotonic()
        if self.progress is not None and now - self.told > 0.5:
            self.told = now
            self.progress(Statistics(seconds=now - self.started))
        return count <= self.wanted or self.over


@np.errstate(all="ignore")  # proposals beyond float32 are dropped, and the rest is confirmed
def falsify(
    problem: Problem,
    *,
    limits: Limits,
    execution: Execution,
    progress: Progress | None = None,
) -> Witness | None:
    """Looks for a point inside the domain where fewer than n rows are active.

    Arguments:
        problem: The layer.
        limits: How long it may take; without a limit it gives up by itself.
        execution: The seed, and the torch device of the matrix products if there is one.
        progress: Called now and then.

    Returns:
        A witness whose signs were confirmed exactly, or None, which proves nothing.

    Raises:
        LayerError: when a device is asked for and torch is not installed, or has no such device.

    Example:
        >>> from monic import ReLULayer
        >>> rows = np.random.default_rng(0).standard_normal((20, 5))
        >>> found = falsify(Problem(ReLULayer(rows)), limits=Limits(), execution=Execution())
        >>> found is not None and len(found.active) < 5
        True
    """
    started = monotonic()
    where = region(problem, _kept(problem))
    xp, there = _placed(where, execution.device)
    wanted = problem.dim - 1 - where.always
    if wanted < 0 or not len(where.units):
        return None
    wanted = min(wanted, len(where.units) - 1)
    clock = _Clock(wanted, limits.seconds, progress, started)
    random = np.random.default_rng(execution.seed)
    for turn, schedule in enumerate(_rounds(problem)):
        best, points = anneal(there, schedule, random, clock, xp)
        if best.min() > wanted and not clock.over:
            if best.min() > HOPELESS[turn > 0] * (wanted + 1) + 2:
                return None
            projected = project(there, points, wanted, schedule.projections, clock, xp)
            best, points = projected.best, projected.points
            if best.min() > wanted and not clock.over and schedule.swaps:
                best, points = _swapped(where, projected, wanted, schedule, clock)
        found = _first(problem, where, best, _fetched(points))
        if found is not None or clock.over:
            return found
    return None


def sparse_witness(problem: Problem, x: Point) -> Witness | None:
    """Returns the witness at a point where fewer than n rows are active, or None, exactly.

    No row is written out as integers, unless the floats leave its sign open.
    """
    if not interior(problem, x):
        return None
    active = active_rows(problem.layer.map, problem.outside(x))
    return Witness(x, active, None) if len(active) < problem.dim else None


def sparse_margin(problem: Problem, witness: Witness) -> Margin:
    """Returns the margin at a witness without writing rows out; its value is rounded down."""
    value = depth_below(problem.layer.map, problem.outside(witness.x), witness.active)
    biased = any(isinstance(step, Shift | ChannelShift) for step in problem.layer.map.steps())
    if not biased and interior(problem, (Fraction(0),) * problem.dim):
        value /= SLACK * max(float(np.linalg.norm([float(t) for t in witness.x])), 1e-300)
    return Margin(value=value)


def interior(problem: Problem, x: Point) -> bool:
    """Returns what `Problem.contains` does, in time proportional to n where that is possible."""
    domain = problem.layer.domain
    if isinstance(domain, WholeSpace):
        return True
    if isinstance(domain, Orthant):
        return all(t > 0 for t in x)
    if isinstance(domain, Box):
        return all(
            (low == -np.inf or Fraction(low) < t) and (high == np.inf or t < Fraction(high))
            for low, high, t in zip(domain.lower.tolist(), domain.upper.tolist(), x, strict=True)
        )
    return problem.contains(x)


def _kept(problem: Problem) -> tuple[int, ...] | None:
    """The rows that matter, where it is cheap to say and parallel ones need not be counted."""
    rows, dim = problem.layer.shape
    if dim > EXPLICIT or rows * dim > REDUCE:
        return None
    return problem.reduction.kept


def _rounds(problem: Problem) -> Iterator[Schedule]:
    rows, dim = problem.layer.shape
    yield Schedule(walks=_walks(16, rows * dim), steps=32, projections=32)
    if dim <= SMALL:
        return
    swaps = rows * dim <= SWAPPED
    few, many = (4, 8) if swaps else (0, 0)
    walks = _walks(32, rows * dim)
    yield Schedule(walks=walks, steps=150, projections=400, swaps=few, turns=64)
    walks = _walks(64, rows * dim)
    for turn in range(2 if dim <= MEDIUM else 9):
        long = 600 if swaps else 1500 if turn < 2 else 5000
        yield Schedule(walks=walks, steps=150, projections=long, swaps=many, turns=800)


def _swapped(
    where: Region, projected: Projected, wanted: int, schedule: Schedule, clock: _Clock
) -> tuple[FloatArray, FloatArray]:
    """Swaps rows where projections came closest; returns what `anneal` returns."""
    from monic.decision.swap import swap  # compiled code is loaded when it is needed

    excess = np.asarray(_fetched(projected.excess))
    closest = np.argsort(excess, kind="stable")[: schedule.swaps]
    starts = _fetched(projected.last)[:, closest].astype(np.float64)
    return swap(where, starts, wanted, schedule.turns, clock)


def _walks(most: int, entries: int) -> int:
    return max(min(most, 8), min(most, STEP // entries))


def _first(
    problem: Problem, where: Region, best: FloatArray, points: FloatArray
) -> Witness | None:
    """Returns the first of the best few points that the exact test confirms."""
    wanted = problem.dim - 1 - where.always
    for walk in np.argsort(best, kind="stable")[:3]:
        if best[walk] > wanted:
            return None
        x = where.point(points[:, walk])
        if np.isfinite(x).all():
            found = _confirmed(problem, where, tuple(Fraction(float(t)) for t in x))
            if found is not None:
                return found
    return None


def _confirmed(problem: Problem, where: Region, x: Point) -> Witness | None:
    """Returns the witness with the shortest coordinates near a point, or None."""
    if problem.dim <= EXPLICIT:
        return simplest(problem, x)
    for candidate in (*roundings(x), x):
        rough = where.count(np.array([float(t) for t in candidate]))
        if rough < problem.dim + 2:  # float32 may be wrong about a few
            found = sparse_witness(problem, candidate)
            if found is not None:
                return found
    return None


def _placed(where: Region, device: str | None) -> tuple[Any, Region]:
    """Returns numpy or torch, and the region with its arrays there."""
    if device is None:
        return np, where
    try:
        import torch
    except ImportError:
        raise LayerError(
            f"Expected torch for the device {device!r}. It is not installed: "
            "pip install 'monic-nn[torch]', or leave the device out."
        ) from None
    try:
        return torch, where.on(lambda array: torch.as_tensor(array, device=device))
    except (RuntimeError, AssertionError) as error:
        raise LayerError(f"Expected a torch device. Got {device!r}: {error}") from None


def _fetched(points: Any) -> FloatArray:
    return points if isinstance(points, np.ndarray) else np.asarray(points.cpu())
