"""Layers [B; -DB; M]: pairs of antiparallel rows give the inverse in closed form.

For a pair w_j = -d w_i the two outputs depend on t = w_i.x alone: ((t + b_i)+, (-d t + b_j)+).
With s = b_j + d b_i >= 0 these points make up an L with its corner cut off: the rays
{(p, 0): p >= s/d} and {(0, q): q >= s}, and the segment between their ends. So the nearest t to
a pair of data is found by looking at three pieces, and the sum of the squared distances over
disjoint pairs bounds the distance to the range from below; it is the distance where B is square
and no other rows are left, since then t = B x may be anything. There the inverse is Lipschitz
with constant 1/sigma_min(diag(d/sqrt(1+d^2)) B), and whatever else the layer has does not harm.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import fmpz

from monic.inversion.rounding import UNIT
from monic.inversion.scaling import as_slice, unit
from monic.inversion.solvers import Dense, Solver
from monic.model.affine import ExactAffine
from monic.model.array import Array

__all__ = ["Pairs", "find_pairs"]

#: Rounding room of a distance in the plane, relative to the numbers that it is made of.
ROOM = 2.0**-45

_LEAST, _MOST = Fraction(1, 1 << 300), Fraction(1 << 300)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Disjoint pairs (i, j) of rows with w_j = -d w_i whose w_i span R^n.

    Arguments:
        first: The rows i, of shape (k,).
        second: The rows j, of shape (k,).
        ratio: d, in floats.
        shift: b_i, in floats.
        gap: s = b_j + d b_i, in floats: where s < 0, both outputs are 0 in between.
        exact: Whether each pair is antiparallel over the rationals, of shape (k,).
        close: Whether it is so up to rounding, entry by entry: w_j = -d w_i (1 + e), |e| <= 8 u.
        rows: How many rows the layer has.
        solver: The matrix B of the w_i.
    """

    first: Array
    second: Array
    ratio: Array
    shift: Array
    gap: Array
    exact: Array
    close: Array
    rows: int
    solver: Solver

    @property
    def is_whole(self) -> bool:
        """Whether all rows are in pairs, up to rounding."""
        return self.rows == 2 * len(self.first) and bool(self.close.all())

    @property
    def is_square(self) -> bool:
        """Whether the pairs are the whole layer and B is square: then any t = B x occurs."""
        return self.is_whole and len(self.first) == self.solver.columns

    @property
    def is_rays(self) -> bool:
        """Whether no corner is cut off or missing: the two rays of each pair meet in (0, 0)."""
        return not self.gap.any()

    def nearest(self, y: Array) -> tuple[Array, Array]:
        """Returns (t, distance) for data of shape (N, m): pair by pair, nearest in its plane."""
        a, c = y[:, as_slice(self.first)], y[:, as_slice(self.second)]
        d, s = self.ratio, self.gap
        corner = np.maximum(s, 0.0)
        right, up = np.maximum(a, corner / d), np.maximum(c, corner)
        slide = np.clip((a + d * (s - c)) / (1.0 + d * d), 0.0, corner / d)
        height = np.where(s > 0, s - d * slide, np.inf)
        codes = np.stack([right, (s - up) / d, slide])
        distances = np.stack(
            [np.hypot(a - right, c), np.hypot(a, c - up), np.hypot(a - slide, c - height)]
        )
        choice = distances.argmin(axis=0)[None]
        t = np.take_along_axis(codes, choice, 0)[0] - self.shift
        return t, np.take_along_axis(distances, choice, 0)[0]

    def _nearest_of_rays(self, y: Array) -> Array:
        """The usual case: no corner is cut off, and the larger of the two outputs is right."""
        a, c = y[:, as_slice(self.first)], y[:, as_slice(self.second)]
        t = np.maximum(a, c)
        np.maximum(t, 0.0, out=t)
        t /= np.where(a >= c, 1.0, -self.ratio)
        t -= self.shift
        return t

    def latent(self, y: Array) -> Array:
        """Returns x of shape (N, n) from the nearest t of each pair, B x = t in least squares."""
        return self.solver.solve(self._nearest_of_rays(y) if self.is_rays else self.nearest(y)[0])

    def proved_distances(self, y: Array) -> Array:
        """Returns lower bounds of the distances in the planes of pairs.

        The distance to the plane's quadrant is one for all pairs: that of the negative outputs.
        """
        a, c = y[:, as_slice(self.first)], y[:, as_slice(self.second)]
        less, more = np.minimum(a, c), np.maximum(a, c)
        corner = np.maximum(-less, 0.0)
        both = more < 0
        corner[both] = np.hypot(a[both], c[both])
        corner *= 1 - 8 * UNIT
        if self.is_rays:
            # of two positive outputs the smaller one is too large
            planes = less - ROOM * (less + more)
        else:
            reach = np.abs(self.gap) * (1.0 + 1.0 / self.ratio)
            planes = self.nearest(y)[1] - ROOM * (np.abs(a) + np.abs(c) + reach)
        if not self.exact.all():
            planes = np.where(self.exact, planes, 0.0)
        return np.asarray(np.maximum(corner, planes))

    def inverse_lipschitz(self) -> float:
        """Returns a proved lower bound of |f(x) - f(x')| / |x - x'| on R^n, or 0."""
        good = self.exact & (self.gap >= 0)
        d = self.ratio
        return self.solver.smallest(d / np.hypot(1.0, d), good)


def find_pairs(weight: Array, bias: Array, exact: ExactAffine) -> Pairs | None:
    """Returns the pairs of antiparallel rows, or None when their span is not R^n.

    Floats propose them; which are exactly antiparallel is confirmed over the integers.
    """
    first, second = _candidates(weight)
    size = weight.shape[1]
    if len(first) < size:
        return None
    small = weight / unit(weight)
    solver = Dense.of(weight[first])
    if solver is None:
        return None
    ratio = np.linalg.norm(small[second], axis=1) / np.linalg.norm(small[first], axis=1)
    gap = bias[second] + ratio * bias[first]
    proved = np.zeros(len(first), dtype=bool)
    for k, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        found = _exactly(exact, i, j, int(np.abs(weight[i]).argmax()))
        if found is not None:
            ratio[k], gap[k], proved[k] = float(found[0]), float(found[1]), True
    off = np.abs(weight[second] + ratio[:, None] * weight[first])
    return Pairs(
        first=first,
        second=second,
        ratio=ratio,
        shift=bias[first],
        gap=gap,
        exact=proved,
        close=proved | np.all(off <= 4 * UNIT * np.abs(weight[second]), axis=1),
        rows=len(weight),
        solver=solver,
    )


def _candidates(weight: Array) -> tuple[Array, Array]:
    """Returns rows that are antiparallel up to rounding, by sorting along one direction."""
    weight = weight / unit(weight)
    lengths = np.linalg.norm(weight, axis=1)
    rows = np.flatnonzero(lengths > 0)
    units = weight[rows] / lengths[rows, None]
    probe = np.random.default_rng(0).standard_normal(weight.shape[1])
    order = np.argsort(np.abs(units @ probe), kind="stable")
    pairs, k = [], 0
    while k + 1 < len(order):
        i, j = sorted((int(order[k]), int(order[k + 1])))
        if np.abs(units[i] + units[j]).max() < 1e-9:
            pairs.append((rows[i], rows[j]))
            k += 2
        else:
            k += 1
    table = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _exactly(exact: ExactAffine, i: int, j: int, pivot: int) -> tuple[Fraction, Fraction] | None:
    """Returns (d, b_j + d b_i) when w_j = -d w_i over the integers, else None."""
    size = exact.weight.ncols()
    top, bottom = exact.weight[i, pivot], exact.weight[j, pivot]
    if top == 0 or any(
        exact.weight[j, k] * top != exact.weight[i, k] * bottom for k in range(size)
    ):
        return None
    ratio = -Fraction(int(bottom), int(top))
    shift = Fraction(int(exact.bias[j, 0])) + ratio * Fraction(int(exact.bias[i, 0]))
    shift *= _power(exact.power) / exact.divisor
    # beyond these sizes the formulas above would overflow
    usable = _LEAST < ratio < _MOST and (shift == 0 or _LEAST < abs(shift) < _MOST)
    return (ratio, shift) if usable else None


def _power(exponent: int) -> Fraction:
    return Fraction(int(fmpz(1) << exponent)) if exponent >= 0 else Fraction(1, 1 << -exponent)
