"""Points with fewer than n active rows, found by gradient search through the layer itself.

Fewer than n active rows cannot span R^n, so such a point inside the domain proves that the layer
is not one-to-one. The search needs values and adjoints only; the count is confirmed by a rigorous
bound on rounding, with every row of unknown sign counted as active.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from monic.clock import monotonic
from monic.decision.convolution.floats import FloatMap
from monic.model import Ball, Box, Domain, Orthant, ReLULayer, WholeSpace
from monic.model.taps import FloatArray

__all__ = ["SparsePoint", "sparse_point"]

#: Steps of the search from each start, and the number of starts.
STEPS, STARTS = 200, 3

#: No other start is tried where the first one left so many active rows for each of n.
HOPELESS = 1.3

#: Coordinates are rounded to so many bits, so that proofs stay short.
BITS = 14

#: A point, and how many rows are active there at most.
SparsePoint = tuple[tuple[Fraction, ...], int]


def sparse_point(layer: ReLULayer, *, seed: int, seconds: float | None) -> SparsePoint | None:
    """Returns a point inside the domain with fewer than n active rows, or None.

    Arguments:
        layer: The question.
        seed: The seed of the search.
        seconds: When to give up.

    Example:
        >>> sparse_point(ReLULayer([[1.0, 0.0], [0.0, 1.0]]), seed=0, seconds=None)[1] < 2
        True
    """
    began = monotonic()
    floats = FloatMap(layer.map)
    n = layer.map.in_dim
    for x in _candidates(layer, floats, seed):
        if seconds is not None and monotonic() - began > seconds:
            return None
        for point in () if x is None else _short(x, layer.domain):
            sure = floats.bounded(point)
            active = int(layer.map.out_dim - (sure.value < -sure.error).sum())
            if active < n:
                exact = tuple(map(Fraction, point.tolist()))
                if layer.domain.contains(exact, interior=True):
                    return exact, active
    return None


def _candidates(layer: ReLULayer, floats: FloatMap, seed: int) -> Iterator[FloatArray | None]:
    """Yields points at which floats count fewer than n active rows, and None for other steps."""
    if not isinstance(layer.domain, WholeSpace | Orthant | Box | Ball):
        return
    random = np.random.default_rng(seed)
    n, lengths = layer.map.in_dim, floats.estimate_lengths()
    fewest = layer.map.out_dim
    mean = -floats.adjoint(1 / lengths)
    for start in range(STARTS):
        if start and fewest > HOPELESS * n:
            return
        x = random.standard_normal(n) if start or not mean.any() else mean
        x /= np.linalg.norm(x)
        speed = np.zeros(n)
        for k in range(STEPS):
            inside = _inside(x, layer.domain)
            value = floats.value(inside, shifts=_bounded(layer.domain)) / lengths
            active = int((value >= 0).sum())
            fewest = min(fewest, active)
            if layer.map.out_dim - active < n and isinstance(layer.domain, WholeSpace):
                yield -inside
            yield inside if active < n else None
            # annealed: a smooth count at first, nearly the count itself in the end
            width = max(float(np.std(value)), 1e-300) * (0.5 ** (4 * k / STEPS))
            soft = 0.5 * (1 + np.tanh(value / (2 * width)))
            slope = floats.adjoint(soft * (1 - soft) / lengths)
            norm = float(np.linalg.norm(slope))
            if norm == 0:
                break
            speed = 0.8 * speed - (0.1 * float(np.linalg.norm(x)) / norm) * slope
            x = _inside(x + speed, layer.domain)
            if not _bounded(layer.domain):
                x /= np.linalg.norm(x)


def _bounded(domain: Domain) -> bool:
    """Whether biases cannot be drowned by going far out."""
    return isinstance(domain, Box | Ball)


def _inside(x: FloatArray, domain: Domain) -> FloatArray:
    """Returns a point near x and well inside the domain."""
    if isinstance(domain, Orthant):
        return np.asarray(np.maximum(x, 2.0**-8 * np.abs(x).max()))
    if isinstance(domain, Box):
        low, high = domain.lower, domain.upper
        wide = np.isfinite(low) & np.isfinite(high)
        gap = np.where(wide, high - low, 1.0) * 2.0**-8
        return np.asarray(np.clip(x, low + gap, high - gap))
    if isinstance(domain, Ball):
        middle = np.array([float(t) for t in domain.middle(x.size)])
        away = x - middle
        length = float(np.linalg.norm(away))
        most = 0.99 * float(domain.radius)
        return np.asarray(middle + away * (most / length)) if length > most else x
    return x


def _short(x: FloatArray, domain: Domain) -> Iterator[FloatArray]:
    """Yields x with short coordinates, on cones ever further out."""
    top = float(np.abs(x).max())
    if top == 0 or not np.isfinite(top):
        return
    unit = 2.0 ** (np.ceil(np.log2(top)) - BITS)
    if _bounded(domain):
        yield np.round(x / unit) * unit
        yield x
        return
    short = np.round(x / unit)
    if isinstance(domain, Orthant):
        short = np.maximum(short, 1.0)
    for power in (0, 10, 40):
        yield short * 2.0**power
