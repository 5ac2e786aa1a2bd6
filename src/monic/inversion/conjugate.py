"""Conjugate gradients, for systems that are too large to be factored; batches of columns or rows.

Samples that have settled stand still while others go on.
"""

from collections.abc import Callable

import numpy as np

from monic.model.array import Array

__all__ = ["conjugate_gradients", "least_squares"]

#: The largest number of iterations; rounding stops most systems long before.
ITERATIONS = 2000
#: So many iterations without progress end a search that rounding keeps from its aim.
PATIENCE = 100

_TINY = np.finfo(np.float64).tiny
_Apply = Callable[[Array], Array]


def conjugate_gradients(
    apply: _Apply, right: Array, accuracy: float = 1e-10, precondition: _Apply | None = None
) -> Array:
    """Returns solutions of H x = right for a batch (N, n); H is symmetric and not negative.

    Where H is singular and the system has solutions, one of them.

    Arguments:
        apply: H.
        right: The right-hand sides.
        accuracy: The size of H x - right, relative to right, that is enough.
        precondition: Nearly the inverse of H, symmetric and positive; None for none.

    Example:
        >>> import numpy as np
        >>> conjugate_gradients(lambda v: 2 * v, np.array([[4.0, 6.0]])).tolist()
        [[2.0, 3.0]]
    """
    x, residual, ahead = np.zeros_like(right), right, precondition or _same
    way = ahead(right)
    square, size = _dot(residual, residual), _dot(residual, way)
    progress = _Progress(square * accuracy**2)
    while progress.goes_on(square):
        image = apply(way)
        length = progress.step(size, _dot(way, image))[:, None]
        x = x + length * way
        residual = residual - length * image
        turned = ahead(residual)
        square, new = _dot(residual, residual), _dot(residual, turned)
        way = turned + (new / np.maximum(size, _TINY))[:, None] * way
        size = new
    return x


def least_squares(
    apply: _Apply, adjoint: _Apply, right: Array, norm: float, precondition: _Apply | None = None
) -> Array:
    """Returns the x with the least |C x - right| for a batch (N, k), as far as rounding lets it.

    Arguments:
        apply: C.
        adjoint: C^T.
        right: The right-hand sides.
        norm: An upper bound of |C|.
        precondition: Nearly the inverse of C^T C, symmetric and positive; None for none.

    Example:
        >>> import numpy as np
        >>> twice = lambda v: 2 * v
        >>> least_squares(twice, twice, np.array([[4.0, 6.0]]), 2.0).tolist()
        [[2.0, 3.0]]
    """
    residual, ahead = right, precondition or _same
    slope = adjoint(residual)
    way = ahead(slope)
    x = np.zeros_like(slope)
    square, size = _dot(slope, slope), _dot(slope, way)
    progress = _Progress(square * 1e-30)
    while progress.goes_on(square):
        image = apply(way)
        length = progress.step(size, _dot(image, image))[:, None]
        x = x + length * way
        residual = residual - length * image
        slope = adjoint(residual)
        turned = ahead(slope)
        square, new = _dot(slope, slope), _dot(slope, turned)
        # a gradient this small is the rounding of the products that it is made of
        noise = (2e-16 * norm) ** 2 * _dot(residual, residual)
        progress.enough = np.maximum(progress.enough, noise)
        way = turned + (new / np.maximum(size, _TINY))[:, None] * way
        size = new
    return x


def _same(v: Array) -> Array:
    return v


def _dot(v: Array, w: Array) -> Array:
    return np.asarray(np.einsum("ij,ij->i", v, w))


class _Progress:
    """Which samples go on, and whether any of them still gets anywhere."""

    def __init__(self, enough: Array) -> None:
        self.enough = np.maximum(enough, _TINY)
        self.best = np.full(len(enough), np.inf)
        self.idle = self.count = 0
        self.open = np.ones(len(enough), dtype=bool)

    def goes_on(self, size: Array) -> bool:
        self.open &= size > self.enough
        better = self.open & (size < 0.5 * self.best)
        self.best = np.where(better, size, self.best)
        self.idle = 0 if better.any() else self.idle + 1
        self.count += 1
        return bool(self.open.any()) and self.idle < PATIENCE and self.count <= ITERATIONS

    def step(self, size: Array, curve: Array) -> Array:
        """Returns size / curve for those that go on, and 0 for the others."""
        good = self.open & (curve > _TINY)
        return np.where(good, size / np.where(good, curve, 1.0), 0.0)
