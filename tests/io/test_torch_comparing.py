"""What is read of torch modules is compared with them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import monic
from monic import ReadingError
from monic.io.onnx import activations, convolution, operators
from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, value
from monic.io.torch.exporting import exported
from monic.model import Select
from tests.io.torch_modules import CASES, seeded


def block() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(64, 8),
        nn.ReLU(),
        nn.Linear(8, 3),
    ).eval()


def lost(node: Node, operands: Operands) -> Any:
    return value(operands, 0)


def permuted(node: Node, operands: Operands) -> Any:
    found = convolution.conv(node, operands)
    return found.mapped(Select([*range(16, 64), *range(16)], found.map))


def steeper(node: Node, operands: Operands) -> Any:
    return value(operands, 0).activated(monic.Activation.PRELU, "s", np.array([0.11]))


MUTATIONS: dict[str, tuple[str, Callable[[Node, Operands], Any], str]] = {
    "lost ReLU": ("Relu", lost, r"first at 5 \(relu\)"),
    "permuted channels": ("Conv", permuted, r"first at 0 \(conv2d\)"),
    "wrong slope": ("LeakyRelu", steeper, r"first at 2 \(leaky_relu\)"),
    "another activation": ("Relu", activations.tanh, r"first at 5 \(relu\)"),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", MUTATIONS)
def test_broken_readers_are_found_out(
    name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    op, broken, where = MUTATIONS[name]
    module = block().to(dtype)
    assert monic.load(module, (2, 4, 4))
    monkeypatch.setitem(operators._READ, op, broken)
    with pytest.raises(ReadingError, match=where):
        monic.load(module, (2, 4, 4))


def test_a_wrong_export_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module itself is called as well, not only what torch.export makes of it."""

    def wrong(module: nn.Module, shape: Any) -> Any:
        changed = block()
        with torch.no_grad():
            for parameter in list(changed.parameters())[-2:]:
                parameter.add_(1.0)
        return exported(changed, shape)

    monkeypatch.setattr("monic.io.torch.module.exported", wrong)
    with pytest.raises(ReadingError, match="compared with torch"):
        monic.load(block(), (2, 4, 4))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_modules_are_compared_and_left_alone(dtype: torch.dtype) -> None:
    module = block().to(dtype).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    found = monic.load(module, (2, 4, 4)).reading
    assert found is not None
    assert found.describe() == "compared with torch at 8 points"
    assert found.largest < 0.01
    assert module.training
    after = module.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert {parameter.dtype for parameter in module.parameters()} == {dtype}


@pytest.mark.parametrize("name", ["rms norm", "nearest to a size", "weight norm", "skip"])
def test_where_formats_matter(name: str) -> None:
    if name not in CASES:
        pytest.skip("no such case")
    module, shape = seeded(name, torch.float32)
    found = monic.load(module, shape).reading
    assert found is not None
    assert found.points == 8
