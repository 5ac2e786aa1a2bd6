"""The largest bias that a layer can lose and stay one-to-one on a ball or a box.

ReLU(W x + b - t) has fewer active rows the larger t is, so that there is a threshold: the maximal
bias of Haider, Ehler and Balazs (*Convex geometry of ReLU-layers, injectivity on the ball and
local reconstruction*, 2023), for one number t on all rows. Here it is enclosed by bisection on the
exact decision. Their polytope estimate, a sufficient bias from the facets of the rows' convex
hull, stands beside it.
"""

from dataclasses import dataclass, field
from math import inf

import numpy as np

from monic.bounds.interval import Interval
from monic.bounds.subject import Subject
from monic.certificate import Certificate
from monic.clock import monotonic
from monic.decision import decide
from monic.decision.result import Verdict
from monic.errors import DomainError, LayerError
from monic.model import Ball, Box, Domain, ReLULayer, Shift

__all__ = ["MaximalBias", "estimate_polytope_bias", "maximal_bias"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaximalBias:
    """The largest t for which ReLU(W x + b - t) is one-to-one on the domain.

    Arguments:
        interval: One-to-one is proved at its lower end, and the contrary at its upper end; an end
            is infinite where nothing was proved.
        polytope: The published estimate of a sufficient t, in floats; None where it has none.
        decisions: How many exact decisions that took.
        limit: None, or why the interval is wider than asked.
        at_least: A certificate that ReLU(W x + b - t) is one-to-one for t at the lower end; None
            where nothing was proved.
        at_most: A certificate of the contrary for t at the upper end.
    """

    interval: Interval
    polytope: float | None
    decisions: int
    limit: str | None = None
    at_least: Certificate | None = field(default=None, compare=False)
    at_most: Certificate | None = field(default=None, compare=False)


def maximal_bias(
    layer: ReLULayer,
    domain: Domain,
    *,
    width: float = 1e-3,
    time_limit: float | None = None,
) -> MaximalBias:
    """Encloses the largest t for which ReLU(W x + b - t) is one-to-one on a ball or a box.

    Arguments:
        layer: W and b; the layer's own domain plays no part.
        domain: A `Ball`, or a `Box` with finite bounds.
        width: How wide the interval may be, relative to the largest |w_i.x + b_i| on the domain.
        time_limit: Seconds for all decisions together; None is no limit.

    Raises:
        DomainError: for other domains.
        LayerError: when the width is not between 0 and 1, or the rows do not span R^n.

    Example:
        >>> from monic import Ball, ReLULayer
        >>> square = ReLULayer([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
        >>> found = maximal_bias(square, Ball(1.0))
        >>> found.interval.contains(0.0), found.polytope
        (True, 0.0)
    """
    if not isinstance(domain, Ball | Box) or not np.isfinite(_reach(domain, layer.shape[1])):
        raise DomainError(
            f"Expected a ball, or a box with finite bounds. Got a {domain.describe()}."
        )
    if not 0.0 < width < 1.0:
        raise LayerError(f"Expected a width between 0 and 1, such as 1e-3. Got {width}.")
    subject = Subject(layer)
    size = _largest_value(subject, domain)
    search = _Bisection(layer, domain, None if time_limit is None else monotonic() + time_limit)
    return search.run(size, width * size, estimate_polytope_bias(layer, domain))


class _Bisection:
    def __init__(self, layer: ReLULayer, domain: Domain, deadline: float | None) -> None:
        self.layer, self.domain, self.deadline = layer, domain, deadline
        self.decisions = 0
        self.proofs: dict[bool, Certificate | None] = {}

    def ask(self, t: float) -> bool | None:
        """Whether the layer is one-to-one with t taken off; None when that was not decided."""
        left = None if self.deadline is None else max(0.0, self.deadline - monotonic())
        moved = ReLULayer(Shift(np.array([t]), self.layer.map, negative=True), domain=self.domain)
        self.decisions += 1
        decision = decide(moved, time_limit=left)
        if decision.verdict is Verdict.UNDECIDED:
            return None
        # the ends of the interval are the last points of either verdict
        self.proofs[decision.verdict is Verdict.INJECTIVE] = decision.certificate
        return decision.verdict is Verdict.INJECTIVE

    def run(self, size: float, width: float, polytope: float | None) -> MaximalBias:
        """Bisects between -size, where all rows are active, and size, where none is."""
        if (start := self.ask(-size)) is False:
            raise LayerError(
                "Expected rows that span R^n. Got a layer that is not one-to-one even where all "
                "of its rows are active, so that no bias makes it so."
            )
        low, high = (-size if start else -inf), (size if self.ask(size) is False else inf)
        limit = None
        if not (low > -inf and high < inf):
            limit = "the time limit was hit; raise time_limit"
        while limit is None and high - low > width:
            middle = low + (high - low) / 2
            verdict = self.ask(middle)
            if verdict is None:
                limit = f"undecided at t = {middle:.6g}; raise time_limit"
            elif verdict:
                low = middle
            else:
                high = middle
        return MaximalBias(
            interval=Interval(low, high),
            polytope=polytope,
            decisions=self.decisions,
            limit=limit,
            at_least=self.proofs.get(True),
            at_most=self.proofs.get(False),
        )


def estimate_polytope_bias(layer: ReLULayer, domain: Domain) -> float | None:
    """Returns the polytope estimate, in floats: a t for which the layer stays one-to-one.

    The unit rows' convex hull must hold 0 inside. On the cone over a facet, a row u of the facet
    is at least alpha_u = min u.x over the cone's part of the unit ball; of its facets the least
    counts. The publication has balls around 0. A ball around c is moved there: W x + b is
    W (x - c) + (b + W c). A box is replaced by the ball around it, which is larger, so that the
    estimate stays sufficient but is smaller than need be. There is neither sample nor seed, and
    no estimate (None) without 0 inside the hull.

    Example:
        >>> from monic import Ball, ReLULayer
        >>> estimate_polytope_bias(ReLULayer([[1.0], [-1.0]]), Ball(1.0)) is None
        True
    """
    from scipy.optimize import nnls
    from scipy.spatial import ConvexHull, QhullError

    subject = Subject(layer)
    n = subject.dim
    if n < 2 or not subject.used:
        return None
    rows = subject.floats[list(subject.used)]
    lengths = np.linalg.norm(rows, axis=1)
    units = rows / lengths[:, None]
    try:
        hull = ConvexHull(units)
    except QhullError:
        return None
    if not np.all(hull.equations[:, -1] < -1e-12):
        return None
    alpha = np.full(len(units), np.nan)
    for facet in hull.simplices:
        for i in facet:
            weights, _ = nnls(units[facet].T, -units[i])
            reach = float(np.linalg.norm(units[facet].T @ weights))
            alpha[i] = -reach if np.isnan(alpha[i]) else min(alpha[i], -reach)
    facets = ~np.isnan(alpha)  # rows inside the hull are not needed, and bound nothing
    center, radius = _ball_around(domain, n)
    offsets = subject.offsets[list(subject.used)] + rows @ center
    least = np.min((radius * alpha * lengths + offsets)[facets])
    return float(np.ldexp(least, subject.shift)) + 0.0


def _ball_around(domain: Domain, dim: int) -> tuple[np.ndarray, float]:
    """The centre and the radius of a ball, or of the smallest one around a box."""
    if isinstance(domain, Ball):
        return np.array([float(t) for t in domain.middle(dim)]), float(domain.radius)
    assert isinstance(domain, Box), "only balls and boxes come here"
    middle = domain.lower / 2 + domain.upper / 2
    return middle, float(np.linalg.norm(domain.upper - middle))


def _reach(domain: Domain, dim: int) -> float:
    """The largest |x| on the domain."""
    if isinstance(domain, Ball):
        center = np.array([float(t) for t in domain.middle(dim)])
        return float(np.linalg.norm(center)) + float(domain.radius)
    assert isinstance(domain, Box), "only balls and boxes come here"
    return float(np.linalg.norm(np.maximum(np.abs(domain.lower), np.abs(domain.upper))))


def _largest_value(subject: Subject, domain: Domain) -> float:
    """A number above |w_i.x + b_i| for all rows and all x of the domain."""
    lengths = np.linalg.norm(subject.floats, axis=1)
    values = lengths * _reach(domain, subject.dim) + np.abs(subject.offsets)
    return float(np.ldexp(np.max(values), subject.shift)) * 1.001 + 1e-300
