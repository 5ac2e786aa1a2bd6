"""Layers, networks and latent codes for the tests of inversion."""

from fractions import Fraction

import numpy as np

from monic.model import (
    Activation,
    Box,
    Concat,
    Domain,
    Input,
    Linear,
    Network,
    Orthant,
    ReLULayer,
    Scale,
    Shift,
    Stage,
)
from monic.model.array import Array

__all__ = ["ENTRYWISE", "expanding", "latent_in", "outputs", "paired", "paired_stage", "stage"]

#: Activations that act on each number by itself: those that inversion knows.
ENTRYWISE = [
    kind
    for kind in Activation
    if kind not in (Activation.NORMALIZATION, Activation.GIVEN_STATISTICS)
]


def outputs(layer: ReLULayer, x: Array) -> Array:
    """ReLU(W x + b) in float64, by numpy alone."""
    weight = np.asarray(layer.weight, dtype=np.float64)
    bias = 0.0 if layer.bias is None else np.asarray(layer.bias, dtype=np.float64)
    return np.maximum(x @ weight.T + bias, 0.0)


def paired(rng: np.random.Generator, n: int, *, bias: bool = True, extra: int = 0) -> ReLULayer:
    """[B; -DB; M] with powers of two in D, so that it is exact; biases cover for each other."""
    basis = rng.standard_normal((n, n)) + 2 * np.eye(n)
    scales = 2.0 ** rng.integers(-2, 3, n)
    weight = np.vstack([basis, -scales[:, None] * basis, rng.standard_normal((extra, n))])
    if not bias:
        return ReLULayer(weight)
    first = rng.standard_normal(n)
    second = -scales * first + np.where(rng.random(n) < 0.5, 0.0, 0.75)
    return ReLULayer(weight, np.concatenate([first, second, rng.standard_normal(extra)]))


def paired_stage(rng: np.random.Generator, name: str, n: int) -> Stage:
    """R^n -> R^2n as y = B x and then (y, -d y): exactly antiparallel for any d."""
    basis = np.linalg.qr(rng.standard_normal((n, n)))[0] + 0.1 * rng.standard_normal((n, n))
    half = Linear(basis, Input(n))
    return Stage(name, Concat((half, Scale(-rng.uniform(0.5, 2.0, n), half))))


def expanding(rng: np.random.Generator, n: int, depth: int) -> Network:
    """R^n -> R^2n -> ... -> R^(2^depth n)."""
    return Network([paired_stage(rng, f"layer {k}", n << k) for k in range(depth)])


def stage(
    rng: np.random.Generator, name: str, shape: tuple[int, int], activation: Activation
) -> Stage:
    """A Gaussian affine map and an activation."""
    affine = Shift(
        rng.standard_normal(shape[0]), Linear(rng.standard_normal(shape), Input(shape[1]))
    )
    return Stage(name, affine, activation)


def latent_in(rng: np.random.Generator, domain: Domain, n: int, *, edge: bool) -> Array | None:
    """A point of a domain, on its edge if asked; None when unlucky."""
    for attempt in range(60):
        x = rng.integers(-64, 65, n) / (16.0 * 2.0 ** (attempt // 3))
        if isinstance(domain, Orthant):
            x = np.abs(x) * (rng.random(n) < 0.5) if edge else np.abs(x)
        if isinstance(domain, Box):
            low = np.where(np.isfinite(domain.lower), domain.lower, -4.0)
            high = np.where(np.isfinite(domain.upper), domain.upper, low + 4.0)
            x = np.clip(low + (high - low) * rng.random(n), low, high)
            x = np.where(edge & (rng.random(n) < 0.5), low, x)
        if domain.contains([Fraction(t) for t in x.tolist()]):
            return x
    return None
