"""The least and the greatest singular value of a convolution's weighted rows, certified.

For an operator A in floats, a number below all eigenvalues of A^T A is proved by a floating-point
Cholesky factorisation of A^T A - s I that runs to its end, s being more than all rounding errors
(Rump, *Verification of positive definiteness*, 2006). With circular padding all around, the
discrete Fourier transform takes the operator apart into one small matrix for each frequency; else
the whole matrix is factorised, as a band.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ldexp, nextafter, prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import acb, arb

from monic.bounds.interval import Interval, root_above, root_below
from monic.decision.convolution.rank import is_circulant
from monic.model.grid import IntArray
from monic.model.taps import SPARSE_ENTRIES, FloatArray, Taps

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Extremes", "Weighted", "singular_values"]

ComplexArray = np.ndarray[Any, np.dtype[np.complex128]]

EPSILON = 2.0**-52
#: Numbers of the largest band that is factorised (1.2 GB), and operations of one factorisation.
BAND, WORK = 150_000_000, 4e11
#: Steps of the inverse and of the power iteration, or restarts of Lanczos' method.
STEPS = 100
#: How much below the eigenvalue that floats see the proof begins.
MARGIN = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """Some filters of a convolution at all output positions, each times a float.

    Arguments:
        taps: The convolution.
        filters: The filters.
        weights: What their rows are multiplied by.
    """

    taps: Taps
    filters: IntArray
    weights: FloatArray

    def kernel(self) -> FloatArray:
        """The kernel with the weights multiplied in, and 0 for other filters; rounded once."""
        kernel = self.taps.kernel.astype(np.float64)
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
        vector: A direction that is squeezed most, as far as floats can tell; None if none is known.
        limit: None, or why `smallest` starts at 0.
        stretched: A direction that is stretched most, as far as floats can tell.
    """

    smallest: Interval
    largest: float
    vector: FloatArray | None
    limit: str | None = None
    stretched: FloatArray | None = None


def singular_values(operator: Weighted, *, seed: int = 0) -> Extremes:
    """Encloses the extreme singular values of an operator, where its size allows.

    Example:
        >>> from monic.model import Convolution, Geometry, Input
        >>> step = Convolution([[[3.0, 1.0]]], Input(4), Geometry((1, 4), padding=((0, 1),)))
        >>> found = singular_values(Weighted(step.taps, np.array([0]), np.ones(1)))
        >>> bool(2.2 < found.smallest.lower <= found.smallest.upper < 2.4)
        True
    """
    taps = operator.taps
    top = float(np.abs(operator.kernel()).max(initial=0.0))
    shift = int(np.frexp(top)[1])  # entries of about 1, so that nothing that counts underflows
    scaled = replace(operator, weights=np.ldexp(operator.weights, -shift))
    if operator.filters.size * taps.positions < prod(taps.shape) or not top:
        found = Extremes(Interval(0.0, 0.0), _crude(scaled), None)
    elif is_circulant(taps) and taps.groups == 1:
        found = _by_frequencies(scaled)
    else:
        found = _by_band(scaled, seed)
    least = Interval(*(ldexp(end, shift) for end in (found.smallest.lower, found.smallest.upper)))
    return replace(found, smallest=least, largest=ldexp(found.largest, shift))


def _crude(operator: Weighted) -> float:
    """An upper bound of the greatest singular value: the largest row sum of |A|^T |A|."""
    kernel, taps = np.abs(operator.kernel()), operator.taps
    every = taps.adjoint(taps.apply(np.ones(prod(taps.shape)), kernel=kernel), kernel=kernel)
    terms = taps.kernel.size
    return root_above(Fraction(float(every.max()) * (1 + 4 * terms * EPSILON)))


# --- as a band ------------------------------------------------------------------------------------


def _by_band(operator: Weighted, seed: int) -> Extremes:
    crude = _crude(operator)
    taps, n = operator.taps, prod(operator.taps.shape)
    count = taps.coefficients // taps.kernel.shape[0] * operator.filters.size
    unknown = Extremes(
        Interval(0.0, float("inf")),
        crude,
        None,
        f"the operator of {count:,} coefficients for {n:,} inputs is too large to be factorised",
    )
    if count > SPARSE_ENTRIES:
        return unknown
    matrix = _matrix(operator)
    place = _order(taps)
    product = (matrix[:, place].T @ matrix[:, place]).tocoo()
    width = int(np.abs(product.row - product.col).max(initial=0))
    if (width + 1) * n > BAND or float(n) * width**2 > WORK:
        return unknown
    terms = int(np.diff(matrix.tocsc().indptr).max(initial=1))
    band = _Band(product, width, (terms + 12) * EPSILON * crude**2)
    lower, vector = band.least(np.random.default_rng(seed))
    upper, top = band.greatest(np.random.default_rng(seed))
    if vector is None:
        limit = "its least singular value is too small to be told from 0 by floats"
        return Extremes(Interval(0.0, crude), min(crude, upper), None, limit)
    direction = np.zeros(n)
    direction[place] = vector
    value = _stretch_above(operator, direction)
    stretched = np.zeros(n)
    stretched[place] = top
    return Extremes(
        Interval(min(lower, value), value), min(crude, upper), direction, stretched=stretched
    )


def _matrix(operator: Weighted) -> "csr_matrix":
    from scipy.sparse import csr_matrix

    pattern = operator.taps.pattern(operator.filters)
    values = operator.kernel().reshape(-1)[pattern.places]
    rows = operator.filters.size * operator.taps.positions
    shape = (rows, prod(operator.taps.shape))
    return csr_matrix((values, (pattern.rows, pattern.columns)), shape=shape)


def _order(taps: Taps) -> IntArray:
    """Columns in an order with a narrow band: long axes outside, channels inside."""
    sizes = taps.shape
    axes = sorted(range(1, len(sizes)), key=lambda axis: -sizes[axis])
    numbers = np.arange(prod(sizes)).reshape(sizes).transpose(*axes, 0)
    return np.ascontiguousarray(numbers).reshape(-1)


class _Band:
    """A symmetric matrix G in floats as a band, and how far it is from the exact one in norm."""

    def __init__(self, product: Any, width: int, error: float) -> None:
        self.matrix = product.tocsr()
        self.n, self.width, self.error = product.shape[0], width, error
        upper = product.row <= product.col
        self.band = np.zeros((width + 1, self.n))
        self.band[width + product.row[upper] - product.col[upper], product.col[upper]] = (
            product.data[upper]
        )
        self.trace = float(self.band[width].sum())

    def least(self, rng: np.random.Generator) -> tuple[float, FloatArray | None]:
        """A proved lower bound of the least singular value, and the vector of the least one."""
        from scipy.linalg import cho_solve_banded

        factor = self._factor(self._noise(0.0), 1)
        if factor is None:
            return 0.0, None
        vector = self._top(lambda x: cho_solve_banded((factor, False), x), rng)
        near = float(vector @ (self.matrix @ vector))
        noise = self._noise(near)
        margin = max(MARGIN, 2 * noise / near) if near > 0 else 1.0
        while margin < 1.0:
            level = near * (1 - margin)
            if self._factor(level + noise, 1) is not None:
                return root_below(Fraction(level)), vector
            margin *= 8
        return 0.0, vector

    def greatest(self, rng: np.random.Generator) -> tuple[float, FloatArray]:
        """A proved upper bound of the greatest singular value, and its vector."""
        vector = self._top(lambda x: self.matrix @ x, rng)
        near = float(vector @ (self.matrix @ vector))
        for margin in (MARGIN, 1e-4, 1e-2):
            level = near * (1 + margin)
            if self._factor(level - self._noise(level), -1) is not None:
                return root_above(Fraction(level)), vector
        return float("inf"), vector

    def _top(
        self, apply: Callable[[FloatArray], FloatArray], rng: np.random.Generator
    ) -> FloatArray:
        """A unit vector of the largest eigenvalue, as far as a few steps come."""
        from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

        start = rng.standard_normal(self.n)
        if self.n < 3:
            for _ in range(STEPS):
                start = apply(start / np.linalg.norm(start))
            unit: FloatArray = start / np.linalg.norm(start)
            return unit
        operator = LinearOperator((self.n, self.n), matvec=apply, dtype=np.float64)
        try:
            found = eigsh(operator, k=1, which="LA", v0=start, tol=1e-8, maxiter=STEPS)[1]
        except ArpackNoConvergence as error:
            found = error.eigenvectors if error.eigenvectors.size else start[:, None]
        vector: FloatArray = found[:, 0] / np.linalg.norm(found[:, 0])
        return vector

    def _noise(self, level: float) -> float:
        """More than the rounding errors of the matrix and of its factorisation."""
        rounding = (4 * self.width + 24) * EPSILON * (self.trace + self.n * level)
        return self.error + rounding

    def _factor(self, shift: float, sign: int) -> FloatArray | None:
        """The factor of sign (G - shift I), or None where there is none."""
        from scipy.linalg import LinAlgError, cholesky_banded

        table = sign * self.band
        table[self.width] -= sign * shift
        try:
            factor: FloatArray = cholesky_banded(table, overwrite_ab=True)
        except LinAlgError:
            return None
        return factor if np.isfinite(factor).all() else None


def _stretch_above(operator: Weighted, vector: FloatArray) -> float:
    """|A v| / |v|, rounded up."""
    kernel, taps = operator.kernel(), operator.taps
    value = taps.apply(vector, kernel=kernel)
    sizes = taps.apply(np.abs(vector), kernel=np.abs(kernel))
    error = (taps.kernel[0].size + 8) * EPSILON * sizes
    top, bottom = float(np.linalg.norm(np.abs(value) + error)), float(np.linalg.norm(vector))
    return nextafter(top / bottom * (1 + 4 * vector.size * EPSILON), np.inf)


# --- by frequencies -------------------------------------------------------------------------------


def _by_frequencies(operator: Weighted) -> Extremes:
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
    value = _stretch_above(operator, vector)
    lower = max(0.0, nextafter(low, 0.0))
    smallest = Interval(min(lower, value), value)
    return Extremes(smallest, nextafter(high, np.inf), vector, stretched=stretched)


def _blocks(operator: Weighted) -> tuple[Iterator[ComplexArray], float]:
    """The matrices filters x (phases x channels) of all frequencies, and a bound of their error."""
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
