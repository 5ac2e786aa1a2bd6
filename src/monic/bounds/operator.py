"""The least and the greatest singular value of a convolution's weighted rows, certified.

For an operator A in floats, a number below all eigenvalues of A^T A is proved by a floating-point
Cholesky factorisation of A^T A - s I that runs to its end, s being more than all rounding errors
(Rump, *Verification of positive definiteness*, 2006). With circular padding all around, the
discrete Fourier transform takes the operator apart into one small matrix for each frequency; else
the whole matrix is factorised, as a band.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import ldexp, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from monic.bounds.frequencies import by_frequencies
from monic.bounds.interval import Interval, root_above, root_below
from monic.bounds.weighted import EPSILON, MARGIN, Extremes, Weighted, stretch_above
from monic.decision.convolution.rank import is_circulant
from monic.model.grid import IntArray
from monic.model.taps import SPARSE_ENTRIES, FloatArray, Taps

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["singular_values"]

#: Numbers of the largest band that is factorised (1.2 GB), and operations of one factorisation.
BAND, WORK = 150_000_000, 4e11
#: Steps of the inverse and of the power iteration, or restarts of Lanczos' method.
STEPS = 100


def singular_values(operator: Weighted, *, seed: int = 0) -> Extremes:
    """Encloses the extreme singular values of an operator, where its size allows.

    Example:
        >>> from monic.bounds.weighted import Weighted
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
        found = by_frequencies(scaled)
    else:
        found = _by_band(scaled, seed)
    least = Interval(*(ldexp(end, shift) for end in (found.smallest.lower, found.smallest.upper)))
    return replace(found, smallest=least, largest=ldexp(found.largest, shift))


def _crude(operator: Weighted) -> float:
    """An upper bound of the greatest singular value: the largest row sum of |A|^T |A|."""
    kernel, taps = np.abs(operator.kernel()), operator.taps
    every = taps.adjoint(taps.apply(np.ones(prod(taps.shape)), kernel=kernel), kernel=kernel)
    terms = taps.kernel.size
    return root_above(Fraction(float(every.max()) * (1 + (4 * terms + 12) * EPSILON)))


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
    value = stretch_above(operator, direction)
    stretched = np.zeros(n)
    stretched[place] = top
    return Extremes(Interval(lower, value), min(crude, upper), direction, stretched=stretched)


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
        return float(self.error + rounding)

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
