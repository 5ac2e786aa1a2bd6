"""Collisions inside one region: where the local linear map of a network has a kernel.

Floats look for such points, by the number of active rows and the smallest singular value; the
region, its map and the kernel vector are then computed over the rationals.
"""

from collections.abc import Iterator
from fractions import Fraction
from math import inf

import numpy as np

from monic.clock import monotonic
from monic.decision.network.chain import Chain, Floats, Point
from monic.decision.network.region import Region, region
from monic.decision.network.sampling import Sampler

__all__ = ["collision_inside", "deficient_points", "power_of_two_below", "roundings"]

#: Points that are drawn, points that are kept, and how often they are moved.
DRAWN, KEPT, ROUNDS = 1024, 64, 12

#: A local map whose singular values spread more than this is asked exactly.
DEFICIENT = 1e-9


def collision_inside(chain: Chain, x: Point) -> tuple[Point, Point] | None:
    """Returns two colliding points of the region around a point, or None.

    Both points have equal outputs exactly; None when the point lies on a wall or outside the
    domain, or its local linear map is one-to-one.
    """
    if not chain.domain.contains(x, interior=True):
        return None
    around = region(chain, x)
    way = None if around is None else around.kernel()
    if around is None or way is None:
        return None
    step = _step(chain, around, way)
    pair = (around.x, tuple(t + step * d for t, d in zip(around.x, way, strict=True)))
    assert chain.collide(*pair), "points of one region that differ by a kernel vector collide"
    return pair


def _step(chain: Chain, around: Region, way: list[int]) -> Fraction:
    """Returns a step along a kernel vector, long, that stays in the region and the domain."""
    wanted = max([abs(t) for t in around.x] + [Fraction(1)]) / max(map(abs, way))
    best = Fraction(0)
    for sign in (1, -1):
        limit = around.reach([sign * d for d in way])
        step = power_of_two_below(wanted if limit is None else min(wanted, limit / 2))
        while not chain.domain.contains(
            tuple(t + sign * step * d for t, d in zip(around.x, way, strict=True)), interior=True
        ):
            step /= 2
        best = sign * step if step > abs(best) else best
    return best


def power_of_two_below(number: Fraction) -> Fraction:
    """Returns the largest power of two that is at most a positive number, or half of it."""
    power = Fraction(2) ** (number.numerator.bit_length() - number.denominator.bit_length())
    return power if power <= number else power / 2


def deficient_points(
    chain: Chain, sampler: Sampler, deadline: float = inf
) -> Iterator[tuple[int, Floats]]:
    """Yields (length, x): points where the chain's first stages seem to have a kernel.

    The points of a round are the best of those before it and random steps from them: those with
    the fewest active rows in some stage. It ends at the deadline, a time of `monotonic`.
    """
    points = sampler.draw(DRAWN)
    for round_ in range(ROUNDS):
        traces = chain.forward(points)
        counts = _active(chain, traces)
        order = np.argsort(counts.min(axis=1), kind="stable")[:KEPT]
        for k in order:
            if monotonic() > deadline:
                return
            length = _deficient(chain, [trace[k] for trace in traces], counts[k])
            if length is not None:
                yield length, points[k]
        best = points[order]
        size = np.maximum(np.abs(best - sampler.inner).max(), 1e-3)
        scale = size * 2.0 ** -sampler.rng.integers(0, 8, (KEPT, 1)) / (1 + round_ / 4)
        near = np.resize(best, (KEPT * 8, chain.dim)).reshape(8, KEPT, chain.dim)
        steps = sampler.rng.standard_normal(near.shape) * scale
        moved = sampler.inside((near + steps).reshape(-1, chain.dim))
        points = np.concatenate([best, moved, sampler.draw(DRAWN // 8)])


def roundings(chain: Chain, x: Floats) -> Iterator[Point]:
    """Yields short binary points near a float point, and the point itself last."""
    largest = float(np.abs(x).max()) or 1.0
    top = int(np.frexp(largest)[1])
    for bits in (6, 12, 24, 40):
        unit = Fraction(2) ** (top - bits)
        yield tuple(round(Fraction(float(t)) / unit) * unit for t in x)
    yield tuple(Fraction(float(t)) for t in x)


def _active(chain: Chain, traces: list[Floats]) -> Floats:
    """Returns how many rows are not cut off at each point, in some stage up to each stage."""
    found = [
        ((trace > 0) | (layer.float_slopes != 0)).sum(axis=1)
        for layer, trace in zip(chain.layers, traces, strict=True)
    ]
    return np.minimum.accumulate(np.array(found, dtype=np.float64).T, axis=1)


def _deficient(chain: Chain, trace: list[Floats], counts: Floats) -> int | None:
    """Returns the number of stages after which the local map seems to have a kernel."""
    few = np.flatnonzero(counts < chain.dim)
    if few.size:
        return int(few[0]) + 1
    slope = chain.slope(trace)
    if not np.isfinite(slope).all():
        return None  # beyond float64
    values = np.linalg.svd(slope, compute_uv=False)
    return len(chain.layers) if values[-1] <= DEFICIENT * values[0] else None
