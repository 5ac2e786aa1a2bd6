"""A dense search over pairs of inputs, which shares nothing with the library's own search.

Tens of thousands of random pairs at all scales, and of steps along the least singular direction
of the local map; the best are polished by Nelder and Mead's simplex method.
"""

from typing import Any

import numpy as np
from scipy.optimize import minimize

from monic.model import Ball, Box, Orthant, ReLULayer

__all__ = ["Dense", "least_ratio"]

OPTIONS = {"maxiter": 600, "xatol": 1e-9, "fatol": 1e-12, "adaptive": True}
FloatArray = np.ndarray[Any, np.dtype[np.float64]]


class Dense:
    """A layer in floats."""

    def __init__(self, layer: ReLULayer) -> None:
        self.weight = np.asarray(layer.weight, dtype=np.float64)
        m, self.n = self.weight.shape
        self.bias = np.zeros(m) if layer.bias is None else np.asarray(layer.bias, np.float64)
        self.domain = layer.domain

    def into(self, points: FloatArray) -> FloatArray:
        """Moves points into the domain: onto its nearest point."""
        domain = self.domain
        if isinstance(domain, Orthant):
            positive: FloatArray = np.maximum(points, 0.0)
            return positive
        if isinstance(domain, Box):
            inside: FloatArray = np.clip(points, domain.lower, domain.upper)
            return inside
        if isinstance(domain, Ball):
            center = np.array([float(t) for t in domain.middle(self.n)])
            offset = points - center
            length = np.linalg.norm(offset, axis=-1, keepdims=True)
            shorter = np.minimum(1.0, domain.radius / np.maximum(length, 1e-300))
            moved: FloatArray = center + offset * shorter
            return moved
        return points

    def ratios(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """|f(x) - f(y)| / |x - y| for rows of points, infinite where they nearly meet."""
        gap = np.linalg.norm(x - y, axis=1)
        outputs = [np.maximum(p @ self.weight.T + self.bias, 0.0) for p in (x, y)]
        size = 1e-7 * (1 + np.linalg.norm(x, axis=1) + np.linalg.norm(outputs[0], axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.linalg.norm(outputs[0] - outputs[1], axis=1) / gap
        return np.where(gap > size, found, np.inf)

    def points(self, count: int, rng: np.random.Generator) -> FloatArray:
        """Random points of the domain, most of them within a few units of the origin."""
        scale = 10.0 ** rng.uniform(-2, 1.5, (count, 1))
        points = rng.standard_normal((count, self.n)) * scale
        if isinstance(self.domain, Box):
            inside = np.isfinite(self.domain.lower) & np.isfinite(self.domain.upper)
            low = np.where(inside, self.domain.lower, -4.0)
            high = np.where(inside, self.domain.upper, 4.0)
            half = rng.random((count, 1)) < 0.5
            points = np.where(half, rng.uniform(low, high, (count, self.n)), points)
        return self.into(points)

    def steps(self, x: FloatArray) -> FloatArray:
        """For every point another one along the least singular direction of the local map."""
        masks = (x @ self.weight.T + self.bias >= 0) * 1.0
        grams = np.einsum("ki,ij,il->kjl", masks, self.weight, self.weight, optimize=True)
        ways = np.linalg.eigh(grams)[1][:, :, 0]
        return self.into(x + 1e-4 * ways)


def least_ratio(layer: ReLULayer, rng: np.random.Generator, count: int = 20_000) -> float:
    """Returns the least ratio that the dense search finds."""
    dense = Dense(layer)
    x = dense.points(count, rng)
    small = x + rng.standard_normal(x.shape) * 10.0 ** rng.uniform(-4, 0, (count, 1))
    pools = [dense.points(count, rng), dense.steps(x), dense.into(small)]
    best = np.inf
    for second in pools:
        pairs = _zoomed(dense, np.stack([x, second], axis=1), rng)
        ratios = dense.ratios(pairs[:, 0], pairs[:, 1])
        best = min(best, float(ratios.min()))
        for k in _different(dense, pairs[:, 0], pairs[:, 1], ratios, 4):
            best = min(best, _polished(dense, pairs[k].ravel()))
    return best


def _zoomed(dense: Dense, pairs: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Searches more densely around the best pairs of as many sign patterns as there are."""
    for _ in range(4):
        ratios = dense.ratios(pairs[:, 0], pairs[:, 1])
        kept = pairs[_different(dense, pairs[:, 0], pairs[:, 1], ratios, 100)]
        around = np.repeat(kept, 60, axis=0)
        size = 1e-3 + np.abs(around).max(axis=(1, 2), keepdims=True)
        moves = rng.standard_normal(around.shape) * 10.0 ** rng.uniform(-3, 0, (len(around), 1, 1))
        together = rng.random((len(around), 1, 1)) < 0.3  # both inputs move alike
        moves = np.where(together, moves[:, :1], moves)
        near = dense.into(around + size * moves)
        steps = np.stack([near[:, 0], dense.steps(near[:, 0])], axis=1)
        pairs = np.concatenate([kept, near, steps])
    return pairs


def _different(
    dense: Dense, x: FloatArray, y: FloatArray, ratios: FloatArray, count: int
) -> list[int]:
    """The best pairs, of every pair of sign patterns one."""
    signs = [(p @ dense.weight.T + dense.bias >= 0) for p in (x, y)]
    seen: dict[bytes, int] = {}
    for k in np.argsort(ratios)[:4000]:
        seen.setdefault(signs[0][k].tobytes() + signs[1][k].tobytes(), int(k))
        if len(seen) == count:
            break
    return list(seen.values())


def _polished(dense: Dense, start: FloatArray) -> float:
    def value(z: FloatArray) -> float:
        both = dense.into(z.reshape(2, dense.n))
        return float(dense.ratios(both[:1], both[1:])[0])

    found = minimize(value, start, method="Nelder-Mead", options=OPTIONS)
    return float(min(found.fun, value(start)))
