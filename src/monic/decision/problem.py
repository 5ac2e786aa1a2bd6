"""One layer on one domain as an exact linear system."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import Any

import numpy as np
from flint import fmpz_mat

from monic.certificate import subject
from monic.errors import DomainError
from monic.geometry.exact_separation import Relation, separate_exactly
from monic.geometry.system import System
from monic.model import Ball, Box, Domain, Orthant, ReLULayer, WholeSpace
from monic.model.array import exact
from monic.model.reduction import Reduction, reduce_rows

__all__ = ["PartProblem", "Problem", "insist_on_interior", "part_problem"]

Point = tuple[Fraction, ...]


@dataclass(frozen=True)
class Problem:
    """A layer with its exact rows; what is computed once is kept.

    On a ball the centre is moved to the origin: x here is x - center for the user.
    """

    layer: ReLULayer

    @cached_property
    def rows(self) -> list[tuple[int, ...]]:
        """The rows (w_i, b_i) as integers, each scaled by one positive number for all."""
        value = self.layer.map.exact()
        bias = value.bias
        if self.ball is not None:
            center = self.ball.middle(self.dim)
            unit = lcm(*(t.denominator for t in center))
            moved = fmpz_mat(self.dim, 1, [int(t * unit) for t in center])
            bias = bias * unit + value.weight * moved
            value = replace(value, weight=value.weight * unit, bias=bias)
        table = value.weight.tolist()
        return [(*map(int, row), int(bias[i, 0])) for i, row in enumerate(table)]

    @property
    def dim(self) -> int:
        """n."""
        return self.layer.shape[1]

    @property
    def ball(self) -> Ball | None:
        """The domain, when it is a ball."""
        return self.layer.domain if isinstance(self.layer.domain, Ball) else None

    @cached_property
    def sides(self) -> list[tuple[int, ...]]:
        """The side rows (a, -c) of the domain, without the row t > 0."""
        found = []
        for normal, offset in self.layer.domain.half_spaces(self.dim):
            unit = lcm(offset.denominator, *(a.denominator for a in normal))
            found.append((*(int(a * unit) for a in normal), int(-offset * unit)))
        return found

    @cached_property
    def reduction(self) -> Reduction:
        """Which rows matter."""
        return reduce_rows(self.rows)

    @cached_property
    def matrix(self) -> fmpz_mat:
        """The rows as a matrix."""
        return fmpz_mat(self.rows)

    @cached_property
    def homogeneous(self) -> bool:
        """Whether every row that matters has no bias."""
        return all(self.rows[i][-1] == 0 for i in self.reduction.kept)

    @cached_property
    def everywhere(self) -> bool:
        """Whether the question is the one on all of R^n: no bias, and 0 inside the domain."""
        return self.homogeneous and self.contains((Fraction(0),) * self.dim)

    @property
    def weighted(self) -> bool:
        """Whether proofs by branching need multipliers: on a ball, unless no row has an offset."""
        return self.ball is not None and any(row[-1] for row in self.rows)

    @cached_property
    def system(self) -> System:
        """The system that branching searches."""
        if self.weighted:
            return self._round_system()
        time = (*(0,) * self.dim, -1)
        cone = self.homogeneous and (self.everywhere or all(s[-1] == 0 for s in self.sides))
        first = len(self.rows)
        strict = (
            range(first, first)
            if self.everywhere
            else range(first + int(cone), first + 1 + len(self.sides))
        )
        return System(
            rows=[*self.rows, time, *self.sides],
            m=first,
            dim=self.dim,
            kept=self.reduction.kept,
            strict=strict,
            cone=cone,
        )

    def _round_system(self) -> System:
        """The system on a ball, in coordinates in which its radius is 1."""
        assert self.ball is not None, "only balls are round"
        radius = exact(self.ball.radius)
        over, under = radius.numerator, radius.denominator
        return System(
            rows=[(*(over * w for w in row[:-1]), under * row[-1]) for row in self.rows],
            m=len(self.rows),
            dim=self.dim,
            kept=self.reduction.kept,
            strict=(),
            cone=False,
            ball=True,
        )

    @cached_property
    def subject(self) -> dict[str, Any]:
        """The subject of certificates about the layer."""
        return subject("relu-layer", self.layer.map, self.layer.domain)

    def contains(self, x: Point) -> bool:
        """Whether a point (relative to a ball's centre) is inside the domain."""
        return self.layer.domain.contains(self.outside(x), interior=True)

    def outside(self, x: Point) -> Point:
        """Returns a point in the user's coordinates."""
        if self.ball is None:
            return x
        return tuple(a + c for a, c in zip(x, self.ball.middle(self.dim), strict=True))

    def values(self, x: Point) -> list[int]:
        """Returns integers with the signs of w_i.x + b_i, up to one positive factor."""
        unit = lcm(*(t.denominator for t in x))
        column = fmpz_mat(self.dim + 1, 1, [*(int(t * unit) for t in x), unit])
        return [int(v) for v in (self.matrix * column).entries()]

    def slopes(self, direction: Sequence[int]) -> list[int]:
        """Returns w_i.d for an integer direction, up to the factor of `values`."""
        column = fmpz_mat(self.dim + 1, 1, [*direction, 0])
        return [int(v) for v in (self.matrix * column).entries()]

    def inner_point(self) -> Point:
        """Returns a point inside the domain.

        Raises:
            DomainError: when there is none.
        """
        origin = (Fraction(0),) * self.dim
        if self.ball is not None or self.contains(origin):
            return origin
        if isinstance(self.layer.domain, Orthant):
            return (Fraction(1),) * self.dim
        if isinstance(self.layer.domain, Box):
            return self.layer.domain.middle()
        time = (*(0,) * self.dim, -1)
        found = separate_exactly([time, *self.sides], [], self.dim + 1)
        if isinstance(found, Relation):
            raise DomainError(
                "Expected a domain with interior. Got a polyhedron without: some of its "
                "inequalities A x < c contradict each other."
            )
        return tuple(entry / found[-1] for entry in found[:-1])


@dataclass(frozen=True)
class PartProblem(Problem):
    """A part of a layer as a small layer by itself, such as a window or a block of its rows.

    The certificate of the whole layer says which part it is.

    Arguments:
        layer: Only its shape and its domain count here.
        table: The rows (w_i, b_i) as integers, each scaled by some positive number.
    """

    table: tuple[tuple[int, ...], ...] = ()

    @cached_property
    def rows(self) -> list[tuple[int, ...]]:
        return list(self.table)

    @cached_property
    def subject(self) -> dict[str, Any]:
        return {}


def part_problem(table: Sequence[tuple[int, ...]], domain: Domain) -> PartProblem:
    """Returns the question about some rows (w_i, b_i) alone, on a domain of their own."""
    layer = ReLULayer(np.zeros((len(table), len(table[0]) - 1)), domain=domain)
    return PartProblem(layer, tuple(table))


def insist_on_interior(domain: Domain, dim: int) -> None:
    """Refuses inequalities that leave no interior; boxes, balls and orthants always have one.

    Raises:
        DomainError: when a polyhedron has no interior.
    """
    if not isinstance(domain, WholeSpace | Orthant | Box | Ball):
        part_problem([(1,) * (dim + 1)], domain).inner_point()
