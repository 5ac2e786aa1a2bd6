"""Powers of two that bring numbers to a size near 1, so that their squares stay in range."""

import numpy as np

from monic.model.array import Array

__all__ = ["lengths", "unit", "units"]


def unit(values: Array) -> float:
    """Returns a power of two near the largest absolute value; 1 where all are 0.

    Example:
        >>> import numpy as np
        >>> unit(np.array([0.0, -5.0]))
        8.0
    """
    return float(units(values.reshape(1, -1))[0])


def units(rows: Array) -> Array:
    """Returns a power of two for each row, as a column to divide by has them."""
    largest = np.abs(rows).max(axis=1, initial=0.0)
    exponents = np.clip(np.frexp(largest)[1], -1000, 1000)
    return np.where(largest > 0, np.ldexp(1.0, exponents), 1.0)


def lengths(rows: Array) -> Array:
    """Returns the Euclidean length of each row, in floats, whatever the size of its entries."""
    sizes = units(rows)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.linalg.norm(rows / sizes[:, None], axis=1) * sizes)
