"""Layers over convolutions, decided through their filters: pairs, sparse points, windows."""

from collections.abc import Sequence
from fractions import Fraction

from monic.certificate import point_certificate
from monic.clock import monotonic
from monic.decision.approach import Approach
from monic.decision.convolution.blocks import Block, unordered
from monic.decision.convolution.counting import sparse_point
from monic.decision.convolution.cover import Cover
from monic.decision.convolution.depth import counting_margin
from monic.decision.convolution.explicit import explicit_pair
from monic.decision.convolution.filters import filters_of
from monic.decision.convolution.kernel import local_kernel
from monic.decision.convolution.paired import PairedFilters, kernel_vector, prove_pairs
from monic.decision.convolution.pairs import find_pairs
from monic.decision.convolution.pointwise import decide_by_position, is_pointwise
from monic.decision.convolution.prefix import undone
from monic.decision.convolution.windows import prove_paired_windows, prove_windows
from monic.decision.problem import Problem
from monic.decision.result import Collision, Decision, Statistics, Verdict
from monic.decision.structure import structure
from monic.model import ReLULayer
from monic.model.convolution import ConvolutionMap

__all__ = ["decide_convolution", "has_convolution"]

#: Layers whose matrix has more entries are never written out.
DENSE = 1 << 22

#: Layers with more inputs are not left to branching.
BRANCHED = 256

#: Seconds for the search for a point with few active rows, at most.
PATIENCE = 120.0

#: Layers whose matrix has fewer entries are looked at as a whole before their windows are.
SMALL = 1 << 14


def _unordered(layer: ReLULayer) -> ReLULayer:
    value = unordered(layer.map)
    return layer if value is layer.map else ReLULayer(value, domain=layer.domain)


def has_convolution(layer: ReLULayer) -> bool:
    """Returns whether some step of a layer is a convolution."""
    return any(isinstance(step, ConvolutionMap) for step in layer.map.steps())


def decide_convolution(problem: Problem, approach: Approach) -> Decision | None:
    """Decides a layer by its convolutions; None leaves it to the methods for dense layers.

    A layer that is too large for those is UNDECIDED here, with the limits that were hit.
    """
    return _Question(problem, approach).answer()


def decide_by_counting(problem: Problem, approach: Approach) -> Decision | None:
    """Decides a layer by a point with few active rows, found by values and adjoints alone."""
    return _Question(problem, approach).by_counting()


class _Question:
    def __init__(self, problem: Problem, approach: Approach) -> None:
        self.problem = problem
        self.layer = _unordered(problem.layer)
        self.approach = approach
        self.began = monotonic()
        found = filters_of(problem.layer.map)
        self.base = None if found is None else found.base
        self.blocks = None if found is None else found.blocks
        # what the domain leaves for the changed input is not looked at: all of R^n is more
        self.windowed = self.layer if self.base is None else ReLULayer(self.layer.map)
        self.one_tap = self.blocks is not None and is_pointwise(self.blocks)
        self.changed = "" if self.base is None else ", after an invertible change of the input,"
        self.limits: list[str] = []

    def answer(self) -> Decision | None:
        n = self.problem.dim
        # intermediate values count too: the matrix is computed step by step
        size = n * max(step.out_dim for step in self.layer.map.steps())
        found = self._by_pairs() if self.blocks is not None else None
        if found is not None:
            return found
        if self.blocks is not None and self.one_tap:
            found = self._by_position(self.blocks)
            if found is not None:
                return found
        if size <= SMALL and structure(self.problem) is not None:
            return None
        if n > 12:
            found = self.by_counting()
            if found is not None:
                return found
        if self.blocks is not None:
            found = self._by_windows(self.blocks)
            if found is not None:
                return found
        # in higher dimensions one node of a tree takes longer than most limits
        if size <= DENSE and n <= BRANCHED:
            return None
        if size <= DENSE and self._left() != 0 and structure(self.problem) is not None:
            return None
        return self._undecided()

    def _by_pairs(self) -> Decision | None:
        assert self.blocks is not None, "asked by the caller"
        pairs = find_pairs(self.blocks)
        n = self.problem.dim
        until = self.approach.deadline
        found = prove_pairs(pairs, n, self.problem.subject, until)
        if found is not None and found.certificate is not None:
            return self._paired(found)
        if found is not None and found.rank.limit:
            subject = self.problem.subject
            cover = prove_paired_windows(self.windowed, self.blocks, pairs, subject, until)
            if cover.certificate is not None:
                return self._covered(cover)
            self.limits.append(found.rank.limit)
        if pairs.complete and (found is None or found.rank.full is False):
            kernel = local_kernel(self.blocks) or kernel_vector(self.blocks, n)
            if kernel is not None:
                return self._dependent(undone(self.base, kernel))
            if found is not None:
                self.limits.append(
                    "its rank is deficient modulo several primes, which proves nothing"
                )
        return None

    def _paired(self, found: PairedFilters) -> Decision:
        return Decision(
            verdict=Verdict.INJECTIVE,
            reason=f"{found.filters} pairs of opposite filters{self.changed or ','} one of each "
            "active at every position, and those of one side have full column rank "
            f"{self.problem.dim:,} modulo the prime {found.rank.prime}"
            + (f" ({found.sigma.words()})" if found.sigma else ""),
            method="paired filters",
            certificate=found.certificate,
            statistics=self._spent(),
        )

    def _by_position(self, found: list[Block]) -> Decision | None:
        """One position is a small layer; None where its answer is not one about this layer."""
        cover, decision, shown = decide_by_position(self.problem, found, self.base, self.approach)
        if cover.certificate is not None:
            return self._covered(cover)
        if decision is None:
            self.limits.append(cover.limit)
            return self._undecided()
        if shown is None and decision.verdict is Verdict.NOT_INJECTIVE:
            return None
        why = f"at every position it is one layer of {len(found)} x {self._width(found)}"
        if shown is None:
            self.limits.append(f"{why}, which is undecided: {decision.reason}")
            return self._undecided()
        pair = None if shown.other is None else Collision(x=shown.x, other=shown.other)
        evidence: dict[str, Sequence[Fraction]] = {"x": shown.x}
        if shown.other is not None:
            evidence["other"] = shown.other
        kind = "point" if pair is None else "collision"
        return Decision(
            verdict=Verdict.NOT_INJECTIVE,
            reason=f"{why}{self.changed or ','} which is not one-to-one: {decision.reason}",
            method=decision.method,
            certificate=point_certificate(self.problem.subject, kind, evidence),
            collision=pair,
            point=shown.x,
            statistics=self._spent(),
        )

    def _width(self, found: Sequence[Block]) -> int:
        return found[0].step.geometry.channels

    def _dependent(self, kernel: Sequence[Fraction]) -> Decision:
        """All rows are orthogonal to a vector: any two points along it collide."""
        x = self.problem.inner_point()
        step = 1 / max(map(abs, kernel))
        while not self.problem.contains(
            other := tuple(t + step * d for t, d in zip(x, kernel, strict=True))
        ):
            step /= 2
        pair = Collision(x=self.problem.outside(x), other=self.problem.outside(other))
        return Decision(
            verdict=Verdict.NOT_INJECTIVE,
            reason=f"its {self.layer.shape[0]:,} rows have a rank below {self.problem.dim:,}",
            method="rank",
            certificate=point_certificate(
                self.problem.subject, "collision", {"x": pair.x, "other": pair.other}
            ),
            collision=pair,
            point=pair.x,
            statistics=self._spent(),
        )

    def by_counting(self) -> Decision | None:
        seconds = self._left()
        found = sparse_point(
            self.layer,
            seed=self.approach.execution.seed,
            seconds=PATIENCE if seconds is None else min(PATIENCE, seconds),
        )
        if found is None:
            self.limits.append(
                f"no point with fewer than n = {self.problem.dim:,} active rows was found"
            )
            return None
        point, active = found
        # what looks for a direction in the input itself takes filters of the input itself
        own = self.blocks if self.base is None else None
        late = own is None or self._left() == 0
        pair = None if own is None or late else explicit_pair(self.layer, own, point)
        evidence: dict[str, Sequence[Fraction]] = (
            {"x": point} if pair is None else {"x": pair.x, "other": pair.other}
        )
        kind = "point" if pair is None else "collision"
        return Decision(
            verdict=Verdict.NOT_INJECTIVE,
            reason=f"at the point found at most {active:,} rows are active, fewer than "
            f"n = {self.problem.dim:,}",
            method="counting",
            certificate=point_certificate(self.problem.subject, kind, evidence),
            collision=pair,
            point=point,
            margin=None if own is None else counting_margin(self.layer, own, point),
            statistics=self._spent(),
        )

    def _by_windows(self, found: list[Block]) -> Decision | None:
        cover = prove_windows(self.windowed, found, self.problem.subject, self._left())
        if cover.certificate is None:
            self.limits.append(cover.limit)
            return None
        return self._covered(cover)

    def _covered(self, cover: Cover) -> Decision:
        size = " x ".join(map(str, cover.size))
        return Decision(
            verdict=Verdict.INJECTIVE,
            reason=f"windows of {size} positions cover the input{self.changed or ','} and each "
            "is one-to-one by itself",
            method="windows",
            certificate=cover.certificate,
            statistics=self._spent(),
        )

    def _undecided(self) -> Decision:
        reason = "; ".join(self.limits)
        if self.blocks is None:
            self.limits.append(
                "its convolutions are not applied to its input, nor all to one "
                "value made from it by shifts, scales other than 0 and a permutation"
            )
            reason = "; ".join(self.limits)
        m, n = self.layer.shape
        return Decision(
            verdict=Verdict.UNDECIDED,
            reason=f"{reason}; and its matrix of {m:,} x {n:,} is too large for branching",
            method="convolution",
            statistics=self._spent(),
        )

    def _left(self) -> float | None:
        return self.approach.left()

    def _spent(self) -> Statistics:
        return Statistics(seconds=monotonic() - self.began)
