"""Numbers from 1e-300 to 1e300, on every kind of domain: answers, or refusals in words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import monic
from monic import Ball, Box, Domain, MonicError, Orthant, Polyhedron, ReLULayer, WholeSpace
from monic.errors import ContradictionError
from monic.model.array import Array

WAYS = ("uniform", "equal", "ends", "middle", "ones")


def scales(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Powers of ten: all different, all equal, at the ends of float64, where squares end."""
    way = rng.choice(WAYS)
    if way == "uniform":
        return np.asarray(10.0 ** rng.uniform(-300, 300, shape))
    if way == "equal":
        return np.full(shape, 10.0 ** rng.uniform(-300, 300))
    choices = {"ends": [-300.0, 0.0, 300.0], "middle": [-160.0, 0.0, 150.0], "ones": [0.0]}
    return np.asarray(10.0 ** rng.choice(choices[way], shape))


def domain(rng: np.random.Generator, n: int) -> Domain:
    kind = int(rng.integers(5))
    if kind < 2:
        return (WholeSpace(), Orthant())[kind]
    if kind == 2:
        low, high = (np.abs(rng.standard_normal(n)) * scales(rng, (n,)) for _ in range(2))
        low[rng.random(n) < 0.2] = np.inf
        return Box(-low, high)
    if kind == 3:
        center = rng.standard_normal(n) * scales(rng, (n,)) if rng.random() < 0.5 else None
        return Ball(float(10.0 ** rng.uniform(-300, 300)), center)
    normals = rng.standard_normal((n + 1, n)) * scales(rng, (n + 1, 1))
    return Polyhedron(normals, np.abs(rng.standard_normal(n + 1)) * scales(rng, (n + 1,)) + 1e-320)


def question(seed: int) -> tuple[Any, Array, Array]:
    """A layer or a network, an input and an output of its size."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4))
    m = int(rng.integers(1, 2 * n + 3))
    weight = rng.standard_normal((m, n)) * scales(rng, (m, n) if rng.random() < 0.5 else (m, 1))
    bias = rng.standard_normal(m) * scales(rng, (m,)) if rng.random() < 0.6 else None
    layer = ReLULayer(weight, bias, domain=domain(rng, n))
    asked: Any = layer
    if rng.random() < 0.4:
        second = ReLULayer(rng.standard_normal((m, m)) * scales(rng, (m, m)))
        stages = [monic.Stage("a", layer.map), monic.Stage("b", second.map)]
        asked = monic.Network(stages, layer.domain)
    x, y = rng.standard_normal(n) * scales(rng, (n,)), np.abs(rng.standard_normal(m))
    return asked, x, y * scales(rng, (m,))


def in_words(work: Callable[[], object]) -> None:
    """Answers, or refuses with an error of monic's that is no contradiction."""
    refusal = ""
    try:
        work()
    except ContradictionError:
        raise
    except MonicError as error:
        refusal = str(error)
    assert not refusal or refusal.startswith("Expected")


def everything(seed: int, *, bounds: bool) -> None:
    try:
        asked, x, y = question(seed)
    except MonicError:
        return
    noise = 10.0 ** np.random.default_rng(seed).uniform(-300, 300)
    with np.errstate(all="ignore"):
        found = monic.decide(asked, time_limit=1)
        if found.certificate is not None:
            monic.check(found.certificate, asked)
        in_words(lambda: monic.fibre(asked, x.tolist(), time_limit=1))
        in_words(lambda: monic.invert(asked, y))
        in_words(lambda: monic.invert(asked, y, norm="l1"))
        in_words(lambda: monic.invert(asked, y, norm="linf"))
        if bounds:
            in_words(lambda: monic.bound(asked, time_limit=1))
            in_words(lambda: monic.invert(asked, y, noise=noise))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(8))
def test_decisions_fibres_and_inversions(seed: int) -> None:
    everything(seed, bounds=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(100, 250))
def test_bounds_as_well(seed: int) -> None:
    everything(seed, bounds=True)


def test_a_polyhedron_at_whose_corner_a_gram_matrix_is_singular() -> None:
    sides = Polyhedron(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]), np.array([1.0, 1.0, 2.0]))
    found = monic.invert(ReLULayer(np.eye(2), domain=sides), np.array([-1.0, 0.5]))
    assert found.latent[1] == 0.5
    assert found.latent[0] <= 0.0
    assert found.residual == 1.0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_noise_beside_weights_whose_squares_overflow() -> None:
    weight = np.random.default_rng(0).standard_normal((6, 2)) * 1e150
    found = monic.invert(ReLULayer(weight, domain=Ball(1.0)), np.full(6, 1e150), noise=1.0)
    assert np.isfinite(found.latent).all()
    assert found.error_bound is not None
    assert np.all(np.asarray(found.error_bound) >= 0)
