"""Networks: products below, pairs of inputs above."""

from fractions import Fraction

import numpy as np
import pytest

from monic.bounds import bound
from monic.bounds.network import exact_output
from monic.errors import LayerError
from monic.model import Activation, Box, Input, Linear, Network, Shift, Stage
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


@pytest.mark.parametrize("seed", range(1))
@pytest.mark.parametrize("last", [False, True])
def test_random_pairs_lie_between_the_bounds(seed: int, last: bool) -> None:
    network = some_network(seed, last=last)
    found = bound(network, time_limit=2.0)
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


def test_the_pair_attains_the_upper_end() -> None:
    network = some_network(0)
    found = bound(network, time_limit=2.0)
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


def test_other_activations_are_refused_by_name() -> None:
    first = stage("a", np.eye(2))
    second = Stage("b", first.map, Activation.TANH)
    with pytest.raises(LayerError, match=r"'b' \(tanh\)"):
        bound(Network([first, second]))
