"""B x = t in least squares, for a B prepared once: by QR, by Fourier transform, by iteration."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from monic.inversion.sigma import smallest_singular_value
from monic.model.array import Array
from monic.model.grid import IntArray
from monic.model.taps import Taps

__all__ = ["Dense", "Iterative", "Solver"]

#: Conjugate gradients stop here at the latest; as a rule rounding stops them long before.
ITERATIONS = 5000
#: How often they start again from what they found: what is left is known better then.
ROUNDS = 3


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


@dataclass(frozen=True, slots=True, eq=False)
class Dense(Solver):
    """A matrix B = Q R.

    Arguments:
        basis: B of shape (k, n).
        orthogonal: Q.
        triangle: R.
    """

    basis: Array
    orthogonal: Array
    triangle: Array

    @classmethod
    def of(cls, basis: Array) -> "Dense | None":
        """Returns the solver of a matrix, or None when floats say that its rank is not full."""
        orthogonal, triangle = np.linalg.qr(basis)
        scale = np.abs(np.diag(triangle))
        if scale.min() <= 1e-13 * scale.max():
            return None
        return cls(basis, orthogonal, triangle)

    @property
    def columns(self) -> int:  # type: ignore[override]
        return int(self.triangle.shape[0])

    def solve(self, t: Array) -> Array:
        return np.asarray(np.linalg.solve(self.triangle, (t @ self.orthogonal).T).T)

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
    """

    taps: Taps
    scales: Array

    @property
    def columns(self) -> int:  # type: ignore[override]
        return int(np.prod(self.taps.shape))

    def solve(self, t: Array) -> Array:
        target = np.ascontiguousarray(t.T) / np.repeat(self.scales, self.taps.positions)[:, None]
        x = np.zeros((self.columns, len(t)))
        for _ in range(ROUNDS):
            left = target - self.taps.apply(x).reshape(target.shape)
            step = self._cgls(left)
            x += step
            if np.all(np.linalg.norm(step, axis=0) <= 1e-15 * np.linalg.norm(x, axis=0)):
                break
        return x.T

    def smallest(self, weights: Array, rows: Array) -> float:
        return 0.0  # Lanczos only bounds it from above

    def _cgls(self, right: Array) -> Array:
        """Returns the minimisers of |C x - right| for columns, as far as rounding lets it."""
        x, residual = np.zeros((self.columns, right.shape[1])), right
        way = slope = self.taps.adjoint(residual).reshape(x.shape)
        size = first = np.sum(slope**2, axis=0)
        for _ in range(ITERATIONS):
            image = self.taps.apply(way).reshape(right.shape)
            length = size / np.maximum(np.sum(image**2, axis=0), np.finfo(float).tiny)
            x = x + length * way
            residual = residual - length * image
            slope = self.taps.adjoint(residual).reshape(x.shape)
            new = np.sum(slope**2, axis=0)
            if np.all(new <= 1e-30 * first):
                break
            way = slope + new / np.maximum(size, np.finfo(float).tiny) * way
            size = new
        return x


def chosen(taps: Taps, filters: IntArray) -> Taps | None:
    """Returns the same convolution with some filters in the given order, equally many a group."""
    each = taps.kernel.shape[0] // taps.groups
    wanted = np.repeat(np.arange(taps.groups), len(filters) // taps.groups)
    if len(filters) % taps.groups or not np.array_equal(filters // each, wanted):
        return None
    return Taps(taps.kernel[filters], taps.tables, taps.shape, taps.groups)
