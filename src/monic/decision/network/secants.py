"""Runs of stages by intervals of slopes: F(x) - F(y) = J (x - y) with J in a known interval.

An activation t -> max(t, 0) + s min(t, 0) moves two numbers by a slope between s and 1 times
their difference, and by 1 exactly where both are known to be >= 0. Carried through the affine
maps, this gives matrices L <= J <= U for all pairs of points, over the rationals. Where floats P
and v > 0 satisfy (|I - P C| + |P| R) v < v for C = (L + U)/2 and R = (U - L)/2, every such
J has P J invertible, so that J (x - y) = 0 only for x = y. docs/networks.md has the proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import fmpz_mat

from monic.decision.network.bounds import intervals
from monic.decision.network.chain import Floats, floats, integers
from monic.model import Activation, Box, Domain, Orthant, Stage
from monic.model.affine import ExactAffine

__all__ = ["Known", "Secants", "known", "secants", "slope_bounds", "unknown_slopes"]

#: Bits of P and v, which are written into the proof.
BITS = 20

ONE = Fraction(1)
_STEEPEST = {Activation.TANH: Fraction(1), Activation.SIGMOID: Fraction(1, 4)}


@dataclass(frozen=True, slots=True)
class Secants:
    """What proves that a run is one-to-one: P, as integers over a power of two, and v."""

    inverse: fmpz_mat
    bits: int
    weights: list[int]


def unknown_slopes(stage: Stage) -> bool:
    """Whether nothing is known about how much a stage's activation moves two numbers."""
    return stage.slopes() is None and stage.activation not in _STEEPEST


def slope_bounds(stage: Stage, domain: Domain) -> list[tuple[Fraction, Fraction]]:
    """Returns between what the difference quotients of a stage's activation lie, each."""
    slopes, count = stage.slopes(), stage.map.out_dim
    if slopes is None:
        steep = Fraction(0), _STEEPEST[stage.activation]
        return [(ONE, ONE)] * stage.carried + [steep] * (count - stage.carried)
    box = domain
    if isinstance(domain, Orthant):
        dim = stage.map.in_dim
        box = Box(np.zeros(dim), np.full(dim, np.inf))
    known = isinstance(box, Box) and any(slope != 1 for slope in slopes)
    low = high = np.full(count, np.nan)
    if known and isinstance(box, Box):
        low, high = intervals(stage.map.exact(), box)
    return [
        _between(slope, a, b)
        for slope, a, b in zip(slopes, low.tolist(), high.tolist(), strict=True)
    ]


def _between(slope: Fraction, low: float, high: float) -> tuple[Fraction, Fraction]:
    if low >= 0:
        return ONE, ONE
    if high <= 0:
        return slope, slope
    return min(slope, ONE), max(slope, ONE)


@dataclass(frozen=True, slots=True)
class Known:
    """A stage whose activation has known slopes, with what runs need to know about it.

    Arguments:
        stage: The stage.
        exact: Its map.
        weight: The map's matrix in floats.
        bounds: Between what the slopes lie, on a superset of what reaches the stage.
    """

    stage: Stage
    exact: ExactAffine
    weight: Floats
    bounds: list[tuple[Fraction, Fraction]]


def known(stage: Stage, domain: Domain) -> Known:
    """Returns a stage prepared for runs.

    Arguments:
        stage: A stage whose activation has known slopes.
        domain: A superset of what reaches it.
    """
    exact = stage.map.exact()
    return Known(stage, exact, floats(exact.weight, exact), slope_bounds(stage, domain))


def secants(run: Sequence[Known]) -> Secants | None:
    """Returns what proves that stages in turn are one-to-one where their slopes are, or None."""
    first, second = _in_floats(run)
    if first.shape[0] < first.shape[1]:
        return None
    with np.errstate(all="ignore"):
        center, radius = (first + second) / 2, (second - first) / 2
        if not (np.isfinite(center).all() and np.isfinite(radius).all()):
            return None
        inverse = np.linalg.pinv(center)
        size = float(np.abs(inverse).max())
        if not 0 < size < np.inf:
            return None
        bits = BITS - int(np.frexp(size)[1])
        rounded = np.round(np.ldexp(inverse, bits))
        inverse = np.ldexp(rounded, -bits)
        growth = np.abs(np.eye(center.shape[1]) - inverse @ center) + np.abs(inverse) @ radius
    weights = _weights(growth)
    if weights is None:
        return None
    integer = fmpz_mat(
        len(rounded), rounded.shape[1], [int(t) for t in rounded.reshape(-1).tolist()]
    )
    found = Secants(integer, bits, weights)
    return found if _holds(found, *_exactly(run)) else None


def _ends(run: Sequence[Known], k: int) -> list[tuple[Fraction, Fraction]]:
    """Returns the bounds of slopes; a one-to-one activation at the end need not be passed."""
    stage = run[k].stage
    if k + 1 == len(run) and stage.activation.is_one_to_one:
        return [(ONE, ONE)] * stage.map.out_dim
    return run[k].bounds


def _in_floats(run: Sequence[Known]) -> tuple[Floats, Floats]:
    """Returns L and U as below, in floats."""
    low = high = np.eye(run[0].stage.map.in_dim)
    for k, part in enumerate(run):
        plus, minus = np.maximum(part.weight, 0.0), np.minimum(part.weight, 0.0)
        low, high = plus @ low + minus @ high, plus @ high + minus @ low
        small, large = np.array([[float(a), float(b)] for a, b in _ends(run, k)]).T[:, :, None]
        low, high = low * np.where(low > 0, small, large), high * np.where(high > 0, large, small)
    return low, high


def _exactly(run: Sequence[Known]) -> tuple[fmpz_mat, fmpz_mat, ExactAffine]:
    """Returns L and U with L <= J <= U entry by entry, for all pairs, in the unit of a map."""
    size = run[0].stage.map.in_dim
    low = fmpz_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
    high, power, divisor = low, 0, 1
    for k, part in enumerate(run):
        low, high = _applied(part.exact, low, high)
        low, high, more = _bent(low, high, _ends(run, k))
        power, divisor = power + part.exact.power + more, divisor * part.exact.divisor
    return low, high, ExactAffine(low, high, power, divisor)


def _applied(exact: ExactAffine, low: fmpz_mat, high: fmpz_mat) -> tuple[fmpz_mat, fmpz_mat]:
    shape = int(exact.weight.nrows()), int(exact.weight.ncols())
    entries = exact.weight.entries()
    plus = fmpz_mat(*shape, [entry if entry > 0 else 0 for entry in entries])
    minus = fmpz_mat(*shape, [entry if entry < 0 else 0 for entry in entries])
    return plus * low + minus * high, plus * high + minus * low


def _bent(
    low: fmpz_mat, high: fmpz_mat, bounds: Sequence[tuple[Fraction, Fraction]]
) -> tuple[fmpz_mat, fmpz_mat, int]:
    numbers, power = integers([bound for pair in bounds for bound in pair])
    pairs = list(zip(numbers[0::2], numbers[1::2], strict=True))
    shape = int(low.nrows()), int(low.ncols())
    least = [
        (small if entry > 0 else large) * entry
        for (small, large), row in zip(pairs, low.tolist(), strict=True)
        for entry in row
    ]
    most = [
        (large if entry > 0 else small) * entry
        for (small, large), row in zip(pairs, high.tolist(), strict=True)
        for entry in row
    ]
    return fmpz_mat(*shape, least), fmpz_mat(*shape, most), power


def _weights(growth: Floats) -> list[int] | None:
    """Returns v > 0 with growth v < v in floats, rounded; None when there seems to be none."""
    weights = np.ones(len(growth))
    for _ in range(60):
        image = growth @ weights
        if (image < 0.999 * weights).all():
            return [int(t) for t in np.maximum(np.round(weights / weights.max() * 2**BITS), 1)]
        weights = image / max(float(image.max()), 1e-300) + 1e-3
    return None


def _holds(found: Secants, low: fmpz_mat, high: fmpz_mat, unit: ExactAffine) -> bool:
    """Confirms (|I - P C| + |P| R) v < v over the integers, both sides times a power of two."""
    power = unit.power - 1 - found.bits  # of P C and |P| R, as L + U and U - L are twice C and R
    shift = max(power, 0)
    one = unit.divisor << (shift - power)
    size = int(low.ncols())
    absolute = fmpz_mat(
        int(found.inverse.nrows()),
        int(found.inverse.ncols()),
        [abs(e) for e in found.inverse.entries()],
    )
    middle = (found.inverse * (low + high)).tolist()
    spread = (absolute * (high - low)).tolist()
    for i in range(size):
        total = 0
        for j, weight in enumerate(found.weights):
            gap = abs((one if i == j else 0) - (int(middle[i][j]) << shift))
            total += (gap + (int(spread[i][j]) << shift)) * weight
        if total >= one * found.weights[i]:
            return False
    return True
