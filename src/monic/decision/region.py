"""A layer and its domain as floats, in coordinates in which a search can walk.

A point of the search is a vector z. Where nothing changes under scaling, z lies on the sphere. A
bias on the whole space or on the orthant makes one more coordinate t > 0, and x = s z / t: what
is far away is near t = 0. In a box, z is relative to the middle and the half-widths, in a ball to
the radius, and in a polyhedron z starts from an inner point.

Nothing here is exact. Points are proposals, and are confirmed elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from monic.decision.problem import Problem
from monic.model import (
    AffineMap,
    Ball,
    Box,
    Concat,
    Input,
    Linear,
    Orthant,
    Polyhedron,
    Scale,
    Shift,
    WholeSpace,
)
from monic.model.channels import ChannelScale, ChannelShift, numbers_of
from monic.model.wiring import Wiring

__all__ = ["Region", "region"]

FloatArray = np.ndarray[Any, np.dtype[Any]]

#: Distance to keep from the boundary, relative to the size of the coordinates.
INSIDE = 1e-5

#: Rows turned into unit rows at once.
BLOCK = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Unit rows (u_i, c_i) and a set of z with u_i.z + c_i < 0 where row i is inactive.

    Arguments:
        units: The u_i in float32, of shape (k, d); rows with w_i = 0 are left out.
        offsets: The c_i of shape (k, 1), or None when all are 0.
        always: The number of rows left out that are active everywhere.
        sphere: Whether z is scaled to length 1.
        low: Lower bounds of z of shape (d, 1), or None.
        high: Upper bounds, or None.
        ball: Whether z has length at most 1.
        sides: Unit normals a_j of shape (s, d) with a_j.z < h_j, or None.
        heights: The h_j > 0 of shape (s, 1).
        middle: x = middle + spread z; with `time`, x = spread z / t for z = (..., t).
        spread: One number, or one a coordinate.
        time: Whether the last coordinate of z is t.
    """

    units: FloatArray
    offsets: FloatArray | None = None
    always: int = 0
    sphere: bool = False
    low: FloatArray | None = None
    high: FloatArray | None = None
    ball: bool = False
    sides: FloatArray | None = None
    heights: FloatArray | None = None
    middle: FloatArray = field(default_factory=lambda: np.zeros(1))
    spread: FloatArray = field(default_factory=lambda: np.ones(1))
    time: bool = False

    def point(self, z: FloatArray) -> FloatArray:
        """Returns x for one z, in the coordinates of `Problem`."""
        z = z.astype(np.float64)
        if self.time:
            return np.asarray(self.spread * z[:-1] / z[-1])
        return np.asarray(self.middle + self.spread * z)

    def count(self, x: FloatArray) -> int:
        """Returns the number of active rows at a point x, as float32 sees it."""
        if self.time:
            z = np.append(x / self.spread, 1.0)
        else:
            z = (x - self.middle) / self.spread
        products = self.units @ z.astype(np.float32)
        if self.offsets is not None:
            products += self.offsets[:, 0]
        return int((products >= 0).sum()) + self.always

    def starts(self, count: int, random: np.random.Generator) -> FloatArray:
        """Returns starts of shape (d, count); the first is opposite to the mean of the rows."""
        size = self.units.shape[1]
        mean = -_fetched(self.units.mean(0)).astype(np.float64)
        found = random.standard_normal((size, count), dtype=np.float32)
        if not self.sphere:
            found *= random.random((1, count), dtype=np.float32) / np.float32(size**0.5)
        length = float(np.linalg.norm(mean))
        if length > 0:
            found[:, 0] = mean / length
        if self.low is not None and self.high is not None and not self.sphere:
            found[:, 1:] *= np.float32(size**0.5)
        if self.sphere and self.low is not None:
            bounded = np.isfinite(_fetched(self.low[:, 0]))
            found[bounded, 1:] = np.abs(found[bounded, 1:])
        return found

    def on(self, move: Any) -> "Region":
        """Returns the region with its arrays changed by a function, such as onto a device."""
        names = ("units", "offsets", "low", "high", "sides", "heights")
        arrays = {name: getattr(self, name) for name in names}
        moved: dict[str, Any] = {n: None if a is None else move(a) for n, a in arrays.items()}
        return replace(self, **moved)

    def place(self, points: Any, xp: Any) -> Any:
        """Returns points of shape (d, k) brought into the region; xp is numpy or torch."""
        if self.sides is not None:
            points = self._between_sides(points, xp)
        if self.low is not None:
            points = xp.maximum(points, self.low)
        if self.high is not None:
            points = xp.minimum(points, self.high)
        if self.ball:
            length = (points * points).sum(0) ** 0.5
            points = points * ((1 - INSIDE) / xp.clip(length, 1 - INSIDE, None))
        if self.sphere:
            points = points / ((points * points).sum(0) ** 0.5 + 1e-30)
        return points

    def _between_sides(self, points: Any, xp: Any) -> Any:
        """Steps to the side most violated, some times, and then back towards the inner point."""
        sides, heights = self.sides, self.heights
        assert sides is not None, "only polyhedra have sides"
        assert heights is not None, "sides have heights"
        inside = 1 - 10 * INSIDE
        for _ in range(3):
            over = sides @ points - heights * inside
            worst = over.argmax(0)
            way = sides[worst].T
            excess = xp.clip((way * points).sum(0) - heights[worst, 0] * inside, 0, None)
            points = points - way * excess
        share = (sides @ points / heights).max(0)
        share = getattr(share, "values", share)  # torch gives the places as well
        return points * ((1 - INSIDE) / xp.clip(share, 1 - INSIDE, None))


def region(problem: Problem, kept: Sequence[int] | None = None) -> Region:
    """Returns a layer's rows (all, or only some) and its domain as floats."""
    weight, bias = _floats(problem.layer.map)
    if kept is not None and len(kept) < len(weight):
        weight, bias = weight[list(kept)], bias[list(kept)]
    domain, dim = problem.layer.domain, problem.dim
    lengths = np.array([float(np.linalg.norm(row.astype(np.float64))) for row in weight])
    present = np.isfinite(lengths) & (lengths > 0)
    always = int(((bias >= 0) & ~present).sum())
    rows, lengths, offsets = weight, lengths[present], bias[present]
    if not present.all():
        rows = weight[present]
    if isinstance(domain, (WholeSpace, Orthant)):
        return _cone(rows, offsets / lengths, lengths, always, isinstance(domain, Orthant))
    middle, spread = np.zeros(dim), np.ones(1)
    shape: dict[str, Any] = {}
    if isinstance(domain, Ball):
        middle = np.array([float(t) for t in domain.middle(dim)])
        spread, shape = np.array([float(domain.radius)]), {"ball": True}
    elif isinstance(domain, Box):
        middle, spread, shape = _box(domain, _typical(offsets / lengths))
    elif isinstance(domain, Polyhedron):
        middle = np.array([float(t) for t in problem.inner_point()])
        spread, shape = _polyhedron(domain, middle, _typical(offsets / lengths))
    offsets = offsets + rows @ middle
    units = _unit_rows(rows, lengths, spread)
    sizes = lengths if spread.size == 1 else np.linalg.norm(rows * spread, axis=1)
    offsets = offsets / (sizes * (spread[0] if spread.size == 1 else 1.0))
    return Region(
        units=units,
        offsets=offsets.astype(np.float32).reshape(-1, 1) if offsets.any() else None,
        always=always,
        middle=np.zeros(1) if isinstance(domain, Ball) else middle,  # x is relative to a centre
        spread=spread,
        **shape,
    )


def _cone(
    rows: FloatArray, offsets: FloatArray, lengths: FloatArray, always: int, orthant: bool
) -> Region:
    """The whole space or the orthant: the sphere, with one more coordinate for a bias."""
    dim = rows.shape[1]
    units = _unit_rows(rows, lengths, np.ones(1))
    low = np.full((dim, 1), INSIDE if orthant else -np.inf, dtype=np.float32)
    spread = np.ones(1)
    timed = bool(offsets.any())
    if timed:
        spread = np.array([_typical(offsets)])
        units = np.hstack([units, (offsets / spread[0]).astype(np.float32).reshape(-1, 1)])
        units /= np.linalg.norm(units, axis=1, keepdims=True)
        low = np.vstack([low, np.full((1, 1), 1e-3, dtype=np.float32)])
    return Region(
        units=units,
        always=always,
        sphere=True,
        low=low if orthant or timed else None,
        spread=spread,
        time=timed,
    )


def _box(domain: Box, size: float) -> tuple[FloatArray, FloatArray, dict[str, Any]]:
    lower, upper = domain.lower, domain.upper
    below, above = np.isfinite(lower), np.isfinite(upper)
    left = np.where(below, lower, np.where(above, upper - 2 * size, -size))
    right = np.where(above, upper, np.where(below, lower + 2 * size, size))
    middle, spread = left + (right - left) / 2, (right - left) / 2
    edge = 1 - INSIDE
    low = np.where(below, -edge, -np.inf).astype(np.float32).reshape(-1, 1)
    high = np.where(above, edge, np.inf).astype(np.float32).reshape(-1, 1)
    return middle, spread, {"low": low, "high": high}


def _polyhedron(
    domain: Polyhedron, middle: FloatArray, size: float
) -> tuple[FloatArray, dict[str, Any]]:
    table = domain.A.astype(np.float64)
    lengths = np.linalg.norm(table, axis=1)
    table, lengths, ends = table[lengths > 0], lengths[lengths > 0], domain.c[lengths > 0]
    if not len(table):
        return np.array([size]), {}
    heights = (ends.astype(np.float64) - table @ middle) / lengths
    spread = max(size, float(heights.max()))
    heights = np.maximum(heights / spread, 1e-12)
    return np.array([spread]), {
        "sides": (table / lengths[:, None]).astype(np.float32),
        "heights": heights.astype(np.float32).reshape(-1, 1),
    }


def _fetched(array: Any) -> FloatArray:
    return array if isinstance(array, np.ndarray) else np.asarray(array.cpu())


def _typical(offsets: FloatArray) -> float:
    """A length at which biases matter; 1 without them."""
    present = np.abs(offsets[offsets != 0])
    return float(np.median(present)) if present.size else 1.0


def _unit_rows(rows: FloatArray, lengths: FloatArray, spread: FloatArray) -> FloatArray:
    """Rows times spread, scaled to length 1, in float32; block by block."""
    units = np.empty(rows.shape, dtype=np.float32)
    for first in range(0, len(rows), BLOCK):
        part = slice(first, first + BLOCK)
        table = rows[part].astype(np.float64) / lengths[part, None]
        if spread.size > 1:
            table *= spread
            table /= np.linalg.norm(table, axis=1, keepdims=True)
        units[part] = table
    return units


def _floats(value: AffineMap) -> tuple[FloatArray, FloatArray]:
    """Returns W and b of a map, in floats; W is the user's own array where it can be."""
    known: dict[int, tuple[FloatArray | None, FloatArray]] = {}
    for step in value.steps():
        known[id(step)] = _multiplied(step, [known[id(part)] for part in step.parts()])
    weight, bias = known[id(value)]
    return np.eye(value.in_dim) if weight is None else weight, bias


def _multiplied(
    step: AffineMap, parts: list[tuple[FloatArray | None, FloatArray]]
) -> tuple[FloatArray | None, FloatArray]:
    """None stands for the identity."""
    if isinstance(step, Input):
        return None, np.zeros(step.dim)
    if isinstance(step, Concat):
        tables = [np.eye(step.in_dim) if w is None else w for w, _ in parts]
        return np.concatenate(tables), np.concatenate([b for _, b in parts])
    weight, bias = parts[0]
    if isinstance(step, Linear):
        matrix = step.matrix.T if step.transposed else step.matrix
        if weight is None:
            return matrix, np.zeros(step.out_dim)
        matrix = matrix.astype(np.float64)
        return matrix @ weight.astype(np.float64), matrix @ bias
    if isinstance(step, Wiring):
        tables = [np.eye(step.in_dim) if w is None else w.astype(np.float64) for w, _ in parts]
        return step.act(*tables), step.act(*(b for _, b in parts))
    vectors = Shift | ChannelShift | Scale | ChannelScale
    assert isinstance(step, vectors), "convolutions are decided elsewhere"
    vector = numbers_of(step).astype(np.float64)
    if isinstance(step, Shift | ChannelShift):
        return weight, bias - vector if step.negative else bias + vector
    table = np.eye(step.in_dim) if weight is None else weight.astype(np.float64)
    return table * vector[:, None], bias * vector
