"""Least squares on active rows, with updates of the active set.

Given data y, let P be the rows that are surely active and Z the others. The function

    g(x) = sum over P of (w_i.x + b_i - y_i)^2 + sum over Z of ((w_i.x + b_i - y_i)+)^2

is convex, and no larger than |y - f(x)|^2 where the rows of P are active. If y = f(x) with x in
the domain, f one-to-one there and P = {y_i > 0}, then g vanishes at x and nowhere else in the
domain. It is quadratic in pieces, so that Newton's method with the active set
{i in P or w_i.x + b_i > y_i} finds its minimum in a few steps; the steps after the last change
of the set are iterative refinement. Inequalities of a domain are rows of Z.
"""

from dataclasses import dataclass

import numpy as np

from monic.inversion.conjugate import conjugate_gradients
from monic.inversion.linear_map import DenseMap, FloatMap
from monic.inversion.scaling import unit, units
from monic.model.array import Array

__all__ = ["Fit", "Rows", "frame_algorithm", "newton"]

#: How many numbers a batch of normal matrices may be made of at a time.
CHUNK = 1 << 23
#: How well steps are solved for by iteration: the gradients are exact, and steps are repeated.
ROUGHLY = 1e-4
STEPS = 60
HALVINGS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows W x, values to reach, and which of them are fitted from below too.

    Arguments:
        floats: W, and how it is applied; its bias plays no part.
        target: y - b of shape (N, m).
        sure: P as a mask of shape (N, m).
    """

    floats: FloatMap
    target: Array
    sure: Array

    def behind(self, floats: FloatMap, offsets: Array) -> "Rows":
        """Returns the rows with those of a domain A x <= c behind, which are never sure."""
        if not len(offsets):
            return self
        count = len(self.target)
        return Rows(
            floats,
            np.hstack([self.target, np.broadcast_to(offsets, (count, len(offsets)))]),
            np.hstack([self.sure, np.zeros((count, len(offsets)), dtype=bool)]),
        )

    def scaled(self) -> tuple["Rows", Array]:
        """Returns the rows with numbers of size 1, and what their x has to be multiplied by."""
        matrix, sizes = self.floats.matrix, units(self.target)
        size = 1.0 if matrix is None else unit(matrix)
        floats = self.floats if matrix is None else DenseMap(matrix / size, self.floats.bias)
        return Rows(floats, self.target / sizes[:, None], self.sure), (sizes / size)[:, None]

    def only(self, some: Array | slice) -> "Rows":
        """Returns the same for some samples."""
        return Rows(self.floats, self.target[some], self.sure[some])

    def excess(self, x: Array) -> Array:
        """Returns what g sums the squares of: w_i.x - t_i on P, its positive part on Z."""
        value = self.floats.linear(x) - self.target
        return np.where(self.sure, value, np.maximum(value, 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A minimiser of g for each sample, of shape (N, n), with the vector of its excesses."""

    x: Array
    excess: Array


def newton(rows: Rows, start: Array) -> Fit:
    """Returns minimisers of g, by Newton's method from given points of shape (N, n)."""
    small, factors = rows.scaled()
    size = max(1, CHUNK // (rows.floats.shape[0] * rows.floats.shape[1]))
    x = start / factors
    for k in range(0, len(start), size):
        part = slice(k, k + size)
        x[part] = _newton(small.only(part), x[part])
    x *= factors
    return Fit(x, rows.excess(x))


def _newton(rows: Rows, start: Array) -> Array:
    x, open_ = start.copy(), np.arange(len(start))
    for _ in range(STEPS):
        part = rows.only(open_)
        excess = part.excess(x[open_])
        active = part.sure | (excess > 0)
        step = _newton_step(rows.floats, active, excess)
        moved = _descend(part, x[open_], step, excess)
        better = np.abs(moved).max(axis=1) > 4e-16 * np.abs(x[open_]).max(axis=1, initial=0.0)
        x[open_] += moved
        open_ = open_[better]
        if not open_.size:
            break
    return x


def _newton_step(floats: FloatMap, active: Array, excess: Array) -> Array:
    """Returns -H^-1 g' for each sample; a ridge far below rounding makes H invertible."""
    gradient = floats.adjoint(excess)
    weight = floats.matrix
    if weight is None:
        return -conjugate_gradients(
            lambda v: floats.adjoint(np.where(active, floats.linear(v), 0.0)),
            gradient,
            ROUGHLY,
            floats.gram,
        )
    masked = active[:, :, None] * weight
    hessian = weight.T @ masked
    size = weight.shape[1]
    level = np.maximum(np.trace(hessian, axis1=1, axis2=2) / size, np.finfo(float).tiny)
    hessian += (1e-13 * level)[:, None, None] * np.eye(size)
    return np.linalg.solve(hessian, -gradient[:, :, None])[:, :, 0]


def _descend(rows: Rows, x: Array, step: Array, excess: Array) -> Array:
    """Returns the steps, halved until g decreases; 0 where it no longer does."""
    before = np.einsum("ij,ij->i", excess, excess)
    slope = np.einsum("ij,ij->i", rows.floats.adjoint(excess), step)
    moved, open_, length = np.zeros_like(x), np.arange(len(x)), 1.0
    for _ in range(HALVINGS):
        trial = rows.only(open_).excess(x[open_] + length * step[open_])
        after = np.einsum("ij,ij->i", trial, trial)
        good = after < before[open_] + 1e-4 * length * slope[open_]
        good |= (length == 1.0) & (after < before[open_])
        moved[open_[good]] = length * step[open_[good]]
        open_ = open_[~good]
        if not open_.size:
            break
        length /= 2.0
    return moved


def frame_algorithm(rows: Rows, start: Array, steps: int) -> Fit:
    """Returns near-minimisers of g by the ReLU frame algorithm: steps along -g' alone.

    x <- x - mu W^T excess(x) with mu = 1/|W|^2. With the upper frame bound |W|^2 and the lower
    one A of the active rows, the error shrinks by 1 - A/|W|^2 a step [Haider, Ehler and Balazs,
    2023]. No system is solved, so that it is of use where W is too large for that.
    """
    small, factors = rows.scaled()
    x, open_ = start / factors, np.arange(len(start))
    rate = 1.0 / max(small.floats.largest() ** 2, np.finfo(float).tiny)
    for _ in range(steps):
        part = small.only(open_)
        step = -rate * part.floats.adjoint(part.excess(x[open_]))
        x[open_] += step
        size = np.abs(x[open_]).max(axis=1, initial=0.0)
        open_ = open_[np.abs(step).max(axis=1) > 1e-16 * size]
        if not open_.size:
            break
    x *= factors
    return Fit(x, rows.excess(x))
