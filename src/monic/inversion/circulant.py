"""What a convolution does away from the borders, inverted by Fourier transform.

With any padding, B^T B is that of the same kernel with circular padding but near the borders. The
inverse of the latter is one small matrix a frequency; it makes conjugate gradients need fewer
steps, and whether they have arrived is seen from B alone.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from monic.inversion.frequencies import frequency_matrices
from monic.model.array import Array
from monic.model.grid import IntArray
from monic.model.taps import Taps

__all__ = ["CirculantGram", "circular"]

#: What is added to B^T B, relative to its mean eigenvalue: borders change small ones most.
RIDGE = 0.03
#: Frequencies whose matrices hold more numbers than this are not worth their memory.
MOST = 1 << 23


@dataclass(frozen=True, slots=True, eq=False)
class CirculantGram:
    """The inverse of C^T C + ridge for a convolution C with circular padding.

    Arguments:
        shape: Of one input, (channels, *sizes).
        counts: How often the stride goes into each size.
        inverses: Of shape (groups, frequencies, width, width), for half of the frequencies.
    """

    shape: tuple[int, ...]
    counts: tuple[int, ...]
    inverses: Array

    @classmethod
    def of(cls, taps: Taps) -> "CirculantGram | None":
        """Returns it for a convolution with any padding, or None where its grid has no period."""
        around = circular(taps)
        if around is None:
            return None
        counts = around.out_shape[1:]
        width = taps.kernel.shape[1] * prod(taps.shape[1:]) // prod(counts)
        if prod(counts) * taps.groups * width * max(width, taps.kernel.shape[0]) > MOST:
            return None
        matrices, _ = frequency_matrices(around)
        gram = matrices.conj().swapaxes(-1, -2) @ matrices
        level = float(np.trace(gram, axis1=-2, axis2=-1).real.mean()) / width
        if not 0 < level < np.inf:
            return None
        inverses = np.linalg.inv(gram + RIDGE * level * np.eye(width))
        whole = inverses.reshape(taps.groups, *counts, width, width)
        half = np.take(whole, np.arange(counts[-1] // 2 + 1), axis=len(counts))
        return cls(taps.shape, counts, half.reshape(taps.groups, -1, width, width))

    def __call__(self, v: Array) -> Array:
        """Returns the inverse's value at each of a batch (N, n)."""
        count, dims, groups = len(v), len(self.counts), len(self.inverses)
        strides = [size // k for size, k in zip(self.shape[1:], self.counts, strict=True)]
        axes = tuple(range(-dims, 0))
        # along each axis, position = count * stride + phase
        parts = [n for pair in zip(self.counts, strides, strict=True) for n in pair]
        phases = [3 + 2 * k for k in range(dims)] + [2 + 2 * k for k in range(dims)]
        grid = v.reshape(count, self.shape[0], *parts).transpose(0, 1, *phases)
        waves = np.fft.rfftn(grid.reshape(count, -1, *self.counts), axes=axes)
        columns = waves.reshape(count, groups, -1, prod(waves.shape[2:])).transpose(1, 3, 2, 0)
        found = (self.inverses @ columns).transpose(3, 0, 2, 1).reshape(waves.shape)
        back = np.fft.irfftn(found, s=self.counts, axes=axes)
        back = back.reshape(count, self.shape[0], *strides, *self.counts)
        order = [a for k in range(dims) for a in (2 + dims + k, 2 + k)]
        return np.ascontiguousarray(back.transpose(0, 1, *order)).reshape(count, -1)


def circular(taps: Taps) -> Taps | None:
    """Returns a convolution with its padding made circular, or None where that has no meaning."""
    tables = [_around(*pair) for pair in zip(taps.tables, taps.shape[1:], strict=True)]
    known = tuple(table for table in tables if table is not None)
    return Taps(taps.kernel, known, taps.shape, taps.groups) if len(known) == len(tables) else None


def _around(table: IntArray, size: int) -> IntArray | None:
    """Returns the table of one axis, from how its taps move where they move evenly."""
    steps = np.diff(table, axis=0)[(table[1:] >= 0) & (table[:-1] >= 0)]
    stride = int(np.median(steps)) if steps.size else 0
    if stride < 1 or size % stride:
        return None
    offsets = table - stride * np.arange(len(table))[:, None]
    shifts = [
        int(np.median(offset[tap >= 0])) if (tap >= 0).any() else 0
        for offset, tap in zip(offsets.T, table.T, strict=True)
    ]
    places = stride * np.arange(size // stride, dtype=np.int64)[:, None]
    return np.asarray((places + np.array(shifts)) % size)
