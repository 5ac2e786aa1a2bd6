"""Conjugate gradients, for systems that are too large to be factored."""

from collections.abc import Callable

import numpy as np

from monic.model.array import Array

__all__ = ["conjugate_gradients"]

#: The largest number of iterations; rounding stops most systems long before.
ITERATIONS = 2000


def conjugate_gradients(apply: Callable[[Array], Array], right: Array) -> Array:
    """Returns solutions of H x = right for a batch (N, n); H is symmetric and not negative.

    Where H is singular and the system has solutions, one of them.

    Example:
        >>> import numpy as np
        >>> conjugate_gradients(lambda v: 2 * v, np.array([[4.0, 6.0]])).tolist()
        [[2.0, 3.0]]
    """
    tiny = np.finfo(np.float64).tiny
    x, residual, way = np.zeros_like(right), right, right
    size = first = np.einsum("ij,ij->i", residual, residual)
    for _ in range(ITERATIONS):
        image = apply(way)
        curve = np.einsum("ij,ij->i", way, image)
        length = np.where(curve > tiny, size / np.maximum(curve, tiny), 0.0)[:, None]
        x = x + length * way
        residual = residual - length * image
        new = np.einsum("ij,ij->i", residual, residual)
        if np.all((new <= 1e-28 * first) | (curve <= tiny)):
            break
        way = residual + (new / np.maximum(size, tiny))[:, None] * way
        size = new
    return x
