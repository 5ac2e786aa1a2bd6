"""Filters at all positions with weights, and bounds of their singular values, as values."""

from dataclasses import dataclass
from math import nextafter

import numpy as np

from monic.bounds.interval import Interval
from monic.model.grid import IntArray
from monic.model.taps import FloatArray, Taps

__all__ = ["EPSILON", "MARGIN", "Extremes", "Weighted", "scaled_kernel", "stretch_above"]

EPSILON = 2.0**-52
#: How much below the eigenvalue that floats see a proof begins.
MARGIN = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """Some filters of a convolution at all output positions, each times a float.

    Arguments:
        taps: The convolution.
        filters: The filters.
        weights: What their rows are multiplied by.
        channels: What the entries of each channel are multiplied by; None for nothing.
    """

    taps: Taps
    filters: IntArray
    weights: FloatArray
    channels: FloatArray | None = None

    def kernel(self) -> FloatArray:
        """The kernel with the weights multiplied in, and 0 for other filters.

        Entries have relative errors of at most 12 times 2^-53 with those of the channels.
        """
        kernel = scaled_kernel(self.taps, self.channels)
        scaled = np.zeros_like(kernel)
        shape = (-1, *(1,) * (kernel.ndim - 1))
        scaled[self.filters] = kernel[self.filters] * self.weights.reshape(shape)
        return scaled


@dataclass(frozen=True, slots=True, eq=False)
class Extremes:
    """Certified bounds of the singular values of an operator.

    Arguments:
        smallest: Holds the least singular value, on all of the input space; 0 to inf if unknown.
        largest: At least the greatest one.
        vector: A direction that is squeezed most, as far as floats can tell, if one is known.
        limit: None, or why `smallest` starts at 0.
        stretched: A direction that is stretched most, as far as floats can tell.
    """

    smallest: Interval
    largest: float
    vector: FloatArray | None
    limit: str | None = None
    stretched: FloatArray | None = None


def scaled_kernel(taps: Taps, channels: FloatArray | None) -> FloatArray:
    """The kernel in floats, the entries of each channel times a number."""
    kernel: FloatArray = taps.kernel.astype(np.float64)
    if channels is None:
        return kernel
    each = channels.reshape(taps.groups, -1)
    rows = np.repeat(each, kernel.shape[0] // taps.groups, axis=0)
    return np.asarray(kernel * rows.reshape(*rows.shape, *(1,) * (kernel.ndim - 2)))


def stretch_above(operator: Weighted, vector: FloatArray) -> float:
    """|A v| / |v|, rounded up."""
    kernel, taps = operator.kernel(), operator.taps
    value = taps.apply(vector, kernel=kernel)
    sizes = taps.apply(np.abs(vector), kernel=np.abs(kernel))
    error = (taps.kernel[0].size + 8) * EPSILON * sizes
    top, bottom = float(np.linalg.norm(np.abs(value) + error)), float(np.linalg.norm(vector))
    return nextafter(top / bottom * (1 + 4 * vector.size * EPSILON), np.inf)
