"""Circular padding: inverse, volume and bounds by frequency are those of the matrix."""

from typing import Any

import numpy as np
import pytest
import torch

from monic.nn import InjectiveConv1d, InjectiveConv2d, InjectiveConv3d
from monic.nn.dense import matrix_of
from monic.nn.fourier import frequencies
from monic.nn.paired import PairedLayer

KINDS: list[tuple[str, Any, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("1d", InjectiveConv1d, (2, 4, 3), {"padding": 1}, (2, 7)),
    ("2d", InjectiveConv2d, (3, 6, 3), {"padding": 1}, (3, 4, 6)),
    ("2d tall", InjectiveConv2d, (2, 8, 3), {"padding": 1}, (2, 5, 4)),
    ("2d rest", InjectiveConv2d, (2, 9, 3), {"padding": 1, "pairs": 3}, (2, 5, 4)),
    ("2d stride", InjectiveConv2d, (1, 8, 4), {"padding": 1, "stride": 2}, (1, 6, 8)),
    ("2d dilation", InjectiveConv2d, (2, 6, 3), {"padding": 2, "dilation": 2}, (2, 5, 5)),
    ("2d groups", InjectiveConv2d, (4, 12, 3), {"padding": 1, "groups": 2}, (4, 4, 4)),
    ("3d", InjectiveConv3d, (1, 4, 3), {"padding": 1}, (1, 3, 4, 3)),
]


def made(name: str) -> tuple[PairedLayer, tuple[int, ...]]:
    _, kind, sizes, options, shape = next(entry for entry in KINDS if entry[0] == name)
    torch.manual_seed(0)
    layer = kind(
        *sizes, **options, padding_mode="circular", input_size=shape[1:], dtype=torch.float64
    )
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return layer, shape


@pytest.mark.parametrize("name", [entry[0] for entry in KINDS])
def test_the_matrices_have_the_singular_values_of_the_operator(name: str) -> None:
    layer, shape = made(name)
    matrices = frequencies(layer, shape, layer.basis)
    assert matrices is not None
    whole = matrix_of(lambda x: layer.linear(x, layer.basis, None), shape, layer.basis)
    found = np.sort(torch.linalg.svdvals(matrices).detach().numpy().reshape(-1))
    wanted = np.sort(torch.linalg.svdvals(whole).detach().numpy())
    np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("name", [entry[0] for entry in KINDS])
def test_inverse_volume_and_bounds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, shape = made(name)
    x = torch.randn(3, *shape, dtype=torch.float64)
    y = layer(x)
    noisy = y + 0.01 * torch.randn_like(y)
    found = layer.inverse(y), layer.project(noisy), layer.log_det(x), layer.bounds()
    assert torch.allclose(found[0], x, atol=1e-10)
    for module in ("solving", "volume", "stability"):
        monkeypatch.setattr(f"monic.nn.{module}.frequencies", lambda *_: None)
    assert torch.allclose(found[1], layer.project(noisy), atol=1e-10)
    assert torch.allclose(found[2], layer.log_det(x), atol=1e-9)
    dense = layer.bounds()
    assert found[3].inverse_lipschitz[0] == pytest.approx(dense.inverse_lipschitz[0], rel=1e-9)
    assert found[3].lipschitz[1] == pytest.approx(dense.lipschitz[1], rel=1e-9)


def test_large_grids_are_exact() -> None:
    """1,152 numbers, more than are written out."""
    torch.manual_seed(0)
    layer = InjectiveConv2d(2, 4, 3, padding=1, padding_mode="circular", dtype=torch.float64)
    with torch.no_grad():
        layer.basis.add_(torch.randn_like(layer.basis), alpha=0.05)
    x = torch.randn(2, 2, 24, 24, dtype=torch.float64)
    assert torch.allclose(layer.inverse(layer(x)), x, atol=1e-10)
    estimate = layer.estimate_log_det(x, probes=8, steps=30, seed=0)
    gap = (estimate.value - layer.log_det(x)).abs()
    assert bool((gap <= 5 * estimate.standard_error + 1e-3).all())
    assert 0 < layer.bounds().inverse_lipschitz[0] <= layer.bounds().lipschitz[1]


def test_other_borders_have_no_frequencies() -> None:
    zero = InjectiveConv2d(2, 8, 3, padding=1, input_size=4)
    assert frequencies(zero, (2, 4, 4), zero.basis) is None
    # circular padding of a kernel that does not go all around: 4 positions give 2 outputs
    short = InjectiveConv1d(1, 8, 3, padding_mode="circular", input_size=4)
    assert frequencies(short, (1, 4), short.basis) is None
    odd = InjectiveConv1d(1, 8, 3, stride=2, padding=1, padding_mode="circular", input_size=5)
    assert frequencies(odd, (1, 5), odd.basis) is None


def test_gradients_pass_through_the_inverse() -> None:
    layer, shape = made("2d")
    y = layer(torch.randn(1, *shape, dtype=torch.float64)).detach().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v: layer.inverse(v, tolerance=float("inf")), (y,), fast_mode=True
    )
