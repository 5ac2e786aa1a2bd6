"""Powers of two that bring numbers to a size near 1, and other small help with arrays."""

import numpy as np

from monic.model.array import Array

__all__ = ["as_slice", "lengths", "unit", "units"]


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
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", rows, rows).astype(np.float64)
    if np.all((squares > 1e-200) & (squares < 1e200)):
        return np.asarray(np.sqrt(squares))
    sizes = units(rows)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.linalg.norm(rows / sizes[:, None], axis=1) * sizes)


def as_slice(places: Array) -> slice | Array:
    """Returns consecutive places as a slice, which copies nothing; others as they are.

    Example:
        >>> import numpy as np
        >>> as_slice(np.array([2, 3, 4]))
        slice(2, 5, None)
    """
    first = int(places[0]) if len(places) else 0
    if np.array_equal(places, np.arange(first, first + len(places))):
        return slice(first, first + len(places))
    return places
