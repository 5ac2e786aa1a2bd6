"""Convolutional layers inverted without their matrix, compared with the matrix and with torch."""

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest

from monic import Activation, Network, ReLULayer, Stage
from monic.errors import InversionError
from monic.inversion import Inverter, recover, steps
from monic.inversion.chain import Chain
from monic.inversion.conjugate import conjugate_gradients, least_squares
from monic.inversion.fourier import Fourier
from monic.inversion.linear_map import DenseMap
from monic.inversion.search import Search
from monic.inversion.solvers import Changed, Iterative
from monic.inversion.stages import Norm
from monic.model import (
    AffineMap,
    ChannelScale,
    ChannelShift,
    Concat,
    Convolution,
    Geometry,
    Input,
    Linear,
    Quotient,
    Select,
    Shift,
    Sum,
    TransposedConvolution,
)
from monic.model.array import Array


def paired(
    kernel: Array, geometry: Geometry, *, transposed: bool = False, bias: Array | None = None
) -> AffineMap:
    kind = TransposedConvolution if transposed else Convolution
    y: AffineMap = kind(kernel, Input(int(np.prod(geometry.shape))), geometry)
    count = kernel.shape[1] * geometry.groups if transposed else kernel.shape[0]
    scales = np.random.default_rng(count).uniform(0.5, 2.0, count)
    if bias is not None:
        y = ChannelShift(bias, y)
    return Concat((y, ChannelScale(-scales, y)))


def changed(kernel: Array, geometry: Geometry, size: int) -> AffineMap:
    """Filters of (x - mean) / std, its entries in another order, and their rows in another one."""
    rng = np.random.default_rng(size)
    std = np.linspace(0.2, 0.3, geometry.channels)
    x = Select(
        rng.permutation(size).tolist(), ChannelShift(np.array([0.5]), Input(size), negative=True)
    )
    y = Convolution(kernel, Quotient(std, x), geometry)
    rows = Concat((y, ChannelScale(-rng.uniform(0.5, 2.0, kernel.shape[0]), y)))
    return Select(rng.permutation(rows.out_dim).tolist(), rows)


def gauss(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def circular(size: tuple[int, ...], **options: int) -> Geometry:
    return Geometry(size, padding=1, mode="circular", **options)


CASES: dict[str, Callable[[], AffineMap]] = {
    "circular": lambda: paired(gauss(5, 4, 3, 3), circular((4, 6, 6))),
    "circular square": lambda: paired(gauss(4, 4, 3, 3), circular((4, 6, 6))),
    "circular stride": lambda: paired(
        gauss(18, 4, 3, 3), circular((4, 6, 6), stride=2), bias=gauss(18)
    ),
    "circular groups": lambda: paired(gauss(6, 2, 3, 3), circular((4, 6, 6), groups=2)),
    "circular 1d": lambda: paired(gauss(3, 2, 3), circular((2, 7))),
    "circular 3d": lambda: paired(gauss(3, 2, 3, 3, 3), circular((2, 3, 4, 3))),
    "zero": lambda: paired(gauss(6, 3, 3, 3), Geometry((3, 5, 5), padding=1), bias=gauss(6)),
    "zero groups": lambda: paired(gauss(6, 2, 3, 3), Geometry((4, 4, 4), padding=1, groups=2)),
    "reflect": lambda: paired(gauss(6, 4, 3), Geometry((4, 8), padding=1, mode="reflect")),
    "transposed": lambda: paired(
        gauss(6, 4, 4, 4), Geometry((6, 3, 3), stride=2, padding=1), transposed=True
    ),
    "written out": lambda: Convolution(
        np.concatenate([gauss(3, 2, 3, 3), -2 * gauss(3, 2, 3, 3), gauss(2, 2, 3, 3)]),
        Input(32),
        Geometry((2, 4, 4), padding=1),
    ),
    "changed circular": lambda: changed(gauss(5, 4, 3, 3), circular((4, 6, 6)), 144),
    "changed zero": lambda: changed(gauss(6, 3, 3, 3), Geometry((3, 5, 5), padding=1), 75),
    "unpaired": lambda: Convolution(gauss(14, 2, 3, 3), Input(32), Geometry((2, 4, 4), padding=1)),
}


def chains(
    affine: AffineMap, monkeypatch: pytest.MonkeyPatch
) -> tuple[Inverter, Inverter, ReLULayer]:
    layer = ReLULayer(affine)
    monkeypatch.setattr(steps, "ENTRIES", 0)
    free = Inverter.of(layer)
    monkeypatch.setattr(steps, "ENTRIES", 1 << 40)
    return free, Inverter.of(layer), layer


@pytest.mark.parametrize("name", CASES)
def test_exact_data_have_their_code_and_honest_figures(
    name: str, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    free, dense, _ = chains(CASES[name](), monkeypatch)
    assert (free.chain.is_dense, dense.chain.is_dense) == (False, True)
    x = rng.standard_normal((3, free.chain.in_dim))
    y = dense.chain.value(x)
    answer = free.invert(y, noise=1e-9)
    error = np.linalg.norm(answer.latent - x, axis=1)
    assert np.all(error <= 1e-9 * np.linalg.norm(x, axis=1))
    assert answer.error_bound is not None
    assert np.all(error <= answer.error_bound)
    upper = np.asarray(answer.distance_to_range.upper)
    assert np.all((answer.residual <= upper) & (upper < 1e-8))


@pytest.mark.thorough
@pytest.mark.parametrize("name", CASES)
def test_noisy_data_have_the_answer_of_the_matrix(
    name: str, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    free, dense, _ = chains(CASES[name](), monkeypatch)
    x = rng.standard_normal((2, free.chain.in_dim))
    y = dense.chain.value(x)
    noise = 0.01 * rng.standard_normal(y.shape)
    size = float(np.linalg.norm(noise, axis=1).max())
    # a bound for the dense one is not asked for: monic.bounds would search for one
    answer, wanted = free.invert(y + noise, noise=size), dense.invert(y + noise)
    # the problem is not convex: rounding may decide at which kink a search ends
    assert np.all(np.asarray(answer.residual) <= np.asarray(wanted.residual) * (1 + 1e-3))
    assert answer.error_bound is not None
    assert np.all(np.linalg.norm(answer.latent - x, axis=1) <= answer.error_bound)
    # both have proofs, so that neither lower bound is above the other's upper one
    lower, upper = answer.distance_to_range.lower, wanted.distance_to_range.upper
    assert np.all(np.asarray(lower) <= np.asarray(upper))


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("circular")])
def test_frequencies_prove_the_constant(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    free, dense, _ = chains(CASES[name](), monkeypatch)
    stage = free.chain.stages[0]
    assert stage.pairs is not None
    assert isinstance(stage.pairs.solver, Fourier)
    proved, other = stage.least_stretch, dense.chain.stages[0].least_stretch
    weights = stage.pairs.ratio / np.hypot(1.0, stage.pairs.ratio)
    matrix = dense.chain.stages[0].weight[stage.pairs.first]
    true = float(np.linalg.svd(weights[:, None] * matrix, compute_uv=False)[-1])
    assert 0 < proved <= true * (1 + 1e-12)
    assert proved == pytest.approx(true, rel=1e-6)
    assert proved == pytest.approx(other, rel=1e-6)


def test_constants_see_through_changes_of_input_and_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free, dense, _ = chains(CASES["changed circular"](), monkeypatch)
    stage = free.chain.stages[0]
    assert stage.pairs is not None
    assert stage.pairs.exact.all()
    assert isinstance(stage.pairs.solver, Changed)
    weights = stage.pairs.ratio / np.hypot(1.0, stage.pairs.ratio)
    matrix = dense.chain.stages[0].weight[stage.pairs.first]
    true = float(np.linalg.svd(weights[:, None] * matrix, compute_uv=False)[-1])
    assert true * 2 / 3 * 0.9 <= stage.least_stretch <= true
    # rows i and j of a pair are antiparallel in the whole layer, as it is
    second = dense.chain.stages[0].weight[stage.pairs.second]
    np.testing.assert_allclose(second, -stage.pairs.ratio[:, None] * matrix, rtol=1e-12)


def test_the_circulant_neighbour_sees_through_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    free, _, _ = chains(CASES["changed zero"](), monkeypatch)
    stage = free.chain.stages[0]
    assert stage.floats.gram is not None
    basis = np.eye(75)
    near = stage.floats.gram(basis)
    np.testing.assert_allclose(near, near.T, atol=1e-12)
    assert np.linalg.eigvalsh(near)[0] > 0


def test_without_frequencies_no_constant_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    free, _, _ = chains(CASES["zero"](), monkeypatch)
    stage = free.chain.stages[0]
    assert stage.pairs is not None
    assert isinstance(stage.pairs.solver, Iterative)
    answer = free.invert(np.zeros(free.chain.out_dim), noise=0.1)
    assert answer.error_bound == np.inf


@pytest.mark.parametrize("name", CASES)
def test_steps_are_the_matrix(
    name: str, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    free, dense, layer = chains(CASES[name](), monkeypatch)
    there, matrix = free.chain.stages[0].floats, dense.chain.stages[0].weight
    x, v = rng.standard_normal((3, matrix.shape[1])), rng.standard_normal((3, matrix.shape[0]))
    np.testing.assert_allclose(there.linear(x), x @ matrix.T, atol=1e-12)
    np.testing.assert_allclose(there.adjoint(v), v @ matrix, atol=1e-12)
    assert np.all(there.spread(np.abs(x)) >= np.abs(x) @ np.abs(matrix).T)
    assert there.largest() >= np.linalg.norm(matrix, 2)
    value, error = there.enclosed(x)
    for row, center, radius in zip(x, value, error, strict=True):
        assert_encloses(layer, row, center, radius)


def assert_encloses(layer: ReLULayer, x: Array, center: Array, radius: Array) -> None:
    """The exact value, over the integers, lies within the radius of the centre."""
    from fractions import Fraction

    exact = layer.map.exact()
    scale = exact.scale
    point = [Fraction(t) for t in x.tolist()]
    rows = np.random.default_rng(0).choice(len(center), 12, replace=False).tolist()
    for i in rows:
        total = sum((int(exact.weight[i, j]) * point[j] for j in range(len(point))), Fraction(0))
        total = (total + int(exact.bias[i, 0])) * scale
        assert abs(total - Fraction(center[i])) <= Fraction(radius[i])


def test_every_step_has_floats(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    start = Input(12)
    picked = Select(list(range(11, -1, -1)), start)
    both = Sum((Linear(gauss(12, 12), picked), Shift(gauss(12), start, negative=True)))
    affine = Convolution(gauss(8, 3, 3), both, Geometry((3, 4), padding=1))
    free, dense, layer = chains(affine, monkeypatch)
    x = rng.standard_normal((2, 12))
    np.testing.assert_allclose(free.chain.value(x), dense.chain.value(x), atol=1e-12)
    v = rng.standard_normal((2, 32))
    one, other = free.chain.stages[0].floats, dense.chain.stages[0].floats
    np.testing.assert_allclose(one.adjoint(v), other.adjoint(v), atol=1e-11)
    value, error = one.enclosed(x)
    assert_encloses(layer, x[0], value[0], error[0])


def test_networks_of_convolutions(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    first = paired(gauss(3, 2, 3, 3), circular((2, 4, 4)))
    second = paired(gauss(8, 6, 3, 3), Geometry((6, 4, 4), padding=1))
    last = Convolution(gauss(16, 16, 1, 1), Input(256), Geometry((16, 4, 4)))
    network = Network([Stage("a", first), Stage("b", second), Stage("c", last, Activation.TANH)])
    monkeypatch.setattr(steps, "ENTRIES", 0)
    inverter = Inverter.of(network)
    x = 0.02 * rng.standard_normal((3, 32))
    y = inverter.chain.value(x)
    answer = inverter.invert(y)
    assert np.all(np.linalg.norm(answer.latent - x, axis=1) < 1e-8 * np.linalg.norm(x, axis=1))
    chain: Chain = inverter.chain
    _, slopes = chain.linearised(x)
    v: Array = rng.standard_normal(x.shape)
    w: Array = np.asarray(rng.standard_normal(y.shape))
    left, right = chain.push(slopes, v) * w, v * chain.pull(slopes, w)
    assert left.sum() == pytest.approx(right.sum(), rel=1e-10)


def test_what_needs_a_matrix_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    free, _, layer = chains(CASES["zero"](), monkeypatch)
    y = np.zeros(free.chain.out_dim)
    for norm in get_args(Norm)[1:]:
        with pytest.raises(InversionError, match="small enough to be written out"):
            free.invert(y, norm=norm)
    monkeypatch.setattr(steps, "ENTRIES", 0)
    found = recover(
        layer, np.eye(len(y)), y, method="search", search=Search(restarts=2, steps=20, polish=5)
    )
    assert found.signal.shape == (len(y),)


def test_the_frame_algorithm_needs_no_matrix(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    kernel = 0.1 * gauss(4, 4, 1)
    kernel[:, :, 0] += np.eye(4)
    free, _, _ = chains(paired(kernel, Geometry((4, 5))), monkeypatch)
    x = rng.standard_normal((2, 20))
    answer = free.invert(free.chain.value(x), method="frame")
    np.testing.assert_allclose(answer.latent, x, atol=1e-7)


def test_conjugate_gradients(rng: np.random.Generator) -> None:
    matrix = rng.standard_normal((12, 6))
    right = rng.standard_normal((5, 12))
    right[2] = 0.0  # solved from the start
    wanted = np.linalg.lstsq(matrix, right.T, rcond=None)[0].T
    norm = float(np.linalg.norm(matrix, 2))
    found = least_squares(lambda x: x @ matrix.T, lambda v: v @ matrix, right, norm)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    square = matrix.T @ matrix
    other = conjugate_gradients(lambda v: v @ square, right @ matrix, 1e-13)
    np.testing.assert_allclose(other, wanted, atol=1e-9)
    low = square.copy()
    low[:, 0] = low[0, :] = 0.0  # singular, and solvable
    solved = conjugate_gradients(lambda v: v @ low, (right @ matrix) * [0, 1, 1, 1, 1, 1], 1e-13)
    other = np.linalg.solve(low[1:, 1:], (right @ matrix).T[1:]).T
    np.testing.assert_allclose(solved[:, 1:], other, atol=1e-9)


def test_dense_maps_say_what_they_are() -> None:
    floats = DenseMap(np.array([[3.0, 4.0]]), np.array([1.0]))
    assert floats.shape == (1, 2)
    assert floats.insist_on_matrix("anywhere") is floats.weight
    assert 5.0 <= floats.largest() < 5.01
