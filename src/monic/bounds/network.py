"""Networks: products of the stages' constants, and pairs of inputs beside them.

kappa(g o f) >= kappa(g) kappa(f), where g counts on a convex set that holds what f gives. Such
products are safe and often loose; a pair of inputs, evaluated exactly, shows how loose. Where the
product proves nothing, the network is decided: one that is not one-to-one has kappa = 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain as chain_of

import numpy as np

from monic.bounds.asked import Asked
from monic.bounds.certify import ends_of_affine, unproved_ends
from monic.bounds.certify_network import ends_of_network
from monic.bounds.evidence import ABOVE, BELOW, KAPPA, STRETCH, End
from monic.bounds.interval import Interval
from monic.bounds.inverse_lipschitz import Pair
from monic.bounds.result import Bounds, NetworkBounds, StageBounds
from monic.bounds.sampling import SAMPLES, Sampled, unevaluated
from monic.bounds.singular import largest, smallest
from monic.bounds.slopes import slopes_of, squeezed, stretched
from monic.bounds.subject import Subject
from monic.certificate import network_subject
from monic.certificate import subject as layer_subject
from monic.clock import monotonic
from monic.decision import decide
from monic.decision.network import range_superset
from monic.decision.problem import Point
from monic.decision.result import NetworkDecision, Verdict
from monic.model import Activation, Domain, Network, ReLULayer, Stage

__all__ = [
    "bound_network",
    "bound_stage",
    "combined",
    "decided",
    "exact_output",
    "is_interrupted",
]

#: How the reason of a search that Ctrl-C ended begins.
INTERRUPTED = "interrupted"

#: Seconds for deciding a network, where no time limit is given.
PATIENCE = 60.0


def bound_network(network: Network, asked: Asked) -> NetworkBounds:
    """Bounds a network by the product over its stages, by deciding it, and by pairs of inputs."""
    stages: list[StageBounds] = []
    domain = network.domain
    for k, stage in enumerate(network.stages):
        stages.append(bound_stage(stage, domain, asked.share(1 / (len(network.stages) - k + 1))))
        if is_interrupted(stages[-1]):
            asked = asked.at_once()
        domain = range_superset(stage, domain)
    return combined(network, stages, asked, decided(network, stages, asked))


def is_interrupted(stage: StageBounds) -> bool:
    """Returns whether a stage's search ended by Ctrl-C."""
    return (stage.bounds.limit or "").startswith(INTERRUPTED)


def decided(
    network: Network, stages: Sequence[StageBounds], asked: Asked
) -> NetworkDecision | None:
    """Returns the decision about a network whose product of lower bounds proves nothing."""
    if all(stage.bounds.inverse_lipschitz.lower > 0 for stage in stages):
        return None
    if any(map(is_interrupted, stages)):
        return None
    left = asked.share(0.5).left
    try:
        return decide(network, time_limit=PATIENCE if left is None else left)
    except KeyboardInterrupt:
        return None


def bound_stage(stage: Stage, domain: Domain, asked: Asked) -> StageBounds:
    """Bounds one stage on a domain of its own input."""
    from monic.bounds.bound import bound_layer

    if stage.activation is Activation.RELU:
        bounds = bound_layer(ReLULayer(stage.layer_map(), domain=domain), asked)
        bounds = _carrying(bounds) if stage.carried else bounds
    elif stage.activation is Activation.IDENTITY:
        subject = Subject(ReLULayer(stage.map, domain=domain))
        bounds = _affine(subject)
        if asked.evidence:
            about = layer_subject("affine", stage.map, domain)
            bounds = replace(bounds, ends=ends_of_affine(subject, bounds), about=about)
    else:
        bounds = _sloped(stage, domain)
        bounds = replace(bounds, ends=unproved_ends(bounds)) if asked.evidence else bounds
    return StageBounds(
        name=stage.name,
        shape=(stage.out_dim, stage.map.in_dim),
        domain=domain.describe(),
        activation=stage.describe(),
        bounds=bounds,
    )


def _carrying(bounds: Bounds) -> Bounds:
    """From the layer (A, -A, W) to the stage x -> (A x, ReLU(W x)).

    |ReLU(s) - ReLU(t)|^2 + |ReLU(-s) - ReLU(-t)|^2 <= |s - t|^2, so that kappa is no smaller; and
    in every open cell one row of each pair is active, so that sigma* and the Lipschitz constant
    are the same, and kappa <= sigma*.
    """
    kappa = bounds.inverse_lipschitz
    upper = max(kappa.lower, bounds.smallest_singular.upper)
    known = bounds.method == "not one-to-one"
    return replace(
        bounds,
        inverse_lipschitz=kappa if known else Interval(kappa.lower, upper),
        method=bounds.method if known else f"{bounds.method}, carried numbers as pairs",
        pair=None,
        ends=_of_the_layer(bounds.ends),
    )


def _of_the_layer(ends: Sequence[End]) -> tuple[End, ...]:
    """What is proved about (A, -A, W) and holds for the stage: lower ends of kappa, upper of L.

    Certificates are about the layer (A, -A, W), which bounds the stage on that side.
    """
    sides = ((KAPPA, BELOW), (STRETCH, ABOVE))
    return tuple(end for end in ends if (end.quantity, end.relation) in sides)


def _sloped(stage: Stage, domain: Domain) -> Bounds:
    """An activation that is no ReLU, by the slopes that it has on the domain."""
    started = monotonic()
    subject = Subject(ReLULayer(stage.map, domain=domain))
    slopes = slopes_of(stage, domain)
    kappa = Interval(squeezed(subject, slopes.lower)[0], squeezed(subject, slopes.upper)[1])
    stretch = Interval(stretched(subject, slopes.lower)[0], stretched(subject, slopes.upper)[1])
    return Bounds(
        inverse_lipschitz=kappa,
        lipschitz=stretch,
        smallest_singular=kappa,
        frame=Interval(kappa.lower, stretch.upper),
        papers=kappa.lower,
        method=f"slopes of {stage.activation.value} from {min(slopes.lower):.3g} to "
        f"{max(slopes.upper):.3g}",
        seconds=monotonic() - started,
    )


def combined(
    network: Network,
    stages: Sequence[StageBounds],
    asked: Asked,
    decision: NetworkDecision | None = None,
) -> NetworkBounds:
    """Puts the stages' bounds together, and samples pairs of inputs beside them.

    Arguments:
        network: The network.
        stages: The bounds of its stages.
        asked: How the bounds are computed.
        decision: What was decided about the network, if that was asked.
    """
    product = stretch = Interval(1.0, 1.0)
    for found in stages:
        product = product.times(found.bounds.inverse_lipschitz)
        stretch = stretch.times(found.bounds.lipschitz)
    lost = decision is not None and decision.verdict is Verdict.NOT_INJECTIVE
    collision = decision.collision if decision is not None and lost else None
    pairs = _Pairs()
    if not unevaluated(network):
        known = [stages[0].bounds.collision, collision]
        pairs = _sampled(network, [(c.x, c.other) for c in known if c is not None], asked)
    best, widest = pairs.best, pairs.widest
    upper = stretch.upper if best is None else min(best.ratio, stretch.upper)
    upper = 0.0 if lost else upper
    limits = [found.bounds.limit for found in stages if found.bounds.limit is not None]
    limits += [asked.reason] if pairs.is_cut else []
    whole = NetworkBounds(
        inverse_lipschitz=Interval(product.lower, upper),
        lipschitz=Interval(0.0 if widest is None else widest.ratio, stretch.upper),
        stages=tuple(stages),
        pair=best,
        samples=SAMPLES if best is not None else 0,
        seed=asked.seed,
        limit=limits[0] if limits else None,
        verdict=None if decision is None else decision.verdict,
        collision=collision,
    )
    if not asked.evidence:
        return whole
    ends = ends_of_network(network, whole, widest)
    return replace(whole, ends=ends, about=network_subject(network))


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The pair of inputs with the least ratio, rounded up, and the one with the greatest, down."""

    best: Pair | None = None
    widest: Pair | None = None
    is_cut: bool = False


def _sampled(network: Network, known: Sequence[tuple[Point, Point]], asked: Asked) -> _Pairs:
    """The most and the least squeezing pairs of inputs, as many as the time allows."""
    chain = Sampled(network)
    best = widest = None
    for x, other in chain_of(known, chain.candidates(np.random.default_rng(asked.seed), asked)):
        if best is not None and asked.is_late:
            return _Pairs(best, widest, is_cut=True)
        near, far = chain.pair(x, other), chain.pair(x, other, above=False)
        best = near if best is None or near.ratio < best.ratio else best
        widest = far if widest is None or far.ratio > widest.ratio else widest
    return _Pairs(best, widest, is_cut=asked.is_late)


def exact_output(network: Network, x: Point) -> Point:
    """Returns the output of a network of piecewise-linear stages at a rational point, exactly."""
    return Sampled(network).output(x)


def _affine(subject: Subject) -> Bounds:
    started = monotonic()
    gram = subject.gram(subject.used)
    low, high = smallest(gram), largest(gram)
    return Bounds(
        inverse_lipschitz=low,
        lipschitz=high,
        smallest_singular=low,
        frame=Interval(low.lower, high.upper),
        papers=low.lower,
        method="affine map",
        seconds=monotonic() - started,
    )
