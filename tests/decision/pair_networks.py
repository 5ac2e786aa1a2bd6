"""Random small networks of every shape that the pair tree decides, for z3 as a second road."""

from collections.abc import Callable
from dataclasses import replace

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
    Polyhedron,
    Shift,
    Stage,
)
from monic.model import Input as Start
from tests.decision.networks import same_output_exists

__all__ = ["KINDS", "collides", "random_pair_network"]


def random_pair_network(rng: np.random.Generator, kind: str, inputs: int = 3) -> Network:
    """A network with up to 3 inputs and three hidden layers, some of its numbers degenerate."""
    n = int(rng.integers(1, inputs + 1))
    stages = KINDS[kind](rng, n)
    size = stages[-1].out_dim
    count = int(rng.integers(n, 2 * n + 3))
    last = Linear(_numbers(rng, (count, size)), Start(size))
    end = [Activation.IDENTITY, Activation.RELU, Activation.TANH][int(rng.integers(3))]
    out = Stage("out", Shift(_numbers(rng, (count,)), last), end)
    return Network([*stages, out], _domain(rng, n))


def collides(network: Network) -> bool:
    """Whether z3 finds two inputs with one output; tanh at the end tells all apart."""
    *stages, last = network.stages
    end = Activation.RELU if last.activation is Activation.RELU else Activation.IDENTITY
    return same_output_exists(Network([*stages, replace(last, activation=end)], network.domain))


def _numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Small integers or halves, or Gaussian numbers in 64ths."""
    if rng.random() < 0.75:
        return rng.integers(-2, 3, shape) / float(rng.integers(1, 3))
    return np.round(64 * rng.standard_normal(shape)) / 64


def _domain(rng: np.random.Generator, n: int) -> Domain | None:
    half = Box(np.append(np.zeros(1), np.full(n - 1, -np.inf)), np.full(n, np.inf))
    wedge = Polyhedron(np.vstack([np.ones((1, n)), -np.eye(n)[:1]]), np.array([2.0, 1.0]))
    choices = [None, Orthant(), Box(-np.ones(n), np.ones(n)), half, wedge]
    return choices[int(rng.integers(len(choices)))]


def _plain(rng: np.random.Generator, n: int, leaky: bool = False) -> list[Stage]:
    stages: list[Stage] = []
    for k in range(int(rng.integers(1, 4 if n < 3 else 3))):
        size = int(rng.integers(n + 1, 2 * n + 4)) if k == 0 else int(rng.integers(n, n + 3))
        before = stages[-1].out_dim if stages else n
        value = Shift(_numbers(rng, (size,)), Linear(_numbers(rng, (size, before)), Start(before)))
        slope = rng.choice([0.25, 0.5, 2.0], size) if leaky else None
        kind = Activation.PRELU if leaky else Activation.RELU
        stages.append(Stage(f"fc{k}", value, kind, slope))
    return stages


def _leaky(rng: np.random.Generator, n: int) -> list[Stage]:
    return _plain(rng, n, leaky=True)


def _twins(rng: np.random.Generator, n: int) -> list[Stage]:
    """A first layer [W; -W], after which more networks are injective."""
    half = _numbers(rng, (n + int(rng.integers(2)), n))
    first = Stage("twins", Linear(np.vstack([half, -half]), Start(n)))
    size = first.out_dim
    second = Linear(_numbers(rng, (n + 1, size)), Start(size))
    return [first, Stage("mix", Shift(_numbers(rng, (n + 1,)), second))]


def _skips(rng: np.random.Generator, n: int) -> list[Stage]:
    """Residual blocks: x is carried past the units."""
    x: AffineMap = Start(n)
    stages, value = [], x
    for k in range(int(rng.integers(1, 3))):
        hidden = int(rng.integers(1, 4))
        inner = Shift(_numbers(rng, (hidden,)), Linear(_numbers(rng, (hidden, n)), value))
        stages.append(Stage(f"block{k}", Concat((value, inner)), carried=n))
        value = Linear(np.hstack([np.eye(n), _numbers(rng, (n, hidden))]), Start(n + hidden))
    return stages


def _maxima(rng: np.random.Generator, n: int) -> list[Stage]:
    """Maxima of pairs of rows: a + ReLU(b - a)."""
    size = int(rng.integers(n, n + 3))
    first, second = _numbers(rng, (size, n)), _numbers(rng, (size, n))
    a = Linear(first, Start(n))
    gap = Shift(_numbers(rng, (size,)), Linear(second - first, Start(n)))
    pool = Stage("pool", Concat((a, gap)), carried=size)
    add = Linear(np.hstack([np.eye(size)] * 2), Start(2 * size))
    return [pool, Stage("max", add, Activation.IDENTITY)]


KINDS: dict[str, Callable[[np.random.Generator, int], list[Stage]]] = {
    "plain": _plain,
    "leaky": _leaky,
    "twins": _twins,
    "skips": _skips,
    "maxima": _maxima,
}
