"""Norms inverted: codes come back, bounds hold against ball arithmetic, losses are refused."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx, fmpq

from monic import Activation, Network, ReLULayer, Stage, decide, invert
from monic.errors import InversionError
from monic.inversion import Inverter, recover
from monic.inversion.search import Search
from monic.model import Centre, ChannelScale, Combine, Concat, Input, Linear, Shift
from monic.model.affine import AffineMap
from monic.model.array import Array
from monic.model.derived import BatchFactors, derive
from monic.model.normalization import Normalization
from tests.inversion.examples import paired_stage


def augmented(inner: AffineMap, epsilon: float = 1e-5, groups: int = 1) -> Stage:
    """A layer norm that gives out its means and deviations."""
    size = inner.out_dim // groups
    rows = [[(g * size + j, Fraction(1, size)) for j in range(size)] for g in range(groups)]
    both = Concat((Combine(rows, inner), Centre(groups, inner)))
    norm = Normalization(groups, epsilon, deviations=True)
    return Stage("norm", both, Activation.NORMALIZATION, norm=norm, carried=groups)


def rms(inner: AffineMap, epsilon: float, groups: int = 1) -> Stage:
    norm = Normalization(groups, epsilon)
    return Stage("norm", inner, Activation.NORMALIZATION, norm=norm)


def mixed(n: int) -> AffineMap:
    weight = np.linalg.qr(np.random.default_rng(n).standard_normal((n, n)))[0]
    return Shift(np.linspace(-1, 1, n), Linear(weight, Input(n)))


def pairs(name: str, n: int) -> Stage:
    return paired_stage(np.random.default_rng(n), name, n)


NETWORKS = {
    "augmented": Network([augmented(mixed(4))]),
    "augmented, epsilon 0": Network([augmented(mixed(6), 0.0, 2)]),
    "behind pairs": Network([pairs("first", 3), augmented(Input(6), 1e-5, 2)]),
    "between pairs": Network([pairs("first", 3), augmented(Input(6)), pairs("last", 8)]),
    "rms": Network([rms(mixed(6), 0.5, 2)]),
    "rms behind pairs": Network([pairs("first", 3), rms(Input(6), 0.25)]),
    "rms, then affine": Network(
        [rms(mixed(4), 1.0), Stage("out", mixed(4), Activation.IDENTITY)],
    ),
    "centred, but one-to-one": Network(
        [rms(Centre(1, Linear(np.eye(5)[:, :3], Input(3))), 1.0)],
    ),
}


def in_balls(network: Network, x: Array) -> list[arb]:
    """f(x) with 300 bits, by a second road."""
    values = [arb(fmpq(*Fraction(t).as_integer_ratio())) for t in x.tolist()]
    for stage in network.stages:
        exact, scale = stage.map.exact(), stage.map.exact().scale
        unit = arb(fmpq(scale.numerator, scale.denominator))
        values = [
            unit * (sum((arb(w) * v for w, v in zip(row, values, strict=True)), arb(b)))
            for row, b in zip(exact.weight.tolist(), exact.bias.entries(), strict=True)
        ]
        values = _followed(stage, values)
    return values


def _followed(stage: Stage, values: list[arb]) -> list[arb]:
    if stage.norm is None:
        relu = stage.activation is Activation.RELU
        return [v if not relu or v > 0 else arb(0) for v in values]
    kept, rest, more = values[: stage.carried], values[stage.carried :], []
    size = len(rest) // stage.norm.groups
    for g in range(0, len(rest), size):
        group = rest[g : g + size]
        deviation = (sum(v * v for v in group) / size + arb(stage.norm.epsilon)).sqrt()
        rest[g : g + size] = [v / deviation for v in group]
        more.append(deviation)
    return kept + rest + (more if stage.norm.deviations else [])


def distance(values: list[arb], y: Array) -> float:
    squares = [(v - arb(t)) ** 2 for v, t in zip(values, y.tolist(), strict=True)]
    return float(sum(squares, arb(0)).sqrt())


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [1.0, 1e-3, 30.0])
def test_codes_come_back_and_every_bound_is_true(name: str, size: float) -> None:
    network, rng = NETWORKS[name], np.random.default_rng(1)
    inverter = Inverter.of(network)
    x = size * rng.standard_normal((3, network.in_dim))
    exact = inverter.chain.value(x)
    with ctx.workprec(300):
        values = [in_balls(network, row) for row in x]
        for noise in (0.0, 1e-9, 1e-3, 0.3, 100.0):
            way = rng.standard_normal(exact.shape)
            y = exact + 0.9 * noise * way / np.linalg.norm(way, axis=1, keepdims=True)
            real = [distance(v, row) for v, row in zip(values, y, strict=True)]
            level = max(noise, max(real) * (1 + 1e-9))
            answer = inverter.invert(y, noise=level)
            error = np.linalg.norm(answer.latent - x, axis=1)
            assert np.all(error <= answer.error_bound)
            assert np.all(answer.distance_to_range.lower <= np.array(real) * (1 + 1e-12))
            found = [
                distance(in_balls(network, z), t) for z, t in zip(answer.latent, y, strict=True)
            ]
            assert np.all(np.array(found) <= answer.distance_to_range.upper)
            if noise == 0:
                assert np.all(answer.residual <= 1e-11 * np.linalg.norm(y, axis=1))
                assert np.all(error <= 1e-6 * np.linalg.norm(x, axis=1))
                assert np.isfinite(np.asarray(answer.error_bound)).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_derivatives_are_those_of_differences(name: str) -> None:
    chain, rng = Inverter.of(NETWORKS[name]).chain, np.random.default_rng(2)
    x, way = rng.standard_normal((2, 4, chain.in_dim))
    v = rng.standard_normal((4, chain.out_dim))
    slopes = chain.linearised(x)[1]
    step = (chain.value(x + 1e-6 * way) - chain.value(x - 1e-6 * way)) / 2e-6
    ahead = chain.push(slopes, way)
    np.testing.assert_allclose(ahead, step, rtol=1e-5, atol=1e-6)
    both = (ahead * v).sum(axis=1), (chain.pull(slopes, v) * way).sum(axis=1)
    np.testing.assert_allclose(*both, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["augmented", "augmented, epsilon 0", "between pairs"])
def test_what_is_inverted_is_decided(name: str) -> None:
    assert decide(NETWORKS[name], time_limit=10).verdict.name == "INJECTIVE"


def test_batch_norms_are_affine() -> None:
    half = Linear(np.array([[1.0, 2.0], [0.0, 1.0]]), Input(2))
    both = Concat((half, ChannelScale(np.array([-1.0, -1.0]), half)))
    factors = derive(BatchFactors(np.array([1.0, 3.0, 0.5, 2.0]), np.arange(1.0, 5.0), 1e-5))
    network = Network([Stage("norm", ChannelScale(factors, both)), pairs("last", 4)])
    x = np.array([[1.0, -2.0], [0.25, 3.0]])
    answer = invert(network, Inverter.of(network).chain.value(x), noise=1e-12)
    assert np.all(np.linalg.norm(answer.latent - x, axis=1) <= answer.error_bound)
    assert np.all(np.asarray(answer.error_bound) < 1e-9)


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (
            rms(Centre(1, Input(4)), 0.5),
            "takes off the mean of its group and gives it out nowhere",
        ),
        (rms(Centre(2, Input(4)), 0.5, 2), "the mean of each of its 2 groups"),
        (rms(Input(4), 0.0), "epsilon = 0, which is the same for all positive multiples"),
        (
            Stage("norm", Input(4), Activation.GIVEN_STATISTICS, norm=Normalization(1, 0.5)),
            "statistics given, which are no numbers of its output",
        ),
    ],
)
def test_norms_that_lose_something_are_refused(stage: Stage, words: str) -> None:
    with pytest.raises(InversionError, match=words):
        invert(Network([stage]), np.ones(4))


def test_a_point_where_the_norm_is_not_defined_has_no_bound() -> None:
    network = Network([augmented(Input(2), 0.0)])
    answer = invert(network, [1.0, 0.0, 0.0, 0.0], noise=0.5)
    assert np.isfinite(answer.latent).all()
    assert answer.error_bound == np.inf
    low, high = answer.distance_to_range.lower, answer.distance_to_range.upper
    assert 0 <= low <= np.sqrt(2)  # how far (z, -z) with z^2 = 1 is
    assert low <= high


def test_far_codes_keep_their_bounds() -> None:
    """Lengths whose squares overflow or underflow, in the norm that knows them."""
    network = Network([augmented(Input(3), 0.0)])
    for size in (1e-200, 1e200):
        x = size * np.array([1.0, 2.0, 4.0])
        y = Inverter.of(network).chain.value(x[None])[0]
        with ctx.workprec(300):
            real = distance(in_balls(network, x), y)
        answer = invert(network, y, noise=real * 1.01)
        assert np.linalg.norm((answer.latent - x) / size) <= np.asarray(answer.error_bound) / size


@pytest.mark.parametrize("name", ["between pairs", "rms"])
def test_recovery_searches_through_norms(name: str) -> None:
    torch = pytest.importorskip("torch")
    network = NETWORKS[name]
    x = np.random.default_rng(3).standard_normal((1, network.in_dim))
    y = Inverter.of(network).chain.value(x)
    forward, back = (lambda s: s), (lambda d: d)
    found = recover(network, (forward, back), torch.as_tensor(y), search=Search(restarts=4))
    value = Inverter.of(network).chain.value(np.asarray(found.latent))
    np.testing.assert_allclose(np.linalg.norm(value - y), found.residual[0], atol=1e-7)
    assert found.residual[0] < 0.1


def test_layers_alone_have_no_norms() -> None:
    assert not Inverter.of(ReLULayer(np.eye(2))).chain.has_norms
