"""Singular values of a circular convolution, one small matrix for each frequency.

With circular padding all around, the discrete Fourier transform, which is unitary, takes the
operator apart into matrices of filters by channels (and phases of the stride). Roots of unity come
from ball arithmetic; all further rounding is bounded.
"""

from collections.abc import Iterator
from fractions import Fraction
from math import nextafter, prod, sqrt
from typing import Any

import numpy as np
from flint import acb, arb

from monic.bounds.interval import Interval, root_above, root_below
from monic.bounds.weighted import EPSILON, MARGIN, Extremes, Weighted, stretch_above
from monic.model.taps import FloatArray, Taps

__all__ = ["by_frequencies"]

ComplexArray = np.ndarray[Any, np.dtype[np.complex128]]


def by_frequencies(operator: Weighted) -> Extremes:
    """One complex matrix a frequency; its rounding is bounded by that of its entries."""
    blocks, error = _blocks(operator)
    low, high = float("inf"), 0.0
    least = most = (float("nan"), 0, np.zeros(0, dtype=np.complex128))
    for number, block in enumerate(blocks):
        values, right = np.linalg.svd(block, full_matrices=False)[1:]
        low = min(low, _proved(block, float(values[-1]), 1) - error)
        high = max(high, _proved(block, float(values[0]), -1) + error, 0.0)
        if not values[-1] >= least[0]:
            least = (float(values[-1]), number, right[-1].conj())
        if not values[0] <= most[0]:
            most = (float(values[0]), number, right[0].conj())
    vector, stretched = (_wave(operator.taps, end[1], end[2]) for end in (least, most))
    value = stretch_above(operator, vector)
    lower = max(0.0, nextafter(low, 0.0))
    smallest = Interval(lower, value)
    return Extremes(smallest, nextafter(high, np.inf), vector, stretched=stretched)


def _blocks(operator: Weighted) -> tuple[Iterator[ComplexArray], float]:
    """The matrices filters x (phases x channels) of all frequencies, and a bound of error."""
    taps = operator.taps
    counts = taps.out_shape[1:]
    strides = [size // count for size, count in zip(taps.shape[1:], counts, strict=True)]
    kernel = operator.kernel()[operator.filters]
    flat = kernel.reshape(*kernel.shape[:2], -1)
    roots = [_roots(count) for count in counts]
    taken = list(np.ndindex(*(table.shape[1] for table in taps.tables)))

    def make() -> Iterator[ComplexArray]:
        for frequency in np.ndindex(*counts):
            block = np.zeros((flat.shape[0], prod(strides), flat.shape[1]), dtype=np.complex128)
            for place, tap in enumerate(taken):
                phase, twist = 0, 1.0 + 0.0j
                for axis, k in enumerate(tap):
                    shift, rest = divmod(int(taps.tables[axis][0, k]), strides[axis])
                    phase = phase * strides[axis] + rest
                    twist *= roots[axis][frequency[axis] * shift % counts[axis]]
                block[:, phase] += flat[:, :, place] * twist
            yield block.reshape(flat.shape[0], -1)

    # each entry sums |taps| products of a rounded number with up to 3 rounded roots
    each = (len(taken) + 32) * EPSILON * np.abs(flat).sum(axis=2)
    return make(), float(np.linalg.norm(each)) * sqrt(prod(strides)) * 1.001


def _roots(order: int) -> list[complex]:
    """exp(2 pi i k / order), each part within an ulp of 1, by ball arithmetic."""
    found = []
    for k in range(order):
        root = acb(arb(2 * k) / order).exp_pi_i()
        found.append(complex(float(root.real.mid()), float(root.imag.mid())))
    return found


def _proved(block: ComplexArray, near: float, sign: int) -> float:
    """A number below (sign 1) or above (-1) all singular values of a matrix of floats."""
    gram = block.conj().T @ block
    n, rows = len(gram), len(block)
    size = float(np.linalg.norm(block)) ** 2 * 1.001
    margin = MARGIN
    while margin < 1.0:
        level = near * near * (1 - sign * margin)
        # complex products round by at most 4 units more than real ones
        noise = (8 * n + 4 * rows + 64) * EPSILON * (size + n * level)
        try:
            np.linalg.cholesky(sign * (gram - (level + sign * noise) * np.eye(n)))
        except np.linalg.LinAlgError:
            margin *= 8
            continue
        bound = Fraction(level)
        return root_below(bound) if sign > 0 else root_above(bound)
    return 0.0 if sign > 0 else root_above(Fraction(size))


def _wave(taps: Taps, number: int, amplitude: ComplexArray) -> FloatArray:
    """The real part of the plane wave of a frequency with amplitudes for phases and channels."""
    counts, sizes = taps.out_shape[1:], taps.shape[1:]
    strides = [size // count for size, count in zip(sizes, counts, strict=True)]
    frequency = np.unravel_index(number, counts)
    table = amplitude.reshape(*strides, taps.shape[0])
    wave = np.zeros(taps.shape, dtype=np.complex128)
    for phase in np.ndindex(*strides):
        turns = np.zeros(counts)
        for axis, count in enumerate(counts):
            line = np.arange(count) * float(frequency[axis]) / count
            turns = turns + line.reshape(*(-1 if a == axis else 1 for a in range(len(counts))))
        part = np.exp(2j * np.pi * turns)
        where = (slice(None), *(slice(p, None, s) for p, s in zip(phase, strides, strict=True)))
        wave[where] = table[phase].reshape(-1, *(1,) * len(counts)) * part
    real = wave.real if np.linalg.norm(wave.real) > np.linalg.norm(wave.imag) else wave.imag
    return np.ascontiguousarray(real).reshape(-1)
