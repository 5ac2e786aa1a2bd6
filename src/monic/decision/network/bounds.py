"""What a stage of a network sees: convex supersets, with interior, of what reaches it.

On a box, intervals are carried through the exact affine map over the rationals and rounded
outwards to float64. Where nothing is known of the input, a ReLU still leaves the orthant; numbers
that are carried past it keep the interval of the affine map.
"""

from fractions import Fraction
from math import inf, nextafter

import numpy as np
from flint import fmpz, fmpz_mat

from monic.decision.network.chain import is_small
from monic.model import Activation, Box, Domain, Orthant, Stage, WholeSpace
from monic.model.affine import ExactAffine
from monic.model.array import Array, dyadic

__all__ = ["intervals", "range_superset"]

#: A constant output is given an interval of this length, relative to its size, for an interior.
THICK = 2.0**-10

_BOUNDED = {Activation.TANH: (-1.0, 1.0), Activation.SIGMOID: (0.0, 1.0)}


def range_superset(stage: Stage, domain: Domain) -> Domain:
    """Returns a convex set with interior that holds every output of a stage on a domain.

    Example:
        >>> from monic.model import Linear, Input
        >>> import numpy as np
        >>> stage = Stage("fc", Linear(np.array([[1.0, -2.0]]), Input(2)))
        >>> after = range_superset(stage, Box([0.0, 0.0], [1.0, 1.0]))
        >>> after.lower.tolist(), after.upper.tolist()
        ([0.0], [1.0])
    """
    low, high = _before(stage, domain)
    c = stage.carried
    low[c:], high[c:] = _after(stage, low[c:], high[c:])
    more = stage.out_dim - len(low)  # deviations of groups
    low, high = np.append(low, np.full(more, -inf)), np.append(high, np.full(more, inf))
    with np.errstate(over="ignore", invalid="ignore"):
        thick = low + THICK * np.maximum(np.abs(low), 1.0)
    high = np.where(low < high, high, thick)
    if np.isinf(high).all() and ((low == 0).all() or np.isinf(low).all()):
        return Orthant() if (low == 0).all() else WholeSpace()
    return Box(low, high)


def _before(stage: Stage, domain: Domain) -> tuple[Array, Array]:
    """Returns bounds of what comes before the activation, where they are easily known."""
    size = stage.map.out_dim
    box = _as_box(domain, stage.map.in_dim)
    bounded = stage.activation in _BOUNDED and not stage.carried
    through_orthant = isinstance(domain, Orthant) and not stage.carried
    if box is None or bounded or through_orthant or not is_small(stage.map):
        return np.full(size, -inf), np.full(size, inf)
    return intervals(stage.map.exact(), box)


def _as_box(domain: Domain, dim: int) -> Box | None:
    if isinstance(domain, Orthant):
        return Box(np.zeros(dim), np.full(dim, inf))
    return domain if isinstance(domain, Box) else None


def _after(stage: Stage, low: Array, high: Array) -> tuple[Array, Array]:
    """Returns bounds of what an activation gives on intervals."""
    if stage.activation in _BOUNDED:
        low_end, high_end = _BOUNDED[stage.activation]
        return np.full(low.shape, low_end), np.full(low.shape, high_end)
    slopes = stage.slopes()
    if slopes is None:
        return np.full(low.shape, -inf), np.full(low.shape, inf)
    rest = slopes[stage.carried :]
    lows = [_bent(end, slope, True) for end, slope in zip(low.tolist(), rest, strict=True)]
    highs = [_bent(end, slope, False) for end, slope in zip(high.tolist(), rest, strict=True)]
    return np.array(lows), np.array(highs)


def _bent(end: float, slope: Fraction, down: bool) -> float:
    """Returns max(t, 0) + s min(t, 0), rounded outwards."""
    if end >= 0 or slope == 1:
        return end
    return 0.0 if slope == 0 else -inf if end == -inf else _end(slope * Fraction(end), down)


def intervals(value: ExactAffine, box: Box) -> tuple[Array, Array]:
    """Returns bounds of w_i.x + b_i on a box, rounded outwards to float64."""
    finite = np.isfinite(box.lower), np.isfinite(box.upper)
    lower, upper = (
        dyadic(np.where(known, bound, 0.0))
        for known, bound in zip(finite, (box.lower, box.upper), strict=True)
    )
    table = value.weight.tolist()
    zero = fmpz(0)
    plus = fmpz_mat([[a if a > 0 else zero for a in row] for row in table])
    minus = fmpz_mat([[a if a < 0 else zero for a in row] for row in table])
    signs = np.array([[(a > 0) - (a < 0) for a in row] for row in table], dtype=np.int8)
    ends = []
    for first, second, down in ((lower, upper, True), (upper, lower, False)):
        low_known, high_known = finite if down else finite[::-1]
        open_ = ((signs > 0) & ~low_known).any(axis=1) | ((signs < 0) & ~high_known).any(axis=1)
        numbers = _sum(plus * first[0], first[1], minus * second[0], second[1], value)
        pairs = zip(numbers, np.logical_not(open_).tolist(), strict=True)
        none = -inf if down else inf
        ends.append([_end(number, down) if known else none for number, known in pairs])
    return np.array(ends[0]), np.array(ends[1])


def _sum(first: fmpz_mat, p: int, second: fmpz_mat, q: int, value: ExactAffine) -> list[Fraction]:
    """Returns first 2^p + second 2^q + bias, in the unit of a map."""
    low = min(p, q, 0)
    total = first * (1 << (p - low)) + second * (1 << (q - low)) + value.bias * (1 << -low)
    scale = Fraction(2) ** low * value.scale
    return [int(entry) * scale for entry in total.entries()]


def _end(number: Fraction, down: bool) -> float:
    """Returns the float64 nearest to a number that is not inside the interval."""
    try:
        nearest = float(number)
    except OverflowError:
        nearest = inf if number > 0 else -inf
    if nearest in (inf, -inf):
        inward = (nearest == inf) == down
        return nextafter(nearest, 0.0) if inward else nearest
    exact = Fraction(nearest)
    if exact == number or (exact < number) == down:
        return nearest
    return nextafter(nearest, -inf if down else inf)
