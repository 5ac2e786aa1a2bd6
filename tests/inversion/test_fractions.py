"""Maps with weights such as 1/9, inverted: floats with bounds, compared with exact rationals."""

from fractions import Fraction

import numpy as np
import pytest

from monic import Activation, Network, ReLULayer, Stage, invert
from monic.inversion import Inverter, steps
from monic.inversion.chain import float_affine
from monic.inversion.exactness import reproduces
from monic.model import (
    AffineMap,
    Centre,
    Combine,
    Concat,
    Convolution,
    Geometry,
    Input,
    Linear,
    Scale,
    Shift,
)

TWO_NINTHS = Fraction(2, 9)


def means(size: int) -> AffineMap:
    """Weighted means of neighbours on a circle: 2/9, 5/9, 2/9, which lose nothing."""
    rows = [
        [((i - 1) % size, TWO_NINTHS), (i, Fraction(5, 9)), ((i + 1) % size, TWO_NINTHS)]
        for i in range(size)
    ]
    return Combine(rows, Input(size))


def paired(value: AffineMap) -> Concat:
    return Concat((value, Scale(np.array([-2.0]), value)))


def applied(value: AffineMap, x: list[Fraction]) -> list[Fraction]:
    exact = value.exact()
    columns = zip(exact.weight.tolist(), exact.bias.entries(), strict=True)
    return [
        exact.scale * (sum((int(w) * t for w, t in zip(row, x, strict=True)), Fraction(int(b))))
        for row, b in columns
    ]


def test_codes_come_back() -> None:
    layer = ReLULayer(paired(Shift(np.arange(5.0), means(5))))
    x = [Fraction(9 * k) for k in (-2, 1, 0, 3, -1)]
    y = np.array([max(0.0, float(v)) for v in applied(layer.map, x)])
    answer = invert(layer, y)
    np.testing.assert_allclose(answer.latent, [float(t) for t in x], atol=1e-13)
    assert answer.error_bound is None or answer.error_bound < 1e-12
    known = Inverter.of(layer).chain
    code = np.array([[float(t) for t in x]])
    assert reproduces(known, code, y[None]).tolist() == [True]
    assert reproduces(known, code, np.nextafter(y, 99.0)[None]).tolist() == [False]


def test_exactness_multiplies_the_divisors_of_all_stages() -> None:
    first = Stage("first", Shift(np.array([9.0]), means(4)), Activation.LEAKY_RELU,
                  slope=np.array([0.5]))  # fmt: skip
    second = Stage("second", paired(Shift(np.array([1.0]), means(4))))
    network = Network([first, second])
    x = [Fraction(81 * k) for k in (1, -2, 2, 5)]
    hidden = [v if v > 0 else v / 2 for v in applied(first.map, x)]
    assert min(hidden) < 0
    y = [max(Fraction(0), v) for v in applied(second.map, hidden)]
    assert all(v.denominator & (v.denominator - 1) == 0 for v in y)
    code, data = (np.array([[float(t) for t in v]]) for v in (x, y))
    known = Inverter.of(network).chain
    assert reproduces(known, code, data).tolist() == [True]
    assert reproduces(known, code / 2, data / 2).tolist() == [False]
    np.testing.assert_allclose(invert(network, data[0]).latent, code[0], rtol=1e-12)


@pytest.mark.parametrize("divisor", [9, 7**40, 3**700])
def test_float_weights_have_the_promised_error(divisor: int) -> None:
    rng = np.random.default_rng(divisor % 1000)
    weights = [[Fraction(int(w), divisor) for w in row] for row in rng.integers(-99, 99, (4, 3))]
    rows = [list(enumerate(row)) for row in weights]
    big = Linear(rng.standard_normal((3, 3)), Input(3))
    value = Shift(rng.standard_normal(4), Combine(rows, big))
    weight, bias, exact = float_affine(value, "means")
    tiny = Fraction(1, 2**1074)
    for i in range(4):
        true = [exact.scale * int(exact.weight[i, j]) for j in range(3)]
        true.append(exact.scale * int(exact.bias[i, 0]))
        for t, found in zip(true, [*weight[i].tolist(), bias[i]], strict=True):
            assert abs(t - Fraction(found)) <= abs(t) / 2**52 + tiny


def test_outputs_are_enclosed() -> None:
    terms = [[(j, Fraction(1, 7)), (j + 1, Fraction(1, 3))] for j in range(11)]
    second = Stage("b", paired(Combine(terms, Input(12))))
    network = Network([Stage("a", paired(means(6))), second])
    x = np.random.default_rng(0).standard_normal(6)
    center, radius, _ = Inverter.of(network).chain.enclose(x[None])
    value = [Fraction(t) for t in x.tolist()]
    for stage in network.stages:
        value = [max(Fraction(0), v) for v in applied(stage.map, value)]
    for v, c, r in zip(value, center[0].tolist(), radius[0].tolist(), strict=True):
        assert abs(v - Fraction(c)) <= Fraction(r) < Fraction(1, 10**12)


@pytest.mark.parametrize("last", ["combine", "centre"])
def test_large_maps_carry_means_out_step_by_step(
    last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    start = Convolution(rng.standard_normal((3, 1, 3)), means(8), Geometry((1, 8), padding=1))
    third = Fraction(1, 3)
    pool = [[(i, third), (i + 1, third), (i + 2, -third)] for i in range(6)]
    value = Combine(pool, start, times=3) if last == "combine" else Centre(3, start)
    whole = Concat((value, Scale(np.array([-1.0]), value)))
    monkeypatch.setattr(steps, "ENTRIES", 1)
    assert steps.is_large(whole)
    floats = steps.StepMap.of(whole)
    exact = whole.exact()
    table = [[float(exact.scale * int(w)) for w in row] for row in exact.weight.tolist()]
    matrix = np.array(table)
    x, v = rng.standard_normal((3, 8)), rng.standard_normal((3, len(matrix)))
    np.testing.assert_allclose(floats.linear(x), x @ matrix.T, atol=1e-13)
    np.testing.assert_allclose(floats.adjoint(v), v @ matrix, atol=1e-13)
    assert np.all(floats.spread(np.abs(x)) >= np.abs(x) @ np.abs(matrix).T)
    assert floats.largest() >= np.linalg.norm(matrix, 2)
    center, error = floats.enclosed(x)
    for row, middle, radius in zip(x, center, error, strict=True):
        true = applied(whole, [Fraction(t) for t in row.tolist()])
        for t, c, r in zip(true, middle.tolist(), radius.tolist(), strict=True):
            assert abs(t - Fraction(c)) <= Fraction(r) < Fraction(1, 10**12)
