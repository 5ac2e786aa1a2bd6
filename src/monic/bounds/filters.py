"""Opposite filters as the bounds see them, and a layer's values with bounds on their rounding."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, nextafter

import numpy as np

from monic.bounds.change import Change
from monic.bounds.interval import root_above, root_below
from monic.bounds.weighted import EPSILON, Weighted, scaled_kernel
from monic.decision.convolution.blocks import Block
from monic.decision.problem import Point
from monic.model import ReLULayer
from monic.model.taps import FloatArray, Taps

__all__ = ["Couple", "Outputs", "by_step", "couple_of", "crossed", "weighted_filters"]

#: Steps of the iterations that solve for a crossed pair.
SOLVE = 60


@dataclass(frozen=True, slots=True, eq=False)
class Couple:
    """A pair of blocks w, -d w that cover for each other."""

    first: Block
    second: Block
    ratio: Fraction
    tight: bool  # the thresholds coincide: never both strictly active


class Outputs:
    """A layer's values in floats, with bounds on their rounding."""

    def __init__(self, layer: ReLULayer, change: Change) -> None:
        self.layer, self.change = layer, change
        self.groups = by_step(change.filters.blocks)

    def values(self, x: FloatArray, *, linear: bool = False) -> tuple[FloatArray, FloatArray]:
        """The rows' values at x, and how far they may be off."""
        parts, errors = [], []
        doubt = 0.0 if self.change.known is None else 2 * self.change.known.error
        y, reach_in = self.change.there(x, linear=linear)
        for group in self.groups:
            taps = group[0].step.taps
            value = taps.apply(y).reshape(taps.out_shape[0], -1)
            sizes = _sizes(taps, reach_in).reshape(taps.out_shape[0], -1)
            terms = int(np.prod(taps.kernel.shape[1:])) + 8
            for block in group:
                scale, bias = float(block.scale), 0.0 if linear else float(block.bias)
                parts.append(scale * value[block.filter] + bias)
                reach = abs(scale) * sizes[block.filter] + abs(bias)
                errors.append(((terms + 8) * EPSILON + doubt) * reach + 1e-300)
        return np.concatenate(parts), np.concatenate(errors)

    def near(self, x: FloatArray, other: FloatArray) -> float:
        """The ratio of a pair in floats."""
        outputs = [np.maximum(self.values(end)[0], 0.0) for end in (x, other)]
        gap = float(np.linalg.norm(x - other))
        return float(np.linalg.norm(outputs[0] - outputs[1])) / gap if gap else inf

    def ratio_above(self, x: Point, other: Point) -> float:
        """A number at least |f(x) - f(other)| / |x - other|."""
        change, error, gap = self._change(x, other)
        return nextafter(root_above(_sum_of_squares(np.abs(change) + error, 1) / gap), inf)

    def ratio_below(self, x: Point, other: Point) -> float:
        """A number at most |f(x) - f(other)| / |x - other|."""
        change, error, gap = self._change(x, other)
        least = np.maximum(np.abs(change) - error, 0.0)
        return nextafter(root_below(_sum_of_squares(least, -1) / gap), 0.0)

    def _change(self, x: Point, other: Point) -> tuple[FloatArray, FloatArray, Fraction]:
        ends = [np.array([float(t) for t in end]) for end in (x, other)]
        found = [self.values(end) for end in ends]
        change = np.maximum(found[0][0], 0.0) - np.maximum(found[1][0], 0.0)
        error = found[0][1] + found[1][1] + 4 * EPSILON * np.abs(change)
        gap = sum(((a - b) ** 2 for a, b in zip(x, other, strict=True)), Fraction(0))
        return change, error, gap

    def active_above(self, x: FloatArray, way: FloatArray) -> float:
        """A number at least |W v| / |v| for the rows W that are active at x."""
        value, error = self.values(x)
        slope, doubt = self.values(way, linear=True)
        rows = np.where(value >= -error, np.abs(slope) + doubt, 0.0)
        gap = sum((Fraction(t) ** 2 for t in way.tolist()), Fraction(0))
        return nextafter(root_above(_sum_of_squares(rows, 1) / gap), inf)


def crossed(couples: Sequence[Couple], way: FloatArray, change: Change) -> FloatArray:
    """An x such that x and x - way cross pairs of filters where that squeezes most.

    The lemma is an equality where w.x is d^2 / (1 + d^2) w.way if that is positive, and
    1 / (1 + d^2) w.way if not; on a tall operator that holds in the sense of least squares.
    """
    from scipy.sparse.linalg import LinearOperator, lsqr

    taps = couples[0].first.step.taps
    kernel = scaled_kernel(taps, change.channels)
    filters = np.array([c.first.filter for c in couples])
    signs = np.array([1.0 if c.first.scale > 0 else -1.0 for c in couples])
    shares = np.array([float(c.ratio**2 / (1 + c.ratio**2)) for c in couples])

    def apply(x: FloatArray) -> FloatArray:
        values = taps.apply(np.asarray(x).reshape(-1), kernel=kernel)
        rows: FloatArray = values.reshape(taps.out_shape[0], -1)
        picked: FloatArray = rows[filters].reshape(-1)
        return picked

    def adjoint(y: FloatArray) -> FloatArray:
        rows = np.zeros((taps.out_shape[0], taps.positions))
        rows[filters] = np.asarray(y).reshape(filters.size, -1)
        return taps.adjoint(rows.reshape(-1), kernel=kernel)

    along = apply(way).reshape(filters.size, -1)
    share = np.where(along * signs[:, None] > 0, shares[:, None], 1 - shares[:, None])
    shape = (along.size, way.size)
    operator = LinearOperator(shape, matvec=apply, rmatvec=adjoint, dtype=np.float64)
    x: FloatArray = lsqr(operator, (share * along).reshape(-1), iter_lim=SOLVE)[0]
    return x


def _sizes(taps: Taps, x: FloatArray) -> FloatArray:
    """What rounding is relative to, for entries of the size of x."""
    return taps.apply(x, kernel=np.abs(taps.kernel.astype(np.float64)))


def _sum_of_squares(numbers: FloatArray, sign: int) -> Fraction:
    """The sum of squares of floats, with room for its rounding above (1) or below (-1)."""
    scale = float(np.abs(numbers).max(initial=0.0)) or 1.0
    total = float(np.sum((numbers / scale) ** 2))
    return Fraction(total * (1 + sign * (numbers.size + 8) * EPSILON)) * Fraction(scale) ** 2


def by_step(found: Sequence[Block]) -> list[list[Block]]:
    """Returns blocks of one convolution each."""
    groups: dict[int, list[Block]] = defaultdict(list)
    for block in found:
        groups[id(block.step)].append(block)
    return list(groups.values())


def couple_of(first: Block, second: Block) -> Couple:
    """d > 0 with second = -d first, exactly, and whether their thresholds coincide."""
    if first.step is second.step and first.filter == second.filter:
        ratio = -second.scale / first.scale
    else:
        kernels = [b.step.taps.kernel[b.filter].reshape(-1) for b in (first, second)]
        place = int(np.flatnonzero(kernels[0])[0])
        entries = [Fraction(kernel[place].item()) for kernel in kernels]
        ratio = -(second.scale * entries[1]) / (first.scale * entries[0])
    assert ratio > 0, "pairs are opposite"
    return Couple(first, second, ratio, second.bias + ratio * first.bias == 0)


def weighted_filters(couples: Sequence[Couple], change: Change) -> Weighted:
    """The first filters of a changed input times d / sqrt(1 + d^2), rounded down."""
    order = sorted(couples, key=lambda couple: couple.first.filter)
    squares = [c.ratio**2 / (1 + c.ratio**2) * c.first.scale**2 for c in order]
    return Weighted(
        order[0].first.step.taps,
        np.array([couple.first.filter for couple in order]),
        np.array([root_below(square) for square in squares]),
        change.channels,
    )
