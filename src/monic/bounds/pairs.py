"""Local search over pairs of inputs for a small |f(x) - f(y)| / |x - y|.

Along a line through a pair (x, y) the squared ratio is, between breakpoints, a quotient of two
quadratics, whose minima are the roots of a quadratic: a line is searched exactly. Besides random
lines the search goes towards the minimum of the present piece, an eigenvector. All numbers are
floats and only propose.
"""

from typing import Any

import numpy as np

from monic.bounds.search import Region, region_of
from monic.bounds.subject import Subject
from monic.clock import monotonic

__all__ = ["PairSearch"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

#: Pieces that one jump visits.
JUMPS = 6
#: Points that are scattered over the domain.
SCATTERED = 200
#: How often a search is repeated around the best pairs, and how many are kept at last.
ZOOMS, FEW = 4, 12
#: How far apart the inputs of a first pair are, in lengths of its direction.
FAR = 10.0


class PairSearch:
    """A layer in floats, and how a pair of its inputs is improved.

    Arguments:
        subject: The layer.
        rng: Where directions come from.
        deadline: On the monotonic clock, when improving stops; None is never.
    """

    def __init__(
        self, subject: Subject, rng: np.random.Generator, deadline: float | None = None
    ) -> None:
        used = list(subject.used)
        self.weights, self.offsets = subject.floats[used], subject.offsets[used]
        self.region: Region = region_of(subject)
        self.dim, self.rng, self.deadline = subject.dim, rng, deadline

    def square(self, pair: FloatArray) -> float:
        """Returns |f(x) - f(y)|^2 / |x - y|^2 for a pair of shape (2, n), in units of 2^shift."""
        outputs = np.maximum(pair @ self.weights.T + self.offsets, 0.0)
        bottom = float(np.sum((pair[0] - pair[1]) ** 2))
        return float(np.sum((outputs[0] - outputs[1]) ** 2)) / bottom if bottom > 0 else np.inf

    def distinct(self, pairs: list[FloatArray], count: int) -> list[FloatArray]:
        """Returns the best pairs in order, of every pair of sign patterns one.

        Of pairs within one cell only the best is kept: they all come down to sigma*.
        """
        table = np.array(pairs)
        values = table @ self.weights.T + self.offsets
        outputs = np.maximum(values, 0.0)
        tops = np.sum((outputs[:, 0] - outputs[:, 1]) ** 2, axis=1)
        bottoms = np.sum((table[:, 0] - table[:, 1]) ** 2, axis=1)
        sizes = np.sum(table**2, axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.where(bottoms > 1e-12 * sizes, tops / bottoms, np.inf)
        signs = values >= 0
        alone = (signs[:, 0] == signs[:, 1]).all(axis=1)
        best: dict[bytes, FloatArray] = {}
        for k in np.argsort(ratios):
            best.setdefault(b"" if alone[k] else signs[k].tobytes(), table[k])
            if len(best) == count:
                break
        return list(best.values())

    def improve(self, pair: FloatArray, lines: int) -> FloatArray:
        """Returns a pair at least as good, after this many lines."""
        present, scale = self.square(pair), 1.0
        for turn in range(lines):
            if self.deadline is not None and monotonic() >= self.deadline:
                break
            if turn % 8 == 0:
                pair = self.jump(pair)
                present = self.square(pair)
            way = self._towards_minimum(pair) if turn % 4 == 0 else self._random(pair, scale)
            if way is None:
                continue
            found = self._line(pair, way)
            value = self.square(found) if found is not None else np.inf
            if found is not None and value < present * (1 - 1e-13):
                pair, present = found, value
                scale = min(1.0, 2.0 * scale)
            else:
                scale = max(0.8 * scale, 1e-7)
        return pair

    def through(self, x: FloatArray, way: FloatArray) -> FloatArray | None:
        """Returns a pair on both sides of x, far apart, after jumps from there."""
        low, high = self.region.reach(x, way)
        back, forth = min(0.99 * -low, FAR), min(0.99 * high, FAR)
        if not (back > 0 and forth > 0):
            return None
        return self.jump(np.stack([x - back * way, x + forth * way]))

    def scattered(self) -> list[FloatArray]:
        """Returns the best of all pairs among points scattered over the domain."""
        points = [self.region.start]
        for _ in range(SCATTERED):
            x = points[int(self.rng.integers(len(points)))]
            way = self.rng.standard_normal(self.dim) * 10.0 ** self.rng.uniform(-1, 1)
            low, high = self.region.reach(x, way)
            if self.rng.random() < 0.5:  # often on the border
                points.append(self.region.into(x[None], way[None])[0])
                continue
            points.append(x + way * self.rng.uniform(0.999 * max(low, -1), 0.999 * min(high, 1)))
        table = np.array(points)
        outputs = np.maximum(table @ self.weights.T + self.offsets, 0.0)
        first, second = np.triu_indices(len(table), 1)
        gaps = np.linalg.norm(table[first] - table[second], axis=1)
        tops = np.sqrt(np.maximum(_squares(outputs)[first, second], 0.0))
        order = np.argsort(tops / np.maximum(gaps, 1e-12))
        return [table[[first[k], second[k]]] for k in order[:SCATTERED]]

    def zoomed(self, pairs: list[FloatArray]) -> list[FloatArray]:
        """Searches around the best pairs of many sign patterns; returns the best of each."""
        pool = np.array(pairs)
        for _ in range(ZOOMS):
            kept = np.array(self.distinct(list(pool), 40))
            around = np.repeat(kept, 50, axis=0)
            shape = (len(around), 1, 1)
            size = np.linalg.norm(around[:, 0] - around[:, 1], axis=1)[:, None, None]
            moves = self.rng.standard_normal(around.shape) * size
            moves *= 10.0 ** self.rng.uniform(-3, 0, shape)
            moves = np.where(self.rng.random(shape) < 0.3, moves[:, :1], moves)
            near = np.stack(
                [self.region.into(around[:, k], moves[:, k]) for k in range(2)], axis=1
            )
            pool = np.concatenate([kept, near])
        return self.distinct(list(pool), FEW)

    def crossing(self) -> FloatArray:
        """Returns a point where the rows are as close to zero as they all can be, or the start."""
        x = np.linalg.lstsq(self.weights, -self.offsets, rcond=1e-10)[0]
        point: FloatArray = np.asarray(x, dtype=np.float64)
        return point if self.region.holds(point) else self.region.start

    def jump(self, pair: FloatArray) -> FloatArray:
        """Goes from piece to piece, to the minimum of each; returns the best pair on the way."""
        best, value = pair, self.square(pair)
        for _ in range(JUMPS):
            way = self._towards_minimum(pair)
            if way is None or not self._holds(pair + way):
                break
            pair = pair + way
            now = self.square(pair)
            if now < value:
                best, value = pair, now
        return best

    def _holds(self, pair: FloatArray) -> bool:
        """Whether both inputs are inside the domain and differ."""
        both = self.region.holds(pair[0]) and self.region.holds(pair[1])
        return both and bool((pair[0] != pair[1]).any())

    def across(self, x: FloatArray, way: FloatArray) -> FloatArray | None:
        """Returns the best pair (x, x + s way), or None where the domain leaves no room."""
        low, high = self.region.reach(x, way)
        step = 1e-3 * min(1.0, high if high > 0 else 0.0, -low if low < 0 else 0.0)
        if not step > 0:
            return None
        pair = np.stack([x, x + step * way])
        return self._line(pair, np.stack([np.zeros_like(way), way]))

    def _random(self, pair: FloatArray, scale: float) -> FloatArray:
        """A random direction; one in three keeps the inputs' difference, one keeps x."""
        way = self.rng.standard_normal((2, self.dim))
        kind = self.rng.integers(4)
        if kind == 0:
            way[1] = way[0]
        elif kind == 1:
            way[0] = 0.0
        elif kind == 2:  # small steps, for the last digits
            way *= scale
        if self.rng.random() < 0.5:
            way = np.stack([self._along(pair[k], way[k]) for k in range(2)])
        size = float(np.linalg.norm(pair[0] - pair[1]))
        moved: FloatArray = way * size
        return moved

    def _along(self, x: FloatArray, way: FloatArray) -> FloatArray:
        """A direction that keeps the sides and the rows that are zero at x as they are."""
        region = self.region
        near = 1e-6 * (1.0 + float(np.abs(x).max()))
        tight = np.abs(region.limits - region.normals @ x) < near
        zero = np.abs(self.weights @ x + self.offsets) < near
        held = np.concatenate([region.normals[tight], self.weights[zero]])
        if len(held) == 0:
            return way
        # keep a random part of them, so that the pair can leave the others
        held = held[self.rng.random(len(held)) < 0.7]
        if (
            np.isfinite(region.radius)
            and abs(np.linalg.norm(x - region.center) - region.radius) < near
        ):
            held = np.concatenate([held, (x - region.center)[None]])
        moved: FloatArray = way - np.linalg.pinv(held) @ (held @ way) if len(held) else way
        return moved

    def _towards_minimum(self, pair: FloatArray) -> FloatArray | None:
        """The direction to the minimum of the piece that holds the pair, without its borders.

        There f(x) - f(y) = A d + P p + c with d = x - y and p = x + y. Of d the direction u is
        an eigenvector, its length minimises |A u + c/s|, and p solves a least squares problem.
        """
        first, second = (pair @ self.weights.T + self.offsets >= 0) * 1.0
        half = self.weights / 2
        by_gap, by_sum = (first + second)[:, None] * half, (first - second)[:, None] * half
        constant = (first - second) * self.offsets
        inverse = np.linalg.pinv(by_sum, rcond=1e-10)
        rest = by_gap - by_sum @ (inverse @ by_gap)
        offset = constant - by_sum @ (inverse @ constant)
        offset[np.abs(offset) < 1e-12 * np.abs(constant).max()] = 0.0
        length = float(offset @ offset)
        reduced = rest - np.outer(offset, offset @ rest) / length if length else rest
        way = np.linalg.eigh(reduced.T @ reduced)[1][:, 0]
        gap, total = pair[0] - pair[1], pair[0] + pair[1]
        if gap @ way < 0:
            way = -way
        size = float(np.linalg.norm(gap))
        if length:
            share = -float((rest @ way) @ offset) / length
            size = 1.0 / share if share else 1e3 * size
        gap = size * way
        # what the map does not see of p stays as it is
        total = total - inverse @ (by_gap @ gap + by_sum @ total + constant)
        moved: FloatArray = np.stack([total + gap, total - gap]) / 2 - pair
        return moved if np.isfinite(moved).all() and moved.any() else None

    def _line(self, pair: FloatArray, way: FloatArray) -> FloatArray | None:
        """Returns the best pair on a line, or None."""
        values, slopes = pair @ self.weights.T + self.offsets, way @ self.weights.T
        reaches = [self.region.reach(pair[k], way[k]) for k in range(2) if way[k].any()]
        if not reaches:
            return None
        low, high = max(r[0] for r in reaches), min(r[1] for r in reaches)
        if not low < high:
            return None
        inner = 1e-12 * (high - low) if np.isfinite(high - low) else 0.0
        steps = self._candidates(pair, way, values, slopes, (low + inner, high - inner))
        gap, turn = pair[0] - pair[1], way[0] - way[1]
        d = np.stack([gap @ gap + 0 * steps, 2 * (gap @ turn) * steps, turn @ turn * steps**2])
        squares = d.sum(axis=0)
        outputs = np.maximum(values[:, None, :] + steps[:, None] * slopes[:, None, :], 0.0)
        above = np.sum((outputs[0] - outputs[1]) ** 2, axis=1)
        fit = squares > 1e-8 * np.abs(d).sum(axis=0)
        if not fit.any():
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.where(fit, above / squares, np.inf)
        best: FloatArray = pair + steps[int(np.argmin(ratios))] * way
        return best

    def _candidates(
        self,
        pair: FloatArray,
        way: FloatArray,
        values: FloatArray,
        slopes: FloatArray,
        reach: tuple[float, float],
    ) -> FloatArray:
        """Returns the breakpoints of a line and the stationary points between them."""
        low, high = reach
        with np.errstate(divide="ignore", invalid="ignore"):
            breaks = (-values / slopes).ravel()
        breaks = np.unique(breaks[np.isfinite(breaks) & (breaks > low) & (breaks < high)])
        left = low if np.isfinite(low) else (breaks[0] if breaks.size else 0.0) - 1e6
        right = high if np.isfinite(high) else (breaks[-1] if breaks.size else 0.0) + 1e6
        ends = np.concatenate([[left], breaks, [right]])
        middles = (ends[1:] + ends[:-1]) / 2
        masks = values[:, None, :] + middles[:, None] * slopes[:, None, :] >= 0
        at = masks[0] * values[0] - masks[1] * values[1]
        by = masks[0] * slopes[0] - masks[1] * slopes[1]
        gap, turn = pair[0] - pair[1], way[0] - way[1]
        n0, n1, n2 = (at * at).sum(1), (at * by).sum(1), (by * by).sum(1)
        d0, d1, d2 = gap @ gap, gap @ turn, turn @ turn
        roots = _roots(n2 * d1 - n1 * d2, n2 * d0 - n0 * d2, n1 * d0 - n0 * d1)
        roots = np.clip(roots, ends[:-1], ends[1:])
        return np.concatenate([breaks, roots.ravel(), [0.0] if low < 0 < high else []])


def _squares(points: FloatArray) -> FloatArray:
    """Returns the squared distances between all points."""
    lengths = (points * points).sum(axis=1)
    squares: FloatArray = lengths[:, None] + lengths - 2 * points @ points.T
    return squares


def _roots(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """Returns the real roots of a s^2 + b s + c, two a row; 0 where there are none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(np.maximum(b * b - 4 * a * c, 0.0))
        q = -(b + np.where(b >= 0, root, -root)) / 2
        found = np.stack([q / a, c / q])
    return np.where(np.isfinite(found), found, 0.0)
