"""A network that evaluates: floats look for pairs, exact numbers say what they are worth.

Piecewise-linear stages are evaluated over the rationals, and smooth ones in ball arithmetic.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq

from monic.bounds.asked import Asked
from monic.bounds.interval import root_above, root_below
from monic.bounds.inverse_lipschitz import Pair
from monic.bounds.search import Region, region_of
from monic.bounds.subject import Subject
from monic.decision.network.chain import is_small
from monic.decision.problem import Point
from monic.errors import LayerError
from monic.model import Activation, Network, ReLULayer, Stage

__all__ = ["SAMPLES", "Sampled", "unevaluated"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Number = Fraction | arb

#: Inputs at which a network's local map is looked at.
SAMPLES = 256
#: Pairs that are evaluated exactly.
FINALISTS = 8
#: Steps of a climb from one of them.
CLIMB = 60
#: Bits of ball arithmetic.
BITS = 320


@dataclass(frozen=True, slots=True)
class _Step:
    """One stage, exact and in floats."""

    stage: Stage
    subject: Subject
    slopes: tuple[Fraction, ...] | None
    floats: FloatArray | None = field(init=False)

    def __post_init__(self) -> None:
        floats = None if self.slopes is None else np.array([float(s) for s in self.slopes])
        object.__setattr__(self, "floats", floats)

    def exact(self, values: list[Number]) -> list[Number]:
        """What the activation gives: rationals of rationals where it is piecewise linear."""
        if self.slopes is not None:
            return [_bent(value, slope) for value, slope in zip(values, self.slopes, strict=True)]
        c = self.stage.carried
        return values[:c] + [_smooth(self.stage.activation, _ball(v)) for v in values[c:]]

    def value(self, u: FloatArray) -> FloatArray:
        """The activation in floats; points are rows."""
        if self.floats is not None:
            return np.where(u > 0, u, self.floats * u)
        c, rest = self.stage.carried, u[..., self.stage.carried :]
        tanh = self.stage.activation is Activation.TANH
        bent = np.tanh(rest) if tanh else 0.5 + 0.5 * np.tanh(rest / 2)
        return np.concatenate([u[..., :c], bent], axis=-1)

    def slope(self, u: FloatArray) -> FloatArray:
        """The activation's slopes at one point."""
        if self.floats is not None:
            return np.where(u >= 0, 1.0, self.floats)
        slope = np.ones_like(u)
        tanh = self.stage.activation is Activation.TANH
        rest = u[self.stage.carried :]
        slope[self.stage.carried :] = (
            1 - np.tanh(rest) ** 2 if tanh else 0.25 * (1 - np.tanh(rest / 2) ** 2)
        )
        return slope


def _bent(value: Number, slope: Fraction) -> Number:
    if isinstance(value, Fraction):
        return value if value > 0 else slope * value
    if slope == 1:
        return value
    below = value * _ball(slope)
    if value >= 0:
        return value
    return below if value <= 0 else value.union(below)


def _smooth(activation: Activation, value: arb) -> arb:
    return value.tanh() if activation is Activation.TANH else (1 + (value / 2).tanh()) / 2


def _ball(value: Number) -> arb:
    return value if isinstance(value, arb) else arb(fmpq(value.numerator, value.denominator))


def unevaluated(network: Network) -> list[str]:
    """Returns the names of stages that are not evaluated exactly: too large, or not known."""
    smooth = (Activation.TANH, Activation.SIGMOID)
    return [
        stage.name
        for stage in network.stages
        if not is_small(stage.map) or (stage.slopes() is None and stage.activation not in smooth)
    ]


class Sampled:
    """A network that evaluates: floats look for pairs, rationals say what they are worth."""

    def __init__(self, network: Network) -> None:
        self.domain = network.domain
        self.steps = [
            _Step(stage, Subject(ReLULayer(stage.map)), stage.slopes()) for stage in network.stages
        ]
        self.region: Region = region_of(
            Subject(ReLULayer(network.stages[0].map, domain=network.domain))
        )

    def output(self, x: Point) -> Point:
        """Returns the network's output at a rational point, exactly.

        Raises:
            LayerError: when some stage is not piecewise linear.
        """
        found = self._output(list(x))
        if not all(isinstance(value, Fraction) for value in found):
            raise LayerError(
                "Expected a network of piecewise-linear stages, whose outputs are rational. Got "
                "one with a smooth activation."
            )
        return tuple(value for value in found if isinstance(value, Fraction))

    def _output(self, values: list[Number]) -> list[Number]:
        for step in self.steps:
            values = step.exact(_affine(step.subject, values))
        return values

    def ratio(self, x: Point, other: Point, *, above: bool) -> float:
        """Returns |f(x) - f(other)| / |x - other|, rounded up or down."""
        bottom = sum(((a - b) ** 2 for a, b in zip(x, other, strict=True)), Fraction(0))
        with ctx.workprec(BITS):
            first, second = self._output(list(x)), self._output(list(other))
            exact, balls = Fraction(0), arb(0)
            for a, b in zip(first, second, strict=True):
                if isinstance(a, Fraction) and isinstance(b, Fraction):
                    exact += (a - b) ** 2
                else:
                    gap = _ball(a) - _ball(b)
                    balls += gap * gap  # a power of a ball around 0 is no number
            found = exact + _end(balls, above)
        return (root_above if above else root_below)(found / bottom)

    def pair(self, x: Point, other: Point, *, above: bool = True) -> Pair:
        """Returns a pair with its ratio, rounded up or down."""
        return Pair(x=x, other=other, ratio=self.ratio(x, other, above=above))

    def candidates(self, rng: np.random.Generator, asked: Asked) -> Iterator[tuple[Point, Point]]:
        """The most and the least squeezing of many local maps, as pairs of exact points.

        Whoever asks stops asking when no time is left.
        """
        points: list[FloatArray] = []
        for point in self._walk(rng):
            points.append(point)
            if asked.is_late and len(points) >= FINALISTS:
                break
        for most in (False, True):
            order = sorted(points, key=lambda x: self._extreme(x, most)[0])
            for x in order[:FINALISTS]:
                best = self._climb(x, most, rng)
                yield from self._pairs(best, self._extreme(best, most)[1])
        yield from self._far(np.array(points), rng)

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
            points = step.value(np.ldexp(values, step.subject.shift))
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
            values = np.ldexp(step.subject.floats @ x + step.subject.offsets, step.subject.shift)
            slope = step.slope(values)[:, None] * (step.subject.floats @ slope)
            x = step.value(values)
        return slope

    def _pairs(self, x: FloatArray, way: FloatArray) -> Iterator[tuple[Point, Point]]:
        size = max(1.0, float(np.linalg.norm(x)))
        for step in (1e-3, 1e-6, 0.3, -0.3):
            both = [x + t * size * way for t in (0.0, step)]
            if not np.isfinite(both).all():
                continue
            ends = [tuple(map(Fraction, end.tolist())) for end in both]
            if ends[0] != ends[1] and all(self.domain.contains(end) for end in ends):
                yield ends[0], ends[1]


def _affine(subject: Subject, values: list[Number]) -> list[Number]:
    """What the affine map gives, exactly or as balls."""
    scale = subject.scale
    rational = [value for value in values if isinstance(value, Fraction)]
    if len(rational) == len(values):
        return [scale * value for value in subject.values(tuple(rational))]
    balls, unit = [_ball(value) for value in values], _ball(scale)
    found: list[Number] = []
    for row, bias in zip(subject.weights, subject.biases, strict=True):
        total = arb(bias)
        for weight, value in zip(row, balls, strict=True):
            total += arb(weight) * value
        found.append(unit * total)
    return found


def _end(value: arb, above: bool) -> Fraction:
    """An exact end of a ball that is not negative."""
    end = value.upper() if above else value.lower()
    mantissa, exponent = end.mid().man_exp()
    # `upper` and `lower` are exact numbers; nothing is lost here
    found = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return max(Fraction(0), found)
