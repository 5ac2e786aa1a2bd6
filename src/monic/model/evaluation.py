"""What a stage gives at points: in floats with error bounds, and exactly where it is rational.

Values are arrays with one point a column. The activations that act on each number alone are
piecewise linear, t -> max(t, 0) + s min(t, 0), or stand in the table of smooth ones here.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import lcm, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import fmpz_mat

from monic.errors import LayerError
from monic.model.affine import FloatArray
from monic.model.array import exact as fraction_of
from monic.model.enclosed import UNIT, Enclosed, affine, floor, growth
from monic.model.exact import ExactAffine
from monic.model.network import Activation

if TYPE_CHECKING:
    from monic.model.network import Stage
    from monic.model.normalization import Normalization

__all__ = ["FUNCTION", "as_columns", "enclosed", "exact"]

#: More than the relative error of the exponential functions of numpy, and of what is made of them.
FUNCTION = 2.0**-48

Smooth = Callable[[FloatArray, float], FloatArray]


def _sigmoid(u: FloatArray, alpha: float) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-u)))


def _elu(u: FloatArray, alpha: float) -> FloatArray:
    return np.where(u > 0, u, alpha * np.expm1(np.minimum(u, 0.0)))


def _tanh(u: FloatArray, alpha: float) -> FloatArray:
    return np.asarray(np.tanh(u))


#: Smooth activations: the function of (u, alpha), and a bound of its slopes that depends on alpha.
_SMOOTH: dict[Activation, tuple[Smooth, Callable[[float], float]]] = {
    Activation.ELU: (_elu, lambda alpha: max(1.0, alpha)),
    Activation.SIGMOID: (_sigmoid, lambda alpha: 0.25),
    Activation.TANH: (_tanh, lambda alpha: 1.0),
}


def as_columns(x: Any, dim: int) -> tuple[FloatArray, tuple[int, ...]]:
    """Returns points of shape (*, dim) as float64 columns, and the shape (*).

    Raises:
        LayerError: when they are no points of R^dim, or not finite.

    Example:
        >>> as_columns([[1, 2, 3]], 3)[0].shape
        (3, 1)
    """
    try:
        points: FloatArray = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise LayerError(f"Expected points of shape (*, {dim}) in floats: {error}.") from None
    if points.shape[-1:] != (dim,) or not np.isfinite(points).all():
        raise LayerError(
            f"Expected points of shape (*, {dim}), all numbers finite. Got shape {points.shape}"
            f"{'' if np.isfinite(points).all() else ' with NaN or infinities'}; flatten each "
            "input to one row of numbers."
        )
    return np.ascontiguousarray(points.reshape(-1, dim).T), points.shape[:-1]


def enclosed(stage: "Stage", start: Enclosed, unit: float = UNIT) -> Enclosed:
    """Returns what a stage gives in float64, with bounds of the errors; see `enclosed.affine`.

    Raises:
        LayerError: when a slope, an alpha or statistics are not known.
    """
    inner = affine(stage.map, start, unit)
    count = stage.carried
    carried = Enclosed(inner.value[:count], inner.error[:count])
    with np.errstate(all="ignore"):
        rest = _activated(stage, Enclosed(inner.value[count:], inner.error[count:]), unit).known()
    if not count:
        return rest
    return Enclosed(
        np.concatenate([carried.value, rest.value]), np.concatenate([carried.error, rest.error])
    )


def _activated(stage: "Stage", u: Enclosed, unit: float) -> Enclosed:
    kind = stage.activation
    if kind is Activation.IDENTITY:
        return u
    if kind is Activation.RELU:
        dead = u.value + u.error < 0
        return Enclosed(np.maximum(u.value, 0.0), np.where(dead, 0.0, u.error))
    if stage.slope is not None:
        return _bent(stage.slope.reshape(-1).astype(np.float64), u, unit)
    if kind is Activation.NORMALIZATION and stage.norm is not None:
        return _normalized(stage.norm, u, unit)
    if kind not in _SMOOTH or (kind is Activation.ELU and stage.alpha is None):
        raise _unknown(stage)
    function, steepest = _SMOOTH[kind]
    alpha = 1.0 if stage.alpha is None else stage.alpha
    value = function(u.value, alpha)
    room = FUNCTION * (unit / UNIT)
    return Enclosed(
        value, (u.error * steepest(alpha) + room * np.abs(value)) * (1 + UNIT) + floor(unit)
    )


def _bent(slopes: FloatArray, u: Enclosed, unit: float) -> Enclosed:
    spread = np.repeat(slopes, len(u.value) // slopes.size)[:, None]
    value = np.where(u.value > 0, u.value, spread * u.value)
    steepest = np.where(u.value - u.error > 0, 1.0, np.maximum(spread, 1.0))
    error = u.error * steepest + growth(1, unit) * np.abs(value)
    return Enclosed(value, error * (1 + 4 * UNIT) + floor(unit))


def _normalized(norm: "Normalization", u: Enclosed, unit: float) -> Enclosed:
    """The derivative of u / s is at most 1/s in norm, that of s = |u| / sqrt(k) at most 1/sqrt(k).

    Hence both are bounded by the least s near the given numbers.
    """
    count = u.value.shape[1]
    groups = u.value.reshape(norm.groups, -1, count)
    size = groups.shape[1]
    room = growth(size + 8, unit)
    radius = _mean_root(u.error.reshape(groups.shape)) * (1 + growth(size)) + floor(unit)
    deviation = np.hypot(_mean_root(groups), sqrt(norm.epsilon))
    least = np.maximum(deviation * (1 - growth(size + 8)) - radius, 0.0)
    least = np.maximum(least, sqrt(norm.epsilon) * (1 - 8 * UNIT))
    value = groups / deviation[:, None]
    error = (
        np.where(least > 0, radius * sqrt(size) / least, np.inf)[:, None]
        + room * np.abs(value)
        + floor(unit)
    )
    value, error = value.reshape(u.value.shape), (error * (1 + 8 * UNIT)).reshape(u.value.shape)
    if not norm.deviations:
        return Enclosed(value, error)
    moved = (radius + room * deviation) * (1 + 8 * UNIT)
    return Enclosed(np.concatenate([value, deviation]), np.concatenate([error, moved]))


def _mean_root(groups: FloatArray) -> FloatArray:
    """Returns the root of the mean square along axis 1; squares do not overflow or vanish."""
    top = np.abs(groups).max(axis=1)
    scale = np.where((top > 0) & np.isfinite(top), top, 1.0)
    return np.asarray(scale * np.sqrt(((groups / scale[:, None]) ** 2).mean(axis=1)))


def exact(stage: "Stage", x: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """Returns what a stage gives at a rational point, exactly.

    The point is a linear map from R^1, and the stage's map is composed with it over the integers.

    Raises:
        LayerError: when the activation is not piecewise linear, or its slopes are not known.
    """
    slopes = stage.slopes()
    if slopes is None:
        raise LayerError(
            f"Expected piecewise linear stages, which have rational values. Got {stage.name!r} "
            f"with {_what(stage)}; evaluate in floats."
        )
    unit = lcm(*(t.denominator for t in x))
    column = fmpz_mat(len(x), 1, [int(t * unit) for t in x])
    found = stage.map.exact(ExactAffine(column, fmpz_mat(len(x), 1), 0).over(unit))
    numbers = (found.weight + found.bias).entries()
    values = (int(number) * found.scale for number in numbers)
    return tuple(v if v > 0 else s * v for v, s in zip(values, slopes, strict=True))


def rationals(x: Any, dim: int) -> tuple[Fraction, ...]:
    """Returns one point as fractions; floats are taken exactly.

    Raises:
        LayerError: when it is no point of R^dim.
    """
    try:
        point = tuple(fraction_of(t) for t in x)
    except (TypeError, ValueError, OverflowError) as error:
        raise LayerError(f"Expected one point of {dim} finite numbers: {error}.") from None
    if len(point) != dim:
        raise LayerError(f"Expected one point of {dim} numbers. Got {len(point)}.")
    return point


def _unknown(stage: "Stage") -> LayerError:
    return LayerError(
        f"Expected stages whose values are known. Got {stage.name!r} with {_what(stage)}."
    )


def _what(stage: "Stage") -> str:
    kind = stage.activation
    if kind is Activation.ELU and stage.alpha is None:
        return "an ELU whose alpha is not known"
    if kind in (Activation.LEAKY_RELU, Activation.PRELU):
        return f"a {kind.value} whose slopes are not known"
    return f"the activation {kind.value}"
