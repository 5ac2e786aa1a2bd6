"""Exact data of one-to-one layers come back as the latent codes that made them."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic import ReLULayer, Verdict, decide, invert, load
from monic.inversion import Inverter
from monic.inversion.stages import Norm
from monic.model import Network, Orthant, Product
from tests.inversion.examples import latent_in, outputs, paired
from tests.strategies import DOMAINS, random_layer

NORMS = get_args(Norm)
ACAS = Path(__file__).parents[2] / "examples" / "acasxu_1_1.onnx"


@pytest.mark.thorough
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("domain", DOMAINS)
def test_layers_decided_injective(domain: str, norm: Norm, rng: np.random.Generator) -> None:
    """Whatever `decide` calls INJECTIVE is inverted, on the boundary of its domain too."""
    done = 0
    for k in range(120):
        n = int(rng.integers(1, 4))
        family = ("ternary", "quinary", "gaussian")[k % 3]
        layer = random_layer(rng, family=family, domain=domain, n=n, bias=bool(k % 2))
        x = latent_in(rng, layer.domain, n, edge=bool(rng.integers(2)))
        if x is None or decide(layer).verdict is not Verdict.INJECTIVE:
            continue
        answer = invert(layer, outputs(layer, x), norm=norm)
        accuracy = 1e-9 if family != "gaussian" else 1e-6  # the latter may be badly conditioned
        np.testing.assert_allclose(answer.latent, x, atol=accuracy)
        done += 1
    assert done >= 20


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("extra", [0, 3])
@pytest.mark.parametrize("bias", [False, True])
def test_paired_layers(
    dtype: type[np.floating], extra: int, bias: bool, rng: np.random.Generator
) -> None:
    layer = paired(rng, 12, bias=bias, extra=extra)
    x = rng.standard_normal((50, 12))
    answer = invert(layer, outputs(layer, x).astype(dtype))
    accuracy = 1e-5 if dtype is np.float32 else 1e-12
    error = np.linalg.norm(answer.latent - x, axis=1) / np.linalg.norm(x, axis=1)
    assert error.max() < accuracy


def test_scales_that_round() -> None:
    """[B; fl(-DB)] is not one-to-one over the reals; the closed form inverts it all the same."""
    rng = np.random.default_rng(5)
    basis, scales = rng.standard_normal((6, 6)), rng.uniform(0.5, 2.0, 6)
    layer = ReLULayer(np.vstack([basis, -scales[:, None] * basis]))
    x = rng.standard_normal((20, 6))
    np.testing.assert_allclose(invert(layer, outputs(layer, x)).latent, x, atol=1e-11)


def test_against_lstsq(rng: np.random.Generator) -> None:
    """Second road: numpy's least squares on the rows with y_i > 0."""
    layer = ReLULayer(rng.standard_normal((80, 6)), rng.standard_normal(80))
    y = outputs(layer, rng.standard_normal((30, 6)))
    weight, bias = np.asarray(layer.weight), np.asarray(layer.bias)
    for row, latent in zip(y, invert(layer, y).latent, strict=True):
        wanted = np.linalg.lstsq(weight[row > 0], (row - bias)[row > 0], rcond=None)[0]
        np.testing.assert_allclose(latent, wanted, rtol=1e-10, atol=1e-12)


def test_with_noise_the_active_rows_of_the_answer_are_fitted_best(
    rng: np.random.Generator,
) -> None:
    """Optimality, re-checked: least squares on {w_i.x + b_i > 0} gives the same point back."""
    layer = ReLULayer(rng.standard_normal((60, 5)), rng.standard_normal(60))
    weight, bias = np.asarray(layer.weight), np.asarray(layer.bias)
    y = outputs(layer, rng.standard_normal((30, 5))) + 0.01 * rng.standard_normal((30, 60))
    answer = invert(layer, y)
    for row, latent in zip(y, answer.latent, strict=True):
        active = weight @ latent + bias > 0
        wanted = np.linalg.lstsq(weight[active], (row - bias)[active], rcond=None)[0]
        np.testing.assert_allclose(latent, wanted, rtol=1e-8, atol=1e-10)


def test_frame_algorithm(rng: np.random.Generator) -> None:
    layer = ReLULayer(rng.standard_normal((60, 5)), rng.standard_normal(60))
    x = rng.standard_normal((20, 5))
    answer = invert(layer, outputs(layer, x), method="frame")
    np.testing.assert_allclose(answer.latent, x, atol=1e-10)
    noisy = outputs(layer, x) + 0.01 * rng.standard_normal((20, 60))
    slow, fast = invert(layer, noisy, method="frame"), invert(layer, noisy)
    close = np.linalg.norm(slow.latent - fast.latent, axis=1) < 1e-3
    assert close.mean() > 0.8, "small entries of y may end in another local minimum"


def test_the_first_layer_of_a_real_network(rng: np.random.Generator) -> None:
    network = load(ACAS)
    assert isinstance(network, Network)
    first = network.stages[0]
    layer = ReLULayer(first.map)
    inverter = Inverter.of(layer)
    x = rng.standard_normal((200, 5))
    y = inverter.chain.value(x)
    enough = (y > 0).sum(axis=1) >= 5
    assert enough.all(), "50 rows in R^5"
    np.testing.assert_allclose(inverter.invert(y).latent, x, atol=1e-10)


@given(
    seed=st.integers(0, 10_000),
    factor=st.sampled_from([2.0**-300, 2.0**-20, 1.0, 3.0, 2.0**200]),
)
def test_scaling_the_data_scales_the_code(seed: int, factor: float) -> None:
    """Law: without bias, f(c x) = c f(x)."""
    rng = np.random.default_rng(seed)
    layer = ReLULayer(rng.standard_normal((24, 3)))
    x = rng.standard_normal(3)
    answer = invert(layer, factor * outputs(layer, x))
    if (outputs(layer, x) > 0).sum() >= 6:
        np.testing.assert_allclose(answer.latent / factor, x, atol=1e-9)


@given(seed=st.integers(0, 10_000))
def test_permuted_rows_give_the_same_code(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = paired(rng, 4, extra=2)
    order = rng.permutation(10)
    weight, bias = np.asarray(layer.weight), np.asarray(layer.bias)
    y = outputs(layer, rng.standard_normal(4))
    other = invert(ReLULayer(weight[order], bias[order]), y[order])
    np.testing.assert_allclose(other.latent, invert(layer, y).latent, atol=1e-11)


def test_degenerate_layers() -> None:
    assert invert(ReLULayer([[2.0]], None, Orthant()), [3.0]).latent.tolist() == [1.5]
    assert invert(ReLULayer([[0.0], [1.0], [-1.0]]), [0.0, 0.0, 2.0]).latent.tolist() == [-2.0]
    zero = invert(ReLULayer([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), np.zeros(4))
    assert zero.latent.tolist() == [0.0, 0.0]
    assert zero.is_exact


def test_products_are_inverted_as_they_are(rng: np.random.Generator) -> None:
    basis, scales = rng.standard_normal((4, 4)), rng.uniform(0.5, 2.0, 4)
    layer = ReLULayer(Product(np.vstack([np.eye(4), -np.diag(scales)]), basis))
    inverter = Inverter.of(layer)
    pairs = inverter.chain.stages[0].pairs
    assert pairs is not None
    assert pairs.is_square
    assert pairs.exact.all()
    x = rng.standard_normal((10, 4))
    np.testing.assert_allclose(inverter.invert(inverter.chain.value(x)).latent, x, atol=1e-11)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
def test_batches(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    layer = paired(rng, 3)
    x = rng.standard_normal((*shape, 3))
    answer = invert(layer, outputs(layer, x), noise=0.1)
    np.testing.assert_allclose(answer.latent, x, atol=1e-12)
    assert answer.latent.shape == x.shape
    assert np.shape(answer.residual) == shape
    assert answer.error_bound is not None
    assert np.shape(answer.error_bound) == shape
    assert np.shape(answer.distance_to_range.upper) == shape
    assert isinstance(answer.residual, float) == (shape == ())


@pytest.mark.slow
@pytest.mark.parametrize("told", [False, True])
def test_noise_on_inactive_rows(told: bool, rng: np.random.Generator) -> None:
    """Half of the inactive rows are positive by noise; they must not be taken for equations."""
    layer = ReLULayer(rng.standard_normal((120, 8)), rng.standard_normal(120))
    x = rng.standard_normal((100, 8))
    noise = 0.05 * rng.standard_normal((100, 120))
    size = float(np.linalg.norm(noise, axis=1).max())
    answer = invert(layer, outputs(layer, x) + noise, noise=size if told else None)
    # the best possible error is about 0.05 sqrt(8 / 60)
    assert np.linalg.norm(answer.latent - x, axis=1).max() < 0.15
    assert np.all(np.asarray(answer.residual) <= np.linalg.norm(noise, axis=1))
