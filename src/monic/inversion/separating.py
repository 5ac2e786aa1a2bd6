"""Exact lower bounds of the distance from data to the range of a last stage."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat

from monic.certificate import rationals
from monic.decision.problem import Point
from monic.inversion.chain import FloatStage
from monic.inversion.least_squares import Rows, newton
from monic.model import Activation
from monic.model.array import Array

__all__ = ["HalfSpace", "Planes", "half_space", "in_planes"]

#: Inputs up to which a half-space is made exact.
DIM = 128
#: Multipliers below this share of the largest are left out.
FAINT = 1e-9


@dataclass(frozen=True, slots=True)
class HalfSpace:
    """Multipliers of the rows and of z >= 0, whose half-space holds the range and not the data."""

    free: Point
    positive: Point
    body: bytes = b""

    def member(self) -> dict[str, Any]:
        """Returns the evidence as the header has it."""
        free, positive = rationals(self.free), rationals(self.positive)
        return {"kind": "dual", "free": free, "positive": positive}


@dataclass(frozen=True, slots=True)
class Planes:
    """Opposite rows: the range runs along a bent line in the plane of each pair."""

    pairs: tuple[tuple[int, int], ...]
    body: bytes = b""

    def member(self) -> dict[str, Any]:
        """Returns the evidence as the header has it."""
        return {"kind": "planes", "pairs": [list(pair) for pair in self.pairs]}


def half_space(stage: FloatStage, y: Array, radius: float) -> tuple[Fraction, HalfSpace] | None:
    """Returns the square of a distance, at most the radius, and what proves it; None for nothing.

    Floats find the point of the (convex) set that holds the range near y, which is nearest; the
    way there is made a multiplier over the rationals, by a change on n rows.
    """
    relu = stage.activation.kind is Activation.RELU
    if stage.floats.matrix is None or stage.map.in_dim > DIM:
        return None
    if not relu and stage.activation.kind is not Activation.IDENTITY:
        return None
    sure = y >= radius if relu else np.ones(y.shape, dtype=bool)
    data = np.maximum(y, 0.0) if relu else y
    rows = Rows(stage.floats, (data - stage.bias)[None], sure[None])
    excess = newton(rows, np.zeros((1, stage.map.in_dim))).excess[0]
    top = float(np.abs(excess).max(initial=0.0))
    some = [i for i in range(len(y)) if sure[i] or excess[i] > FAINT * top]
    free = _balanced(stage, some, excess)
    if free is None or any(a < 0 and not sure[i] for i, a in enumerate(free)):
        return None
    positive = [Fraction(max(0.0, -t)) if relu else Fraction(0) for t in y.tolist()]
    exact = stage.map.exact()
    offset = sum(
        (a * int(b) for a, b in zip(free, exact.bias.entries(), strict=True) if a), Fraction(0)
    )
    both = [a + c for a, c in zip(free, positive, strict=True)]
    along = offset * exact.scale - sum(
        (a * Fraction(t) for a, t in zip(both, y.tolist(), strict=True)), Fraction(0)
    )
    square = sum((a * a for a in both), Fraction(0))
    if along <= 0 or not square:
        return None
    found = min(along * along / square, Fraction(radius) ** 2)
    return found, HalfSpace(tuple(free), tuple(positive))


def _balanced(stage: FloatStage, some: list[int], excess: Array) -> list[Fraction] | None:
    """Returns multipliers near the given ones with W^T a = 0, other than 0 on some rows alone."""
    from scipy.linalg import qr

    weight = stage.map.exact().weight
    n = stage.map.in_dim
    found = [Fraction(0)] * len(excess)
    for i in some:
        found[i] = Fraction(float(excess[i]))
    if not some:
        return None
    upper, order = qr(np.asarray(stage.weight)[some].T, mode="r", pivoting=True)
    sizes = np.abs(np.diag(upper))
    rank = int((sizes > 1e-12 * sizes[0]).sum())
    chosen = [some[k] for k in order[:rank]]
    table = fmpz_mat([[int(weight[i, j]) for j in range(n)] for i in chosen])
    rest = [sum((found[i] * int(weight[i, j]) for i in some), Fraction(0)) for j in range(n)]
    right = fmpq_mat(n, 1, [fmpq(-t.numerator, t.denominator) for t in rest])
    square = fmpq_mat(table * table.transpose())
    try:
        change = square.solve(fmpq_mat(table) * right).entries()
    except ZeroDivisionError:
        return None
    if (fmpq_mat(table).transpose() * fmpq_mat(rank, 1, change)) != right:
        return None
    for i, delta in zip(chosen, change, strict=True):
        found[i] += Fraction(int(delta.p), int(delta.q))
    return found


def in_planes(stage: FloatStage, y: Array) -> tuple[Fraction, Planes] | None:
    """Returns the square of a distance by opposite rows and negative numbers, and those rows."""
    if stage.activation.kind is not Activation.RELU:
        return None
    pairs: list[tuple[int, int]] = []
    if stage.pairs is not None:
        both = zip(stage.pairs.first.tolist(), stage.pairs.second.tolist(), strict=True)
        pairs = [pair for pair, exact in zip(both, stage.pairs.exact, strict=True) if exact]
    total, values = Fraction(0), [Fraction(t) for t in y.tolist()]
    for i, j in pairs:
        total += _from_line(stage, (i, j), (values[i], values[j]))
    inside = {row for pair in pairs for row in pair}
    total += sum((t * t for i, t in enumerate(values) if i not in inside and t < 0), Fraction(0))
    return total, Planes(tuple(pairs))


def _from_line(stage: FloatStage, pair: tuple[int, int], y: tuple[Fraction, Fraction]) -> Fraction:
    """The squared distance from the bent line through (0, s) and (s / d, 0), or from two rays."""
    exact, (i, j) = stage.map.exact(), pair
    k = next(k for k in range(stage.map.in_dim) if exact.weight[i, k])
    d = Fraction(-int(exact.weight[j, k]), int(exact.weight[i, k]))
    s = (int(exact.bias[j, 0]) + d * int(exact.bias[i, 0])) * exact.scale
    corners = [(Fraction(0), max(s, Fraction(0))), (max(s, Fraction(0)) / d, Fraction(0))]
    found = [
        y[0] ** 2 + min(y[1] - corners[0][1], Fraction(0)) ** 2,
        y[1] ** 2 + min(y[0] - corners[1][0], Fraction(0)) ** 2,
    ]
    if s > 0:
        # how far along the segment the nearest point is
        share = ((y[1] - s) * -s + y[0] * s / d) / (s * s + (s / d) ** 2)
        share = min(max(share, Fraction(0)), Fraction(1))
        found.append((y[0] - share * s / d) ** 2 + (y[1] - s + share * s) ** 2)
    return min(found)
