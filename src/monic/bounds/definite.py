"""Whether a symmetric matrix is above a target: verified in floats, and estimated by a sweep."""

from typing import Any

import numpy as np

from monic.geometry.compiled import INNER, njit

__all__ = ["closes", "sweep"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]

FIRM = 1e-7  # the search aims this much above the target, so that verification has room
EPSILON = 2.0**-52


@njit(**INNER)
def closes(
    gram: FloatArray,
    rows: FloatArray,
    row: int,
    square: FloatArray,
    terms: int,
    target: float,
) -> bool:
    """Whether the Gram matrix (and one more row, unless -1) provably is at least the target.

    Note [verified Cholesky]: `gram` is a sum of `terms` products of rounded entries, so that it
    differs from the exact matrix by at most (terms + 4) eps trace in norm; and a floating-point
    Cholesky factorisation of A that runs to its end proves A + (n + 1) eps trace I to be positive
    semidefinite (Rump, Verification of positive definiteness, 2006). The shift covers both.
    """
    n = gram.shape[0]
    trace = 0.0
    for i in range(n):
        for j in range(i + 1):
            entry = gram[i, j]
            if row >= 0:
                entry += rows[row, i] * rows[row, j]
            square[i, j] = entry
        trace += square[i, i]
    shift = target + (terms + 4 * n + 24) * EPSILON * (trace + n * target)
    if not shift > 1e-250:
        return False
    for j in range(n):
        pivot = square[j, j] - shift
        for k in range(j):
            pivot -= square[j, k] * square[j, k]
        if not pivot > 0.0:
            return False
        root = np.sqrt(pivot)
        square[j, j] = root
        for i in range(j + 1, n):
            entry = square[i, j]
            for k in range(j):
                entry -= square[i, k] * square[j, k]
            square[i, j] = entry / root
    return True


@njit(**INNER)
def sweep(gram: FloatArray, target: float, resolvent: FloatArray, swept: IntArray) -> int:
    """Sets the resolvent (target I - gram)^-1; returns how many eigenvalues are below target."""
    n = gram.shape[0]
    level = target * (1.0 + FIRM)
    below = 0
    for i in range(n):
        for j in range(n):
            resolvent[i, j] = gram[i, j]
        resolvent[i, i] -= level
        swept[i] = 0
    for _ in range(n):
        best, top = -1, -1.0
        for i in range(n):
            if swept[i] == 0 and abs(resolvent[i, i]) > top:
                best, top = i, abs(resolvent[i, i])
        pivot = resolvent[best, best]
        if top < 1e-300:
            pivot = -1e-300
        swept[best] = 1
        if pivot < 0.0:
            below += 1
        for i in range(n):
            if i == best:
                continue
            factor = resolvent[i, best] / pivot
            for j in range(n):
                if j != best:
                    resolvent[i, j] -= factor * resolvent[best, j]
        for i in range(n):
            if i != best:
                resolvent[i, best] /= pivot
                resolvent[best, i] /= pivot
        resolvent[best, best] = -1.0 / pivot
    return below
