"""Small networks, evaluated and asked about by roads of their own."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from monic.model import (
    Activation,
    AffineMap,
    Box,
    Concat,
    Domain,
    Linear,
    Network,
    Orthant,
    Shift,
    Stage,
)
from monic.model import Input as Start
from tests.reference import evaluate

__all__ = [
    *("box", "chain", "outputs", "random_network"),
    *("random_skips", "same_output_exists"),
]

Vector = tuple[Fraction, ...]


def chain(
    *layers: tuple[Any, Any], domain: Domain | None = None, last: Activation = Activation.RELU
) -> Network:
    """A network of (weight, bias) pairs with ReLUs in between."""
    stages = []
    for k, (weight, bias) in enumerate(layers):
        matrix = np.array(weight, dtype=np.float64)
        value = Linear(matrix, Start(matrix.shape[1]))
        shifted = value if bias is None else Shift(np.array(bias, dtype=np.float64), value)
        activation = last if k + 1 == len(layers) else Activation.RELU
        stages.append(Stage(f"fc{k}", shifted, activation))
    return Network(stages, domain)


def box(lower: Sequence[float], upper: Sequence[float]) -> Box:
    """The box with these corners."""
    return Box(np.array(lower, dtype=np.float64), np.array(upper, dtype=np.float64))


def random_network(rng: np.random.Generator) -> Network:
    """Integer weights, one or two inputs, two or three layers; whole space, box or orthant."""
    n = int(rng.integers(1, 3))
    sizes = [n, *(int(rng.integers(1, 5)) for _ in range(int(rng.integers(1, 3)))), n + 1]
    layers: list[tuple[Any, Any]] = [
        (rng.integers(-2, 3, (m, k)), rng.integers(-1, 2, m) if rng.random() < 0.7 else None)
        for k, m in pairwise(sizes)
    ]
    if rng.random() < 0.6:  # one-to-one, after which more often the whole is
        size = layers[0][0].shape[1]
        first = np.vstack([np.eye(size), -np.eye(size)])
        second = np.vstack([np.eye(2 * size), rng.integers(-1, 2, (1, 2 * size))])
        layers = [(first, None), (second, rng.integers(0, 2, 2 * size + 1))]
    domain = [None, Orthant(), Box(-np.ones(n), np.ones(n))][int(rng.integers(3))]
    last = Activation.RELU if rng.random() < 0.5 else Activation.IDENTITY
    return chain(*layers, domain=domain, last=last)


def random_skips(rng: np.random.Generator) -> Network:
    """Residual blocks x + W2 a(W1 x) for a ReLU or a leaky one, as stages and affine maps."""
    n = int(rng.integers(1, 3))
    start: AffineMap = Start(n)
    stages, value = [], start
    for k in range(int(rng.integers(1, 3))):
        hidden = int(rng.integers(1, 3))
        inner = Linear(rng.integers(-2, 3, (hidden, n)).astype(np.float64), value)
        shifted = Shift(rng.integers(-1, 2, hidden).astype(np.float64), inner)
        leaky = rng.random() < 0.3
        kind = Activation.LEAKY_RELU if leaky else Activation.RELU
        slope = rng.choice([0.5, 0.25, 2.0], hidden) if leaky else None
        stages.append(Stage(f"block{k}", Concat((value, shifted)), kind, slope, carried=n))
        outer = rng.integers(-2, 3, (n, hidden)) / 2.0 ** rng.integers(0, 3)
        value = Linear(np.hstack([np.eye(n), outer]), Start(n + hidden))
    stages.append(Stage("out", value, Activation.IDENTITY))
    domain = [None, Orthant(), Box(-np.ones(n), np.ones(n))][int(rng.integers(3))]
    return Network(stages, domain)


def outputs(network: Network, x: Sequence[Fraction]) -> Vector:
    """The network's output in Fractions."""
    value = tuple(x)
    for stage in network.stages:
        value = _image(stage.map, value)
        slopes = _slopes(stage)
        value = tuple(
            max(t, Fraction(0)) + s * min(t, Fraction(0))
            for s, t in zip(slopes, value, strict=True)
        )
    return value


def _slopes(stage: Stage) -> list[Fraction]:
    """The slopes below 0, by the definition of a stage."""
    rest = stage.map.out_dim - stage.carried
    if stage.slope is not None:
        below = np.repeat(stage.slope.reshape(-1), rest // stage.slope.size)
    else:
        known = {Activation.RELU: 0.0, Activation.IDENTITY: 1.0}
        assert stage.activation in known, "the second road knows no others"
        below = np.full(rest, known[stage.activation])
    return [Fraction(1)] * stage.carried + [Fraction(s) for s in below.tolist()]


def _image(step: AffineMap, x: Vector) -> Vector:
    """The value of an affine map of dense steps, from the leaves up."""
    if isinstance(step, Start):
        return x
    if isinstance(step, Concat):
        return tuple(t for branch in step.branches for t in _image(branch, x))
    assert isinstance(step, (Linear, Shift)), "the second road knows no others"
    inner = _image(step.of, x)
    if isinstance(step, Linear):
        matrix = step.matrix.T if step.transposed else step.matrix
        rows = [[Fraction(a) for a in row] for row in matrix.tolist()]
        return tuple(
            sum((a * t for a, t in zip(row, inner, strict=True) if t), Fraction(0)) for row in rows
        )
    vector = np.broadcast_to(np.asarray(step.vector).reshape(-1), len(inner)).tolist()
    sign = -1 if step.negative else 1
    return tuple(t + sign * Fraction(v) for t, v in zip(inner, vector, strict=True))


def same_output_exists(network: Network, x: Sequence[Fraction] | None = None) -> bool:
    """Whether z3 finds two inputs with one output; with x, another input with its output."""
    import z3

    def real(value: Fraction) -> Any:
        return z3.Q(value.numerator, value.denominator)

    solver = z3.Solver()
    points = [[z3.Real(f"{name}{j}") for j in range(network.in_dim)] for name in "xy"]
    for point in points:
        for normal, offset in network.domain.half_spaces(network.in_dim):
            terms = [real(a) * t for a, t in zip(normal, point, strict=True)]
            solver.add(z3.Sum(terms) <= real(offset))
    if x is not None:
        solver.add([t == real(value) for t, value in zip(points[0], x, strict=True)])
    solver.add(z3.Or([a != b for a, b in zip(*points, strict=True)]))
    values = points
    for stage in network.stages:
        rows, bias = evaluate(stage.map)
        values = [
            [
                z3.Sum([real(a) * t for a, t in zip(row, value, strict=True)]) + real(b)
                for row, b in zip(rows, bias, strict=True)
            ]
            for value in values
        ]
        slopes = [real(s) for s in _slopes(stage)]
        values = [
            [z3.If(t > 0, t, s * t) for s, t in zip(slopes, value, strict=True)]
            for value in values
        ]
    solver.add([a == b for a, b in zip(*values, strict=True)])
    found = solver.check()
    assert found in (z3.sat, z3.unsat), f"z3 says {found}"
    return bool(found == z3.sat)
