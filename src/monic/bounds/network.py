"""Networks: products of the stages' constants, and pairs of inputs beside them.

kappa(g o f) >= kappa(g) kappa(f), where g counts on a convex set that holds what f gives. Such
products are safe and often loose; a pair of inputs, evaluated exactly, shows how loose. Where the
product proves nothing, the network is decided: one that is not one-to-one has kappa = 0.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from monic.bounds.frame import State
from monic.bounds.interval import Interval
from monic.bounds.inverse_lipschitz import Pair
from monic.bounds.result import Bounds, NetworkBounds, StageBounds
from monic.bounds.sampling import SAMPLES, Sampled, unevaluated
from monic.bounds.singular import largest, smallest
from monic.bounds.slopes import slopes_of, squeezed, stretched
from monic.bounds.subject import Subject
from monic.clock import monotonic
from monic.decision import decide
from monic.decision.network import range_superset
from monic.decision.problem import Point
from monic.decision.result import NetworkDecision, Verdict
from monic.model import Activation, Domain, Network, ReLULayer, Stage

__all__ = ["bound_network", "bound_stage", "combined", "decided", "exact_output"]

#: Seconds for deciding a network, where no time limit is given.
PATIENCE = 60.0


def bound_network(
    network: Network,
    *,
    time_limit: float | None,
    gap: float,
    seed: int,
    progress: Callable[[State], None] | None,
) -> NetworkBounds:
    """Bounds a network by the product over its stages, by deciding it, and by pairs of inputs."""
    stages: list[StageBounds] = []
    domain, limit = network.domain, None
    for stage in network.stages:
        seconds = 0.0 if limit is not None and limit.startswith("interrupted") else time_limit
        found = bound_stage(
            stage, domain, time_limit=seconds, gap=gap, seed=seed, progress=progress
        )
        stages.append(found)
        limit = limit or found.bounds.limit
        domain = range_superset(stage, domain)
    return combined(network, stages, seed, limit, decided(network, stages, time_limit))


def decided(
    network: Network, stages: list[StageBounds], time_limit: float | None
) -> NetworkDecision | None:
    """Returns the decision about a network whose product of lower bounds proves nothing."""
    if all(stage.bounds.inverse_lipschitz.lower > 0 for stage in stages):
        return None
    limits = [stage.bounds.limit or "" for stage in stages]
    if any(limit.startswith("interrupted") for limit in limits):
        return None
    try:
        return decide(network, time_limit=PATIENCE if time_limit is None else time_limit)
    except KeyboardInterrupt:
        return None


def bound_stage(
    stage: Stage,
    domain: Domain,
    *,
    time_limit: float | None,
    gap: float,
    seed: int,
    progress: Callable[[State], None] | None,
) -> StageBounds:
    """Bounds one stage on a domain of its own input."""
    from monic.bounds.bound import bound_layer

    if stage.activation is Activation.RELU:
        layer = ReLULayer(stage.layer_map(), domain=domain)
        bounds = bound_layer(layer, time_limit=time_limit, gap=gap, seed=seed, progress=progress)
        bounds = _carrying(bounds) if stage.carried else bounds
    elif stage.activation is Activation.IDENTITY:
        bounds = _affine(Subject(ReLULayer(stage.map, domain=domain)))
    else:
        bounds = _sloped(stage, domain)
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
    )


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
    stages: list[StageBounds],
    seed: int,
    limit: str | None,
    decision: NetworkDecision | None = None,
) -> NetworkBounds:
    """Puts the stages' bounds together, and samples pairs of inputs beside them.

    Arguments:
        network: The network.
        stages: The bounds of its stages.
        seed: The seed of the sampling.
        limit: Why some stage's search stopped early, if it did.
        decision: What was decided about the network, if that was asked.
    """
    product = stretch = Interval(1.0, 1.0)
    for found in stages:
        product = product.times(found.bounds.inverse_lipschitz)
        stretch = stretch.times(found.bounds.lipschitz)
    lost = decision is not None and decision.verdict is Verdict.NOT_INJECTIVE
    collision = decision.collision if decision is not None and lost else None
    best, widest, samples = None, 0.0, 0
    if not unevaluated(network):
        known = [stages[0].bounds.collision, collision]
        best, widest = _sampled(network, [(c.x, c.other) for c in known if c is not None], seed)
        samples = SAMPLES
    upper = stretch.upper if best is None else min(best.ratio, stretch.upper)
    upper = 0.0 if lost else upper
    return NetworkBounds(
        inverse_lipschitz=Interval(product.lower, upper),
        lipschitz=Interval(widest, stretch.upper),
        stages=tuple(stages),
        pair=best,
        samples=samples,
        seed=seed,
        limit=limit,
        verdict=None if decision is None else decision.verdict,
        collision=collision,
    )


def _sampled(
    network: Network, known: list[tuple[Point, Point]], seed: int
) -> tuple[Pair | None, float]:
    """The best pair of inputs, and the largest ratio of one, rounded down."""
    chain = Sampled(network)
    candidates = known + chain.candidates(np.random.default_rng(seed))
    pairs = [chain.pair(x, other) for x, other in candidates]
    best = min(pairs, key=lambda pair: pair.ratio, default=None)
    return best, max((chain.ratio(x, other, above=False) for x, other in candidates), default=0.0)


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
