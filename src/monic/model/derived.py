"""Arrays that are computed from arrays of a file, exactly or with one stated rounding.

Proofs name such an array by what it is computed from, so that the checker computes it again: the
factors of a batch norm, and integer weights times their scales (docs/normalization.md).
"""

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt, ldexp

import numpy as np

from monic.errors import LayerError
from monic.model.array import Array, Derived, exact, freeze

__all__ = ["BatchFactors", "Dequantized", "Origin", "derive", "origin_of"]

#: The bits of a float64, and of the roots before they are rounded to it.
_BITS, _GUARDED = 53, 64

#: The number formats of scales, whose products with integers fit into float64.
_SCALES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True, slots=True, eq=False)
class BatchFactors:
    """The factors gamma_i / sqrt(variance_i + epsilon), each the nearest float64.

    The quotient is hardly ever rational; the rounded factors are what verdicts are about.

    Arguments:
        gamma: One number, or one for each channel.
        variance: One for each channel.
        epsilon: Any number; every variance plus epsilon must be positive.

    Raises:
        LayerError: when the sizes do not fit, or there is no such factor in float64.

    Example:
        >>> BatchFactors([3.0, -1.0], [4.0, 2.0], 0.0).compute().tolist()
        [1.5, -0.7071067811865476]
    """

    gamma: Array
    variance: Array
    epsilon: float

    def __post_init__(self) -> None:
        gamma, variance = freeze(self.gamma, "gamma"), freeze(self.variance, "variance")
        if gamma.size not in (1, variance.size) or not variance.size:
            raise LayerError(
                f"Expected one gamma for each variance. Got {gamma.size} and {variance.size}."
            )
        object.__setattr__(self, "gamma", gamma)
        object.__setattr__(self, "variance", variance)

    @property
    def sources(self) -> tuple[Array, ...]:
        """The arrays of the file."""
        return self.gamma, self.variance

    def compute(self) -> Array:
        """Returns the factors, one for each variance."""
        gammas = np.broadcast_to(self.gamma.reshape(-1), (self.variance.size,)).tolist()
        epsilon = exact(self.epsilon)
        pairs = zip(gammas, self.variance.reshape(-1).tolist(), strict=True)
        return np.array([_factor(exact(g), exact(v) + epsilon) for g, v in pairs])


@dataclass(frozen=True, slots=True, eq=False)
class Dequantized:
    """The weights scale (integers - zero), exactly.

    Arguments:
        integers: The stored weights.
        scale: One number, or one for each index along the axis.
        zero: Likewise, of integers; None for 0.
        axis: The axis of the weights along which scale and zero run.

    Raises:
        LayerError: when the shapes do not fit, or a product needs more bits than float64 has.

    Example:
        >>> integers, scale = np.array([[1, 130]], dtype=np.uint8), np.float32([0.1])
        >>> weights = Dequantized(integers, scale, np.array([128], dtype=np.uint8), 0).compute()
        >>> bool(weights[0, 1] == 2 * float(scale[0]))
        True
    """

    integers: Array
    scale: Array
    zero: Array | None = None
    axis: int = 0

    def __post_init__(self) -> None:
        integers, scale = freeze(self.integers, "integers"), freeze(self.scale, "scale")
        zero = None if self.zero is None else freeze(self.zero, "zero point")
        given = (integers,) if zero is None else (integers, zero)
        if any(array.dtype.kind not in "iu" or array.dtype.itemsize > 4 for array in given):
            raise LayerError("Expected integers of at most 32 bits, and such zero points.")
        if scale.dtype.name not in _SCALES:
            raise LayerError(f"Expected a scale in {', '.join(_SCALES)}. Got {scale.dtype.name}.")
        along = integers.shape[self.axis] if 0 <= self.axis < integers.ndim else 1
        sizes = {scale.size, 1 if zero is None else zero.size}
        if not sizes <= {1, along} or not integers.size:
            raise LayerError(
                f"Expected one scale and one zero point, or one for each of {along} along axis "
                f"{self.axis}. Got {sorted(sizes)}."
            )
        object.__setattr__(self, "integers", integers)
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "zero", zero)

    @property
    def sources(self) -> tuple[Array, ...]:
        """The arrays of the file."""
        found = self.integers, self.scale
        return found if self.zero is None else (*found, self.zero)

    def compute(self) -> Array:
        """Returns the weights; float64 holds the products."""
        steps = self.integers.astype(np.int64)
        if self.zero is not None:
            steps = steps - self._along(self.zero.astype(np.int64))
        mantissas, powers = np.frexp(self.scale.astype(np.float64))
        products = steps * self._along(np.ldexp(mantissas, 24).astype(np.int64))
        rounded = products.astype(np.float64)
        if (rounded.astype(np.int64) != products).any():
            raise LayerError(
                "Expected products of integers and scales that float64 holds. Got longer ones; "
                "store these weights as floats."
            )
        weights: Array = np.ldexp(rounded, self._along(powers - 24))
        return weights

    def _along(self, array: Array) -> Array:
        if array.size == 1:
            return array.reshape(())
        shape = [1] * self.integers.ndim
        shape[self.axis] = array.size
        return array.reshape(shape)


Origin = BatchFactors | Dequantized


def derive(origin: Origin) -> Array:
    """Returns the array of an origin, which every step that takes it remembers.

    Example:
        >>> factors = derive(BatchFactors([1.0], [4.0], 0.0))
        >>> origin_of(factors).variance.tolist()
        [4.0]
    """
    found = freeze(origin.compute(), "derived array").view(Derived)
    found.origin = origin
    return found


def origin_of(array: Array) -> Origin | None:
    """Returns what an array was computed from; None when it is an array of its own."""
    found: Origin | None = getattr(array, "origin", None)
    return found


def _factor(gamma: Fraction, variance: Fraction) -> float:
    if variance <= 0:
        raise LayerError(
            f"Expected variances that are positive once epsilon is added. Got {float(variance):g}."
        )
    square = gamma * gamma / variance
    if not square:
        return 0.0
    size = square.numerator.bit_length() - square.denominator.bit_length()
    shift = _GUARDED - size // 2  # the root of square 4^shift has about 64 bits
    top = square.numerator << 2 * max(shift, 0)
    bottom = square.denominator << 2 * max(-shift, 0)
    root = isqrt(top // bottom)
    spare = root.bit_length() - _BITS
    whole, rest = root >> spare, root & ((1 << spare) - 1)
    half = 1 << (spare - 1)
    beyond = root * root * bottom != top  # the root proper is larger than the integer
    if rest > half or (rest == half and (beyond or whole % 2)):
        whole += 1
    factor = ldexp(whole, spare - shift)
    if not 2.0**-1022 <= factor < float("inf"):
        raise LayerError(f"Expected factors within the range of float64. Got {factor:g}.")
    return factor if gamma > 0 else -factor
