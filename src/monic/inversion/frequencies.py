"""What convolutions with circular padding do to each frequency, with bounds of rounding errors."""

from math import prod

import numpy as np
from flint import arb, ctx

from monic.model.array import Array
from monic.model.taps import Taps

__all__ = ["frequency_matrices"]


def frequency_matrices(taps: Taps) -> tuple[Array, Array]:
    """Returns what the operator does to each frequency, and bounds of the errors of entries."""
    counts, sizes = taps.out_shape[1:], taps.shape[1:]
    strides = [size // count for size, count in zip(sizes, counts, strict=True)]
    kernel = taps.kernel.astype(np.float64)
    filters, width = kernel.shape[:2]
    flat = kernel.reshape(taps.groups, filters // taps.groups, width, -1)
    whole = np.zeros((*flat.shape[:2], prod(strides), width, taps.positions), dtype=complex)
    roots = [_roots(count) for count in counts]
    for place, tap in enumerate(np.ndindex(*(table.shape[1] for table in taps.tables))):
        phase, twist = 0, np.ones((1,) * len(counts), dtype=complex)
        for axis, k in enumerate(tap):
            shift, rest = divmod(int(taps.tables[axis][0, k]), strides[axis])
            phase = phase * strides[axis] + rest
            turns = roots[axis][np.arange(counts[axis]) * shift % counts[axis]]
            twist = twist * turns.reshape([-1 if a == axis else 1 for a in range(len(counts))])
        whole[:, :, phase] += flat[..., place, None] * twist.reshape(-1)
    # each term is off by a few units of |K|, each sum of taps by one for every tap
    taken = flat.shape[-1]
    sums = np.abs(flat).sum(axis=-1).max(axis=-1)
    slip = sums * (8 * len(counts) + 2 * taken + 8) * 2.0**-52
    # channels before phases, as the samples have them
    matrices = whole.transpose(0, 4, 1, 3, 2).reshape(
        taps.groups, taps.positions, filters // taps.groups, -1
    )
    return matrices, slip


def _roots(count: int) -> Array:
    """Returns exp(2 pi i k / count), each part to the last place or two."""
    precision, ctx.prec = ctx.prec, 80
    try:
        turns = [arb(2 * k) / count for k in range(count)]
        values = [complex(float(t.cos_pi()), float(t.sin_pi())) for t in turns]
    finally:
        ctx.prec = precision
    return np.array(values)
