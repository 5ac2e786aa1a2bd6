"""The front call: a layer or a network in, certified intervals out."""

from dataclasses import replace
from fractions import Fraction
from math import nextafter, sqrt
from typing import overload

import numpy as np

from monic.bounds.asked import Asked, Report
from monic.bounds.certify import ends_of_layer, unproved_ends
from monic.bounds.convolution import bound_convolution, is_wide_convolution
from monic.bounds.frame import FrameSearch
from monic.bounds.interval import Interval
from monic.bounds.inverse_lipschitz import (
    Pair,
    Paired,
    half_of,
    paired,
    search_pairs,
    strictly_active,
    weighted_cells,
)
from monic.bounds.pair_tree import PairTree, is_small
from monic.bounds.result import Bounds, NetworkBounds
from monic.bounds.search import cells, region_of
from monic.bounds.singular import largest
from monic.bounds.stretch import least_stretch
from monic.bounds.subject import Subject
from monic.certificate import subject as layer_subject
from monic.decision import decide
from monic.decision.problem import Point
from monic.decision.result import Decision, Verdict
from monic.errors import LayerError
from monic.model import Network, ReLULayer
from monic.model.asked import insist_on_model

__all__ = ["bound", "bound_layer"]

#: Nodes of the tree over pairs on small layers, and the dimensions that it is tried in.
PAIR_NODES, PAIR_DIMENSIONS = 100_000, 6

#: Lines along which the greatest singular value of a cell is looked for.
LINES = 30


@overload
def bound(
    layer: ReLULayer,
    *,
    time_limit: float | None = ...,
    gap: float = ...,
    seed: int = ...,
    progress: Report | None = ...,
    evidence: bool = ...,
) -> Bounds: ...


@overload
def bound(
    layer: Network,
    *,
    time_limit: float | None = ...,
    gap: float = ...,
    seed: int = ...,
    progress: Report | None = ...,
    evidence: bool = ...,
) -> NetworkBounds: ...


def bound(
    layer: ReLULayer | Network,
    *,
    time_limit: float | None = None,
    gap: float = 0.01,
    seed: int = 0,
    progress: Report | None = None,
    evidence: bool = False,
) -> Bounds | NetworkBounds:
    r"""Bounds how much a layer or a network can squeeze and stretch distances, for certain.

    .. math:: \kappa |x - y| \le |f(x) - f(y)| \le L |x - y|

    With sigma* the smallest singular value over all sets of active rows, sigma*/sqrt(2) <= kappa
    <= sigma* (docs/stability.md; Theorem 3 of [Puthawala et al., 2022] has sigma*/sqrt(2 m)).

    Arguments:
        layer: A `ReLULayer`, or a `Network` of ReLU layers and affine maps.
        time_limit: Seconds for the whole call; what is proved by then is returned.
        gap: 1 - lower/upper at which the search stops: for sigma*, and for kappa where n <= 3 and
            m <= 64. Up to n = 6 kappa's interval closes in for as long as `time_limit` lets it.
        seed: The seed of the local searches; it changes no lower bound's validity.
        progress: Called now and then with what is proved so far.
        evidence: Collect what proves each end, in `ends`, for `certificates()`.

    Returns:
        `Bounds`, or `NetworkBounds` for a network. An interrupt (Ctrl-C) ends the search as a
        time limit does: the intervals are valid, only wider.

    Raises:
        LayerError: for anything else than a layer or a network, a gap or limit that is none, or
            weights beyond what the search in floats can hold.
        DomainError: when the domain has no interior.

    Example:
        >>> from monic import ReLULayer, bound
        >>> found = bound(ReLULayer([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]))
        >>> found.inverse_lipschitz
        Interval(lower=0.7071067811865475, upper=0.7071067811865476)
    """
    asked = Asked.now(
        gap=gap, time_limit=time_limit, seed=seed, progress=progress, evidence=evidence
    )
    insist_on_model(layer)
    try:
        if isinstance(layer, Network):
            from monic.bounds.network import bound_network

            return bound_network(layer, asked)
        return bound_layer(layer, asked)
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        raise LayerError(
            "Expected weights whose products float64 holds: bounds are looked for in floats. Got "
            f"ones that differ by too many orders of magnitude ({error}); scale the layer."
        ) from None


def bound_layer(layer: ReLULayer, asked: Asked) -> Bounds:
    """Bounds one layer: is it one-to-one at all, then sigma*, then pairs of inputs."""
    if is_wide_convolution(layer):
        found = bound_convolution(layer, time_limit=asked.left, seed=asked.seed)
        return replace(found, ends=unproved_ends(found)) if asked.evidence else found
    subject, search = Subject(layer), asked.search
    work = _Work(subject, search)
    try:
        work.do()
    except KeyboardInterrupt:
        work.limit = "interrupted; the intervals are valid, and a longer run narrows them"
        asked = asked.at_once()
    found = work.bounds()
    if not asked.evidence:
        return found
    return replace(
        found,
        ends=ends_of_layer(subject, found, work.tree, deadline=asked.deadline),
        about=layer_subject("relu-layer", layer.map, layer.domain),
    )


class _Work:
    """The steps of bounding one layer; whatever is done when it ends is in the answer."""

    def __init__(self, subject: Subject, asked: Asked) -> None:
        self.subject, self.asked = subject, asked
        self.search = FrameSearch(subject, asked.gap, asked.deadline, asked.progress)
        self.search.offer(subject.problem.outside(subject.problem.inner_point()))
        self.rng = np.random.default_rng(asked.seed)
        self.decision: Decision | None = None
        self.pair: Pair | None = None
        self.limit: str | None = None
        self.paired: Paired | None = None
        self.tree: PairTree | None = None
        self.greatest = self.weighted = 0.0
        self.stretch = largest(subject.gram(strictly_active(subject))).upper
        self.stretched: Point | None = None

    def do(self) -> None:
        self.paired = paired(self.subject)
        self._stretch()
        self.stretch = least_stretch(
            self.subject, self.greatest, self.stretch, self.asked.share(0.2)
        )
        self.decision = decide(self.subject.layer, time_limit=self.asked.share(0.5).left)
        if self.decision.verdict is Verdict.NOT_INJECTIVE:
            return
        self.search.run(self.rng)
        if not self.search.done:
            self.limit = (
                self.asked.reason
                if self.search.fits
                else "the layer is too large for the branch and bound, which proves nothing "
                "below for it; bound smaller layers"
            )
        self._weigh()
        points = [] if self.search.point is None else [self.search.point]
        try:
            self.pair = search_pairs(self.subject, points, self.rng, self.asked.deadline)
            self._divide()
        except (ArithmeticError, np.linalg.LinAlgError):  # the intervals so far are valid
            self.tree = None
            self.limit = (
                self.limit or "products of its weights are beyond float64; scale the layer"
            )

    def _divide(self) -> None:
        """Searches pairs of sign patterns: small layers to the end, others for the time left."""
        kappa, method, _ = self._kappa(self.search.state().interval)
        small = is_small(self.subject)
        worth = small or (self.asked.deadline is not None and self.subject.dim <= PAIR_DIMENSIONS)
        if method == "exact formula" or not worth or not self.subject.used:
            return
        self.tree = PairTree(self.subject, kappa.upper, kappa.lower, self.search.gap)
        self.tree.run(PAIR_NODES, self.asked.deadline)
        if self.limit is None and not self.tree.done:
            if self.asked.is_late:
                self.limit = self.asked.reason
            elif small:
                self.limit = (
                    f"{PAIR_NODES:,} nodes over pairs were not enough; ask for a wider gap"
                )

    def _weigh(self) -> None:
        """Searches for a better lower bound where some rows count more than half."""
        objective = weighted_cells(self.subject, self.paired)
        exact = self.paired is not None and self.paired.exact
        if objective is None or exact:
            return
        search = FrameSearch(self.subject, 0.001, self.asked.deadline, objective=objective)
        if self.search.point is not None:
            search.offer(self.search.point)
        try:
            search.run(self.rng)
        finally:
            self.weighted = search.state().interval.lower
            self.search.nodes += search.nodes

    def _stretch(self) -> None:
        """Looks for cells with a large greatest singular value."""
        subject = self.subject
        region, soon = region_of(subject), self.asked.share(0.2).deadline
        lines = cells(subject, region, LINES, self.rng, largest=True, deadline=soon)
        found = [x for _, x in lines]
        inner = subject.problem.outside(subject.problem.inner_point())
        for point in (inner, *(tuple(map(Fraction, x.tolist())) for x in found[-3:])):
            if subject.inside(point):
                rows = subject.strictly_active(point)
                greatest = largest(subject.gram(rows)).lower
                if greatest > self.greatest:
                    self.greatest, self.stretched = greatest, point

    def bounds(self) -> Bounds:
        """Puts together what is proved."""
        stretch, sigma = self._lipschitz(), self.search.state().interval
        kappa, method, limit = self._kappa(sigma)
        decision, collision, point = self.decision, None, self.search.point
        if decision is not None and decision.verdict is Verdict.NOT_INJECTIVE:
            sigma = kappa = Interval(0.0, 0.0)
            method, limit = "not one-to-one", None
            collision, point = decision.collision, decision.point
        rows = len(self.subject.weights)
        return Bounds(
            inverse_lipschitz=kappa,
            lipschitz=stretch,
            smallest_singular=sigma,
            frame=Interval(sigma.lower, stretch.upper),
            papers=max(0.0, nextafter(sigma.lower / sqrt(2 * rows) * (1 - 1e-15), 0.0)),
            method=method,
            limit=limit,
            point=point,
            stretched=self.stretched,
            pair=self.tree.pair if self.tree is not None and self.tree.pair else self.pair,
            collision=collision,
            nodes=self.search.nodes + (0 if self.tree is None else self.tree.nodes),
            seconds=self.search.state().seconds,
        )

    def _lipschitz(self) -> Interval:
        if self.paired is not None and self.paired.exact:
            return self.paired.largest
        return Interval(self.greatest, self.stretch)

    def _kappa(self, sigma: Interval) -> tuple[Interval, str, str | None]:
        """The interval for kappa, how its lower end was proved, and what stopped the search."""
        if self.paired is not None and self.paired.exact:
            return self.paired.smallest, "exact formula", None
        lower, method = half_of(sigma.lower), "sigma*/sqrt(2)"
        if self.paired is not None and self.paired.smallest.lower > lower:
            lower, method = self.paired.smallest.lower, "paired rows"
        if half_of(self.weighted) > lower * (1 + 1e-3):
            lower, method = half_of(self.weighted), "weighted cells"
        upper = sigma.upper if self.pair is None else min(sigma.upper, self.pair.ratio)
        if self.tree is not None:
            found = self.tree.interval
            upper = min(upper, found.upper)
            if found.lower > lower:
                lower, method = found.lower, "pairs of cells"
        return Interval(lower, upper), method, self.limit
