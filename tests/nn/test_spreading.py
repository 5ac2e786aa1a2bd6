"""Transposed convolutions as a product: the same numbers, and never in an exported graph."""

from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from monic.nn import InjectiveConvTranspose2d, InjectiveSequential, export, spreading, transposed
from monic.nn.spreading import suits_product

OPTIONS: list[dict[str, Any]] = [
    {"stride": 2, "padding": 1},
    {"stride": (2, 3), "output_padding": (1, 2)},
    {"stride": 1, "padding": (0, 2), "dilation": 2},
    {"stride": 2, "bias": False},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_product_is_the_convolution(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    layer = InjectiveConvTranspose2d(8, 9, (4, 3), input_size=(3, 2), **options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    x = torch.randn(2, 8, 3, 2, dtype=torch.float64, requires_grad=True)
    assert not suits_product(x, layer.basis, 2)
    wanted = layer(x)
    (slope,) = torch.autograd.grad(wanted.square().sum(), x)
    volume = layer.log_det(x)
    used: list[int] = []

    def always(*_: object) -> bool:
        used.append(1)
        return True

    monkeypatch.setattr(transposed, "suits_product", always)
    found = layer(x)
    assert torch.allclose(found, wanted, atol=1e-12)
    (other,) = torch.autograd.grad(found.square().sum(), x)
    assert torch.allclose(other, slope, atol=1e-12)
    assert torch.allclose(layer.log_det(x), volume, atol=1e-9)
    assert used


def test_large_grids_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "WEIGHTS", 0)
    weight = torch.randn(4, 3, 4, 4)
    assert suits_product(torch.randn(1, 4, 2, 2), weight, 2)
    assert not suits_product(torch.randn(2, 4, 8, 8), weight, 2)
    assert not suits_product(torch.randn(4, 2, 2), weight, 2)  # without a batch


def test_exported_graphs_keep_their_convolutions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(spreading, "WEIGHTS", 0)
    network = InjectiveSequential(InjectiveConvTranspose2d(4, 4, 2, stride=2, input_size=1))
    export(network, torch.zeros(1, 4, 1, 1), tmp_path / "net.onnx")
    kinds = {node.op_type for node in onnx.load(str(tmp_path / "net.onnx")).graph.node}
    assert "ConvTranspose" in kinds
    assert "Col2Im" not in kinds
