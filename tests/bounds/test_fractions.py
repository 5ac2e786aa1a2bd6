"""Maps with weights such as 1/9, bounded as rationals; compared with them times the divisor."""

from collections.abc import Callable
from fractions import Fraction
from math import nextafter

import numpy as np
import pytest

from monic import Activation, Network, ReLULayer, Stage, Verdict, bound
from monic.bounds.interval import Interval
from monic.bounds.maximal_bias import maximal_bias
from monic.bounds.subject import Subject
from monic.model import (
    AffineMap,
    Ball,
    Box,
    Centre,
    Combine,
    Concat,
    Domain,
    Input,
    Linear,
    Orthant,
    WholeSpace,
)
from monic.model.array import Array


def combined(weights: Array, divisor: int) -> AffineMap:
    """The map x -> weights x / divisor, its weights rationals."""
    rows = [[(j, Fraction(int(w), divisor)) for j, w in enumerate(row)] for row in weights]
    return Combine(rows, Input(weights.shape[1]))


def meets(one: Interval, other: Interval, factor: int) -> bool:
    """Whether two intervals, the second divided by a number, may hold the same number."""
    low, high = Fraction(other.lower) / factor, Fraction(other.upper) / factor
    return max(low, Fraction(one.lower)) <= min(high, Fraction(one.upper))


LAYERS: dict[str, tuple[Callable[[Array], Array], Domain]] = {
    "pairs": (lambda w: np.vstack([w, -2 * w]), WholeSpace()),
    "box": (lambda w: np.vstack([w, -w, w.sum(0, keepdims=True)]), Box(-np.ones(3), np.ones(3))),
    "orthant": (lambda w: np.vstack([np.abs(w), w]), Orthant()),
}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "divisor"), [("pairs", 9), ("pairs", 7**30), ("box", 3 * 2**70), ("orthant", 9)]
)
def test_layers_are_bounded_as_without_the_divisor(name: str, divisor: int) -> None:
    rows, domain = LAYERS[name]
    weights = rows(np.random.default_rng(3).integers(-3, 4, (3, 3)) + 4 * np.eye(3)).astype(int)
    found = bound(ReLULayer(combined(weights, divisor), domain=domain), time_limit=20.0)
    plain = bound(ReLULayer(weights.astype(float), domain=domain), time_limit=20.0)
    for key in ("inverse_lipschitz", "smallest_singular", "lipschitz"):
        one, other = getattr(found, key), getattr(plain, key)
        assert meets(one, other, divisor)
        assert one.gap <= other.gap + 0.2
    assert found.inverse_lipschitz.lower > 0


@pytest.mark.parametrize("seed", range(3))
def test_affine_stages_have_the_singular_values_of_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-5, 6, (5, 3))
    stage = Stage("mean", combined(weights, 45), Activation.IDENTITY)
    found = bound(Network([stage])).stages[0].bounds
    values = np.linalg.svd(weights / 45, compute_uv=False)
    assert found.inverse_lipschitz.lower == pytest.approx(values[-1], rel=1e-12)
    assert found.lipschitz.upper == pytest.approx(values[0], rel=1e-12)
    # the interval of a float's two neighbours holds the exact root: 45^2 sigma^2 is an eigenvalue
    assert nextafter(found.lipschitz.lower, 9.0) == found.lipschitz.upper


@pytest.mark.parametrize("activation", [Activation.RELU, Activation.TANH, Activation.IDENTITY])
def test_pairs_of_inputs_lie_between_the_bounds(activation: Activation) -> None:
    rng = np.random.default_rng(5)
    weights = rng.integers(-4, 5, (8, 3))
    domain: Domain = Box(-np.ones(3), np.ones(3))
    shift = Linear(rng.standard_normal((10, 8)), Input(8))
    network = Network(
        [Stage("mean", combined(weights, 9), activation), Stage("last", shift)], domain
    )
    found = bound(network, time_limit=1.0)
    act: dict[Activation, Callable[[Array], Array]] = {
        Activation.RELU: lambda v: np.maximum(v, 0),
        Activation.TANH: lambda v: np.tanh(v),
        Activation.IDENTITY: lambda v: v,
    }
    x, y = rng.uniform(-1, 1, (2, 2000, 3))

    def outputs(points: Array) -> Array:
        inner = act[activation](points @ weights.T / 9)
        return np.asarray(np.maximum(inner @ shift.matrix.T, 0))

    gaps = np.linalg.norm(x - y, axis=1)
    ratios = np.linalg.norm(outputs(x) - outputs(y), axis=1) / gaps
    assert found.inverse_lipschitz.lower <= ratios.min()
    assert ratios.max() <= found.lipschitz.upper
    assert found.pair is not None
    ends = np.array([found.pair.x, found.pair.other], dtype=np.float64)
    ratio = np.linalg.norm(np.diff(outputs(ends), axis=0)) / np.linalg.norm(ends[1] - ends[0])
    assert found.pair.ratio == pytest.approx(ratio, rel=2e-2)  # tanh is flat, and these are floats


def test_a_mean_loses_something_and_the_bound_is_zero() -> None:
    network = Network([Stage("centre", Centre(1, Input(3)), Activation.IDENTITY)])
    found = bound(network)
    assert found.inverse_lipschitz == Interval(0.0, 0.0)
    assert found.verdict is Verdict.NOT_INJECTIVE
    assert found.lipschitz.contains(1)


def test_the_largest_bias_of_means() -> None:
    weights = np.array([[1, 0], [0, 1], [-1, -1]])
    both = np.vstack([weights, -weights])
    found = maximal_bias(ReLULayer(combined(both, 3)), Ball(1.0)).interval
    plain = maximal_bias(ReLULayer(both.astype(float)), Ball(1.0)).interval
    assert found.lower == pytest.approx(plain.lower / 3, abs=1e-2)
    assert found.upper == pytest.approx(plain.upper / 3, abs=1e-2)


def test_floats_of_a_subject_are_rounded_once() -> None:
    value = Concat((combined(np.array([[1, 2]]), 3), Linear(np.array([[0.5, 2.0]]), Input(2))))
    subject = Subject(ReLULayer(value))
    exact = [[Fraction(1, 3), Fraction(2, 3)], [Fraction(1, 2), Fraction(2)]]
    assert subject.shift == 2
    assert subject.floats.tolist() == [[float(w / 4) for w in row] for row in exact]
