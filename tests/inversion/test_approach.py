"""Normal matrices and their means against Jacobians, and the steps that are taken with them."""

import numpy as np
import pytest

from monic import Network, ReLULayer, Stage
from monic.inversion import Inverter, approach, refine
from monic.inversion.chain import Chain
from monic.inversion.normal import mean_metric, normal_matrices, products, stages_before_metric
from monic.model import Activation, Input, Linear
from monic.model.array import Array
from tests.inversion.examples import expanding, stage


def jacobian(chain: Chain, x: Array) -> Array:
    """J of shape (m, n) at one point, column by column."""
    _, slopes = chain.linearised(x[None])
    return np.stack([chain.push(slopes, e[None])[0] for e in np.eye(len(x))], axis=1)


def mixed(rng: np.random.Generator) -> Network:
    parts = [
        *expanding(rng, 4, 2).stages,
        stage(rng, "leaky", (20, 16), Activation.LEAKY_RELU),
        stage(rng, "last", (24, 20), Activation.TANH),
    ]
    return Network(parts)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_normal_matrices_are_those_of_jacobians(
    kind: type[np.float32], rng: np.random.Generator
) -> None:
    chain = Inverter.of(mixed(rng), slopes={"leaky": 0.25}).chain
    x = 0.1 * rng.standard_normal((5, 4))
    _, slopes = chain.linearised(x)
    normal, scale = normal_matrices(chain, slopes, kind)
    for found, point in zip(normal, x, strict=True):
        matrix = jacobian(chain, point)
        wanted = matrix.T @ matrix
        accuracy = 1e-5 if kind is np.float32 else 1e-13
        np.testing.assert_allclose(found * scale**2, wanted, atol=accuracy * np.abs(wanted).max())


@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_the_metric_of_one_sample_is_its_own(first: int, rng: np.random.Generator) -> None:
    """The mean over one sample, with the product of the stages before it, is J^T J."""
    chain = Inverter.of(mixed(rng), slopes={"leaky": 0.25}).chain
    x = 0.1 * rng.standard_normal((1, 4))
    _, slopes = chain.linearised(x)
    product, scale = products(chain.stages[:first], slopes, (1, 4), np.float64)
    metric = mean_metric(chain.stages[first:], slopes[first:])
    matrix = jacobian(chain, x[0])
    found = scale**2 * product[0] @ metric @ product[0].T
    np.testing.assert_allclose(found, matrix.T @ matrix, rtol=1e-11, atol=1e-13)


def test_mean_metrics_are_means(rng: np.random.Generator) -> None:
    """Of the last stage exactly, and of two stages when their slopes are independent."""
    stages = Inverter.of(expanding(rng, 3, 2)).chain.stages
    one = rng.random((6, 12))
    exact = np.mean([stages[1].weight.T @ np.diag(s**2) @ stages[1].weight for s in one], axis=0)
    np.testing.assert_allclose(mean_metric(stages[1:], [one]), exact, rtol=1e-12)
    other = rng.random((4, 6))
    slopes = [np.repeat(other, 6, axis=0), np.tile(one, (4, 1))]  # each with each
    parts = [
        np.diag(b) @ stages[1].weight @ np.diag(a) @ stages[0].weight
        for a, b in zip(*slopes, strict=True)
    ]
    wanted = np.mean([part.T @ part for part in parts], axis=0)
    np.testing.assert_allclose(mean_metric(stages, slopes), wanted, rtol=1e-12)


def test_costs_decide_how_many_stages_are_each_samples_own(rng: np.random.Generator) -> None:
    assert stages_before_metric(Inverter.of(expanding(rng, 20, 4)).chain) == 2
    assert stages_before_metric(Inverter.of(expanding(rng, 2, 3)).chain) == 2  # few columns
    assert stages_before_metric(Inverter.of(expanding(rng, 40, 1)).chain) == 0


@pytest.fixture
def noisy(rng: np.random.Generator) -> tuple[Inverter, Array, Array]:
    """A network, codes, and outputs with noise of a hundredth of their length."""
    inverter = Inverter.of(expanding(rng, 6, 3))
    x = rng.standard_normal((150, 6))
    y = inverter.chain.value(x)
    noise = rng.standard_normal(y.shape)
    noise *= 0.01 * (np.linalg.norm(y, axis=1) / np.linalg.norm(noise, axis=1))[:, None]
    return inverter, x, y + noise


def test_what_has_settled_is_a_minimum(noisy: tuple[Inverter, Array, Array]) -> None:
    """In double precision, the gradient there promises next to nothing."""
    inverter, x, y = noisy
    chain = inverter.chain
    start = x + 0.01
    found, settled = approach.approach(chain, start, y)
    assert settled.mean() > 0.8
    value, slopes = chain.linearised(found)
    gradient = chain.pull(slopes, y - value)
    normal, scale = normal_matrices(chain, slopes, np.float64)
    step = np.linalg.solve(normal * scale**2, gradient[:, :, None])[:, :, 0]
    gain = np.sum(gradient * step, axis=1) / np.sum((y - value) ** 2, axis=1)
    assert np.median(gain[settled]) < approach.SETTLED
    assert gain[settled].max() < approach.KINK * 4  # by exact matrices, where it was by others
    before = np.linalg.norm(y - chain.value(start), axis=1)
    after = np.linalg.norm(y - value, axis=1)
    assert np.all(after <= before * (1 + 1e-5))
    assert after.sum() < 0.99 * before.sum()


def test_the_short_way_leads_where_the_long_one_does(
    noisy: tuple[Inverter, Array, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    inverter, x, y = noisy
    short = inverter.invert(y)
    monkeypatch.setattr(approach, "BATCH", len(y) + 1)
    long = inverter.invert(y)
    first, other = np.asarray(short.residual), np.asarray(long.residual)
    assert np.median(np.abs(first - other) / other) < 1e-6
    assert np.linalg.norm(first) <= np.linalg.norm(other) * (1 + 1e-4)
    errors = [np.linalg.norm(answer.latent - x) for answer in (short, long)]
    assert errors[0] <= errors[1] * 1.01


def test_exact_data_and_strange_numbers_are_left_alone(
    noisy: tuple[Inverter, Array, Array], rng: np.random.Generator
) -> None:
    inverter, x, y = noisy
    chain = inverter.chain
    for data in (chain.value(x), 1e-12 * y, 1e12 * y):
        found, settled = approach.approach(chain, x, data)
        assert not settled.any()
        assert np.array_equal(found, x)
    tiny = Linear(1e-12 * rng.standard_normal((8, 3)), Input(3))
    assert approach.in_single(Inverter.of(ReLULayer(tiny)).chain) is None


def test_what_single_precision_cannot_tell_is_left_alone(rng: np.random.Generator) -> None:
    """Two columns that differ by 1e-5: nothing settles on the strength of rounded matrices."""
    near = rng.standard_normal((5, 1)) + 1e-5 * rng.standard_normal((5, 5))
    first = Linear(np.vstack([near, -near]), Input(5))
    inverter = Inverter.of(Network([Stage("first", first), *expanding(rng, 10, 1).stages]))
    x = rng.standard_normal((60, 5))
    y = inverter.chain.value(x)
    y = y + 0.01 * rng.standard_normal(y.shape)
    _, settled = approach.approach(inverter.chain, x, y)
    assert not settled.any()


def test_single_precision_follows_through(noisy: tuple[Inverter, Array, Array]) -> None:
    inverter, x, _ = noisy
    quick = approach.in_single(inverter.chain)
    assert quick is not None
    value, slopes = quick.linearised(x.astype(np.float32))
    pulled = quick.pull(slopes, value)
    assert {a.dtype.name for a in (value, pulled, *slopes)} == {"float32"}
    np.testing.assert_allclose(value, inverter.chain.value(x), rtol=1e-4, atol=1e-4)


def test_refinement_goes_on_where_the_approach_stops(
    noisy: tuple[Inverter, Array, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    inverter, x, y = noisy
    monkeypatch.setattr(approach, "STEPS", 1)
    found = refine.refine(inverter.chain, x + 0.01, y)
    monkeypatch.undo()
    wanted = refine.refine(inverter.chain, x + 0.01, y)
    left, other = (np.linalg.norm(y - inverter.chain.value(z), axis=1) for z in (found, wanted))
    assert np.median(np.abs(left - other) / other) < 1e-6
