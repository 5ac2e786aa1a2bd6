"""Convolutions with circular padding, inverted frequency by frequency.

Where shifting the input by the stride shifts the output by one, all around, the discrete Fourier
transform turns the operator into one small matrix a frequency: filters x (channels x phases of
the stride). The transform is unitary up to one factor, so that the singular values of all these
matrices are those of the operator; the least of them is bounded with proof.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from monic.inversion.frequencies import frequency_matrices
from monic.inversion.sigma import smallest_singular_value
from monic.inversion.solvers import Solver
from monic.model.array import Array
from monic.model.taps import Taps

__all__ = ["Fourier"]


@dataclass(frozen=True, slots=True, eq=False)
class Fourier(Solver):
    """Filters of a circulant convolution.

    Arguments:
        taps: The convolution.
        scales: What each filter is multiplied by.
        matrices: Of shape (groups, frequencies, filters / groups, width): what the operator does
            to one frequency.
        slip: A bound of the error of each of their entries, of shape (groups, filters / groups).
    """

    taps: Taps
    scales: Array
    matrices: Array
    slip: Array

    @classmethod
    def of(cls, taps: Taps, scales: Array) -> "Fourier | None":
        """Returns the solver, or None when floats say that some frequency is lost."""
        matrices, slip = frequency_matrices(taps)
        if matrices.shape[2] < matrices.shape[3]:
            return None
        values = np.linalg.svd(matrices, compute_uv=False)
        if values.min() <= 1e-13 * values.max():
            return None
        return cls(taps, scales, matrices, slip)

    @property
    def columns(self) -> int:  # type: ignore[override]
        return prod(self.taps.shape)

    def solve(self, t: Array) -> Array:
        counts, groups = self.taps.out_shape[1:], self.taps.groups
        axes = tuple(range(-len(counts), 0))
        target = t.reshape(len(t), -1, self.taps.positions) / self.scales[:, None]
        waves = np.fft.fftn(target.reshape(len(t), -1, *counts), axes=axes)
        waves = waves.reshape(len(t), groups, -1, self.taps.positions)
        waves = waves.transpose(1, 3, 2, 0)  # groups, frequencies, filters, samples
        orthogonal, triangle = np.linalg.qr(self.matrices)
        found = np.linalg.solve(triangle, orthogonal.conj().swapaxes(-1, -2) @ waves)
        return self._gathered(found.transpose(3, 0, 2, 1), axes)

    def _gathered(self, waves: Array, axes: tuple[int, ...]) -> Array:
        """Turns waves (samples, groups, channels x phases, frequencies) into samples."""
        counts, sizes = self.taps.out_shape[1:], self.taps.shape[1:]
        strides = [size // count for size, count in zip(sizes, counts, strict=True)]
        dims, channels = len(counts), self.taps.shape[0]
        grid = np.fft.ifftn(waves.reshape(len(waves), -1, *counts), axes=axes).real
        grid = grid.reshape(len(waves), channels, *strides, *counts)
        # along each axis, position = count * stride + phase
        order = [a for k in range(dims) for a in (2 + dims + k, 2 + k)]
        return np.ascontiguousarray(grid.transpose(0, 1, *order)).reshape(len(waves), -1)

    def smallest(self, weights: Array, rows: Array) -> float:
        """All positions of a filter have the same weight; the least singular value of all."""
        if not rows.all():
            return 0.0
        each = weights.reshape(-1, self.taps.positions)
        least = each.min(axis=1) * np.abs(self.scales) * (1 - 2.0**-50)
        least = least.reshape(self.taps.groups, -1)
        bound = np.inf
        for group, matrices in enumerate(self.matrices):
            weight = least[group]
            width = matrices.shape[-1]
            error = np.sqrt(width * np.sum((weight * self.slip[group]) ** 2)) * (1 + 2.0**-40)
            for matrix in matrices[self._half()]:
                scaled = weight[:, None] * matrix
                real = np.block([[scaled.real, -scaled.imag], [scaled.imag, scaled.real]])
                bound = min(bound, smallest_singular_value(real) - error)
                if bound <= 0:
                    return 0.0
        return float(bound) * (1 - 2.0**-50)

    def _half(self) -> Array:
        """One of each pair of conjugate frequencies: their singular values are the same."""
        counts = self.taps.out_shape[1:]
        places = np.indices(counts).reshape(len(counts), -1)
        sizes = np.array(counts)[:, None]
        mirrored = np.ravel_multi_index(tuple((-places) % sizes), counts)
        return np.flatnonzero(np.arange(prod(counts)) <= mirrored)
