"""What a stage of a network sees: convex supersets, with interior, of what reaches it.

On a box, intervals are carried through the exact affine map over the rationals and rounded
outwards to float64. Where nothing is known of the input, a ReLU still leaves the orthant.
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
    size = stage.map.out_dim
    if stage.activation is Activation.TANH:
        return Box(np.full(size, -1.0), np.full(size, 1.0))
    if stage.activation is Activation.SIGMOID:
        return Box(np.zeros(size), np.ones(size))
    if stage.activation not in (Activation.RELU, Activation.IDENTITY):
        return WholeSpace()
    unknown = Orthant() if stage.activation is Activation.RELU else WholeSpace()
    if not isinstance(domain, Box) or not is_small(stage.map):
        return unknown
    low, high = intervals(stage.map.exact(), domain)
    if stage.activation is Activation.RELU:
        low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
    with np.errstate(over="ignore"):
        thick = low + THICK * np.maximum(np.abs(low), 1.0)
    high = np.where(low < high, high, thick)
    if not np.isfinite(high).any() and not (np.isfinite(low) & (low != 0)).any():
        return unknown
    return Box(low, high)


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
