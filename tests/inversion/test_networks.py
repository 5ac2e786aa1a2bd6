"""Networks, stage by stage."""

import numpy as np
import pytest

from monic import Activation, InversionError, Network, invert, load
from monic.inversion import Inverter
from monic.model import Ball, Box, Polyhedron
from tests.inversion.examples import ENTRYWISE, expanding, paired_stage, stage
from tests.inversion.test_layers import ACAS

ONE_TO_ONE = [kind for kind in ENTRYWISE if kind is not Activation.RELU]


def test_expanding_networks(rng: np.random.Generator) -> None:
    inverter = Inverter.of(expanding(rng, 5, 5))
    x = rng.standard_normal((100, 5))
    answer = inverter.invert(inverter.chain.value(x))
    error = np.linalg.norm(answer.latent - x, axis=1) / np.linalg.norm(x, axis=1)
    assert error.max() < 1e-12
    assert np.max(answer.distance_to_range.upper) < 1e-9


def test_random_layers_with_hidden_zeros(rng: np.random.Generator) -> None:
    """Inverted hidden values that should be 0 are 1e-16: they must not be taken for active."""
    network = Network(
        [
            stage(rng, "a", (32, 4), Activation.RELU),
            stage(rng, "b", (120, 32), Activation.RELU),
            stage(rng, "c", (300, 120), Activation.RELU),
        ]
    )
    inverter = Inverter.of(network)
    x = rng.standard_normal((40, 4))
    answer = inverter.invert(inverter.chain.value(x))
    np.testing.assert_allclose(answer.latent, x, atol=1e-10)


@pytest.mark.parametrize("kind", ONE_TO_ONE)
def test_one_to_one_activations(kind: Activation, rng: np.random.Generator) -> None:
    network = Network(
        [
            stage(rng, "a", (6, 4), kind),
            paired_stage(rng, "b", 6),
            stage(rng, "c", (12, 12), kind),
        ]
    )
    sloped = kind in (Activation.LEAKY_RELU, Activation.PRELU, Activation.ELU)
    slopes = {"a": 0.2, "c": rng.uniform(0.1, 3.0, 12)} if sloped else {}
    inverter = Inverter.of(network, slopes=slopes)
    x = 0.05 * rng.standard_normal((20, 4))  # where tanh and sigmoid are not yet saturated
    y = inverter.chain.value(x)
    answer = inverter.invert(y)
    fits = np.asarray(answer.residual) < 1e-12
    assert fits.mean() > 0.9
    if kind not in (Activation.TANH, Activation.SIGMOID):
        np.testing.assert_allclose(answer.latent, x, atol=1e-9)


@pytest.mark.parametrize("kind", [Activation.LEAKY_RELU, Activation.PRELU, Activation.ELU])
def test_slopes_are_not_guessed(kind: Activation, rng: np.random.Generator) -> None:
    network = Network([stage(rng, "third/act", (6, 4), kind)])
    with pytest.raises(InversionError, match=r"slope of the .* after 'third/act'"):
        invert(network, np.zeros(6))
    with pytest.raises(InversionError, match="positive slopes"):
        invert(network, np.zeros(6), slopes={"third/act": -0.1})
    with pytest.raises(InversionError, match="1 or 6"):
        invert(network, np.zeros(6), slopes={"third/act": [0.1, 0.2]})
    with pytest.raises(InversionError, match="among"):
        invert(network, np.zeros(6), slopes={"third/act": 0.1, "fourth": 0.1})


def test_noise_of_one_percent(rng: np.random.Generator) -> None:
    inverter = Inverter.of(expanding(rng, 4, 4))
    x = rng.standard_normal((200, 4))
    y = inverter.chain.value(x)
    noise = 0.01 * np.abs(y).mean() * rng.standard_normal(y.shape)
    size = float(np.linalg.norm(noise, axis=1).max())
    answer = inverter.invert(y + noise, noise=size)
    error = np.linalg.norm(answer.latent - x, axis=1)
    assert error.max() < 0.1 * np.linalg.norm(x, axis=1).mean()
    assert np.all(error <= np.asarray(answer.error_bound))
    # least squares does at least as well as the code that made the data
    assert np.all(np.asarray(answer.residual) <= np.linalg.norm(noise, axis=1) * (1 + 1e-9))


@pytest.mark.parametrize(
    "domain",
    [
        Box(np.full(3, -0.5), np.full(3, 0.5)),
        Ball(0.5),
        Polyhedron(np.array([[1.0, 1.0, 1.0], [-1.0, 0.3, 0.1]]), np.array([0.25, 0.125])),
    ],
)
def test_codes_lie_in_the_domain(domain: object, rng: np.random.Generator) -> None:
    from fractions import Fraction

    from monic.model import Domain

    assert isinstance(domain, Domain)
    parts = [paired_stage(rng, "a", 3), stage(rng, "b", (30, 6), Activation.RELU)]
    inverter = Inverter.of(Network(parts, domain))
    y = inverter.chain.value(2 * rng.standard_normal((30, 3)))
    for latent in inverter.invert(y).latent.tolist():
        assert domain.contains([Fraction(t) for t in latent])


def test_a_real_network_that_is_not_one_to_one(rng: np.random.Generator) -> None:
    """5 outputs: no promise about codes, but every figure in the answer is true."""
    network = load(ACAS)
    assert isinstance(network, Network)
    inverter = Inverter.of(network)
    x = rng.standard_normal((10, 5))
    y = inverter.chain.value(x)
    answer = inverter.invert(y)
    again = np.linalg.norm(y - inverter.chain.value(answer.latent), axis=1)
    np.testing.assert_allclose(answer.residual, again)
    assert np.all(np.asarray(answer.distance_to_range.lower) <= 1e-9), "y is in the range"
    prefix = Inverter.of(Network(network.stages[:1]))
    hidden = prefix.chain.value(x)
    np.testing.assert_allclose(prefix.invert(hidden).latent, x, atol=1e-9)
