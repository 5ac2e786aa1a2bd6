"""Bounds of layers over convolutions that are too large for their matrix.

Opposite filters w, -d w that cover for each other squeeze by at most d / sqrt(1 + d^2) (the lemma
of docs/stability.md), so that kappa is at least the least singular value of the filters with
these weights, at all positions. Upper bounds are attained by pairs of inputs, evaluated in floats
with a bound on their rounding.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf, nextafter, sqrt
from time import monotonic

import numpy as np

from monic.bounds.interval import Interval, root_above, root_below
from monic.bounds.inverse_lipschitz import Pair
from monic.bounds.operator import EPSILON, Extremes, Weighted, singular_values
from monic.bounds.result import Bounds
from monic.decision import decide
from monic.decision.convolution.blocks import Block, blocks
from monic.decision.convolution.decide import has_convolution
from monic.decision.convolution.pairs import find_pairs
from monic.decision.convolution.paired import of_one_step
from monic.decision.convolution.sigma import SigmaEstimate, estimate_sigma_min
from monic.decision.problem import Point, Problem
from monic.decision.result import Decision, Verdict
from monic.model import ReLULayer, WholeSpace
from monic.model.taps import FloatArray, Taps

__all__ = ["bound_convolution", "is_wide_convolution"]

#: Layers over convolutions of more inputs are bounded through their filters.
WIDE = 64
#: Pairs of inputs on both sides of a point: shares of the way, and lengths.
SHARES = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9, 1.0)
LENGTHS = (1.0, 1e-3, 1e3, 1e6)
#: Steps of the iterations that solve for a crossed pair.
SOLVE = 60
#: The length of pairs within one cell.
NEAR = 1e-5


def is_wide_convolution(layer: ReLULayer) -> bool:
    """Returns whether a layer is bounded here."""
    wide = layer.shape[1] > WIDE and has_convolution(layer)
    return wide and blocks(layer.map) is not None


def bound_convolution(layer: ReLULayer, *, time_limit: float | None, seed: int) -> Bounds:
    """Bounds a layer over convolutions through its filters.

    Arguments:
        layer: A layer whose rows are filters, scaled and shifted.
        time_limit: Seconds for deciding whether it is one-to-one at all.
        seed: The seed of the first vectors of iterations.
    """
    return _Question(layer, seed).answer(time_limit)


@dataclass(frozen=True, slots=True, eq=False)
class _Couple:
    """A pair of blocks w, -d w that cover for each other."""

    first: Block
    second: Block
    ratio: Fraction
    tight: bool  # the thresholds coincide: never both strictly active


class _Question:
    def __init__(self, layer: ReLULayer, seed: int) -> None:
        found = blocks(layer.map)
        assert found is not None, "asked by the caller"
        self.layer, self.seed, self.blocks = layer, seed, found
        self.problem = Problem(layer)
        self.began = monotonic()

    def answer(self, time_limit: float | None) -> Bounds:
        try:
            decision = decide(self.layer, time_limit=time_limit)
            if decision.verdict is Verdict.NOT_INJECTIVE:
                return self._zero(decision)
            return self._bounds()
        except KeyboardInterrupt:
            return self._together(None, [], "interrupted; a longer run narrows the intervals")

    def _zero(self, decision: Decision) -> Bounds:
        zero = Interval(0.0, 0.0)
        upper = self._crude(self.blocks)
        return Bounds(
            inverse_lipschitz=zero,
            lipschitz=Interval(0.0, upper),
            smallest_singular=zero,
            frame=Interval(0.0, upper),
            papers=0.0,
            method="not one-to-one",
            point=decision.point,
            collision=decision.collision,
            seconds=monotonic() - self.began,
        )

    def _bounds(self) -> Bounds:
        couples = [_couple(i, j) for i, j in of_one_step(find_pairs(self.blocks))]
        if not couples:
            limit = "no opposite filters, and too many inputs for the branch and bound"
            return self._together(None, [], limit)
        operator = _operator(couples)
        found = singular_values(operator, seed=self.seed)
        limit = None if found.limit is None else f"{found.limit}; the bound below is 0"
        return self._together(found, couples, limit)

    def _together(
        self, found: Extremes | None, couples: Sequence[_Couple], limit: str | None
    ) -> Bounds:
        outputs = _Outputs(self.layer, self.blocks)
        estimate, lower = None, 0.0
        if found is not None:
            lower = found.smallest.lower
            if found.vector is None:
                estimate = self._estimate(_operator(couples))
        pairs = list(self._pairs(found, couples, outputs))
        best = min(pairs, key=lambda pair: pair.ratio, default=None)
        exact = found is not None and self._exact(couples) and lower > 0
        upper = inf if best is None else best.ratio
        if exact and found is not None:
            upper = found.smallest.upper * (1 + 1e-15)  # weights were rounded down
        stretch = self._stretch(found, couples)
        upper = min(upper, stretch)
        rows = self.layer.shape[0]
        kappa = Interval(min(lower, upper), upper)
        attained = max((outputs.ratio_below(p.x, p.other) for p in pairs), default=0.0)
        sigma = Interval(kappa.lower, self._sigma(found, outputs, stretch))
        return Bounds(
            inverse_lipschitz=kappa,
            lipschitz=Interval(min(attained, stretch), stretch),
            smallest_singular=Interval(min(sigma.lower, sigma.upper), sigma.upper),
            frame=Interval(kappa.lower, stretch),
            papers=max(0.0, nextafter(kappa.lower / sqrt(2 * rows) * (1 - 1e-15), 0.0)),
            method="exact formula" if exact else "paired filters" if lower else "none",
            limit=limit,
            pair=best,
            estimate=estimate,
            seconds=monotonic() - self.began,
        )

    def _exact(self, couples: Sequence[_Couple]) -> bool:
        """Whether these are all rows, one of each pair as many as inputs, and the domain R^n."""
        paired = {block.number for c in couples for block in (c.first, c.second)}
        square = sum(c.first.positions for c in couples) == self.layer.shape[1]
        rest = [b for b in self.blocks if b.number not in paired and b.scale]
        return square and not rest and isinstance(self.layer.domain, WholeSpace)

    def _stretch(self, found: Extremes | None, couples: Sequence[_Couple]) -> float:
        """An upper bound of the Lipschitz constant."""
        crude = self._crude(self.blocks)
        if found is None:
            return crude
        growth = max(
            (1 + c.ratio**2) / c.ratio**2 * (max(1, c.ratio**2) if c.tight else 1 + c.ratio**2)
            for c in couples
        )
        square = Fraction(found.largest) ** 2 * growth * (1 + Fraction(1, 1 << 40))
        paired = {block.number for c in couples for block in (c.first, c.second)}
        rest = [block for block in self.blocks if block.number not in paired]
        if rest:
            square += Fraction(self._crude(rest)) ** 2
        return min(crude, root_above(square))

    def _crude(self, chosen: Sequence[Block]) -> float:
        """The root of the largest row sums of all |W|^T |W|, which is at least sigma_max."""
        total = Fraction(0)
        for step_blocks in _by_step(chosen):
            taps = step_blocks[0].step.taps
            factors = np.zeros(taps.kernel.shape[0])
            for block in step_blocks:
                factors[block.filter] += float(block.scale**2) * (1 + 1e-15)
            ones = np.ones(self.layer.shape[1])
            kernel = np.abs(taps.kernel.astype(np.float64))
            inner = taps.apply(ones, kernel=kernel).reshape(taps.out_shape[0], -1)
            inner *= factors[:, None]
            outer = taps.adjoint(inner.reshape(-1), kernel=kernel)
            total += Fraction(float(outer.max()) * (1 + 4 * kernel.size * EPSILON))
        return root_above(total)

    def _estimate(self, operator: Weighted) -> SigmaEstimate:
        """What floats say about the least singular value of the weighted filters."""
        weighted = replace(operator.taps, kernel=operator.kernel())
        return estimate_sigma_min(weighted, operator.filters, seed=self.seed)

    def _directions(self, found: Extremes | None) -> list[FloatArray]:
        rng = np.random.default_rng(self.seed)
        known = [] if found is None else [found.vector, found.stretched]
        ways = [way for way in known if way is not None]
        ways += [rng.standard_normal(self.layer.shape[1]) for _ in range(2)]
        return [way / np.linalg.norm(way) for way in ways]

    def _pairs(
        self, found: Extremes | None, couples: Sequence[_Couple], outputs: "_Outputs"
    ) -> Iterator[Pair]:
        """The best pairs along each direction: through a point inside, beside it, and crossed."""
        inner = self.problem.outside(self.problem.inner_point())
        middle = np.array([float(t) for t in inner])
        beside = middle + 0.1 * np.random.default_rng(self.seed).standard_normal(middle.size)
        for k, way in enumerate(self._directions(found)):
            ends = [
                (middle + share * length * way, middle - (1 - share) * length * way)
                for length in LENGTHS
                for share in SHARES
            ]
            if couples and k == 0:
                crossed = _crossed(couples, way)
                ends += [(middle + t * crossed, middle + t * (crossed - way)) for t in LENGTHS]
            yield from self._best_of(ends, outputs)
            yield from self._best_of([(beside, beside + NEAR * way)], outputs)

    def _best_of(
        self, ends: Sequence[tuple[FloatArray, FloatArray]], outputs: "_Outputs"
    ) -> Iterator[Pair]:
        """The best of some pairs that is inside the domain."""
        for x, other in sorted(ends, key=lambda pair: outputs.near(*pair))[:8]:
            first, second = (tuple(map(Fraction, end.tolist())) for end in (x, other))
            if first != second and all(map(self.layer.domain.contains, (first, second))):
                yield Pair(x=first, other=second, ratio=outputs.ratio_above(first, second))
                return

    def _sigma(self, found: Extremes | None, outputs: "_Outputs", stretch: float) -> float:
        """An upper bound of sigma*: the active rows at a point, along one direction."""
        inner = self.problem.outside(self.problem.inner_point())
        rng = np.random.default_rng(self.seed)
        best = stretch
        for way in self._directions(found):
            for _ in range(4):
                step = rng.standard_normal(self.layer.shape[1])
                x = np.array([float(t) for t in inner]) + 1e-3 * step
                if self.layer.domain.contains(tuple(map(Fraction, x.tolist())), interior=True):
                    best = min(best, outputs.active_above(x, way))
        return best


class _Outputs:
    """A layer's values in floats, with bounds on their rounding."""

    def __init__(self, layer: ReLULayer, found: Sequence[Block]) -> None:
        self.layer, self.groups = layer, _by_step(found)

    def values(self, x: FloatArray, *, linear: bool = False) -> tuple[FloatArray, FloatArray]:
        """The rows' values at x, and how far they may be off."""
        parts, errors = [], []
        for group in self.groups:
            taps = group[0].step.taps
            value = taps.apply(x).reshape(taps.out_shape[0], -1)
            sizes = _sizes(taps, x).reshape(taps.out_shape[0], -1)
            terms = int(np.prod(taps.kernel.shape[1:])) + 8
            for block in group:
                scale, bias = float(block.scale), 0.0 if linear else float(block.bias)
                parts.append(scale * value[block.filter] + bias)
                reach = abs(scale) * sizes[block.filter] + abs(bias)
                errors.append((terms + 8) * EPSILON * reach + 1e-300)
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


def _crossed(couples: Sequence[_Couple], way: FloatArray) -> FloatArray:
    """An x such that x and x - way cross pairs of filters where that squeezes most.

    The lemma is an equality where w.x is d^2 / (1 + d^2) w.way if that is positive, and
    1 / (1 + d^2) w.way if not; on a tall operator that holds in the sense of least squares.
    """
    from scipy.sparse.linalg import LinearOperator, lsqr

    taps = couples[0].first.step.taps
    filters = np.array([c.first.filter for c in couples])
    signs = np.array([1.0 if c.first.scale > 0 else -1.0 for c in couples])
    shares = np.array([float(c.ratio**2 / (1 + c.ratio**2)) for c in couples])

    def apply(x: FloatArray) -> FloatArray:
        rows: FloatArray = taps.apply(np.asarray(x).reshape(-1)).reshape(taps.out_shape[0], -1)
        return rows[filters].reshape(-1)

    def adjoint(y: FloatArray) -> FloatArray:
        rows = np.zeros((taps.out_shape[0], taps.positions))
        rows[filters] = np.asarray(y).reshape(filters.size, -1)
        return taps.adjoint(rows.reshape(-1))

    along = apply(way).reshape(filters.size, -1)
    share = np.where(along * signs[:, None] > 0, shares[:, None], 1 - shares[:, None])
    shape = (along.size, way.size)
    operator = LinearOperator(shape, matvec=apply, rmatvec=adjoint, dtype=np.float64)
    x: FloatArray = lsqr(operator, (share * along).reshape(-1), iter_lim=SOLVE)[0]
    return x


def _sizes(taps: Taps, x: FloatArray) -> FloatArray:
    return taps.apply(np.abs(x), kernel=np.abs(taps.kernel.astype(np.float64)))


def _sum_of_squares(numbers: FloatArray, sign: int) -> Fraction:
    """The sum of squares of floats, with room for its rounding above (1) or below (-1)."""
    scale = float(np.abs(numbers).max(initial=0.0)) or 1.0
    total = float(np.sum((numbers / scale) ** 2))
    return Fraction(total * (1 + sign * (numbers.size + 8) * EPSILON)) * Fraction(scale) ** 2


def _by_step(found: Sequence[Block]) -> list[list[Block]]:
    groups: dict[int, list[Block]] = defaultdict(list)
    for block in found:
        groups[id(block.step)].append(block)
    return list(groups.values())


def _couple(first: Block, second: Block) -> _Couple:
    """d > 0 with second = -d first, exactly, and whether their thresholds coincide."""
    if first.step is second.step and first.filter == second.filter:
        ratio = -second.scale / first.scale
    else:
        kernels = [b.step.taps.kernel[b.filter].reshape(-1) for b in (first, second)]
        place = int(np.flatnonzero(kernels[0])[0])
        entries = [Fraction(kernel[place].item()) for kernel in kernels]
        ratio = -(second.scale * entries[1]) / (first.scale * entries[0])
    assert ratio > 0, "pairs are opposite"
    return _Couple(first, second, ratio, second.bias + ratio * first.bias == 0)


def _operator(couples: Sequence[_Couple]) -> Weighted:
    """The first filters times d / sqrt(1 + d^2), rounded down."""
    order = sorted(couples, key=lambda couple: couple.first.filter)
    squares = [c.ratio**2 / (1 + c.ratio**2) * c.first.scale**2 for c in order]
    return Weighted(
        order[0].first.step.taps,
        np.array([couple.first.filter for couple in order]),
        np.array([root_below(square) for square in squares]),
    )
