"""Affine maps in floats, step by step: values with rigorous error bounds, and adjoints.

Nothing is multiplied out, so that memory is proportional to the activations. The bounds are the
usual ones for inner products summed in any order (Higham, Accuracy and Stability of Numerical
Algorithms, 2002, Section 3.1), with a margin for the rounding of the bounds themselves.
"""

from dataclasses import dataclass

import numpy as np

from monic.model import (
    AffineMap,
    ChannelScale,
    ChannelShift,
    Concat,
    Input,
    Linear,
    Scale,
    Shift,
)
from monic.model.convolution import ConvolutionMap
from monic.model.taps import FloatArray
from monic.model.wiring import Wiring

__all__ = ["FloatMap", "Rounded"]

_UNIT = 2.0**-53

#: More than what underflow can do to one error bound.
_FLOOR = 2.0**-1070

#: More than all that underflow can do to one sum of products of floats.
_TINY = 2.0**-1000


@dataclass(frozen=True, slots=True, eq=False)
class Rounded:
    """Floats, and how far each may be from the exact number; infinite where nothing is known."""

    value: FloatArray
    error: FloatArray


class FloatMap:
    """An affine map whose steps are carried out in float64.

    Example:
        >>> from monic.model import Product
        >>> FloatMap(Product([[1.0, -3.0]])).value(np.array([1.0, 1.0])).tolist()
        [-2.0]
    """

    def __init__(self, value: AffineMap) -> None:
        self._steps = value.steps()
        self._places = {id(step): i for i, step in enumerate(self._steps)}

    def bounded(self, x: FloatArray) -> Rounded:
        """Returns W x + b with error bounds; x is taken as exact."""
        known: list[Rounded] = []
        with np.errstate(all="ignore"):  # an overflow leaves infinities and NaN: nothing known
            for step in self._steps:
                parts = [known[self._places[id(part)]] for part in step.parts()]
                known.append(_bounded(step, x, parts))
        return known[-1]

    def value(self, x: FloatArray, *, shifts: bool = True) -> FloatArray:
        """Returns W x + b, or W x without shifts."""
        known: list[FloatArray] = []
        for step in self._steps:
            parts = [known[self._places[id(part)]] for part in step.parts()]
            known.append(_value(step, x, parts, shifts=shifts))
        return known[-1]

    def adjoint(self, y: FloatArray) -> FloatArray:
        """Returns W^T y."""
        slopes: dict[int, FloatArray] = {len(self._steps) - 1: y}
        for number in range(len(self._steps) - 1, 0, -1):
            step = self._steps[number]
            for part, slope in zip(step.parts(), _pulled(step, slopes.pop(number)), strict=True):
                place = self._places[id(part)]
                slopes[place] = slopes[place] + slope if place in slopes else slope
        return slopes[0]

    def estimate_lengths(self) -> FloatArray:
        """Returns estimates of |w_i|, from 16 random points with a fixed seed, for a search."""
        random = np.random.default_rng(0)
        size = self._steps[0].in_dim
        square = np.zeros(self._steps[-1].out_dim)
        for _ in range(16):
            square += self.value(random.standard_normal(size), shifts=False) ** 2
        lengths = np.sqrt(square / 16)
        lengths[lengths == 0] = 1.0
        return np.asarray(lengths)


def _value(step: AffineMap, x: FloatArray, parts: list[FloatArray], *, shifts: bool) -> FloatArray:
    if isinstance(step, Input):
        return x
    if isinstance(step, Concat):
        return np.concatenate(parts)
    if isinstance(step, ConvolutionMap):
        return step.taps.apply(parts[0])
    if isinstance(step, Wiring):
        return step.act(*parts)
    if isinstance(step, Linear):
        return np.asarray(_matrix(step) @ parts[0])
    if isinstance(step, Shift | ChannelShift):
        if not shifts:
            return parts[0]
        return parts[0] + (-_vector(step) if step.negative else _vector(step))
    assert isinstance(step, Scale | ChannelScale), "every other step is known above"
    return parts[0] * _vector(step)


def _bounded(step: AffineMap, x: FloatArray, parts: list[Rounded]) -> Rounded:
    inner = [part.value for part in parts]
    value = _value(step, x, inner, shifts=True)
    if isinstance(step, Input):
        return Rounded(value, np.zeros_like(value))
    if isinstance(step, Concat):
        return Rounded(value, np.concatenate([part.error for part in parts]))
    if isinstance(step, Wiring):
        share = (2 * step.terms + 4) * _UNIT  # each weight, product and sum is rounded once
        sizes = (np.abs(v) * share + part.error for v, part in zip(inner, parts, strict=True))
        error = step.act(*sizes, absolute=True) + step.terms * _TINY
        return Rounded(value, np.where(np.isfinite(value), error * 1.0001, np.inf))
    size, known = np.abs(inner[0]), parts[0].error
    if isinstance(step, ConvolutionMap | Linear):
        count = step.parts()[0].out_dim
        if isinstance(step, ConvolutionMap):
            count = int(np.prod(step.taps.kernel.shape[1:]))
        # each product, each sum, and the rounding of integer weights to floats
        spread = (count + 2) * _UNIT / (1 - (count + 2) * _UNIT)
        error = _absolute(step, spread * size + known + _FLOOR) + count * _TINY
    elif isinstance(step, Shift | ChannelShift):
        error = known + _UNIT * (np.abs(value) + np.abs(_vector(step)))
    else:
        assert isinstance(step, Scale | ChannelScale), "every other step is known above"
        error = known * np.abs(_vector(step)) + 4 * _UNIT * np.abs(value) + _TINY
    return Rounded(value, np.where(np.isfinite(value), error * 1.0001, np.inf))


def _absolute(step: ConvolutionMap | Linear, size: FloatArray) -> FloatArray:
    """|W| applied to sizes."""
    if isinstance(step, ConvolutionMap):
        return step.taps.apply(size, kernel=np.abs(step.taps.kernel.astype(np.float64)))
    return np.asarray(np.abs(_matrix(step)) @ size)


def _pulled(step: AffineMap, slope: FloatArray) -> list[FloatArray]:
    if isinstance(step, Concat):
        ends = np.cumsum([part.out_dim for part in step.parts()])[:-1]
        return list(np.split(slope, ends))
    if isinstance(step, ConvolutionMap):
        return [step.taps.adjoint(slope)]
    if isinstance(step, Wiring):
        return step.adjoint(slope)
    if isinstance(step, Linear):
        return [np.asarray(_matrix(step).T @ slope)]
    if isinstance(step, Shift | ChannelShift):
        return [slope]
    assert isinstance(step, Scale | ChannelScale), "every other step is known above"
    return [slope * _vector(step)]


def _matrix(step: Linear) -> FloatArray:
    matrix: FloatArray = step.matrix.astype(np.float64)
    return matrix.T if step.transposed else matrix


def _vector(step: Shift | Scale | ChannelShift | ChannelScale) -> FloatArray:
    vector: FloatArray = step.vector.reshape(-1).astype(np.float64)
    return np.repeat(vector, step.out_dim // vector.size)
