"""A layer as the bounds see it: every row counts, none is reduced away.

Duplicates and parallel rows change stability constants, so that the system searched here keeps all
rows but those with w_i = 0, whose outputs are constant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import isqrt
from typing import Any

import numpy as np

from monic.bounds.singular import Gram, gram_of_rows
from monic.decision.problem import Point, Problem
from monic.geometry.exact_separation import Relation, separate_exactly
from monic.geometry.system import System
from monic.model import ReLULayer, WholeSpace

__all__ = ["Subject"]

#: Up to this many entries of W, rows that do not change sign on the domain are looked for.
CONSTANT = 2048

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Subject:
    """A layer with its exact rows and their float shadows."""

    layer: ReLULayer
    problem: Problem = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "problem", Problem(self.layer))

    @property
    def dim(self) -> int:
        """n."""
        return self.layer.shape[1]

    @cached_property
    def scale(self) -> Fraction:
        """The number that `weights` and `biases` are to be multiplied by."""
        return self.layer.map.exact().scale

    @cached_property
    def weights(self) -> list[tuple[int, ...]]:
        """The rows w_i as integers, in the user's order."""
        return [tuple(map(int, row)) for row in self.layer.map.exact().weight.tolist()]

    @cached_property
    def biases(self) -> list[int]:
        """The biases b_i as integers."""
        return [int(entry) for entry in self.layer.map.exact().bias.entries()]

    @cached_property
    def used(self) -> tuple[int, ...]:
        """The rows with w_i != 0."""
        return tuple(i for i, row in enumerate(self.weights) if any(row))

    @cached_property
    def shift(self) -> int:
        """k such that the largest entry of W times 2^-k is in [1/2, 1)."""
        top = max((abs(entry) for row in self.weights for entry in row), default=0) * self.scale
        k = top.numerator.bit_length() - top.denominator.bit_length()
        return k + int(top >= Fraction(2) ** k)

    @cached_property
    def unit(self) -> Fraction:
        """2^shift over the scale."""
        return Fraction(2) ** self.shift / self.scale

    @cached_property
    def floats(self) -> FloatArray:
        """W times 2^-shift, each entry rounded once."""
        top, bottom = self.unit.as_integer_ratio()
        table = [[entry * bottom / top for entry in row] for row in self.weights]
        return np.array(table).reshape(self.layer.shape)

    @cached_property
    def offsets(self) -> FloatArray:
        """The biases times 2^-shift, rounded; infinite where that is beyond floats."""
        return np.array([_rounded(b / self.unit) for b in self.biases])

    def gram(self, rows: Sequence[int]) -> Gram:
        """Returns the exact Gram matrix of some rows."""
        return gram_of_rows([self.weights[i] for i in rows], self.scale, self.dim)

    def active(self, x: Point) -> tuple[int, ...]:
        """Returns the rows that are not strictly negative at an exact point, in the user's x."""
        return tuple(i for i, v in enumerate(self.values(x)) if v >= 0)

    def strictly_active(self, x: Point) -> tuple[int, ...]:
        """Returns the rows that are positive at an exact point: active on every cell next to it.

        A row whose value is 0 there is active on one side only, and not together with another
        that has the opposite sign on that side.
        """
        return tuple(i for i, v in enumerate(self.values(x)) if v > 0)

    def values(self, x: Point) -> list[Fraction]:
        """Returns the integers' w_i.x + b_i at an exact point."""
        return [
            sum((w * t for w, t in zip(row, x, strict=True) if w), Fraction(bias))
            for row, bias in zip(self.weights, self.biases, strict=True)
        ]

    def inside(self, x: Point) -> bool:
        """Returns whether a point of the user's space is inside the domain."""
        return self.layer.domain.contains(x, interior=True)

    @cached_property
    def homogeneous(self) -> bool:
        """Whether no row in use has an offset (from the centre, on a ball)."""
        return all(self.problem.rows[i][-1] == 0 for i in self.used)

    @cached_property
    def everywhere(self) -> bool:
        """Whether the question is the one on all of R^n: no offset, and 0 inside the domain."""
        return self.homogeneous and self.problem.contains((Fraction(0),) * self.dim)

    def system(
        self, cuts: Sequence[tuple[int, ...]] = (), rows: Sequence[int] | None = None
    ) -> System:
        """Returns the linear system to search: rows (or all), and side rows of the domain.

        A ball is replaced by the box around it, and by half-spaces that contain it (`cuts`).
        """
        time = (*(0,) * self.dim, -1)
        sides = [*self.problem.sides, *self._box_around_ball(), *cuts]
        cone = self.homogeneous and (self.everywhere or all(side[-1] == 0 for side in sides))
        first = len(self.problem.rows)
        strict = (
            range(first, first)
            if self.everywhere
            else range(first + int(cone), first + 1 + len(sides))
        )
        return System(
            rows=[*self.problem.rows, time, *sides],
            m=first,
            dim=self.dim,
            kept=self.used if rows is None else tuple(rows),
            strict=strict,
            cone=cone,
        )

    @cached_property
    def constant(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Rows that are active on all of the domain, and rows that are nowhere; exactly.

        All of them up to a size of W where that is quick, none beyond.
        """
        large = len(self.used) * self.dim > CONSTANT
        if large or self.everywhere or isinstance(self.layer.domain, WholeSpace):
            return (), ()
        system = self.system()
        sides = [system.rows[i] for i in system.strict]
        inner = self.problem.outside(self.problem.inner_point())
        ways: tuple[list[int], list[int]] = [], []
        for i, value in enumerate(self.values(inner)):
            sign = 1 if value >= 0 else -1
            row = tuple(sign * entry for entry in system.rows[i])
            if i in self.used and isinstance(
                separate_exactly([row, *sides], [], system.width), Relation
            ):
                ways[int(value < 0)].append(i)
        return tuple(ways[0]), tuple(ways[1])

    def _box_around_ball(self) -> list[tuple[int, ...]]:
        if self.problem.ball is None:
            return []
        radius = Fraction(self.problem.ball.radius)
        unit = [[radius.denominator * (i == j) for j in range(self.dim)] for i in range(self.dim)]
        return [
            (*(sign * entry for entry in row), -radius.numerator)
            for row in unit
            for sign in (1, -1)
        ]

    def cut(self, x: Point) -> tuple[int, ...]:
        """Returns the side row of a half-space that holds the ball and, if it can, excludes x.

        Arguments:
            x: A point relative to the ball's centre.
        """
        ball = self.problem.ball
        assert ball is not None, "only balls are cut"
        length = max(abs(float(t)) for t in x)
        normal = [int(float(t) / length * 2**30) for t in x]
        square = sum(entry * entry for entry in normal)
        radius = Fraction(ball.radius)
        reach = ceil_root(square * radius.numerator**2)  # r |normal| times the denominator
        return (*(entry * radius.denominator for entry in normal), -reach)


def ceil_root(square: int) -> int:
    """Returns the smallest integer whose square is at least this one.

    Example:
        >>> ceil_root(4), ceil_root(5)
        (2, 3)
    """
    root = isqrt(square)
    return root if root * root == square else root + 1


def _rounded(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else -float("inf")
