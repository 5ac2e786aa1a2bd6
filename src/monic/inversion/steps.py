"""Affine maps carried out step by step, with nothing multiplied out: for convolutions.

A column of numbers is one sample. Memory is proportional to the activations and kernels. Errors
are bounded step by step, as in `decision.convolution.floats`: each step adds its own rounding to
what it is given (section 3.1 of [Higham, 2002]).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

from monic.errors import InversionError
from monic.inversion.linear_map import FloatMap
from monic.inversion.rounding import TINY, UNIT, relative_error
from monic.model import ChannelScale, ChannelShift, Concat, Input, Linear, Scale, Shift
from monic.model.affine import AffineMap
from monic.model.array import Array
from monic.model.convolution import ConvolutionMap
from monic.model.mean import Centre, Combine
from monic.model.wiring import Select, Sum, Wiring

__all__ = ["StepMap", "is_large"]

#: Maps with convolutions are written out up to so many entries.
ENTRIES = 1 << 21

_KNOWN = (ChannelScale, ChannelShift, Concat, ConvolutionMap, Input, Linear, Scale, Shift, Wiring)
_Add = Callable[[AffineMap, Array], Array]


def is_large(affine: AffineMap) -> bool:
    """Whether a map has convolutions, and too many entries for a matrix."""
    steps = affine.steps()
    if affine.in_dim * affine.out_dim <= ENTRIES:
        return False
    return any(isinstance(step, ConvolutionMap) for step in steps)


@dataclass(frozen=True, slots=True, eq=False)
class StepMap(FloatMap):
    """The steps of an affine map, in float64, on batches.

    Arguments:
        map: The exact map.
        bias: b, in floats.
        slip: Bounds of the errors of b.
        near: Nearly the inverse of W^T W, or None.
    """

    map: AffineMap
    bias: Array
    slip: Array
    near: Callable[[Array], Array] | None = None

    @classmethod
    def of(cls, affine: AffineMap) -> "StepMap":
        """Returns the steps of a map.

        Raises:
            InversionError: for steps that have no floats here.
        """
        strange = {type(s).__name__ for s in affine.steps() if not isinstance(s, _KNOWN)}
        if strange:
            raise InversionError(
                "Expected layers of more than "
                f"{ENTRIES:,} entries to be made of convolutions, matrices, scales and shifts. "
                f"Got {sorted(strange)}."
            )
        zero = np.zeros((affine.in_dim, 1))
        value, error = _bounded(affine, zero)
        return cls(affine, value[:, 0], error[:, 0])

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        return self.map.out_dim, self.map.in_dim

    @property
    def gram(self) -> Callable[[Array], Array] | None:
        return self.near

    def linear(self, x: Array) -> Array:
        return np.ascontiguousarray(_forward(self.map, np.ascontiguousarray(x.T), _plain).T)

    def adjoint(self, v: Array) -> Array:
        return _backward(self.map, np.ascontiguousarray(v.T), absolute=False).T

    def enclosed(self, x: Array) -> tuple[Array, Array]:
        value, error = _bounded(self.map, np.ascontiguousarray(x.T))
        return value.T, error.T

    def spread(self, radius: Array) -> Array:
        sizes = _forward(self.map, np.ascontiguousarray(radius.T), _absolute)
        return np.asarray(sizes.T * (1 + self._room()) + TINY)

    def largest(self) -> float:
        """sqrt(|W|_1 |W|_inf): the largest sums of absolute values of columns and rows."""
        rows = _forward(self.map, np.ones((self.shape[1], 1)), _absolute)
        columns = _backward(self.map, np.ones((self.shape[0], 1)), absolute=True)
        product = float(rows.max(initial=0.0)) * float(columns.max(initial=0.0))
        return float(np.sqrt(product) * (1 + self._room()) + TINY)

    def _room(self) -> float:
        """The relative error of a sum of products without signs through all steps."""
        return 2 * relative_error(sum(_terms(step) for step in self.map.steps()))


def _terms(step: AffineMap) -> int:
    """How many products one output of a step adds up, in either direction."""
    if isinstance(step, ConvolutionMap):
        kernel = step.taps.kernel
        filters, inner = kernel.shape[0] // step.taps.groups, prod(kernel.shape[2:])
        return int(inner * max(filters, kernel.shape[1]))
    if isinstance(step, Linear):
        return int(max(step.matrix.shape))
    if isinstance(step, Combine):
        return max(step.terms, int(step.table.getnnz(axis=0).max()))
    if isinstance(step, Centre):
        return step.terms
    # a value used by several steps has its slopes added up: room for the steps themselves
    return 4 + len(step.parts())


def _forward(affine: AffineMap, x: Array, apply: _Add) -> Array:
    """Runs the steps on columns, without shifts."""
    known: dict[int, Array] = {}
    for step in affine.steps():
        if isinstance(step, Input):
            known[id(step)] = x
            continue
        parts = [known[id(part)] for part in step.parts()]
        known[id(step)] = _joined(step, parts, apply)
    return known[id(affine)]


def _joined(step: AffineMap, parts: list[Array], apply: _Add) -> Array:
    if isinstance(step, Concat):
        return np.concatenate(parts)
    if isinstance(step, Sum):
        return np.asarray(sum(parts[1:], parts[0]))
    return parts[0] if isinstance(step, (Shift, ChannelShift)) else apply(step, parts[0])


def _plain(step: AffineMap, x: Array) -> Array:
    if isinstance(step, ConvolutionMap):
        return step.taps.apply(x).reshape(step.out_dim, -1)
    if isinstance(step, Linear):
        return np.asarray(_matrix(step) @ x)
    if isinstance(step, Wiring):
        return step.act(x)
    assert isinstance(step, (Scale, ChannelScale)), "`of` refuses others"
    return _vector(step) * x


def _absolute(step: AffineMap, x: Array) -> Array:
    if isinstance(step, ConvolutionMap):
        kernel = np.abs(step.taps.kernel.astype(np.float64))
        return step.taps.apply(x, kernel=kernel).reshape(step.out_dim, -1)
    if isinstance(step, Linear):
        return np.asarray(np.abs(_matrix(step)) @ x)
    if isinstance(step, Wiring):
        return step.act(x, absolute=True)
    return (
        np.abs(_vector(step)) * x if isinstance(step, (Scale, ChannelScale)) else _plain(step, x)
    )


def _backward(affine: AffineMap, v: Array, *, absolute: bool) -> Array:
    """Returns W^T v, or |W|^T v through the absolute values of all steps."""
    slopes: dict[int, Array] = {id(affine): v}
    for step in reversed(affine.steps()):
        slope = slopes[id(step)]
        if isinstance(step, Input):
            return slope
        for part, pulled in zip(step.parts(), _pulled(step, slope, absolute), strict=True):
            known = slopes.get(id(part))
            slopes[id(part)] = pulled if known is None else known + pulled
    raise AssertionError("every map starts at an input")


def _pulled(step: AffineMap, slope: Array, absolute: bool) -> list[Array]:
    change = np.abs if absolute else np.asarray
    if isinstance(step, Concat):
        ends = np.cumsum([part.out_dim for part in step.parts()])[:-1]
        return list(np.split(slope, ends))
    if isinstance(step, Wiring):
        return step.adjoint(slope, absolute=absolute)
    if isinstance(step, (Shift, ChannelShift)):
        return [slope]
    if isinstance(step, ConvolutionMap):
        kernel = change(step.taps.kernel.astype(np.float64))
        return [step.taps.adjoint(slope, kernel=kernel).reshape(step.of.out_dim, -1)]
    if isinstance(step, Linear):
        return [change(_matrix(step)).T @ slope]
    assert isinstance(step, (Scale, ChannelScale)), "`of` refuses others"
    return [change(_vector(step)) * slope]


def _bounded(affine: AffineMap, x: Array) -> tuple[Array, Array]:
    """Returns W x + b for columns with bounds of its errors, infinite where nothing is known."""
    known: dict[int, tuple[Array, Array]] = {}
    with np.errstate(all="ignore"):
        for step in affine.steps():
            if isinstance(step, Input):
                known[id(step)] = x, np.zeros_like(x)
                continue
            parts = [known[id(part)] for part in step.parts()]
            value, error = _step_bounded(step, [p[0] for p in parts], [p[1] for p in parts])
            known[id(step)] = value, np.where(np.isfinite(value), error, np.inf)
    return known[id(affine)]


def _step_bounded(step: AffineMap, parts: list[Array], errors: list[Array]) -> tuple[Array, Array]:
    room = 1 + 2 * relative_error(_terms(step))
    if isinstance(step, (Shift, ChannelShift)):
        vector = -_vector(step) if step.negative else _vector(step)
        value = parts[0] + vector
        return value, (errors[0] + 4 * UNIT * (np.abs(value) + np.abs(vector))) * room
    value = _joined(step, parts, _plain)
    if isinstance(step, (Concat, Select)):
        return value, _joined(step, errors, _plain)
    own = relative_error(_terms(step))
    reach = [
        error * (1 + own) + own * np.abs(part) for part, error in zip(parts, errors, strict=True)
    ]
    return value, _joined(step, reach, _absolute) * room + TINY


def _matrix(step: Linear) -> Array:
    matrix: Array = step.matrix.astype(np.float64)
    return matrix.T if step.transposed else matrix


def _vector(step: Shift | Scale | ChannelShift | ChannelScale) -> Array:
    vector: Array = step.vector.reshape(-1).astype(np.float64)
    return np.repeat(vector, step.out_dim // vector.size)[:, None]
