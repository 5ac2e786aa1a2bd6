"""Affine maps in floats, known by what they do to batches: matrices, and anything else.

Only the bounds of rounding errors look at how a map computes: `enclosed` returns W x + b with a
proved error, `spread` what an uncertain x adds to it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from monic.errors import InversionError
from monic.inversion.rounding import TINY, relative_error
from monic.inversion.sigma import largest_singular_value
from monic.model.array import Array

__all__ = ["Coordinates", "DenseMap", "FloatMap", "PairedMap"]


class FloatMap(ABC):
    """The map x -> W x + b on batches of shape (N, n); abstract."""

    __slots__ = ()
    shape: tuple[int, int]
    bias: Array

    @abstractmethod
    def linear(self, x: Array) -> Array:
        """Returns W x for a batch of shape (N, n)."""

    @abstractmethod
    def adjoint(self, v: Array) -> Array:
        """Returns W^T v for a batch of shape (N, m)."""

    @abstractmethod
    def enclosed(self, x: Array) -> tuple[Array, Array]:
        """Returns W x + b in floats, and how far each entry may be from the real number."""

    @abstractmethod
    def spread(self, radius: Array) -> Array:
        """Returns at least |W| radius, entry by entry, for radii >= 0."""

    @abstractmethod
    def largest(self) -> float:
        """Returns an upper bound of sigma_max(W)."""

    @property
    def matrix(self) -> Array | None:
        """W of shape (m, n), or None when it is not written out."""
        return None

    @property
    def gram(self) -> Callable[[Array], Array] | None:
        """Nearly the inverse of W^T W on batches, up to a factor, where something knows one."""
        return None

    def in_single(self) -> "FloatMap | None":
        """Returns the same map for batches in float32, with no bounds, where there is a matrix."""
        return None

    def value(self, x: Array) -> Array:
        """Returns W x + b in floats."""
        value = self.linear(x)
        value += self.bias
        return value

    def insist_on_matrix(self, why: str) -> Array:
        """Returns W.

        Raises:
            InversionError: when it is not written out.
        """
        if self.matrix is None:
            raise InversionError(
                f"Expected a layer that is small enough to be written out {why}. Got one of shape "
                f'{self.shape}; use norm="l2", which needs no matrix.'
            )
        return self.matrix


@dataclass(frozen=True, slots=True, eq=False)
class DenseMap(FloatMap):
    """A matrix W of shape (m, n) and a column b, with relative errors of at most 2 u an entry."""

    weight: Array
    bias: Array

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        rows, columns = self.weight.shape
        return rows, columns

    @property
    def matrix(self) -> Array | None:
        return self.weight

    def linear(self, x: Array) -> Array:
        return np.asarray(x @ self.weight.T)

    def adjoint(self, v: Array) -> Array:
        return np.asarray(v @ self.weight)

    def enclosed(self, x: Array) -> tuple[Array, Array]:
        error = relative_error(self.shape[1])
        sizes = np.abs(x) @ np.abs(self.weight).T + np.abs(self.bias)
        return self.value(x), error * sizes * (1 + 2 * error) + TINY

    def spread(self, radius: Array) -> Array:
        room = 1 + 2 * relative_error(self.shape[1])
        return np.asarray((radius @ np.abs(self.weight).T) * room)

    def largest(self) -> float:
        return largest_singular_value(self.weight)

    def in_single(self) -> "DenseMap":
        return DenseMap(self.weight.astype(np.float32), self.bias.astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class PairedMap(FloatMap):
    """A matrix [B; -D B], its rows in any order, applied as B: half of the products.

    Entries of -D B may be those of the matrix up to relative errors of 8 u.

    Arguments:
        inner: The whole matrix.
        places: The rows of B and those of -D B in the matrix.
        ratio: D.
        basis: B.
    """

    inner: DenseMap
    places: tuple[slice | Array, slice | Array]
    ratio: Array
    basis: Array

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        return self.inner.shape

    @property
    def bias(self) -> Array:  # type: ignore[override]
        return self.inner.bias

    @property
    def matrix(self) -> Array | None:
        return self.inner.weight

    def linear(self, x: Array) -> Array:
        first = x @ self.basis.T
        value = np.empty((len(x), self.shape[0]), dtype=first.dtype)
        value[:, self.places[0]] = first
        value[:, self.places[1]] = np.multiply(first, -self.ratio, out=first)
        return value

    def adjoint(self, v: Array) -> Array:
        whole = v[:, self.places[0]] - self.ratio * v[:, self.places[1]]
        return np.asarray(whole @ self.basis)

    def enclosed(self, x: Array) -> tuple[Array, Array]:
        # what D and its products are off by is in the room of `relative_error`, which is twofold
        error = relative_error(self.shape[1])
        sizes = self._sizes(np.abs(x)) + np.abs(self.bias)
        return self.value(x), error * sizes * (1 + 4 * error) + TINY

    def spread(self, radius: Array) -> Array:
        return self._sizes(radius) * (1 + 4 * relative_error(self.shape[1]))

    def _sizes(self, radius: Array) -> Array:
        """Returns |W| radius, rounded."""
        found = np.empty((len(radius), self.shape[0]))
        first = radius @ np.abs(self.basis).T
        found[:, self.places[0]] = first
        found[:, self.places[1]] = np.multiply(first, self.ratio, out=first)
        return found

    def largest(self) -> float:
        return self.inner.largest()

    def in_single(self) -> "PairedMap":
        ratio, basis = self.ratio.astype(np.float32), self.basis.astype(np.float32)
        return PairedMap(self.inner.in_single(), self.places, ratio, basis)


@dataclass(frozen=True, slots=True, eq=False)
class Coordinates(FloatMap):
    """A map with signed coordinates of x below it: sides of an orthant or a box, unwritten."""

    inner: FloatMap
    places: Array
    signs: Array

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        rows, columns = self.inner.shape
        return rows + len(self.places), columns

    @property
    def bias(self) -> Array:  # type: ignore[override]
        return np.concatenate([self.inner.bias, np.zeros(len(self.places))])

    @property
    def gram(self) -> Callable[[Array], Array] | None:
        return self.inner.gram

    def linear(self, x: Array) -> Array:
        return np.hstack([self.inner.linear(x), self.signs * x[:, self.places]])

    def adjoint(self, v: Array) -> Array:
        rows = self.inner.shape[0]
        pulled = self.inner.adjoint(v[:, :rows])
        columns = np.ascontiguousarray(pulled.T)
        np.add.at(columns, self.places, (self.signs * v[:, rows:]).T)  # a box has two sides
        return columns.T

    def enclosed(self, x: Array) -> tuple[Array, Array]:
        value, error = self.inner.enclosed(x)
        sides = self.signs * x[:, self.places]
        return np.hstack([value, sides]), np.hstack([error, np.zeros_like(sides)])

    def spread(self, radius: Array) -> Array:
        return np.hstack([self.inner.spread(radius), radius[:, self.places]])

    def largest(self) -> float:
        return float(np.hypot(self.inner.largest(), 2.0) * (1 + 2.0**-50))  # a box has two sides
