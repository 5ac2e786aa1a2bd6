"""Proved bounds of singular values, each from one Cholesky decomposition.

If Cholesky's algorithm succeeds in floats on a symmetric A of order n, it has factored A + E
exactly with |E| <= gamma_{n+1} / (1 - gamma_{n+1}) trace(A), so that the smallest eigenvalue of A
is at least -|E| (section 10.1 of [Higham, 2002]; [Rump, 2006]). Here A is the rounded M^T M minus
a multiple of I, or the other way round; rounding M^T M costs gamma_m |M|_F^2 more.
"""

import math
from dataclasses import dataclass

import numpy as np

from monic.model.array import Array

__all__ = ["largest_of_absolute", "largest_singular_value", "smallest_singular_value"]

_UNIT = 2.0**-53


def smallest_singular_value(matrix: Array) -> float:
    """Returns a lower bound of sigma_min, true for all entries with relative errors of 8 u.

    Arguments:
        matrix: M of shape (m, n).

    Example:
        >>> import numpy as np
        >>> 0.99 < smallest_singular_value(np.eye(3)) <= 1.0
        True
    """
    gram = _Gram.of(matrix)
    if gram is None or matrix.shape[0] < matrix.shape[1]:
        return 0.0
    guess = float(np.linalg.eigvalsh(gram.square)[0])
    for share in (1.0 - 1e-9, 0.999, 0.9, 0.5):
        shift = guess * share - 2 * gram.error
        if shift > gram.error and _is_positive(gram.square - shift * np.eye(len(gram.square))):
            proved = math.sqrt(shift - gram.error) - gram.entries
            return max(0.0, proved * gram.unit * (1 - 8 * _UNIT))
    return 0.0


def largest_singular_value(matrix: Array) -> float:
    """Returns an upper bound of sigma_max, true for all entries with relative errors of 8 u.

    Arguments:
        matrix: M of shape (m, n).

    Example:
        >>> import numpy as np
        >>> 1.0 <= largest_singular_value(np.eye(3)) < 1.01
        True
    """
    gram = _Gram.of(matrix)
    if gram is None:
        return 0.0 if not np.any(matrix) else math.inf
    guess = float(np.linalg.eigvalsh(gram.square)[-1])
    for share in (1.0 + 1e-9, 1.001, 1.1, 2.0):
        shift = guess * share + 2 * gram.error
        if _is_positive(shift * np.eye(len(gram.square)) - gram.square):
            # the trace of this matrix is at most n times the shift
            error = gram.error * (1 + len(gram.square))
            proved = math.sqrt(shift + error) + gram.entries
            return proved * gram.unit * (1 + 8 * _UNIT)
    return math.inf


def largest_of_absolute(matrix: Array, rounds: int = 8) -> float:
    """Returns an upper bound of sigma_max(|M|), true for all entries with relative errors of 8 u.

    By Collatz and Wielandt the largest eigenvalue of S = |M|^T |M| is at most max (S p)_j / p_j,
    for every p > 0; powers of S make it sharp.

    Arguments:
        matrix: M of shape (m, n).
        rounds: How many powers.

    Example:
        >>> import numpy as np
        >>> 2.0 <= largest_of_absolute(np.array([[1.0, -1.0], [-1.0, 1.0]])) < 2.001
        True
    """
    sizes = np.abs(matrix)
    scale = float(sizes.max(initial=0.0))
    if not 2.0**-400 < scale < 2.0**400:  # NaN, too
        return 0.0 if not np.any(matrix) else math.inf
    sizes = sizes / scale
    point = np.ones(matrix.shape[1])
    bound = math.inf
    for _ in range(rounds):
        image = (sizes @ point) @ sizes
        bound = min(bound, float((image / point).max()))
        point = np.maximum(image / image.max(), 1e-6)
    room = 1 + (sum(matrix.shape) + 40) * 2 * _UNIT
    return math.sqrt(bound) * scale * room


@dataclass(frozen=True, slots=True)
class _Gram:
    """M^T M in floats for M / unit.

    Arguments:
        square: The product.
        unit: A power of two near the largest entry of M.
        error: A bound of how far rounding has moved the spectrum, and of what Cholesky's
            algorithm does to a matrix whose trace is no larger than that of the product.
        entries: A bound of how far errors of 8 u in the entries of M move singular values.
    """

    square: Array
    unit: float
    error: float
    entries: float

    @classmethod
    def of(cls, matrix: Array) -> "_Gram | None":
        rows, size = matrix.shape
        scale = float(np.abs(matrix).max(initial=0.0))
        if not 2.0**-400 < scale < 2.0**400:  # NaN, too
            return None
        unit = math.ldexp(1.0, round(math.log2(scale)))
        scaled: Array = matrix / unit  # exact: a power of two, far from underflow of what matters
        trace = float(np.sum(scaled * scaled)) * (1 + (rows * size + 8) * 2 * _UNIT)
        error = (2 * (rows + 8) + 4 * (size + 8)) * 2 * _UNIT * trace + 2.0**-900
        return cls(scaled.T @ scaled, unit, error, 16 * _UNIT * math.sqrt(trace))


def _is_positive(matrix: Array) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True
