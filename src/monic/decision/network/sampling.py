"""Points of a domain, in floats, from a seeded generator: where a search starts."""

from fractions import Fraction
from typing import Any

import numpy as np

from monic.model import Ball, Box, Domain, Orthant, WholeSpace

__all__ = ["Sampler"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: On unbounded domains, points of these sizes are tried.
SIZES = (1.0, 10.0, 0.1, 100.0)


class Sampler:
    """Draws points of a domain, and moves points back into it.

    Arguments:
        domain: The domain.
        dim: Its dimension.
        inner: An exact point inside it.
        seed: The seed.

    Example:
        >>> points = Sampler(Orthant(), 2, (Fraction(1), Fraction(1)), 0).draw(3)
        >>> points.shape, bool((points > 0).all())
        ((3, 2), True)
    """

    def __init__(self, domain: Domain, dim: int, inner: tuple[Fraction, ...], seed: int) -> None:
        self.domain, self.dim = domain, dim
        self.rng = np.random.default_rng(seed)
        self.inner = np.array([float(t) for t in inner])
        known = isinstance(domain, Box | Ball)  # these need no half-spaces, which take n^2 numbers
        sides = [] if known else domain.half_spaces(dim)
        self._normals = np.array([[float(a) for a in normal] for normal, _ in sides])
        self._normals = self._normals.reshape(-1, dim)
        self._offsets = np.array([float(offset) for _, offset in sides])

    def draw(self, count: int) -> Floats:
        """Returns points strictly inside the domain, as rows."""
        size = SIZES[int(self.rng.integers(len(SIZES)))]
        if isinstance(self.domain, Box) and self._is_bounded(self.domain):
            share = self.rng.uniform(0.001, 0.999, (count, self.dim))
            low, high = self.domain.lower, self.domain.upper
            return np.asarray(low + share * (high - low), dtype=np.float64)
        ways = self.rng.standard_normal((count, self.dim))
        if isinstance(self.domain, Ball):
            length = float(self.domain.radius) * self.rng.uniform(0.01, 0.99, (count, 1))
            ways *= length / np.linalg.norm(ways, axis=1, keepdims=True)
            return self.inner + ways
        if isinstance(self.domain, WholeSpace):
            return ways * size
        if isinstance(self.domain, Orthant):
            return np.abs(ways) * size
        return self.inside(self.inner + ways * size)

    def inside(self, points: Floats) -> Floats:
        """Returns points strictly inside: each walks from the inner point as far as it may."""
        if isinstance(self.domain, Box):
            low, high = self.domain.lower, self.domain.upper
            edge = np.where(np.isfinite(high - low), 1e-6 * (high - low), 1e-6)
            return np.asarray(np.clip(points, low + edge, high - edge), dtype=np.float64)
        if isinstance(self.domain, Ball):
            ways = points - self.inner
            length = np.linalg.norm(ways, axis=-1, keepdims=True)
            limit = 0.999 * self.domain.radius
            share = np.minimum(1.0, limit / np.maximum(length, 1e-300))
            return np.asarray(self.inner + ways * share, dtype=np.float64)
        if not len(self._offsets):
            return points
        ways = points - self.inner
        speed = ways @ self._normals.T
        room = self._offsets - self._normals @ self.inner
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(speed > 0, room / speed, np.inf).min(axis=-1, keepdims=True)
        moved = self.inner + ways * np.minimum(1.0, 0.999 * share)
        return np.asarray(moved, dtype=np.float64)

    @staticmethod
    def _is_bounded(box: Box) -> bool:
        return bool(np.isfinite(box.lower).all() and np.isfinite(box.upper).all())
