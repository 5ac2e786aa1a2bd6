"""Bounds of layers over convolutions that are too large for their matrix.

Opposite filters w, -d w that cover for each other squeeze by at most d / sqrt(1 + d^2) (the lemma
of docs/stability.md), so that kappa is at least the least singular value of the filters with
these weights, at all positions. Upper bounds are attained by pairs of inputs, evaluated in floats
with a bound on their rounding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from math import inf, isfinite, nextafter, sqrt

import numpy as np

from monic.bounds.change import Change
from monic.bounds.filters import (
    Couple,
    Outputs,
    by_step,
    couple_of,
    crossed,
    weighted_filters,
)
from monic.bounds.interval import Interval, root_above
from monic.bounds.inverse_lipschitz import Pair
from monic.bounds.operator import singular_values
from monic.bounds.result import Bounds
from monic.bounds.weighted import EPSILON, Extremes, Weighted, scaled_kernel
from monic.clock import monotonic
from monic.decision import decide
from monic.decision.convolution.blocks import Block
from monic.decision.convolution.decide import has_convolution
from monic.decision.convolution.filters import filters_of
from monic.decision.convolution.paired import of_one_step
from monic.decision.convolution.pairs import find_pairs
from monic.decision.convolution.sigma import SigmaEstimate, estimate_sigma_min
from monic.decision.problem import Problem
from monic.decision.result import Decision, Verdict
from monic.model import ReLULayer, WholeSpace
from monic.model.taps import FloatArray

__all__ = ["bound_convolution", "is_wide_convolution"]

#: Layers over convolutions of more inputs are bounded through their filters.
WIDE = 64
#: Pairs of inputs on both sides of a point: shares of the way, and lengths.
SHARES = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9, 1.0)
LENGTHS = (1.0, 1e-3, 1e3, 1e6)
#: The length of pairs within one cell.
NEAR = 1e-5


def is_wide_convolution(layer: ReLULayer) -> bool:
    """Returns whether a layer is bounded here."""
    wide = layer.shape[1] > WIDE and has_convolution(layer)
    return wide and filters_of(layer.map) is not None


def bound_convolution(layer: ReLULayer, *, time_limit: float | None, seed: int) -> Bounds:
    """Bounds a layer over convolutions through its filters.

    Arguments:
        layer: A layer whose rows are filters, scaled and shifted.
        time_limit: Seconds for deciding whether it is one-to-one at all.
        seed: The seed of the first vectors of iterations.
    """
    return _Question(layer, seed).answer(time_limit)


class _Question:
    def __init__(self, layer: ReLULayer, seed: int) -> None:
        found = filters_of(layer.map)
        assert found is not None, "asked by the caller"
        self.layer, self.seed, self.blocks = layer, seed, found.blocks
        self.change = Change(found)
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
        couples = [couple_of(i, j) for i, j in of_one_step(find_pairs(self.blocks))]
        if not couples:
            reason = "no opposite filters, and too many inputs for the branch and bound"
            return self._together(None, [], reason)
        if not self.change.is_sure:
            return self._together(None, [], "its input is scaled by numbers that floats round off")
        operator = weighted_filters(couples, self.change)
        found = singular_values(operator, seed=self.seed)
        limit = None if found.limit is None else f"{found.limit}; the bound below is 0"
        return self._together(found, couples, limit)

    def _together(
        self, found: Extremes | None, couples: Sequence[Couple], limit: str | None
    ) -> Bounds:
        outputs = Outputs(self.layer, self.change)
        estimate, lower = None, 0.0
        if found is not None:
            lower = found.smallest.lower
            if found.vector is None:
                estimate = self._estimate(weighted_filters(couples, self.change))
        pairs = list(self._pairs(found, couples, outputs))
        best = min(pairs, key=lambda pair: pair.ratio, default=None)
        exact = found is not None and self._exact(couples) and lower > 0
        upper = inf if best is None else best.ratio
        if exact and found is not None:
            upper = found.smallest.upper * (1 + 1e-15)  # weights were rounded down
        stretch = self._stretch(found, couples)
        upper = min(upper, stretch)
        rows = self.layer.shape[0]
        kappa = Interval(lower, upper)
        attained = max((outputs.ratio_below(p.x, p.other) for p in pairs), default=0.0)
        return Bounds(
            inverse_lipschitz=kappa,
            lipschitz=Interval(attained, stretch),
            smallest_singular=Interval(lower, self._sigma(found, outputs, stretch)),
            frame=Interval(lower, stretch),
            papers=max(0.0, nextafter(kappa.lower / sqrt(2 * rows) * (1 - 1e-15), 0.0)),
            method="exact formula" if exact else "paired filters" if lower else "none",
            limit=limit,
            pair=best,
            estimate=estimate,
            seconds=monotonic() - self.began,
        )

    def _exact(self, couples: Sequence[Couple]) -> bool:
        """Whether these are all rows, one of each pair as many as inputs, and the domain R^n."""
        paired = {block.number for c in couples for block in (c.first, c.second)}
        square = sum(c.first.positions for c in couples) == self.layer.shape[1]
        rest = [b for b in self.blocks if b.number not in paired and b.scale]
        whole = isinstance(self.layer.domain, WholeSpace)
        return square and not rest and whole and self.change.is_even

    def _stretch(self, found: Extremes | None, couples: Sequence[Couple]) -> float:
        """An upper bound of the Lipschitz constant."""
        crude = self._crude(self.blocks)
        if found is None:
            return crude
        growth = max(map(_growth, couples))
        if not isfinite(self.change.more):
            return inf
        largest = Fraction(found.largest) * Fraction(self.change.more)
        square = largest**2 * growth * (1 + Fraction(1, 1 << 40))
        paired = {block.number for c in couples for block in (c.first, c.second)}
        rest = [block for block in self.blocks if block.number not in paired]
        if rest:
            square += Fraction(self._crude(rest)) ** 2
        return min(crude, root_above(square))

    def _crude(self, chosen: Sequence[Block]) -> float:
        """The root of the largest row sums of all |W|^T |W|, which is at least sigma_max."""
        if not isfinite(self.change.more):
            return inf
        total = Fraction(0)
        for step_blocks in by_step(chosen):
            taps = step_blocks[0].step.taps
            factors = np.zeros(taps.kernel.shape[0])
            for block in step_blocks:
                factors[block.filter] += float(block.scale**2) * (1 + 1e-15)
            ones = np.ones(self.layer.shape[1])
            kernel = np.abs(scaled_kernel(taps, self.change.channels))
            inner = taps.apply(ones, kernel=kernel).reshape(taps.out_shape[0], -1)
            inner *= factors[:, None]
            outer = taps.adjoint(inner.reshape(-1), kernel=kernel)
            total += Fraction(float(outer.max()) * (1 + (4 * kernel.size + 12) * EPSILON))
        return root_above(total * Fraction(self.change.more) ** 2)

    def _estimate(self, operator: Weighted) -> SigmaEstimate:
        """What floats say about the least singular value of the weighted filters."""
        weighted = replace(operator.taps, kernel=operator.kernel())
        return estimate_sigma_min(weighted, operator.filters, seed=self.seed)

    def _directions(self, found: Extremes | None) -> list[FloatArray]:
        rng = np.random.default_rng(self.seed)
        known = [] if found is None else [found.vector, found.stretched]
        ways = [self.change.back(way) for way in known if way is not None]
        ways += [rng.standard_normal(self.layer.shape[1]) for _ in range(2)]
        return [way / np.linalg.norm(way) for way in ways]

    def _pairs(
        self, found: Extremes | None, couples: Sequence[Couple], outputs: Outputs
    ) -> Iterator[Pair]:
        """The best pairs along each direction: through a point inside, beside it, and crossed."""
        if not self.change.is_sure:
            return
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
                start = self.change.back(crossed(couples, self.change.ahead(way), self.change))
                ends += [(middle + t * start, middle + t * (start - way)) for t in LENGTHS]
            yield from self._best_of(ends, outputs)
            yield from self._best_of([(beside, beside + NEAR * way)], outputs)

    def _best_of(
        self, ends: Sequence[tuple[FloatArray, FloatArray]], outputs: Outputs
    ) -> Iterator[Pair]:
        """The best of some pairs that is inside the domain."""
        for x, other in sorted(ends, key=lambda pair: outputs.near(*pair))[:8]:
            first, second = (tuple(map(Fraction, end.tolist())) for end in (x, other))
            if first != second and all(map(self.layer.domain.contains, (first, second))):
                yield Pair(x=first, other=second, ratio=outputs.ratio_above(first, second))
                return

    def _sigma(self, found: Extremes | None, outputs: Outputs, stretch: float) -> float:
        """An upper bound of sigma*: the active rows at a point, along one direction."""
        inner = self.problem.outside(self.problem.inner_point())
        rng = np.random.default_rng(self.seed)
        best = stretch
        for way in self._directions(found) if self.change.is_sure else []:
            for _ in range(4):
                step = rng.standard_normal(self.layer.shape[1])
                x = np.array([float(t) for t in inner]) + 1e-3 * step
                if self.layer.domain.contains(tuple(map(Fraction, x.tolist())), interior=True):
                    best = min(best, outputs.active_above(x, way))
        return best


def _growth(couple: Couple) -> Fraction:
    """The square of what a pair stretches by, over that of what it squeezes by."""
    square = couple.ratio**2
    stretch = max(Fraction(1), square) if couple.tight else 1 + square
    return stretch * (1 + square) / square
