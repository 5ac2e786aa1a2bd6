"""Networks: products of the layers' constants, and pairs of inputs beside them.

kappa(g o f) >= kappa(g) kappa(f), where g counts on a convex set that holds what f gives. Such
products are safe and often loose; a pair of inputs, evaluated exactly, shows how loose.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from time import monotonic
from typing import Any

import numpy as np

from monic.bounds.frame import State
from monic.bounds.interval import Interval, root_above, root_below
from monic.bounds.inverse_lipschitz import Pair
from monic.bounds.result import Bounds, NetworkBounds, StageBounds
from monic.bounds.search import Region, region_of
from monic.bounds.singular import largest, smallest
from monic.bounds.subject import Subject
from monic.decision.network import range_superset
from monic.decision.problem import Point
from monic.errors import LayerError
from monic.model import Activation, Domain, Network, ReLULayer, Stage

__all__ = ["SAMPLES", "bound_network", "bound_stage", "exact_output"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

#: Inputs at which a network's local map is looked at.
SAMPLES = 256
#: Pairs that are evaluated exactly.
FINALISTS = 8
#: Steps of a climb from one of them.
CLIMB = 60


def bound_network(
    network: Network,
    *,
    time_limit: float | None,
    gap: float,
    seed: int,
    progress: Callable[[State], None] | None,
) -> NetworkBounds:
    """Bounds a network by the product over its stages, and by pairs of inputs.

    Raises:
        LayerError: for activations other than ReLU and identity.
    """
    refuse_activations(network)
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
    return combined(network, stages, seed, limit)


def refuse_activations(network: Network) -> None:
    """Raises LayerError when a stage's activation has slopes that are not known here."""
    other = [
        f"{stage.name!r} ({stage.describe()})"
        for stage in network.stages
        if stage.activation not in (Activation.RELU, Activation.IDENTITY) or stage.carried
    ]
    if other:
        raise LayerError(
            "Expected stages with the activation ReLU or identity, whose slopes are 0 and 1, and "
            f"nothing carried past it. Got {', '.join(other)}. "
            "Bound the ReLU stages one by one, as layers."
        )


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

    layer = ReLULayer(stage.map, domain=domain)
    if stage.activation is Activation.RELU:
        bounds = bound_layer(layer, time_limit=time_limit, gap=gap, seed=seed, progress=progress)
    else:
        bounds = _affine(Subject(layer))
    return StageBounds(
        name=stage.name,
        shape=layer.shape,
        domain=domain.describe(),
        activation=stage.activation.value,
        bounds=bounds,
    )


def combined(
    network: Network, stages: list[StageBounds], seed: int, limit: str | None
) -> NetworkBounds:
    """Puts the stages' bounds together, and samples pairs of inputs beside them."""
    product = stretch = Interval(1.0, 1.0)
    for found in stages:
        product = product.times(found.bounds.inverse_lipschitz)
        stretch = stretch.times(found.bounds.lipschitz)
    chain = _Chain(network)
    first = stages[0].bounds.collision
    candidates = [] if first is None else [(first.x, first.other)]
    candidates += chain.candidates(np.random.default_rng(seed))
    pairs = [chain.pair(x, other) for x, other in candidates]
    best = min(pairs, key=lambda pair: pair.ratio, default=None)
    widest = max((chain.ratio(x, other, root_below) for x, other in candidates), default=0.0)
    upper = stretch.upper if best is None else min(best.ratio, stretch.upper)
    return NetworkBounds(
        inverse_lipschitz=Interval(min(product.lower, upper), upper),
        lipschitz=Interval(min(widest, stretch.upper), stretch.upper),
        stages=tuple(stages),
        pair=best,
        samples=SAMPLES,
        seed=seed,
        limit=limit,
    )


def exact_output(network: Network, x: Point) -> Point:
    """Returns the network's output at a rational point, exactly."""
    return _Chain(network).output(x)


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


@dataclass(frozen=True, slots=True)
class _Step:
    subject: Subject
    relu: bool


class _Chain:
    """A network that evaluates: floats look for pairs, rationals say what they are worth."""

    def __init__(self, network: Network) -> None:
        self.domain = network.domain
        self.steps = [
            _Step(Subject(ReLULayer(stage.map)), stage.activation is Activation.RELU)
            for stage in network.stages
        ]
        self.region: Region = region_of(
            Subject(ReLULayer(network.stages[0].map, domain=network.domain))
        )

    def output(self, x: Point) -> Point:
        for step in self.steps:
            scale = Fraction(2) ** step.subject.exponent
            x = tuple(
                scale * (max(value, Fraction(0)) if step.relu else value)
                for value in step.subject.values(x)
            )
        return x

    def ratio(self, x: Point, other: Point, rounded: Callable[[Fraction], float]) -> float:
        first, second = self.output(x), self.output(other)
        top = sum(((a - b) ** 2 for a, b in zip(first, second, strict=True)), Fraction(0))
        bottom = sum(((a - b) ** 2 for a, b in zip(x, other, strict=True)), Fraction(0))
        return rounded(top / bottom)

    def pair(self, x: Point, other: Point) -> Pair:
        return Pair(x=x, other=other, ratio=self.ratio(x, other, root_above))

    def candidates(self, rng: np.random.Generator) -> list[tuple[Point, Point]]:
        """The most and the least squeezing of many local maps, as pairs of exact points."""
        points = list(self._walk(rng))
        found = []
        for most in (False, True):
            order = sorted(points, key=lambda x: self._extreme(x, most)[0])
            for x in order[:FINALISTS]:
                best = self._climb(x, most, rng)
                found += list(self._pairs(best, self._extreme(best, most)[1]))
        return found + list(self._far(np.array(points), rng))

    def _far(self, points: FloatArray, rng: np.random.Generator) -> Iterator[tuple[Point, Point]]:
        """Pairs far apart: the least ratios among all pairs of points, and climbs from there."""
        outputs = self._outputs(points)
        first, second = np.triu_indices(len(points), 1)
        top = np.linalg.norm(outputs[first] - outputs[second], axis=1)
        bottom = np.linalg.norm(points[first] - points[second], axis=1)
        for k in np.argsort(top / np.maximum(bottom, 1e-12))[:FINALISTS]:
            pair = self._descend(points[np.array([first[k], second[k]])], rng)
            ends = [tuple(map(Fraction, end.tolist())) for end in pair]
            if ends[0] != ends[1] and all(self.domain.contains(end) for end in ends):
                yield ends[0], ends[1]

    def _descend(self, pair: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Returns a pair nearby that is squeezed more."""
        value, size = self._ratio(pair), 1.0
        for _ in range(4 * CLIMB):
            scale = size * float(np.linalg.norm(pair[0] - pair[1]))
            way = scale * np.asarray(rng.standard_normal(pair.shape))
            high = min(self.region.reach(pair[k], way[k])[1] for k in range(2))
            other = pair + way * min(1.0, 0.98 * high)
            now = self._ratio(other)
            if now < value:
                pair, value = other, now
            else:
                size = max(0.96 * size, 1e-4)
        return pair

    def _ratio(self, pair: FloatArray) -> float:
        outputs = self._outputs(pair)
        bottom = float(np.linalg.norm(pair[0] - pair[1]))
        return float(np.linalg.norm(outputs[0] - outputs[1])) / bottom if bottom > 0 else np.inf

    def _outputs(self, points: FloatArray) -> FloatArray:
        """The network's outputs at rows of points, in floats."""
        for step in self.steps:
            values = points @ step.subject.floats.T + step.subject.offsets
            points = np.ldexp(np.maximum(values, 0.0) if step.relu else values, step.subject.shift)
        return points

    def _walk(self, rng: np.random.Generator) -> Iterator[FloatArray]:
        x = self.region.start
        for _ in range(SAMPLES):
            way = rng.standard_normal(x.size)
            low, high = self.region.reach(x, way)
            x = x + way * rng.uniform(0.98 * max(low, -2.0), 0.98 * min(high, 2.0))
            if not np.isfinite(x).all():
                x = self.region.start
            yield x

    def _extreme(self, x: FloatArray, most: bool) -> tuple[float, FloatArray]:
        """The local map's least singular value, or minus its greatest, and the direction."""
        _, values, right = np.linalg.svd(self._slope(x))
        if most:
            return -float(values[0]), right[0]
        return float(values[-1]) if len(values) == x.size else 0.0, right[-1]

    def _climb(self, x: FloatArray, most: bool, rng: np.random.Generator) -> FloatArray:
        """Returns a point nearby where the local map squeezes, or stretches, more."""
        value, size = self._extreme(x, most)[0], 1.0
        for _ in range(CLIMB):
            way = size * rng.standard_normal(x.size) * max(1.0, float(np.abs(x).max()))
            high = self.region.reach(x, way)[1]
            other = x + way * min(1.0, 0.98 * high)
            now = self._extreme(other, most)[0]
            if now < value and np.isfinite(other).all():
                x, value = other, now
            else:
                size = max(0.93 * size, 1e-3)
        return x

    def _slope(self, x: FloatArray) -> FloatArray:
        """The local linear map at x, up to powers of two."""
        slope: FloatArray = np.eye(x.size)
        for step in self.steps:
            unit = np.ldexp(1.0, step.subject.shift)
            values = step.subject.floats @ x + step.subject.offsets
            mask = (values >= 0) | (not step.relu)
            slope = mask[:, None] * (step.subject.floats @ slope)
            x = unit * np.where(mask, values, 0.0)
        return slope

    def _pairs(self, x: FloatArray, way: FloatArray) -> Iterator[tuple[Point, Point]]:
        size = max(1.0, float(np.linalg.norm(x)))
        for step in (1e-3, 1e-6, 0.3, -0.3):
            ends = [tuple(map(Fraction, (x + t * size * way).tolist())) for t in (0.0, step)]
            if ends[0] != ends[1] and all(self.domain.contains(end) for end in ends):
                yield ends[0], ends[1]
