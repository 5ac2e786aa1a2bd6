"""Proved bounds of the distance from data to the range of a model.

Above: |y - f(x)| at the latent code that was found, rounded up. Below, from the last stage,
whose range holds that of the model:

* a negative y_i is at least |y_i| away from what a ReLU gives, and adds to the rest: for
  z >= 0, |y - z|^2 >= |y+ - z|^2 + |y-|^2;
* pairs of antiparallel rows leave the data in disjoint planes, see `pairs`;
* within a distance r of y, the rows P = {y_i > r} are active, so the distance is at least
  min(r, min sqrt(g)) with the convex g of `least_squares`. For v with W^T v = 0 and v >= 0
  outside P, sqrt(g) >= v.(b - y)/|v| everywhere. The excesses at a minimum of g are such a v up to
  rounding; what W^T v is short of 0 can be made up for by a change of v on P of length at most
  |W^T v| / sigma_min(W_P).
"""

import numpy as np

from monic.inversion.chain import Chain, FloatStage
from monic.inversion.least_squares import Rows, newton
from monic.inversion.pairs import Pairs
from monic.inversion.rounding import TINY, UNIT, length_above, length_below, relative_error
from monic.inversion.scaling import lengths
from monic.inversion.sigma import smallest_singular_value
from monic.model import Activation
from monic.model.array import Array

__all__ = ["distance_above", "distance_below", "distances_at"]

#: Distances below this, relative to |y|, are rounding of an exact inversion: no proof is tried.
WORTHWHILE = 1e-9
#: Radii r to try, relative to the distance that was found.
SHARES = (1.0, 0.8, 0.65, 0.5, 0.25, 0.0625)


def distance_above(chain: Chain, x: Array, y: Array) -> Array:
    """Returns |y - f(x)| rounded up, of shape (N,)."""
    return distances_at(chain, x, y)[1]


def distances_at(chain: Chain, x: Array, y: Array) -> tuple[Array, Array]:
    """Returns |y - f(x)| in floats, and rounded up, each of shape (N,)."""
    center, radius, length = chain.enclose(x)
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(y - center)
        whole = (length_above(gap) * (1 + 4 * UNIT) + length) * (1 + 4 * UNIT)
        if radius.strides[1]:  # else it is the same everywhere, and lengths say more
            parts = gap * (1 + 4 * UNIT)
            parts += radius
            whole = np.fmin(whole, length_above(parts))
        return lengths(gap), np.where(np.isnan(whole), np.inf, whole)


def distance_below(chain: Chain, y: Array, above: Array) -> Array:
    """Returns a number no larger than the distance from y to the range, of shape (N,).

    Arguments:
        chain: The model.
        y: Data of shape (N, m).
        above: Distances that are attained, of shape (N,).
    """
    stage = chain.stages[-1]
    if stage.activation.kind is Activation.RELU:
        below = _of_relu(stage, y, above)
    else:
        below = _of_one_to_one(stage, y, above)
    return np.minimum(below, above)  # both hold; a smaller lower bound is true as well


def _of_relu(stage: FloatStage, y: Array, above: Array) -> Array:
    parts = np.maximum(-y, 0.0) if stage.pairs is None else _by_pairs(stage.pairs, y)
    below = length_below(parts)
    if stage.pairs is not None and stage.pairs.is_square and stage.pairs.exact.all():
        return below  # the distance itself, up to rounding
    # f(x) >= 0, so that |y - f(x)|^2 >= |y+ - f(x)|^2 + |y-|^2
    negative = length_below(np.maximum(-y, 0.0))
    y = np.maximum(y, 0.0)
    for share in SHARES:
        radius = share * above
        unclear = np.flatnonzero((above > WORTHWHILE * lengths(y)) & (below < 0.999 * radius))
        if unclear.size:
            proved = _convex(stage, y[unclear], y[unclear] > radius[unclear, None])
            proved = np.minimum(proved, radius[unclear])
            both = length_below(np.column_stack([proved, negative[unclear]]))
            below[unclear] = np.maximum(below[unclear], both)
    return below


def _by_pairs(pairs: Pairs, y: Array) -> Array:
    """Returns distances in orthogonal subspaces: the planes of pairs, and the other outputs."""
    planes = pairs.proved_distances(y)
    if pairs.is_whole:
        return planes
    parts = np.maximum(-y, 0.0)
    parts[:, pairs.first], parts[:, pairs.second] = planes, 0.0
    return parts


def _of_one_to_one(stage: FloatStage, y: Array, above: Array) -> Array:
    """The range of the activation, and the column space of W through the activation's inverse."""
    below = length_below(stage.activation.outside(y))
    stretch = stage.activation.least_stretch
    unclear = np.flatnonzero((above > WORTHWHILE * lengths(y)) & (stretch > 0))
    if unclear.size:
        inner = stage.activation.inverse(y[unclear])
        room = 4 * UNIT * lengths(inner)  # what one rounded division may have moved
        proved = _convex(stage, inner, np.ones(inner.shape, dtype=bool)) - room
        below[unclear] = np.maximum(below[unclear], stretch * proved * (1 - 4 * UNIT))
    return below


def _convex(stage: FloatStage, y: Array, sure: Array) -> Array:
    """Returns lower bounds of min sqrt(g) over R^n, 0 where nothing is proved."""
    proved = np.zeros(len(y))
    if stage.floats.matrix is None:
        return proved  # the proof needs singular values
    rows = Rows(stage.floats, y - stage.bias, sure)
    fit = newton(rows, np.zeros((len(y), stage.floats.shape[1])))
    known: dict[bytes, float] = {}
    for k, mask in enumerate(sure):
        key = mask.tobytes()
        if key not in known:
            known[key] = smallest_singular_value(stage.weight[mask])
        if known[key] > 0:
            proved[k] = _dual_bound(stage, y[k], fit.excess[k], known[key])
    return proved


def _dual_bound(stage: FloatStage, y: Array, v: Array, sigma: float) -> float:
    """Returns v.(b - y)/|v| for a v near the given one with W^T v = 0 exactly, rounded down."""
    error = relative_error(len(v))
    short = np.abs(v @ stage.weight) + error * (np.abs(v) @ np.abs(stage.weight)) + TINY
    change = float(length_above(short[None])[0]) / sigma * (1 + 8 * UNIT)
    gap = stage.bias - y
    product = float(v @ gap) - error * float(np.abs(v) @ (np.abs(stage.bias) + np.abs(y))) - TINY
    sizes = float(length_above((np.abs(stage.bias) + np.abs(y))[None])[0])
    product -= change * sizes * (1 + 8 * UNIT)
    length = float(length_above(np.abs(v)[None])[0]) + change
    return max(0.0, product / length * (1 - 16 * UNIT)) if product > 0 else 0.0
