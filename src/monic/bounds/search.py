"""Local search along lines: for cells with small singular values, and for pairs that come close.

A line meets at most m hyperplanes, so that everything on it is known after one matrix product. All
numbers here are floats and only propose; what is kept is evaluated exactly elsewhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from monic.bounds.subject import Subject
from monic.clock import monotonic
from monic.model import Ball

__all__ = ["Region", "cells", "region_of"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

#: Lines of one local search without progress, after which it starts anew.
PATIENCE = 12
#: Up to so many numbers, the matrices of all cells on a line are made by one product.
TOGETHER = 4_000_000


@dataclass(frozen=True, slots=True)
class Region:
    """A domain in floats: half-spaces a.x < c, and maybe a ball.

    Arguments:
        normals: The normals a, of shape (k, n).
        limits: The offsets c, of shape (k,).
        center: The ball's centre.
        radius: The ball's radius, or infinity.
        start: A point inside.
    """

    normals: FloatArray
    limits: FloatArray
    center: FloatArray
    radius: float
    start: FloatArray

    def holds(self, x: FloatArray) -> bool:
        """Returns whether a point is inside, as far as floats can tell."""
        near = bool(np.linalg.norm(x - self.center) < self.radius)
        return near and bool(np.all(self.normals @ x < self.limits))

    def into(self, points: FloatArray, moves: FloatArray) -> FloatArray:
        """Returns the moved points, brought back inside; those that stay outside do not move."""
        moved = points + moves
        for normal, limit in zip(self.normals, self.limits, strict=True):
            excess = np.maximum(moved @ normal - limit, 0.0)
            step = np.where(excess > 0, excess * (1 + 1e-9) + 1e-12, 0.0)
            moved = moved - (step / (normal @ normal))[:, None] * normal
        if np.isfinite(self.radius):
            offset = moved - self.center
            length = np.linalg.norm(offset, axis=1, keepdims=True)
            shorter = np.minimum(1.0, (1 - 1e-9) * self.radius / np.maximum(length, 1e-300))
            moved = self.center + offset * shorter
        inside = np.all(moved @ self.normals.T <= self.limits, axis=1)
        kept: FloatArray = np.where(inside[:, None], moved, points)
        return kept

    def reach(self, x: FloatArray, way: FloatArray) -> tuple[float, float]:
        """Returns how far one may go from x backwards and forwards along a direction.

        The domain may be so thin that floats see x on a wall or beyond it: then not at all.
        """
        low, high = -np.inf, np.inf
        slopes, slack = self.normals @ way, self.limits - self.normals @ x
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = slack / slopes
        high = min(high, float(np.min(steps, where=slopes > 0, initial=np.inf)))
        low = max(low, float(np.max(steps, where=slopes < 0, initial=-np.inf)))
        if np.isfinite(self.radius):
            offset = x - self.center
            a, b = float(way @ way), float(way @ offset)
            c = float(offset @ offset) - self.radius**2
            root = float(np.sqrt(max(b * b - a * c, 0.0)))
            low, high = max(low, (-b - root) / a), min(high, (-b + root) / a)
        return min(low, 0.0), max(high, 0.0)


def region_of(subject: Subject) -> Region:
    """Returns the layer's domain in floats, with a point inside it."""
    sides = subject.layer.domain.half_spaces(subject.dim)
    normals = np.array([[float(a) for a in normal] for normal, _ in sides])
    ball = subject.layer.domain if isinstance(subject.layer.domain, Ball) else None
    center = [0.0] * subject.dim if ball is None else list(map(float, ball.middle(subject.dim)))
    inner = subject.problem.outside(subject.problem.inner_point())
    return Region(
        normals=normals.reshape(len(sides), subject.dim),
        limits=np.array([float(c) for _, c in sides]),
        center=np.array(center),
        radius=np.inf if ball is None else float(ball.radius),
        start=np.array([float(t) for t in inner]),
    )


def cells(
    subject: Subject,
    region: Region,
    lines: int,
    rng: np.random.Generator,
    *,
    largest: bool = False,
    deadline: float | None = None,
) -> Iterator[tuple[float, FloatArray]]:
    """Yields (square, x): points whose active rows have ever smaller least singular values.

    Arguments:
        subject: The layer.
        region: Its domain.
        lines: How many lines to search.
        rng: Where directions come from.
        largest: Look for ever larger greatest singular values instead.
        deadline: On the monotonic clock, after the first line; None is none.
    """
    weights, offsets = subject.floats[list(subject.used)], subject.offsets[list(subject.used)]
    sign, place = (-1.0, -1) if largest else (1.0, 0)
    best = present = np.inf
    x, idle = region.start, 0
    grams_of = _grams(weights)
    for line in range(lines):
        if line and deadline is not None and monotonic() >= deadline:
            return
        if idle > PATIENCE:
            x, present, idle = region.start, np.inf, 0
        way = rng.standard_normal(subject.dim)
        points = _between(weights @ x + offsets, weights @ way, region.reach(x, way))
        candidates = x + points[:, None] * way
        grams = grams_of((candidates @ weights.T + offsets >= 0).astype(np.float64))
        values = sign * np.linalg.eigvalsh(grams)[:, place]
        k = int(np.argmin(values))
        idle += 1
        if values[k] < present - 1e-12 * abs(present) or present == np.inf:
            x, present, idle = candidates[k], values[k], 0
            if subject.everywhere:
                x = x / max(float(np.linalg.norm(x)), 1e-300)
        if present < best:
            best = present
            yield sign * best, x


def _grams(weights: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Returns what makes the sums of w w^T over rows, one for each mask."""
    m, n = weights.shape
    if m * n * n > TOGETHER:

        def one_by_one(masks: FloatArray) -> FloatArray:
            return np.array([(weights * mask[:, None]).T @ weights for mask in masks])

        return one_by_one
    outers = (weights[:, :, None] * weights[:, None, :]).reshape(m, n * n)

    def together(masks: FloatArray) -> FloatArray:
        found: FloatArray = (masks @ outers).reshape(len(masks), n, n)
        return found

    return together


def _between(values: FloatArray, slopes: FloatArray, reach: tuple[float, float]) -> FloatArray:
    """Returns one number for each interval between the breakpoints of a line within reach."""
    with np.errstate(divide="ignore", invalid="ignore"):
        breaks = -values / slopes
    low, high = reach
    breaks = np.unique(breaks[np.isfinite(breaks) & (breaks > low) & (breaks < high)])
    first = float(breaks[0]) if breaks.size else 0.0
    last = float(breaks[-1]) if breaks.size else 0.0
    ends = [
        low if np.isfinite(low) else min(first, high) - 2.0,
        high if np.isfinite(high) else max(last, low) + 2.0,
    ]
    every = np.concatenate([[ends[0]], breaks, [ends[1]]])
    middles: FloatArray = (every[1:] + every[:-1]) / 2
    return middles
