"""Bounds of rounding errors, for what is proved with floats.

Over the reals, the value of a float matrix product of length n has an error of at most
gamma_n = n u / (1 - n u) times |W| |x|, in any order of summation and with or without fused
operations (section 3.1 of [Higham, 2002]); the bounds here are that with some room.
"""

import numpy as np

from monic.model.array import Array

__all__ = ["TINY", "UNIT", "length_above", "length_below", "relative_error", "tight_error"]

#: Half the distance from 1 to the next float64: the relative error of one operation.
UNIT = 2.0**-53
#: Room for underflow: far more than the smallest float, far less than anything of interest.
TINY = 2.0**-960


def relative_error(size: int) -> float:
    """Returns a bound of the relative error of a float sum of products of that many terms.

    The entries of W and b may themselves have been rounded, with a relative error of 2 u each.
    """
    return (size + 8) * 2.0 * UNIT


def tight_error(size: int) -> float:
    """Returns what `relative_error` does with no room: n + 1 roundings, and 14 u for W and b.

    Example:
        >>> tight_error(1000) < relative_error(1000)
        True
    """
    steps = (size + 16) * UNIT
    return steps * (1 + 4 * steps)


def length_above(parts: Array) -> Array:
    """Returns upper bounds of Euclidean lengths of nonnegative rows, infinite for NaN.

    Example:
        >>> import numpy as np
        >>> 5.0 <= float(length_above(np.array([[3.0, 4.0]]))[0]) < 5.0 + 1e-12
        True
    """
    room = 1 + relative_error(parts.shape[1] + 16)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", parts, parts)
    if np.all((squares > 1e-200) & (squares < 1e200)):
        return np.asarray(np.sqrt(squares) * room)
    scale = parts.max(axis=1, initial=0.0)
    unit = np.where((scale > 0) & np.isfinite(scale), scale, 1.0)
    with np.errstate(invalid="ignore", over="ignore"):
        square = np.sum((parts / unit[:, None]) ** 2, axis=1)
        length = np.sqrt(square) * unit * room
    return np.where(np.isfinite(scale), np.where(scale > 0, length + TINY, 0.0), np.inf)


def length_below(parts: Array) -> Array:
    """Returns lower bounds of Euclidean lengths of nonnegative rows."""
    room = 1 - relative_error(parts.shape[1] + 16)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", parts, parts)
    if np.all((squares > 1e-200) & (squares < 1e200)):
        return np.asarray(np.sqrt(squares) * room)
    scale = parts.max(axis=1, initial=0.0)
    unit = np.where(scale > 0, scale, 1.0)
    square = np.sum((parts / unit[:, None]) ** 2, axis=1)
    length = np.sqrt(square) * unit * room
    return np.asarray(np.maximum(length - TINY, 0.0))
