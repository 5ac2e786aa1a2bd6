"""What is proved about distances and errors is true."""

import sys
import types
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic import ReLULayer, invert
from monic.inversion import DistanceBounds, Inverter
from monic.inversion import chain as chain_module
from monic.inversion.activations import Entrywise, FloatActivation
from monic.inversion.distance import distance_above
from monic.inversion.exactness import reproduces
from monic.inversion.sigma import (
    largest_of_absolute,
    largest_singular_value,
    smallest_singular_value,
)
from monic.model import Activation, Box, Input, Linear, Network, Orthant, Shift, Stage
from monic.model.array import Array
from tests.inversion.examples import ENTRYWISE, expanding, outputs, paired, stage
from tests.reference import relu


def exact_square(layer: ReLULayer, x: Array, y: Array) -> Fraction:
    """|y - f(x)|^2 over the rationals."""
    rows = [tuple(Fraction(v) for v in row) for row in np.asarray(layer.weight, float).tolist()]
    size = len(rows)
    shift = np.zeros(size) if layer.bias is None else np.asarray(layer.bias, float)
    bias = [Fraction(v) for v in shift.tolist()]
    value = relu(rows, bias, [Fraction(v) for v in x.tolist()])
    pairs = zip(value, y.tolist(), strict=True)
    return sum(((a - Fraction(b)) ** 2 for a, b in pairs), Fraction(0))


def slope_of(activation: FloatActivation) -> Array:
    assert isinstance(activation, Entrywise)
    return activation.slope


@given(seed=st.integers(0, 10_000), noise=st.sampled_from([0.0, 1e-12, 1e-3, 1.0, 30.0]))
def test_intervals_hold_the_exact_distance_to_the_answer(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5))
    layer = ReLULayer(rng.standard_normal((6 * n, n)), rng.standard_normal(6 * n))
    y = outputs(layer, rng.standard_normal(n)) + noise * rng.standard_normal(6 * n)
    answer = invert(layer, y)
    square = exact_square(layer, answer.latent, y)
    assert Fraction(float(answer.distance_to_range.upper)) ** 2 >= square
    assert Fraction(float(answer.distance_to_range.lower)) ** 2 <= square
    assert answer.residual**2 == pytest.approx(float(square), rel=1e-6, abs=1e-20)


@given(seed=st.integers(0, 10_000))
def test_no_point_is_nearer_than_the_lower_bound(seed: int) -> None:
    """Attack: random points and the answers of all methods, for data far off the range."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4))
    kind = int(rng.integers(3))
    layer = (
        paired(rng, n, extra=int(rng.integers(3)))
        if kind == 0
        else ReLULayer(rng.standard_normal((5 * n, n)), rng.standard_normal(5 * n))
    )
    size = layer.shape[0]
    y = outputs(layer, rng.standard_normal(n)) + rng.normal(size=size) * rng.exponential()
    lower = invert(layer, y).distance_to_range.lower
    points = [3 * rng.standard_normal((2000, n))]
    points += [invert(layer, y, norm=norm).latent[None] for norm in ("l2", "l1", "linf")]
    cloud = np.concatenate(points)
    for scale in (1.0, 0.1, 0.01):  # climb down from the best points
        best = cloud[np.linalg.norm(outputs(layer, cloud) - y, axis=1).argsort()[:10]]
        cloud = np.concatenate([best, *(best + scale * rng.standard_normal((100, 10, n)))])
    assert lower <= np.linalg.norm(outputs(layer, cloud) - y, axis=1).min()


def test_off_range_data_are_told_apart(rng: np.random.Generator) -> None:
    """A layer with many rows, data with noise of 10%: the bounds are not trivial."""
    layer = ReLULayer(rng.standard_normal((60, 4)), rng.standard_normal(60))
    y = outputs(layer, 3 * rng.standard_normal((40, 4)))
    noisy = y + 0.3 * rng.standard_normal(y.shape)
    answer = invert(layer, noisy)
    lower, upper = np.asarray(answer.distance_to_range.lower), answer.distance_to_range.upper
    assert (lower > 0.5 * upper).all()
    assert not np.any(answer.is_exact)
    clean = invert(layer, y)
    assert np.max(clean.distance_to_range.upper) < 1e-10


def test_square_pairs_give_the_distance_itself(rng: np.random.Generator) -> None:
    layer = paired(rng, 6)
    y = rng.standard_normal((200, 12))
    answer = invert(layer, y)
    lower, upper = np.asarray(answer.distance_to_range.lower), answer.distance_to_range.upper
    np.testing.assert_allclose(lower, upper, rtol=1e-9)


def test_negative_outputs_are_off_the_range() -> None:
    layer = ReLULayer([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 0.5], [-1.0, -2.0]])
    answer = invert(layer, [1.0, 1.0, 2.0, -0.3, -0.4])
    assert 0.4999999 < answer.distance_to_range.lower <= 0.5 <= answer.distance_to_range.upper
    np.testing.assert_allclose(answer.latent, [1.0, 1.0], atol=1e-12)


@pytest.mark.parametrize("y", [[0.25, 0.25], [0.0, 0.0], [1.0, -1.0], [-1.0, -1.0], [0.0, 7.0]])
def test_named_data_of_the_smallest_layer(y: list[float]) -> None:
    """[1; -1]: the range is two half-lines, so that distances are known by hand."""
    a, c = y
    wanted = min(np.hypot(min(a, 0.0), c), np.hypot(a, min(c, 0.0)))
    answer = invert(ReLULayer([[1.0], [-1.0]]), y, noise=wanted)
    assert wanted in answer.distance_to_range
    assert answer.distance_to_range.width < 1e-12
    assert answer.is_exact == (wanted == 0.0)
    # every x with |y - f(x)| <= noise lies within the bound
    axis = np.linspace(-10, 10, 100_001)
    near = np.hypot(np.maximum(axis, 0) - a, np.maximum(-axis, 0) - c) <= wanted
    assert answer.error_bound is not None
    assert np.all(np.abs(axis[near] - answer.latent) <= answer.error_bound)


@pytest.mark.parametrize("extra", [0, 4])
@pytest.mark.parametrize("size", [1e-9, 1e-3, 0.1, 1.0, 10.0])
def test_errors_stay_within_their_bound(size: float, extra: int, rng: np.random.Generator) -> None:
    """2,000 draws each; the noise is as large as it is said to be, never larger."""
    layer = paired(rng, 5, extra=extra)
    x = rng.standard_normal((2000, 5))
    noise = rng.standard_normal((2000, 10 + extra))
    noise *= 0.999999 * size / np.linalg.norm(noise, axis=1)[:, None]
    answer = invert(layer, outputs(layer, x) + noise, noise=size)
    bound = np.asarray(answer.error_bound)
    assert np.all(np.isfinite(bound))
    assert np.all(np.linalg.norm(answer.latent - x, axis=1) <= bound)


@pytest.mark.parametrize("norm", ["l1", "linf"])
def test_errors_of_linear_programs_stay_within_their_bound(
    norm: str, rng: np.random.Generator
) -> None:
    layer = paired(rng, 4, extra=2)
    x = rng.standard_normal((60, 4))
    noise = 0.01 * rng.standard_normal((60, 10))
    size = float(np.linalg.norm(noise, axis=1).max())
    answer = invert(layer, outputs(layer, x) + noise, noise=size, norm=norm)  # type: ignore[arg-type]
    error = np.linalg.norm(answer.latent - x, axis=1)
    assert np.all(error <= np.asarray(answer.error_bound))
    assert error.max() < 0.2


def test_errors_of_networks_stay_within_their_bound(rng: np.random.Generator) -> None:
    network = expanding(rng, 4, 3)
    inverter = Inverter.of(network)
    x = rng.standard_normal((500, 4))
    noise = rng.standard_normal((500, 32))
    noise *= 0.05 / np.linalg.norm(noise, axis=1)[:, None]
    answer = inverter.invert(inverter.chain.value(x) + noise, noise=0.05001)
    error = np.linalg.norm(answer.latent - x, axis=1)
    assert np.all(error <= np.asarray(answer.error_bound))
    assert np.all(np.isfinite(np.asarray(answer.error_bound)))


def test_without_a_constant_the_bound_is_infinite() -> None:
    layer = ReLULayer(
        [[1.0], [2.0], [-1.0], [-3.0]],
        [0.5, 0.0, 0.0, 0.0],
        Box(np.array([-1.0]), np.array([1.0])),
    )
    y = outputs(layer, np.array([0.5]))
    assert invert(layer, y).error_bound is None
    given_bound = invert(layer, y, noise=0.5, inverse_lipschitz=0.25).error_bound
    assert given_bound == pytest.approx(2.0, rel=1e-9)


def test_the_constant_of_another_package_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pairs prove nothing, `monic.bounds` is asked, if it is there."""
    layer = ReLULayer([[1.0], [2.0], [-1.0], [-3.0]], [0.5, 0.0, 0.0, 0.0], Orthant())
    module = types.ModuleType("monic.bounds")
    interval = types.SimpleNamespace(inverse_lipschitz=DistanceBounds(0.5, 0.75))
    monkeypatch.setattr(module, "bound", lambda model, **_: interval, raising=False)
    monkeypatch.setitem(sys.modules, "monic.bounds", module)
    proved = Inverter.of(layer).chain.stages[0].least_stretch
    bound = invert(layer, [1.5, 2.0, 0.0, 0.0], noise=0.1).error_bound
    assert bound == pytest.approx(0.1 / (proved or 0.5), rel=1e-6)
    bare = ReLULayer([[1.0], [2.0]], None, Orthant())
    assert invert(bare, [1.0, 2.0], noise=0.1).error_bound == pytest.approx(0.2, rel=1e-6)


def test_the_constant_of_pairs_is_sharp() -> None:
    """kappa of [1; -1] is 1/sqrt(2), reached by x = 1 and x' = -1."""
    inverter = Inverter.of(ReLULayer([[1.0], [-1.0]]))
    assert inverter.chain.stages[0].least_stretch == pytest.approx(0.5**0.5, rel=1e-6)
    gap = Inverter.of(ReLULayer([[1.0], [-1.0]], [-1.0, 0.0]))  # not one-to-one
    assert gap.chain.stages[0].least_stretch == 0.0


@given(seed=st.integers(0, 10_000))
def test_singular_values_are_not_overstated(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    matrix = rng.standard_normal((n + int(rng.integers(4)), n)) * 10.0 ** rng.integers(-9, 9)
    if rng.random() < 0.3:
        matrix[:, 0] = matrix[:, -1] * (1 + 1e-9 * (n > 1))
    proved = smallest_singular_value(matrix)
    values = np.linalg.svd(matrix, compute_uv=False)
    assert proved <= values[-1] + 1e-15 * values[0]
    assert values[0] <= largest_singular_value(matrix) <= 1.001 * values[0]
    if values[-1] > 1e-3 * values[0]:
        assert proved >= 0.999 * values[-1]


@pytest.mark.parametrize("kind", ENTRYWISE)
def test_enclosures_hold_exact_values(kind: Activation, rng: np.random.Generator) -> None:
    """Second road: exact rationals for the piecewise linear ones, 60 digits for the others."""
    import flint

    network = Network([stage(rng, "a", (6, 3), kind), stage(rng, "b", (5, 6), kind)])
    sloped = kind in (Activation.LEAKY_RELU, Activation.PRELU, Activation.ELU)
    slopes = {"a": 0.25, "b": [0.1, 0.2, 0.3, 2.0, 5.0]} if sloped else {}
    chain = Inverter.of(network, slopes=slopes).chain
    x = rng.standard_normal((4, 3)) * 2
    center, radius, length = chain.enclose(x)
    assert radius.max() < 1e-10
    flint.ctx.prec = 300
    try:
        for k in range(4):
            value = [flint.arb(t) for t in x[k]]
            for part, given_ in zip(network.stages, chain.stages, strict=True):
                assert isinstance(part.map, Shift)
                assert isinstance(part.map.of, Linear)
                value = [
                    _activate(
                        kind,
                        sum(
                            (flint.arb(w) * v for w, v in zip(row, value, strict=True)),
                            flint.arb(b),
                        ),
                        flint.arb(float(s)),
                    )
                    for row, b, s in zip(
                        part.map.of.matrix.tolist(),
                        part.map.vector.tolist(),
                        np.broadcast_to(slope_of(given_.activation), len(part.map.vector)),
                        strict=True,
                    )
                ]
            for v, c, r in zip(value, center[k], radius[k], strict=True):
                assert abs(v - flint.arb(c)) <= flint.arb(r)
            square = sum(
                ((v - flint.arb(c)) ** 2 for v, c in zip(value, center[k], strict=True)),
                flint.arb(0),
            )
            assert square <= flint.arb(length[k]) ** 2
    finally:
        flint.ctx.prec = 53


def _activate(kind: Activation, u: Any, slope: Any) -> Any:
    import flint

    one = flint.arb(1)
    rules = {
        Activation.RELU: lambda: u if u > 0 else flint.arb(0),
        Activation.LEAKY_RELU: lambda: u if u > 0 else slope * u,
        Activation.PRELU: lambda: u if u > 0 else slope * u,
        Activation.ELU: lambda: u if u > 0 else slope * (u.exp() - one),
        Activation.TANH: lambda: u.tanh(),
        Activation.SIGMOID: lambda: one / (one + (-u).exp()),
        Activation.IDENTITY: lambda: u,
    }
    return rules[kind]()  # type: ignore[no-untyped-call]


def test_exactness_over_the_rationals(rng: np.random.Generator) -> None:
    weight = rng.integers(-4, 5, (9, 3)) / 8
    layer = ReLULayer(weight, rng.integers(-4, 5, 9) * 2.0**40)
    chain = Inverter.of(layer).chain
    x = rng.integers(-8, 9, (20, 3)) * 2.0**38
    y = outputs(layer, x)
    assert reproduces(chain, x, y).all()
    y[::2, 4] += 2.0**-8  # a few units in the last place
    assert reproduces(chain, x, y).tolist() == [k % 2 == 1 for k in range(20)]


def test_floats_that_agree_are_not_taken_for_exact() -> None:
    """0.1 * 3 in floats is not 3 times the float 0.1; the distance is not 0, and says so."""
    layer = ReLULayer([[0.1], [-0.1]])
    y = np.array([0.1 * 3, 0.0])
    answer = invert(layer, y)
    assert answer.residual == 0.0
    assert not answer.is_exact
    assert 0.0 < answer.distance_to_range.upper < 1e-14


@pytest.mark.parametrize("bits", [33, 40, 48])
def test_rows_that_are_antiparallel_only_nearly(bits: int, rng: np.random.Generator) -> None:
    """Such rows are a guess where to start, and never taken for multiples of each other."""
    basis = rng.standard_normal((3, 3)) + 2 * np.eye(3)
    other = -basis * (1 + 2.0**-bits * rng.standard_normal((3, 3)))
    layer = ReLULayer(np.vstack([basis, other]))
    x = rng.standard_normal((20, 3))
    inverter = Inverter.of(layer)
    for noise in (0.0, 0.01):
        y = outputs(layer, x) + noise * rng.standard_normal((20, 6))
        answer = inverter.invert(y)
        uppers = np.asarray(answer.distance_to_range.upper).tolist()
        for point, row, above in zip(answer.latent, y, uppers, strict=True):
            assert Fraction(above) ** 2 >= exact_square(layer, point, row)
        if not noise:
            assert np.abs(answer.latent - x).max() < 1e-13


@pytest.mark.parametrize("shape", [(300, 40), (40, 40)])
def test_absolute_values_of_matrices(shape: tuple[int, int], rng: np.random.Generator) -> None:
    matrix = rng.standard_normal(shape) * np.exp(rng.standard_normal(shape))
    true = float(np.linalg.norm(np.abs(matrix), 2))
    assert true <= largest_of_absolute(matrix) <= 1.01 * true
    matrix[:, 3] = 0.0
    assert largest_of_absolute(matrix) >= np.linalg.norm(np.abs(matrix), 2)
    assert largest_of_absolute(np.zeros((2, 3))) == 0.0
    assert largest_of_absolute(np.full((2, 3), np.nan)) == np.inf


def test_errors_followed_by_lengths_alone(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Second road: exact rationals."""
    monkeypatch.setattr(chain_module, "SPREADING", 0.5)
    chain = Inverter.of(expanding(rng, 12, 3)).chain
    assert all(part.by_lengths for part in chain.stages)
    x = rng.standard_normal((2, 12))
    center, radius, length = chain.enclose(x)
    assert length.max() < 1e-10
    for row, middle, wide, far in zip(x, center, radius, length, strict=True):
        value = [Fraction(v) for v in row.tolist()]
        for part in chain.stages:
            exact = part.map.exact()
            scale = Fraction(2) ** exact.power / exact.divisor
            sums = [
                sum((int(w) * v for w, v in zip(weights, value, strict=True)), Fraction(0))
                for weights in exact.weight.table()
            ]
            value = [max(v * scale, Fraction(0)) for v in sums]
        gaps = [abs(v - Fraction(c)) for v, c in zip(value, middle.tolist(), strict=True)]
        assert all(gap <= Fraction(r) for gap, r in zip(gaps, wide.tolist(), strict=True))
        assert sum((gap**2 for gap in gaps), Fraction(0)) <= Fraction(float(far)) ** 2


def test_leaky_slopes_are_exact_too() -> None:
    network = Network([Stage("a", Linear(np.array([[2.0], [-1.0]]), Input(1)), Activation.PRELU)])
    answer = invert(network, [-0.5, 2.0], slopes={"a": [0.125, 8.0]})
    assert answer.latent.tolist() == [-2.0]
    assert answer.is_exact


def test_one_to_one_stages_have_distances_too(rng: np.random.Generator) -> None:
    tall = Network([stage(rng, "a", (8, 3), Activation.IDENTITY)])
    y = rng.standard_normal((30, 8))
    answer = invert(tall, y)
    lower, upper = np.asarray(answer.distance_to_range.lower), answer.distance_to_range.upper
    np.testing.assert_allclose(lower, upper, rtol=1e-9)
    bounded = Network([stage(rng, "a", (4, 3), Activation.TANH)])
    assert invert(bounded, [1.5, 0.0, 0.0, -3.0]).distance_to_range.lower > 2.06


def test_domains_hold_the_answer(rng: np.random.Generator) -> None:
    layer = ReLULayer(rng.standard_normal((12, 3)), None, Orthant())
    x = -np.abs(rng.standard_normal((40, 3)))
    assert invert(layer, outputs(layer, x)).latent.min() >= 0.0


def test_distances_of_points_that_were_not_asked_for(rng: np.random.Generator) -> None:
    layer = paired(rng, 3)
    chain = Inverter.of(layer).chain
    x, y = rng.standard_normal((10, 3)), rng.standard_normal((10, 6))
    for point, row, above in zip(x, y, distance_above(chain, x, y), strict=True):
        assert Fraction(above) ** 2 >= exact_square(layer, point, row)


def test_intervals_are_in_order() -> None:
    with pytest.raises(ValueError, match="lower <= upper"):
        DistanceBounds(1.0, 0.0)
    assert 0.5 in DistanceBounds(0.0, 1.0)
    assert 2.0 not in DistanceBounds(0.0, 1.0)
