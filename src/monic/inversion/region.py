"""Domains in floats: what a least-squares or linear program needs of them, and the way back in."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from monic.decision.problem import Problem
from monic.errors import InversionError
from monic.inversion.least_squares import Rows
from monic.inversion.linear_map import Coordinates, DenseMap
from monic.inversion.programs import linear_program
from monic.model import Ball, Box, Domain, Orthant, ReLULayer, WholeSpace
from monic.model.array import Array

__all__ = ["Region"]

#: Sides of orthants and boxes are written out as rows in up to so many dimensions.
WRITTEN = 1 << 12


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A domain as the inequalities normals x <= offsets in floats; a ball has none.

    Arguments:
        domain: The domain.
        dim: Of the space.
        normals: Of shape (k, dim); with no rows for orthants and boxes in large dimensions,
            which have `places` and `signs` alone.
        offsets: Of shape (k,).
        places: For orthants and boxes, which coordinate each inequality bounds.
        signs: And with which sign.
    """

    domain: Domain
    dim: int
    normals: Array
    offsets: Array
    places: Array | None = None
    signs: Array | None = None

    @classmethod
    def of(cls, domain: Domain, dim: int) -> "Region":
        """Returns the region of a domain in R^dim."""
        if isinstance(domain, (WholeSpace, Ball)):
            return cls(domain, dim, np.zeros((0, dim)), np.zeros(0))
        if isinstance(domain, Orthant):
            return cls._of_sides(domain, (np.arange(dim), -np.ones(dim)), np.zeros(dim))
        if isinstance(domain, Box):
            low, high = (np.flatnonzero(np.isfinite(v)) for v in (domain.lower, domain.upper))
            offsets = np.concatenate([-domain.lower[low], domain.upper[high]])
            signs = np.concatenate([-np.ones(len(low)), np.ones(len(high))])
            return cls._of_sides(domain, (np.concatenate([low, high]), signs), offsets, dim)
        sides = domain.half_spaces(dim)
        table = [[float(entry) for entry in normal] for normal, _ in sides]
        normals = np.array(table, dtype=np.float64).reshape(-1, dim)
        lengths = np.maximum(np.linalg.norm(normals, axis=1), np.finfo(np.float64).tiny)
        offsets = np.array([float(offset) for _, offset in sides])
        return cls(domain, dim, normals / lengths[:, None], offsets / lengths)

    @classmethod
    def _of_sides(
        cls, domain: Domain, sides: tuple[Array, Array], offsets: Array, dim: int | None = None
    ) -> "Region":
        places, signs = sides
        dim = len(places) if dim is None else dim
        normals = np.zeros((len(places) if dim <= WRITTEN else 0, dim))
        if dim <= WRITTEN:
            normals[np.arange(len(places)), places] = signs
        return cls(domain, dim, normals, offsets, places, signs)

    def beside(self, rows: Rows) -> Rows:
        """Returns rows of least squares with the inequalities behind them."""
        floats = rows.floats
        if floats.matrix is not None:
            written = DenseMap(np.vstack([floats.matrix, self.normals]), _zeros(rows, self))
            return rows.behind(written, self.offsets)
        if self.places is not None and self.signs is not None:
            return rows.behind(Coordinates(floats, self.places, self.signs), self.offsets)
        return rows  # a polyhedron: `inside` moves the answer into it

    def inside(self, points: Array) -> Array:
        """Returns points of the domain near given ones; membership is confirmed exactly."""
        if isinstance(self.domain, WholeSpace):
            return points
        if isinstance(self.domain, Orthant):
            return np.maximum(points, 0.0)
        if isinstance(self.domain, Box):
            return np.clip(points, self.domain.lower, self.domain.upper)
        return np.array([self._inside(point) for point in points]).reshape(points.shape)

    def _inside(self, point: Array) -> Array:
        """Walks towards a point deep inside until the exact test of membership passes."""
        if not np.isfinite(point).all():  # an overflow: nothing is known of where it ought to be
            return self._middle()
        if self._holds(point):
            return point
        middle = self._middle()
        way = point - middle
        share = 1.0 - self._longest(middle, way)
        step = np.finfo(np.float64).eps
        while step < 1.0:
            moved = middle + (1.0 - min(share + step, 1.0)) * way
            if self._holds(moved):
                return moved
            step *= 2.0
        return middle

    def _longest(self, middle: Array, way: Array) -> float:
        """Returns the largest t <= 1 with middle + t way inside, in floats."""
        if isinstance(self.domain, Ball):
            return min(1.0, self.domain.radius / float(np.linalg.norm(way)))
        slopes, room = self.normals @ way, self.offsets - self.normals @ middle
        outward = slopes > 0
        return float(min(1.0, np.min(room[outward] / slopes[outward], initial=1.0)))

    def _holds(self, point: Array) -> bool:
        return self.domain.contains([Fraction(t) for t in point.tolist()])

    def _middle(self) -> Array:
        """Returns the centre of a ball, or of a ball inscribed in a polyhedron."""
        if isinstance(self.domain, Ball):
            return np.array([float(t) for t in self.domain.middle(self.dim)])
        rows = np.hstack([self.normals, np.ones((len(self.offsets), 1))])
        found = linear_program(
            cost=np.array([*[0.0] * self.dim, -1.0]),
            rows=rows,
            upper=self.offsets,
            nonnegative=np.array([*[False] * self.dim, True]),
            most=np.array([*[np.inf] * self.dim, 1.0]),
        )
        if found is not None and self._holds(found[:-1]):
            return found[:-1]
        return self._rounded_inner_point()

    def _rounded_inner_point(self) -> Array:
        """Returns a point inside, found exactly and rounded: the sides differ too much for floats.

        Raises:
            InversionError: when the rounded point is outside.
        """
        problem = Problem(ReLULayer(np.zeros((1, self.dim)), domain=self.domain))
        try:
            point = np.array([float(t) for t in problem.inner_point()])
        except OverflowError:
            point = np.full(self.dim, np.nan)
        if np.isfinite(point).all() and self._holds(point):
            return point
        raise InversionError(
            "Expected a domain that holds a point of float64. None was found: its sides differ by "
            "too many orders of magnitude."
        )


def _zeros(rows: Rows, region: Region) -> Array:
    return np.zeros(rows.floats.shape[0] + len(region.normals))
