"""Search in floats: noisy descent on a smoothed count of active rows, then projections.

Each column of the points is one walk. The count is smoothed to sum_i S(u_i.z / T) with the
logistic function S and a temperature T that falls; a step goes along the descent with momentum,
plus noise in proportion to T, and back into the region.

Projections start from what descent leaves. They choose the rows with the smallest products, as
many as have to be negative, and take over-relaxed steps towards the half-spaces u_i.z <= -small of
the chosen rows that are not. The choice is made anew at every step, so that rows at the threshold
are swapped; descent alone ends in local minima that they leave. Where they come close is where
`swap` starts.

Everything is two matrix products a step.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from monic.decision.region import FloatArray, Region

__all__ = ["Projected", "Schedule", "anneal", "project"]

MOMENTUM = 0.9

#: How many steps go between two counts.
EVERY = 4

#: A step of projection, relative to the sum of the projections; less than 1 is slow, 2 diverges.
RELAXATION = 1.5

#: How negative projections make rows, in units of the typical size of u_i.z.
BELOW = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One round of walks.

    Arguments:
        walks: How many at once.
        steps: How many steps of descent each takes.
        projections: How many steps of projection.
        swaps: How many of them are repaired by swaps.
        turns: How many turns of swaps the best of those take.
        start: The first temperature, in units of the typical size of u_i.z.
        end: The last temperature.
        rate: The length of a step, as a share of T.
        noise: The noise beside a descent of length 1.
    """

    walks: int
    steps: int
    projections: int = 0
    swaps: int = 0
    turns: int = 0
    start: float = 0.2
    end: float = 0.05
    rate: float = 0.2
    noise: float = 1.5

    def temperature(self, step: int) -> float:
        """The temperature at a step; it falls geometrically."""
        return float(self.start * (self.end / self.start) ** (step / max(1, self.steps - 1)))


def anneal(
    where: Region,
    schedule: Schedule,
    random: np.random.Generator,
    stop: Callable[[int], bool],
    xp: Any = np,
) -> tuple[FloatArray, Any]:
    """Walks, and returns the least count of each walk and its points, of shape (d, walks).

    Arguments:
        where: The rows and the region, on the device of xp.
        schedule: The round.
        random: The source of starts and noise; always numpy's, so that a seed means one thing.
        stop: Told the least count so far now and then; the round ends when it returns True.
        xp: numpy or torch.
    """
    units = where.units
    size = units.shape[1]
    put = _put(units, xp)
    points = where.place(put(where.starts(schedule.walks, random)), xp)
    unit = _typical(units @ points)
    speed = xp.zeros_like(points)
    best = np.full(schedule.walks, units.shape[0] + 1)
    kept = points + 0
    for step in range(schedule.steps):
        products = units @ points
        if where.offsets is not None:
            products += where.offsets
        last = step == schedule.steps - 1
        if step % EVERY == 0 or last:
            kept = _keep(best, (products >= 0).sum(0), points, kept, xp)
            if stop(int(best.min())):
                break
        heat = schedule.temperature(step)
        products *= 0.5 / (heat * unit)
        xp.tanh(products, out=products)
        products *= products
        products -= 1  # minus four times the derivative of the logistic function
        way = units.T @ products
        if where.sphere:
            way = way - points * (points * way).sum(0)
        way = way / ((way * way).sum(0) ** 0.5 + 1e-30)
        jolt = random.standard_normal((size, schedule.walks), dtype=np.float32)
        jolt *= schedule.noise / size**0.5
        speed = MOMENTUM * speed + way + put(jolt)
        reach = 1.0 if where.sphere else _reach((points * points).sum(0) ** 0.5, xp)
        points = where.place(points + schedule.rate * heat * reach * speed, xp)
    return best, kept


@dataclass(frozen=True, slots=True)
class Projected:
    """What projections end with.

    Arguments:
        best: The least count of each walk.
        points: The points with it, of shape (d, walks).
        last: The last points.
        excess: How far the chosen rows are from negative there, squared and summed up.
    """

    best: FloatArray
    points: Any
    last: Any
    excess: Any


def project(
    where: Region, points: Any, wanted: int, steps: int, stop: Callable[[int], bool], xp: Any = np
) -> Projected:
    """Moves points so that at most `wanted` rows are active."""
    units = where.units
    misses = (points * 0).sum(0)
    negative = units.shape[0] - wanted
    best = np.full(points.shape[1], units.shape[0] + 1)
    kept, last, below = points + 0, points, 0.0
    for step in range(steps):
        products = units @ points
        if step == 0:
            below = BELOW * _typical(products)
        if where.offsets is not None:
            products += where.offsets
        if step % EVERY == 0 or step == steps - 1:
            kept = _keep(best, (products >= 0).sum(0), points, kept, xp)
            if stop(int(best.min())):
                break
        chosen = products <= _smallest(products, negative, xp)
        products += below
        excess = xp.clip(products, 0, None, out=products) * chosen
        misses = (excess * excess).sum(0)
        last = points
        way = units.T @ excess
        if where.sphere:
            way = way - points * (points * way).sum(0)
        points = where.place(points - RELAXATION * way, xp)
    return Projected(best, kept, last, misses)


def _smallest(products: Any, rank: int, xp: Any) -> Any:
    """The rank-th smallest number of each column."""
    if xp is np:
        return np.partition(products, rank - 1, axis=0)[rank - 1]
    return xp.kthvalue(products, rank, dim=0).values


def _put(units: Any, xp: Any) -> Callable[[FloatArray], Any]:
    """Returns the function that brings a numpy array to where the rows are."""
    if xp is np:
        return lambda array: array
    return lambda array: xp.as_tensor(array, device=units.device)


def _typical(products: Any) -> float:
    return float(max(float((products * products).mean()) ** 0.5, 1e-30))


def _reach(lengths: Any, xp: Any) -> Any:
    """How far a walk inside a body may step: about its distance from the middle."""
    return xp.clip(lengths, 0.3, None)


def _keep(best: FloatArray, counts: Any, points: Any, kept: Any, xp: Any) -> Any:
    """Notes in `best` which walks have a new least count; returns the points with it."""
    now = counts if xp is np else counts.cpu().numpy()
    better = now < best
    if not better.any():
        return kept
    best[better] = now[better]
    mask = better if xp is np else xp.as_tensor(better, device=points.device)
    return xp.where(mask, points, kept)
