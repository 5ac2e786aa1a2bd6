"""Networks: products below, pairs of inputs above."""

from fractions import Fraction

import numpy as np
import pytest

from monic.bounds import bound
from monic.bounds.network import exact_output
from monic.bounds.slopes import slopes_of
from monic.decision.result import Verdict
from monic.errors import LayerError
from monic.model import Activation, Box, Concat, Input, Linear, Network, Shift, Stage
from monic.model.array import Array


def stage(name: str, weight: Array, *, relu: bool = True, bias: Array | None = None) -> Stage:
    value = Linear(weight, Input(weight.shape[1]))
    kind = Activation.RELU if relu else Activation.IDENTITY
    return Stage(name, value if bias is None else Shift(bias, value), kind)


def some_network(seed: int, *, last: bool = False) -> Network:
    rng = np.random.default_rng(seed)
    stages = [
        stage("first", rng.standard_normal((16, 2)), bias=rng.standard_normal(16) * 0.1),
        stage("second", np.vstack([np.eye(16), rng.standard_normal((8, 16))])),
    ]
    if last:
        stages.append(stage("last", rng.standard_normal((30, 24)), relu=False))
    return Network(stages, Box(-np.ones(2), np.ones(2)))


def outputs(network: Network, points: Array) -> Array:
    for part in network.stages:
        exact = part.map.exact()
        scale = 2.0**exact.exponent
        weight = np.array([[float(int(e)) for e in row] for row in exact.weight.tolist()]) * scale
        bias = np.array([float(int(e)) for e in exact.bias.entries()]) * scale
        points = points @ weight.T + bias
        if part.activation is Activation.RELU:
            points = np.maximum(points, 0.0)
    return points


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(1))
@pytest.mark.parametrize("last", [False, True])
def test_random_pairs_lie_between_the_bounds(seed: int, last: bool) -> None:
    network = some_network(seed, last=last)
    found = bound(network, time_limit=8.0)
    rng = np.random.default_rng(7)
    x = rng.uniform(-1, 1, (4000, 2))
    y = np.where(rng.random((4000, 1)) < 0.5, rng.uniform(-1, 1, (4000, 2)), x + 1e-3)
    gaps = np.linalg.norm(x - y, axis=1)
    ratios = np.linalg.norm(outputs(network, x) - outputs(network, y), axis=1) / gaps
    assert ratios.min() >= found.inverse_lipschitz.lower
    assert ratios.max() <= found.lipschitz.upper
    assert 0 < found.inverse_lipschitz.lower
    assert found.inverse_lipschitz.upper <= ratios.min() * 1.05
    assert found.lipschitz.lower >= ratios.max() * 0.95
    assert len(found.stages) == len(network.stages)
    assert [part.domain for part in found.stages][:2] == ["box of 2", "box of 16"]


@pytest.mark.thorough
def test_the_pair_attains_the_upper_end() -> None:
    network = some_network(0)
    found = bound(network, time_limit=8.0)
    assert found.pair is not None
    first, second = (exact_output(network, p) for p in (found.pair.x, found.pair.other))
    top = sum(((a - b) ** 2 for a, b in zip(first, second, strict=True)), Fraction(0))
    bottom = sum(
        ((a - b) ** 2 for a, b in zip(found.pair.x, found.pair.other, strict=True)), Fraction(0)
    )
    assert top / bottom <= Fraction(found.pair.ratio) ** 2
    assert found.inverse_lipschitz.upper == found.pair.ratio


def test_exact_outputs_are_the_networks() -> None:
    network = some_network(1)
    x = np.array([0.25, -0.5])
    exact = exact_output(network, tuple(map(Fraction, x.tolist())))
    assert np.allclose([float(t) for t in exact], outputs(network, x[None])[0])


def test_a_collision_of_the_first_layer_is_one_of_the_network() -> None:
    network = Network([stage("a", np.eye(2)), stage("b", np.vstack([np.eye(2), np.eye(2)]))])
    found = bound(network)
    assert (found.inverse_lipschitz.lower, found.inverse_lipschitz.upper) == (0.0, 0.0)
    assert found.pair is not None
    assert exact_output(network, found.pair.x) == exact_output(network, found.pair.other)
    assert found.stages[1].bounds.inverse_lipschitz.lower > 0.9, "on the orthant it is one-to-one"


def test_an_affine_stage_is_enclosed_by_its_singular_values() -> None:
    weight = np.random.default_rng(0).standard_normal((5, 3))
    found = bound(Network([stage("only", weight, relu=False)]))
    values = np.linalg.svd(weight, compute_uv=False)
    assert found.stages[0].bounds.inverse_lipschitz.upper == pytest.approx(values[-1], rel=1e-12)
    assert found.inverse_lipschitz.upper == pytest.approx(values[-1], rel=1e-6)
    assert found.lipschitz.lower == pytest.approx(values[0], rel=1e-6)


OTHERS = (
    Activation.TANH,
    Activation.SIGMOID,
    Activation.LEAKY_RELU,
    Activation.PRELU,
    Activation.ELU,
    Activation.IDENTITY,
)


def activated(part: Stage, values: Array) -> Array:
    """The activation in floats, written again; ELU with alpha = 1."""
    c, rest = part.carried, values[:, part.carried :]
    known = part.slopes()
    if known is not None:
        below = np.array([float(s) for s in known])
        return np.where(values > 0, values, below * values)
    if part.activation is Activation.TANH:
        bent = np.tanh(rest)
    elif part.activation is Activation.SIGMOID:
        bent = 1 / (1 + np.exp(-rest))
    else:
        bent = np.where(rest > 0, rest, np.expm1(np.minimum(rest, 0)))
    return np.concatenate([values[:, :c], bent], axis=1)


def run(network: Network, points: Array) -> Array:
    for part in network.stages:
        exact = part.map.exact()
        scale = 2.0**exact.exponent
        weight = np.array([[float(int(e)) for e in row] for row in exact.weight.tolist()]) * scale
        bias = np.array([float(int(e)) for e in exact.bias.entries()]) * scale
        points = activated(part, points @ weight.T + bias)
    return points


def other_network(kind: Activation, carried: int, box: Box) -> Network:
    rng = np.random.default_rng(carried)
    first = Linear(rng.standard_normal((6, 2)) / 2, Input(2))
    moved = Shift(rng.standard_normal(6) * 0.2, first)
    slope = np.array([0.25]) if kind in (Activation.LEAKY_RELU, Activation.PRELU) else None
    second = Linear(np.vstack([np.eye(6), -np.eye(6)]), Input(6))
    return Network([Stage("a", moved, kind, slope, carried), Stage("b", second)], box)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("kind", "carried"),
    [(OTHERS[0], 2), (OTHERS[1], 0), (OTHERS[2], 2), *((k, 0) for k in OTHERS[3:5])],
)
def test_other_activations_by_their_slopes(kind: Activation, carried: int) -> None:
    network = other_network(kind, carried, Box(-np.ones(2), np.ones(2)))
    found = bound(network, time_limit=8.0)
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (4000, 2))
    y = np.where(rng.random((4000, 1)) < 0.5, rng.uniform(-1, 1, (4000, 2)), x + 1e-4)
    y = np.clip(y, -1, 1)
    gaps = np.linalg.norm(x - y, axis=1)
    ratios = np.linalg.norm(run(network, x) - run(network, y), axis=1)[gaps > 0] / gaps[gaps > 0]
    assert ratios.min() >= found.inverse_lipschitz.lower
    assert ratios.max() <= found.lipschitz.upper
    if kind is Activation.ELU:  # its alpha is not in the model
        assert found.samples == 0
        assert found.lipschitz.upper == np.inf
    else:
        assert found.inverse_lipschitz.lower > 0
        assert found.inverse_lipschitz.upper <= ratios.min() * 1.05
        assert found.lipschitz.lower >= ratios.max() * 0.95


@pytest.mark.thorough
def test_on_all_of_space_a_bounded_activation_squeezes_without_end() -> None:
    network = other_network(Activation.TANH, 0, Box(-np.ones(2), np.ones(2)))
    found = bound(Network(network.stages), time_limit=8.0)
    assert found.inverse_lipschitz.lower == 0.0
    assert found.inverse_lipschitz.upper < 1e-3
    assert found.verdict is Verdict.INJECTIVE, "the product shows nothing, so decide was asked"


def test_an_elu_above_zero_is_the_identity() -> None:
    network = other_network(Activation.ELU, 0, Box(np.ones(2), 2 * np.ones(2)))
    lifted = Stage("a", Shift(np.full(6, 50.0), network.stages[0].map), Activation.ELU)
    found = bound(Network([lifted], network.domain))
    weight = np.random.default_rng(0).standard_normal((6, 2)) / 2
    least = np.linalg.svd(weight, compute_uv=False)[-1]
    assert found.inverse_lipschitz.lower == pytest.approx(least, rel=1e-9)


@pytest.mark.parametrize("kind", [Activation.TANH, Activation.SIGMOID])
def test_slopes_of_smooth_activations(kind: Activation) -> None:
    for low, high in [(-3.0, 1.0), (0.5, 4.0), (-2.0, -1.0), (-40.0, 800.0)]:
        found = slopes_of(Stage("s", Input(1), kind), Box(np.array([low]), np.array([high])))
        t = np.append(np.linspace(low, high, 5001), np.clip(0.0, low, high))
        tanh = kind is Activation.TANH
        slope = 1 - np.tanh(t) ** 2 if tanh else (1 - np.tanh(t / 2) ** 2) / 4
        assert found.lower[0] <= slope.min() * (1 + 1e-12) + 1e-15
        assert found.upper[0] >= slope.max() * (1 - 1e-12)
        assert found.upper[0] <= slope.max() * (1 + 1e-6)
        assert found.lower[0] >= slope.min() * (1 - 1e-9) - 1e-15


def test_carried_numbers_of_a_residual_stage() -> None:
    """x -> (x, ReLU(W x)): kappa is 1 where the ReLUs are off."""
    rows = np.array([[1.0, 2.0], [0.5, 1.0]])
    value = Concat((Input(2), Linear(rows, Input(2))))
    [part] = bound(Network([Stage("skip", value, carried=2)])).stages
    kappa = part.bounds.inverse_lipschitz
    assert np.sqrt(0.5) * 0.98 <= kappa.lower <= 1.0 <= kappa.upper <= 1.02
    stretch = np.linalg.svd(np.vstack([np.eye(2), rows]), compute_uv=False)[0]
    assert part.bounds.lipschitz.upper >= stretch * (1 - 1e-12)
    assert part.activation == "ReLU, 2 carried"


def test_a_network_that_is_not_one_to_one_reads_zero_with_its_collision() -> None:
    """No single stage says so on its own: the second one loses what the first can give."""
    first = stage("a", np.vstack([np.eye(2), -np.eye(2)]))
    second = stage("b", np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0]]))
    network = Network([first, second])
    found = bound(network, time_limit=20.0)
    assert found.verdict is Verdict.NOT_INJECTIVE
    assert (found.inverse_lipschitz.lower, found.inverse_lipschitz.upper) == (0.0, 0.0)
    assert found.collision is not None
    ends = found.collision.x, found.collision.other
    assert ends[0] != ends[1]
    assert exact_output(network, ends[0]) == exact_output(network, ends[1])


def test_smooth_networks_have_no_exact_outputs() -> None:
    network = other_network(Activation.TANH, 0, Box(-np.ones(2), np.ones(2)))
    with pytest.raises(LayerError, match="smooth activation"):
        exact_output(network, (Fraction(1, 2), Fraction(0)))
