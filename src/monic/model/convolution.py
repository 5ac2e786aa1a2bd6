"""Convolutions as steps of an affine map: exact, and never written out unless they are small.

The value before a convolution is taken as an array (channels, *spatial) in C order, and so is
its own. As everywhere in machine learning the kernel is not flipped: tap k reads x[q + k].
"""

from dataclasses import dataclass, field
from math import prod

import numpy as np
from flint import fmpz, fmpz_mat

from monic.errors import LayerError, TooLarge
from monic.model.affine import AffineMap, FloatArray
from monic.model.array import Array, dyadic, freeze
from monic.model.exact import ExactAffine
from monic.model.grid import Geometry
from monic.model.taps import Taps

__all__ = ["Convolution", "ConvolutionMap", "TransposedConvolution"]

#: A convolution with more entries is not written out as a dense matrix.
ENTRIES = 1 << 23

#: From so many times fewer dimensions than its input has, its columns are convolved one by one.
FEW = 8


class ConvolutionMap(AffineMap):
    """A convolution, transposed or not; abstract."""

    __slots__ = ()
    kernel: Array
    of: AffineMap
    geometry: Geometry
    taps: Taps

    @property
    def out_shape(self) -> tuple[int, ...]:
        """The shape (filters, *spatial) of the value."""
        return self.taps.out_shape

    def parts(self) -> tuple[AffineMap, ...]:
        return (self.of,)

    @property
    def terms(self) -> int:  # type: ignore[override]
        """How many products one entry adds up: one for each channel of its group and tap."""
        return prod(self.taps.kernel.shape[1:])

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        kernel: FloatArray = self.taps.kernel.astype(np.float64)
        given = np.abs(kernel) if absolute else kernel
        return self.taps.apply(parts[0], kernel=given).reshape(self.out_dim, *parts[0].shape[1:])

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        rows, columns = prod(self.taps.out_shape), prod(self.taps.shape)
        inputs = int(parts[0].weight.ncols())
        if rows * min(columns, inputs) > ENTRIES:
            raise TooLarge(
                f"Expected a dense matrix of at most {ENTRIES:,} entries. Got a convolution of "
                f"{rows:,} x {columns:,} after a map of {inputs:,} inputs; only its filters say "
                "more about it."
            )
        integers, exponent = dyadic(self.taps.kernel)
        if rows * columns > ENTRIES:  # the map before has few columns: it is walked over
            return self._walked(integers, exponent, parts[0])
        flat = integers.entries()
        pattern = self.taps.pattern()
        entries: list[int | fmpz] = [0] * (rows * columns)
        cells = (pattern.rows * columns + pattern.columns).tolist()
        for cell, place in zip(cells, pattern.places.tolist(), strict=True):
            entries[cell] += flat[place]
        return parts[0].times(fmpz_mat(rows, columns, entries), exponent)

    def _walked(self, integers: fmpz_mat, exponent: int, inner: ExactAffine) -> ExactAffine:
        """Returns the convolution of every column of a map, and of its bias, tap by tap."""
        table = [
            [*row, bias]
            for row, bias in zip(inner.weight.tolist(), inner.bias.entries(), strict=True)
        ]
        found = self.taps.exactly(integers, table)
        weight = fmpz_mat([row[:-1] for row in found])
        bias = fmpz_mat(len(found), 1, [row[-1] for row in found])
        return ExactAffine(weight, bias, inner.power + exponent, inner.divisor)


@dataclass(frozen=True, slots=True, eq=False)
class Convolution(ConvolutionMap):
    """The step y -> K * y, over 1 to 3 spatial axes.

    Arguments:
        kernel: Of shape (filters, channels / groups, *taps). A matrix (filters, channels / groups)
            has one tap: it is applied to the channels at every position by themselves.
        of: The step before; its value has prod(geometry.shape) entries.
        geometry: The input's shape, and how the kernel walks over it.

    Raises:
        LayerError: when the shapes do not fit.

    Example:
        >>> from monic.model.affine import Input
        >>> edges = Convolution([[[1.0, -1.0]]], Input(5), Geometry((1, 5), padding=((0, 1),)))
        >>> edges.out_shape, edges.exact().weight.tolist()[4]
        ((1, 5), [0, 0, 0, 0, 1])
    """

    kernel: Array
    of: AffineMap
    geometry: Geometry
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    taps: Taps = field(init=False, repr=False)

    def __post_init__(self) -> None:
        kernel, geometry = _kernel(self.kernel, self.of, self.geometry), self.geometry
        if any(extra for extra in _extra(geometry)):
            raise LayerError(
                "Expected an output_padding of 0: only transposed convolutions have one. Got "
                f"{geometry.output_padding}."
            )
        filters, width = kernel.shape[:2]
        if width * geometry.groups != geometry.channels or filters % geometry.groups:
            raise LayerError(
                f"Expected a kernel of shape (filters, {geometry.channels // geometry.groups}, "
                f"...) with filters a multiple of {geometry.groups}. Got {kernel.shape}."
            )
        _finish(self, kernel, _with_taps(kernel, geometry), transposed=False)

    def after(self, *parts: AffineMap) -> AffineMap:
        return Convolution(self.kernel, parts[0], self.geometry)


@dataclass(frozen=True, slots=True, eq=False)
class TransposedConvolution(ConvolutionMap):
    """The adjoint of a convolution as a step: it spreads each entry over a kernel's size.

    Its value at o is the sum of K[c, f, k] y[c, i] over i * stride + k * dilation - before = o.

    Arguments:
        kernel: Of shape (channels, filters / groups, *taps), as other libraries store it. A
            matrix has one tap.
        of: The step before.
        geometry: The input's shape; `mode` must be "zero", and `padding` crops the output.

    Raises:
        LayerError: when the shapes do not fit.

    Example:
        >>> from monic.model.affine import Input
        >>> up = TransposedConvolution([[[1.0, 2.0]]], Input(2), Geometry((1, 2), stride=2))
        >>> up.exact().weight.tolist()
        [[1, 0], [2, 0], [0, 1], [0, 2]]
    """

    kernel: Array
    of: AffineMap
    geometry: Geometry
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    taps: Taps = field(init=False, repr=False)

    def __post_init__(self) -> None:
        kernel, geometry = _kernel(self.kernel, self.of, self.geometry), self.geometry
        if geometry.mode != "zero":
            raise LayerError(
                f"Expected the padding mode 'zero' of a transposed convolution. Got "
                f"{geometry.mode!r}."
            )
        if kernel.shape[0] != geometry.channels:
            raise LayerError(
                f"Expected a kernel of shape ({geometry.channels}, filters / groups, ...). Got "
                f"{kernel.shape}."
            )
        groups, wide = geometry.groups, _with_taps(kernel, geometry)
        width = wide.shape[1]
        # (groups, channels / groups, filters / groups, ...) -> (filters, channels / groups, ...)
        split = wide.reshape(groups, -1, *wide.shape[1:]).swapaxes(1, 2)
        gathered = np.ascontiguousarray(split).reshape(groups * width, -1, *wide.shape[2:])
        gathered.setflags(write=False)
        _finish(self, kernel, gathered, transposed=True)

    def after(self, *parts: AffineMap) -> AffineMap:
        return TransposedConvolution(self.kernel, parts[0], self.geometry)


def _kernel(values: object, of: AffineMap, geometry: Geometry) -> Array:
    ndim = 2 if np.ndim(values) == 2 else len(geometry.shape) + 1  # type: ignore[arg-type]
    kernel = freeze(values, "kernel", ndim=ndim)
    if 0 in kernel.shape:
        raise LayerError(f"Expected a kernel with entries. Got shape {kernel.shape}.")
    if of.out_dim != prod(geometry.shape):
        raise LayerError(
            f"Expected an input of shape {geometry.shape}, {prod(geometry.shape)} numbers. Got "
            f"{of.out_dim}."
        )
    return kernel


def _with_taps(kernel: Array, geometry: Geometry) -> Array:
    """Returns a kernel with an axis of taps for every axis of positions."""
    if kernel.ndim > 2:
        return kernel
    return kernel.reshape(*kernel.shape, *(1,) * len(geometry.spatial))


def _extra(geometry: Geometry) -> list[int]:
    return [geometry.steps(axis)[2] for axis in range(len(geometry.spatial))]


def _finish(step: ConvolutionMap, kernel: Array, gathered: Array, *, transposed: bool) -> None:
    geometry = step.geometry
    tables = tuple(
        geometry.table(axis, size, transposed=transposed)
        for axis, size in enumerate(gathered.shape[2:])
    )
    taps = Taps(gathered, tables, geometry.shape, geometry.groups)
    object.__setattr__(step, "kernel", kernel)
    object.__setattr__(step, "taps", taps)
    object.__setattr__(step, "in_dim", step.of.in_dim)
    object.__setattr__(step, "out_dim", prod(taps.out_shape))
