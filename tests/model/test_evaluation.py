"""Networks as functions: floats within their bounds of the exact values, and exact values."""

from collections.abc import Callable
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from monic import Activation, LayerError, Network, ReLULayer, Stage
from monic.model import (
    AffineMap,
    Centre,
    ChannelScale,
    ChannelShift,
    Combine,
    Concat,
    Convolution,
    Geometry,
    Input,
    Linear,
    Normalization,
    Quotient,
    Scale,
    Select,
    Shift,
    Sum,
    TransposedConvolution,
)

SHAPE = (2, 3, 3)
Rng = np.random.Generator


def numbers(rng: Rng, *shape: int) -> np.ndarray[Any, Any]:
    """Floats of very different sizes, or integers of 64 bits, most of which float64 rounds."""
    if rng.random() < 0.2:
        return rng.integers(-(2**62), 2**62, shape)
    scale = 2.0 ** rng.choice([0, 0, 0, 40, -40, -600], shape)
    dtype = np.float64 if rng.random() < 0.5 else np.float32
    return np.asarray((rng.standard_normal(shape) * scale).astype(dtype))


def positive(rng: Rng, *shape: int) -> np.ndarray[Any, Any]:
    return np.asarray(np.abs(rng.standard_normal(shape)) + 0.1)


def stepped(rng: Rng, x: AffineMap) -> AffineMap:
    """A further step of a random kind, whose value has as many numbers."""
    size = x.out_dim
    geometry = Geometry(SHAPE, padding=1, mode=str(rng.choice(["zero", "reflect", "circular"])))
    third = [(int(j), Fraction(int(rng.integers(-5, 6)), 3)) for j in rng.integers(0, size, 4)]
    steps: dict[str, Callable[[], AffineMap]] = {
        "linear": lambda: Linear(numbers(rng, size, size), x, bool(rng.integers(2))),
        "shift": lambda: Shift(numbers(rng, size), x, bool(rng.integers(2))),
        "scale": lambda: Scale(numbers(rng, size), x),
        "channel shift": lambda: ChannelShift(numbers(rng, 2), x, bool(rng.integers(2))),
        "channel scale": lambda: ChannelScale(numbers(rng, 2), x),
        "quotient": lambda: Quotient(positive(rng, 2).astype(np.float32), x),
        "combine": lambda: Combine([third] * size, x),
        "centre": lambda: Centre(2, x),
        "select": lambda: Select(rng.integers(0, size, size).tolist(), x),
        "sum": lambda: Sum((x, Select(rng.permutation(size).tolist(), x), x)),
        "concat": lambda: Select(rng.permutation(2 * size)[:size].tolist(), Concat((x, x))),
        "convolution": lambda: Convolution(numbers(rng, 2, 2, 3, 3), x, geometry),
        "transposed": lambda: TransposedConvolution(
            numbers(rng, 2, 2, 3, 3), x, Geometry(SHAPE, padding=1)
        ),
    }
    return steps[str(rng.choice(list(steps)))]()


def random_map(rng: Rng) -> AffineMap:
    value: AffineMap = Input(prod(SHAPE))
    for _ in range(int(rng.integers(1, 4))):
        value = stepped(rng, value)
    return value


def dense(value: AffineMap, x: tuple[Fraction, ...]) -> list[Fraction]:
    """W x + b by the matrix that is written out."""
    exact = value.exact()
    rows, shifts = exact.weight.tolist(), exact.bias.entries()
    pairs = zip(rows, shifts, strict=True)
    return [
        (sum((int(a) * t for a, t in zip(row, x, strict=True)), Fraction(0)) + int(b))
        * exact.scale
        for row, b in pairs
    ]


@pytest.mark.thorough
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150)
def test_enclosures_hold_the_exact_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stages = [Stage("first", random_map(rng), carried=int(rng.integers(0, 3)))]
    slope = positive(rng, 1) if rng.random() < 0.5 else positive(rng, 18)
    stages.append(Stage("second", random_map(rng), Activation.PRELU, slope))
    network = Network(stages)
    points = rng.standard_normal((3, 18)) * 2.0 ** rng.choice([0, 30, -300], (3, 1))
    found = network.enclosed(points)
    for point, value, error in zip(points, found.value, found.error, strict=True):
        exact = tuple(map(Fraction, point.tolist()))
        given = network.exact(exact)
        for stage in stages:
            values, slopes = dense(stage.map, exact), stage.slopes()
            assert slopes is not None
            exact = tuple(v if v > 0 else s * v for v, s in zip(values, slopes, strict=True))
        assert given == exact
        for number, near, far in zip(exact, value.tolist(), error.tolist(), strict=True):
            assert far == float("inf") or abs(number - Fraction(near)) <= Fraction(far)
    again = network(points)  # another order of a sum is possible, if memory is aligned otherwise
    assert ((np.abs(again - found.value) <= 2 * found.error) | np.isinf(found.error)).all()


@given(
    st.integers(0, 2**32 - 1), st.sampled_from(["tanh", "sigmoid", "elu", "norm", "deviations"])
)
@settings(max_examples=100)
def test_smooth_stages_in_ball_arithmetic(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    start = rng.standard_normal(6) * 2.0 ** float(rng.choice([0, 5, -5, -500, 400]))
    weight = rng.standard_normal((6, 6))
    options: dict[str, Any] = {"activation": Activation.NORMALIZATION}
    alpha, epsilon = 0.75, float(rng.choice([0.0, 1e-5, 1.0]))
    if kind in ("norm", "deviations"):
        options["norm"] = Normalization(2, epsilon, deviations=kind == "deviations")
    else:
        options["activation"] = Activation[kind.upper()]
    if kind == "elu":
        options["alpha"] = alpha
    found = Stage("s", Linear(weight, Input(6)), **options)
    enclosed = Network([found]).enclosed(start)
    with ctx.workprec(1500):
        u = [
            arb(fmpq(t.numerator, t.denominator))
            for t in dense(found.map, tuple(map(Fraction, start.tolist())))
        ]
        wanted = _smooth(u, kind, alpha, epsilon)
        for ball, value, error in zip(wanted, enclosed.value, enclosed.error, strict=True):
            assert error == np.inf or abs(ball - arb(float(value))) <= arb(float(error))
    assert np.isfinite(enclosed.error).all() or not epsilon


def _smooth(u: list[arb], kind: str, alpha: float, epsilon: float) -> list[arb]:
    if kind == "tanh":
        return [t.tanh() for t in u]
    if kind == "sigmoid":
        return [1 / (1 + (-t).exp()) for t in u]
    if kind == "elu":
        return [t if t > 0 else alpha * t.expm1() for t in u]
    roots = [
        (sum((t * t for t in u[k : k + 3]), arb(0)) / 3 + arb(epsilon)).sqrt() for k in (0, 3)
    ]
    values = [t / roots[k // 3] for k, t in enumerate(u)]
    return values + (roots if kind == "deviations" else [])


def test_large_convolutions_are_evaluated_exactly() -> None:
    """Its matrix would have 4 10^8 entries."""
    rng = np.random.default_rng(0)
    geometry = Geometry((2, 100, 100), padding=1)
    kernel = rng.integers(-3, 4, (2, 2, 3, 3)).astype(np.float32)
    network = Network([Stage("conv", Convolution(kernel, Input(20_000), geometry))])
    point = rng.integers(-4, 5, 20_000).astype(np.float64)
    assert [float(t) for t in network.exact(point)] == network(point).tolist()


def test_shapes_of_batches() -> None:
    layer = ReLULayer([[1.0, 2.0], [0.0, -1.0], [1.0, 1.0]], [0.5, 0.0, 0.0])
    assert layer([1.0, 1.0]).tolist() == [3.5, 0.0, 2.0]
    assert layer(np.ones((4, 5, 2))).shape == (4, 5, 3)
    assert layer(np.ones((0, 2))).shape == (0, 3)
    assert layer.exact([1, Fraction(1, 3)]) == (Fraction(13, 6), Fraction(0), Fraction(4, 3))
    assert Stage("s", layer.map)(np.ones(2)).tolist() == [3.5, 0.0, 2.0]


@pytest.mark.parametrize("x", [[1.0], [[1.0, 2.0, 3.0]], 1.0, [np.nan, 0.0], ["a", "b"], None])
def test_refuses_what_is_no_point(x: Any) -> None:
    layer = ReLULayer([[1.0, 2.0]])
    with pytest.raises(LayerError, match=r"points of shape \(\*, 2\)"):
        layer(x)
    with pytest.raises(LayerError, match="one point of 2"):
        layer.exact(x)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Activation.LEAKY_RELU, "slopes are not known"),
        (Activation.ELU, "alpha is not known"),
    ],
)
def test_unknown_slopes(kind: Activation, words: str) -> None:
    network = Network([Stage("s", Input(2), kind)])
    with pytest.raises(LayerError, match=words):
        network([1.0, 2.0])
    with pytest.raises(LayerError, match=words):
        network.exact([1, 2])


def test_smooth_stages_have_no_exact_values() -> None:
    network = Network([Stage("s", Input(2), Activation.TANH)])
    with pytest.raises(LayerError, match="evaluate in floats"):
        network.exact([1, 2])


def test_what_overflows_is_not_known() -> None:
    twice = Linear(np.array([[1e300, -1e300]]), Linear(1e300 * np.eye(2), Input(2)))
    found = Network([Stage("s", twice, Activation.IDENTITY)]).enclosed([1.0, 1.0])
    assert found.error.tolist() == [np.inf]
