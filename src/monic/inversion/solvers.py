"""B x = t in least squares, for a B prepared once: by QR, by Fourier transform, by iteration."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from monic.inversion.circulant import CirculantGram
from monic.inversion.conjugate import least_squares
from monic.inversion.scaling import lengths
from monic.inversion.sigma import smallest_singular_value
from monic.model.array import Array
from monic.model.grid import IntArray
from monic.model.taps import Taps

__all__ = ["Changed", "Dense", "Iterative", "Solver", "chosen"]

#: How often conjugate gradients start, the later times from what is left.
ROUNDS = 2
#: Matrices are inverted when singular values and their reciprocals, each in the mean square, have
#: a smaller product: then the inverse is as accurate as a factorisation.
GOOD = 100.0


class Solver(ABC):
    """The rows B of a set of pairs; abstract."""

    __slots__ = ()
    columns: int

    @abstractmethod
    def solve(self, t: Array) -> Array:
        """Returns the x with the least |B x - t| for a batch t of shape (N, k)."""

    @abstractmethod
    def smallest(self, weights: Array, rows: Array) -> float:
        """Returns a proved lower bound of sigma_min(diag(weights) B) for some rows, or 0.

        Arguments:
            weights: One positive number for each row of B.
            rows: Which rows of B there are, as a mask.
        """

    @property
    def near(self) -> Callable[[Array], Array] | None:
        """Nearly the inverse of B^T B on batches, where something knows one."""
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Dense(Solver):
    """A matrix B = Q R.

    Arguments:
        basis: B of shape (k, n).
        orthogonal: Q.
        triangle: R.
        inverse: The transpose of R^-1 Q^T where that is as accurate, else None.
    """

    basis: Array
    orthogonal: Array
    triangle: Array
    inverse: Array | None

    @classmethod
    def of(cls, basis: Array) -> "Dense | None":
        """Returns the solver of a matrix, or None when floats say that its rank is not full."""
        orthogonal, triangle = np.linalg.qr(basis)
        scale = np.abs(np.diag(triangle))
        if scale.min() <= 1e-13 * scale.max():
            return None
        back = solve_triangular(triangle, np.eye(len(triangle)), check_finite=False)
        with np.errstate(over="ignore", invalid="ignore"):
            condition = np.linalg.norm(triangle) * np.linalg.norm(back) / len(triangle)
        return cls(basis, orthogonal, triangle, orthogonal @ back.T if condition < GOOD else None)

    @property
    def columns(self) -> int:  # type: ignore[override]
        return int(self.triangle.shape[0])

    def solve(self, t: Array) -> Array:
        if self.inverse is not None:
            return np.asarray(t @ self.inverse)  # one product of matrices for the whole batch
        right = (t @ self.orthogonal).T
        return np.asarray(solve_triangular(self.triangle, right, check_finite=False).T)

    def smallest(self, weights: Array, rows: Array) -> float:
        if rows.sum() < self.columns:
            return 0.0
        return smallest_singular_value(weights[rows, None] * self.basis[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Iterative(Solver):
    """Some filters of a convolution at all positions, by conjugate gradients (CGLS).

    Arguments:
        taps: The convolution, of these filters only.
        scales: What each filter is multiplied by, of shape (filters,).
        norm: An upper bound of the operator's norm, without the scales.
        gram: What makes the iterations fewer, or None.
    """

    taps: Taps
    scales: Array
    norm: float
    gram: CirculantGram | None

    @property
    def columns(self) -> int:  # type: ignore[override]
        return int(np.prod(self.taps.shape))

    def solve(self, t: Array) -> Array:
        target = t / np.repeat(self.scales, self.taps.positions)
        x = np.zeros((len(t), self.columns))
        for _ in range(ROUNDS):
            left = target - self._there(x)
            step = least_squares(self._there, self._back, left, self.norm, self.gram)
            x += step
            if np.all(lengths(step) <= 1e-15 * lengths(x)):
                break
        return x

    def smallest(self, weights: Array, rows: Array) -> float:
        return 0.0  # iterations only bound it from above

    @property
    def near(self) -> Callable[[Array], Array] | None:
        return self.gram

    def _there(self, x: Array) -> Array:
        return self.taps.apply(np.ascontiguousarray(x.T)).reshape(-1, len(x)).T

    def _back(self, v: Array) -> Array:
        return self.taps.adjoint(np.ascontiguousarray(v.T)).reshape(-1, len(v)).T


@dataclass(frozen=True, slots=True, eq=False)
class Changed(Solver):
    """The rows B T of a solver of B, for a T that scales entries and puts them in another order.

    Arguments:
        inner: The solver of B.
        places: T x is the entries of x at these places, each times a scale.
        scales: Their scales, with relative errors of at most `error`.
        error: As said; infinite where nothing is known.
    """

    inner: Solver
    places: IntArray
    scales: Array
    error: float

    @property
    def columns(self) -> int:  # type: ignore[override]
        return self.inner.columns

    def solve(self, t: Array) -> Array:
        return self._back(self.inner.solve(t))

    def smallest(self, weights: Array, rows: Array) -> float:
        if not self.error < 0.25:
            return 0.0
        least = float(np.abs(self.scales).min()) * (1 - 2 * self.error)
        return self.inner.smallest(weights, rows) * least * (1 - 2.0**-50)

    @property
    def near(self) -> Callable[[Array], Array] | None:
        inner = self.inner.near
        if inner is None:
            return None
        return lambda v: self._back(inner(v[:, self.places] / self.scales))

    def _back(self, z: Array) -> Array:
        x = np.empty_like(z)
        x[:, self.places] = z / self.scales
        return x


def chosen(taps: Taps, filters: IntArray) -> Taps | None:
    """Returns the same convolution with some filters in the given order, equally many a group."""
    each = taps.kernel.shape[0] // taps.groups
    wanted = np.repeat(np.arange(taps.groups), len(filters) // taps.groups)
    if len(filters) % taps.groups or not np.array_equal(filters // each, wanted):
        return None
    return Taps(taps.kernel[filters], taps.tables, taps.shape, taps.groups)
