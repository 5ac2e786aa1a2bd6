"""Layers of pairs: what the laws do not say."""

from typing import Any

import numpy as np
import pytest
import torch

from monic.errors import LayerError, NotInRange
from monic.nn import (
    InjectiveConv2d,
    InjectiveConvTranspose2d,
    InjectiveLinear,
)
from monic.nn.pairs import code_of
from monic.nn.volume import samples
from tests.nn.layers import stirred

unknown: Any = "unknown"


def test_points_off_the_range_are_refused() -> None:
    """[1; -1] never gives (0.25, 0.25)."""
    layer = InjectiveLinear(1, 2, bias=False)
    with torch.no_grad():
        layer.basis.fill_(1.0)
    y = torch.tensor([[0.25, 0.25]])
    with pytest.raises(NotInRange, match="`project`"):
        layer.inverse(y)
    with pytest.raises(ValueError, match="Expected outputs"):
        layer.inverse(y)
    assert layer.project(y).tolist() == [[0.25, 0.0]]
    assert layer.inverse(y, tolerance=float("inf")).tolist() == [[0.25]]
    with pytest.raises(NotInRange):
        layer.inverse(torch.full((1, 2), float("nan")))


def test_each_example_is_compared_with_its_own_size() -> None:
    """A large output beside it must not hide one that is off the range."""
    layer = InjectiveLinear(1, 2, bias=False)
    with torch.no_grad():
        layer.basis.fill_(1.0)
    with pytest.raises(NotInRange):
        layer.inverse(torch.tensor([[0.25, 0.25], [1e6, 0.0]]))
    large_and_small = torch.tensor([[1e-6], [1e6]])
    assert torch.allclose(layer.inverse(layer(large_and_small)), large_and_small)


@pytest.mark.parametrize("entry", [0, 2], ids=["first of the pair", "second"])
def test_nan_is_not_hidden_by_the_other_half_of_its_pair(entry: int) -> None:
    y = torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 2.0]])
    y[0, entry] = float("nan")
    layer = InjectiveLinear(2, 4)
    near, code = layer.project(y), layer.inverse(y, tolerance=float("inf"))
    assert bool(near[0].isnan().any())
    assert bool(code[0].isnan().any())
    assert bool(near[1].isfinite().all())


def test_outputs_of_another_shape_are_named() -> None:
    with pytest.raises(LayerError, match=r"shape \(\*, 4\).*Got \(3, 5\)"):
        InjectiveLinear(2, 4).inverse(torch.zeros(3, 5))
    layer = InjectiveConv2d(1, 4, 3, padding=1, input_size=4)
    with pytest.raises(LayerError, match=r"for inputs of shape \(1, 4, 4\)"):
        layer.project(layer(torch.zeros(2, 1, 6, 6)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spectral_norms_hold_still_while_a_layer_is_inverted(dtype: torch.dtype) -> None:
    """In training torch improves its singular vectors at every look at a weight."""
    torch.manual_seed(4)
    layer: Any = InjectiveLinear(8, 24, constraint="spectral", dtype=dtype)
    with torch.no_grad():
        layer.parametrizations.basis.original.copy_(torch.randn(12, 8))
    x = torch.randn(4, 8, dtype=dtype)
    y, log_det = layer.forward_and_log_det(x)
    error = 1e-5 if dtype is torch.float32 else 1e-12
    assert torch.allclose(layer.inverse(y), x, atol=error, rtol=error)
    assert torch.allclose(layer.project(y), y, atol=error, rtol=error)
    jacobian = torch.func.vmap(torch.func.jacrev(layer.eval()))(x)
    assert torch.allclose(log_det, torch.linalg.svdvals(jacobian).log().sum(-1), atol=100 * error)
    layer.train().is_injective()
    assert torch.equal(layer.eval()(x), y)


@pytest.mark.parametrize("constraint", [None, "orthogonal", "spectral"])
def test_parameters_are_reset_through_a_constraint(constraint: Any) -> None:
    torch.manual_seed(5)
    layer = InjectiveLinear(3, 8, constraint=constraint)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter))
    layer.reset_parameters()
    layer(torch.zeros(1, 3))  # a step of the power iteration
    values = torch.linalg.svdvals(layer.eval().basis)
    assert float(values[0].detach()) == pytest.approx(float(values[-1].detach()), rel=1e-3)
    assert torch.equal(layer.s, torch.ones(4))


@pytest.mark.parametrize(
    "layer",
    [
        InjectiveLinear(2, 4),
        InjectiveConv2d(1, 4, 3, padding=1, input_size=4),
        InjectiveConv2d(1, 4, 3, padding=1, padding_mode="circular", input_size=4),
    ],
    ids=["linear", "conv", "circular"],
)
@pytest.mark.parametrize("limit", [1, 1024])
@pytest.mark.filterwarnings("error")
def test_empty_batches(layer: Any, limit: int) -> None:
    layer.dense_limit = limit
    x = torch.zeros(0, *layer.example_shape())
    y = layer(x)
    assert layer.inverse(y).shape == x.shape
    assert layer.project(y).shape == y.shape
    if limit > 1:
        assert layer.log_det(x).shape == (0,)
    estimate = layer.estimate_log_det(x)
    assert estimate.value.shape == estimate.standard_error.shape == (0,)


def test_an_estimate_needs_two_probes() -> None:
    with pytest.raises(LayerError, match="no standard error"):
        InjectiveLinear(2, 4).estimate_log_det(torch.zeros(1, 2), probes=1)


def test_arguments_in_the_places_of_torch() -> None:
    layer = InjectiveConv2d(3, 32, 4, 2, 1)
    assert (layer.stride, layer.padding) == ((2, 2), (1, 1))
    up = InjectiveConvTranspose2d(8, 4, 4, 2, 1, bias=False)
    assert up(torch.zeros(1, 8, 3, 3)).shape == (1, 4, 6, 6)
    x = torch.randn(1, 2, 9, 9)
    for padding in ("same", "valid"):
        ours: Any = InjectiveConv2d(2, 8, (3, 5), padding=padding, dilation=(1, 2))
        theirs = torch.nn.Conv2d(2, 8, (3, 5), padding=padding, dilation=(1, 2))
        assert ours(x).shape == theirs(x).shape
    assert InjectiveConv2d(2, 8, np.int64(3)).kernel_size == (3, 3)  # type: ignore[arg-type]


def test_large_grids_are_not_written_down() -> None:
    """Only shapes are computed where only shapes are asked for."""
    layer = InjectiveConv2d(3, 12, 3, padding=1, input_size=4096)
    assert not layer.projects_to_nearest
    assert layer.is_injective().verdict.name == "UNDECIDED"


def test_projection_is_nearest_for_square_bases() -> None:
    torch.manual_seed(1)
    layer = stirred(InjectiveLinear(2, 4)).double()
    assert layer.projects_to_nearest
    assert not InjectiveLinear(2, 6).projects_to_nearest
    y = torch.randn(20, 4, dtype=torch.float64)
    nearest = (layer.project(y) - y).norm(dim=1)
    outputs = layer(10 * torch.randn(20_000, 2, dtype=torch.float64))
    sampled = torch.cdist(y, outputs).min(dim=1).values
    assert bool((nearest <= sampled + 1e-12).all())


def test_codes_are_the_nearest_points_of_two_half_lines(rng: np.random.Generator) -> None:
    plus, minus = torch.tensor(rng.standard_normal((2, 500)))
    scales = torch.tensor(rng.uniform(0.1, 3, 500))
    z = code_of(plus, minus, scales)
    found = (z.relu() - plus) ** 2 + ((-scales * z).relu() - minus) ** 2
    first = (plus.clamp_min(0) - plus) ** 2 + minus**2
    second = plus**2 + (minus.clamp_min(0) - minus) ** 2
    assert torch.allclose(found, torch.minimum(first, second))


def test_iterations_agree_with_matrices() -> None:
    torch.manual_seed(2)
    layer = InjectiveConv2d(2, 8, 3, padding=1, input_size=5, dtype=torch.float64)
    layer = stirred(layer)
    x = torch.randn(3, 2, 5, 5, dtype=torch.float64)
    y = layer(x)
    layer.dense_limit = 10
    assert torch.allclose(layer.inverse(y), x, atol=1e-10)
    with pytest.raises(LayerError, match="estimate_log_det"):
        layer.log_det(x)


@pytest.mark.parametrize("channels", [8, 9])
def test_estimates_cover_the_exact_volume(channels: int) -> None:
    torch.manual_seed(3)
    layer = stirred(InjectiveConv2d(2, channels, 3, padding=1, input_size=6)).double()
    x = torch.randn(4, 2, 6, 6, dtype=torch.float64)
    exact = layer.log_det(x)
    found = layer.estimate_log_det(x, probes=32, steps=30, seed=1)
    assert (found.probes, found.steps, found.seed) == (32, 30, 1)
    assert bool((found.standard_error < 0.05 * exact.abs().max() + 1).all())
    assert bool(((found.value - exact).abs() < 5 * found.standard_error).all())
    again = layer.estimate_log_det(x, probes=32, steps=30, seed=1)
    assert torch.equal(found.value, again.value)


def test_lanczos_survives_an_exhausted_space() -> None:
    """B is an isometry: one step says everything, the others must do no harm."""
    layer = InjectiveLinear(5, 10, bias=False).double()
    x = torch.randn(2, 5, dtype=torch.float64)
    found = samples(layer, x, (3, 5), 0)
    assert torch.allclose(found, layer.log_det(x).expand(3, 2), atol=1e-6)


def test_square_bounds_are_attained() -> None:
    torch.manual_seed(4)
    layer = stirred(InjectiveLinear(2, 4)).double()
    assert layer.bias is not None
    with torch.no_grad():
        layer.s.copy_(torch.tensor([0.5, 1.5]))
    bounds = layer.bounds()
    assert bounds.inverse_lipschitz[0] == bounds.inverse_lipschitz[1]
    # pairs on both sides of the point where z = 0 attain the infimum
    center = torch.linalg.solve(layer.basis, -layer.bias)
    angles = torch.linspace(0, 2 * np.pi, 2001, dtype=torch.float64)
    ways = torch.stack((angles.cos(), angles.sin()), 1)
    fractions = torch.linspace(0, 1, 41, dtype=torch.float64)[:, None, None]
    there, back = layer(center + fractions * ways), layer(center - (1 - fractions) * ways)
    quotients = (there - back).detach().norm(dim=-1)
    low, high = bounds.inverse_lipschitz[0], bounds.lipschitz[1]
    assert low <= float(quotients.min()) < low * 1.15
    assert high * 0.999 < float(quotients.max()) <= high * (1 + 1e-9)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: InjectiveLinear(3, 5), "never one-to-one"),
        (lambda: InjectiveLinear(3, 8, pairs=2), "pairs"),
        (lambda: InjectiveLinear(3, 8, scale=unknown), "diagonal"),
        (lambda: InjectiveLinear(3, 8, constraint=unknown), "orthogonal"),
        (lambda: InjectiveConv2d(3, 8, 3, groups=2), "groups"),
        (lambda: InjectiveConv2d(2, 8, 3, groups=0), "positive number of groups"),
        (lambda: InjectiveConv2d(2, 8, 3, stride=0), "at least 1"),
        (lambda: InjectiveConv2d(2, 8, 3, padding=-1), "at least 0"),
        (lambda: InjectiveConv2d(2, 8, unknown), "whole numbers"),
        (lambda: InjectiveConv2d(2, 8, 3, stride=2, padding="same"), "as much on both sides"),
        (lambda: InjectiveConv2d(2, 8, 4, padding="same"), "as much on both sides"),
        (lambda: InjectiveConv2d(2, 8, 5, input_size=3), "kernel and padding fit"),
        (lambda: InjectiveConv2d(4, 6, 3, padding=1, input_size=4), "never one-to-one"),
        (lambda: InjectiveConv2d(1, 4, (3, 3, 3)), "one for each axis"),
        (lambda: InjectiveConv2d(1, 4, 3, padding_mode=unknown), "padding_mode"),
        (lambda: InjectiveConv2d(1, 4, 3).is_injective(), "input_size"),
        (lambda: InjectiveConvTranspose2d(8, 4, 2, stride=1, input_size=3), "never one-to-one"),
    ],
)
def test_refusals(build: object, message: str) -> None:
    with pytest.raises(LayerError, match=message):
        build()  # type: ignore[operator]


def test_a_convolution_learns_its_grid() -> None:
    layer = InjectiveConv2d(1, 4, 3, padding=1)
    with pytest.raises(RuntimeError, match="to have 1 channels"):
        layer(torch.zeros(2, 7, 9, 9))
    layer(torch.zeros(2, 1, 3, 5))
    assert layer.input_size == (3, 5)
    assert layer.is_injective().verdict.name == "INJECTIVE"


@pytest.mark.parametrize(
    "layer",
    [
        InjectiveLinear(16, 40),
        InjectiveConv2d(4, 16, 3, padding=1, input_size=8),
        InjectiveConv2d(2, 16, 4, stride=2, padding=1, input_size=8),
        InjectiveConvTranspose2d(8, 4, 4, stride=2, padding=1, input_size=4),
    ],
    ids=["linear", "conv", "conv stride", "transposed"],
)
def test_initial_weights_keep_the_mean_square_and_are_well_conditioned(
    layer: InjectiveLinear,
) -> None:
    torch.manual_seed(6)
    x = torch.randn(256, *layer.example_shape())
    kept = (layer(x).square().mean() / x.square().mean()).item()
    assert 0.8 < kept < 1.25
    bounds = layer.bounds()
    assert bounds.condition < 4


def test_depth_keeps_the_mean_square() -> None:
    torch.manual_seed(7)
    x = torch.randn(256, 4)
    y = x
    for k in range(6):
        y = InjectiveLinear(4 * 2**k, 8 * 2**k)(y)
    assert 0.5 < float(y.square().mean() / x.square().mean()) < 2


@pytest.mark.parametrize("constraint", ["orthogonal", "spectral"])
def test_constraints_hold_while_training(constraint: str) -> None:
    torch.manual_seed(8)
    layer = InjectiveLinear(4, 12, constraint=constraint)  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.05, weight_decay=0.5)
    for _ in range(20):
        optimizer.zero_grad()
        (layer(torch.randn(16, 4)) - 1).square().mean().backward()
        optimizer.step()
        assert layer.is_injective().verdict.name == "INJECTIVE"
    values = torch.linalg.svdvals(layer.eval().basis.detach())
    assert float(values.max()) == pytest.approx(1, abs=0.05)
    if constraint == "orthogonal":
        assert float(values.min()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype: torch.dtype) -> None:
    layer = InjectiveLinear(3, 6, dtype=dtype)
    x = torch.randn(4, 3, dtype=dtype)
    found = layer.inverse(layer(x), tolerance=0.1)
    assert found.dtype == dtype
    assert torch.allclose(found, x, atol=0.1)
    assert layer.log_det(x).dtype == torch.float32
    assert layer.is_injective().verdict.name == "INJECTIVE"
