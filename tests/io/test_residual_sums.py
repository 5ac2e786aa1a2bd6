"""Activations after sums of two branches: what reads the activation must not lose it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import NodeProto
from torch import Tensor, nn

import monic
from monic.io.onnx.values import Activated, Source, Value
from monic.model import Activation, Input
from monic.model.array import Array
from tests.io.floats import outputs
from tests.io.graphs import evaluate, model, network, node, run, save

pytestmark = pytest.mark.thorough

RNG = np.random.default_rng(11)


def _random(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def _ints(*entries: int) -> Array:
    return np.array(entries, np.int64)


IMAGE = (1, 2, 4, 4)
CHANNELS = [_random(2) for _ in range(3)]

#: What may read the activation of a sum: operator, further constants, attributes.
READERS: dict[str, tuple[str, list[Array], dict[str, Any]]] = {
    "Conv": ("Conv", [_random(3, 2, 3, 3)], {}),
    "ConvTranspose": ("ConvTranspose", [_random(2, 3, 2, 2)], {}),
    "MatMul": ("MatMul", [_random(4, 3)], {}),
    "Reshape": ("Reshape", [_ints(1, -1)], {}),
    "Flatten": ("Flatten", [], {}),
    "Transpose": ("Transpose", [], {"perm": [0, 2, 3, 1]}),
    "Unsqueeze": ("Unsqueeze", [_ints(1)], {}),
    "Mul": ("Mul", [_random(4)], {}),
    "Div": ("Div", [np.array([3.0, -7.0], np.float32).reshape(2, 1, 1)], {}),
    "Pad": ("Pad", [_ints(0, 0, 1, 1, 0, 0, 0, 2)], {}),
    "AveragePool": ("AveragePool", [], {"kernel_shape": [2, 2]}),
    "GlobalAveragePool": ("GlobalAveragePool", [], {}),
    "MaxPool": ("MaxPool", [], {"kernel_shape": [2, 2]}),
    "ReduceMax": ("ReduceMax", [_ints(2)], {}),
    "ReduceMean": ("ReduceMean", [_ints(1)], {}),
    "BatchNormalization": ("BatchNormalization", [*CHANNELS, np.abs(_random(2))], {}),
    "InstanceNormalization": ("InstanceNormalization", CHANNELS[:2], {}),
    "LayerNormalization": ("LayerNormalization", [_random(4)], {}),
}

ACTIVATIONS: dict[str, tuple[list[Array], dict[str, Any]]] = {
    "Relu": ([], {}),
    "LeakyRelu": ([], {"alpha": 0.25}),
    "PRelu": ([np.array([0.5, 0.25], np.float32).reshape(2, 1, 1)], {}),
    "Elu": ([], {"alpha": 0.5}),
    "Tanh": ([], {}),
    "Sigmoid": ([], {}),
    "Clip": ([np.array(-0.5, np.float32), np.array(0.75, np.float32)], {}),
    "Abs": ([], {}),
}


def _block(activation: str) -> tuple[list[NodeProto], dict[str, Array]]:
    """The activation a of s = x + K relu(x), whose map is no affine map of the sum's place."""
    more, attributes = ACTIVATIONS[activation]
    arrays = {f"a{k}": np.asarray(array) for k, array in enumerate(more)}
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("Conv", ["r", "k"], ["f"], pads=[1, 1, 1, 1]),
        node("Add", ["x", "f"], ["s"]),
        node(activation, ["s", *arrays], ["a"], **attributes),
    ]
    return nodes, {"k": _random(2, 2, 3, 3), **arrays}


def _agrees(path: Path) -> None:
    read = network(path)
    for _ in range(3):
        x = _random(*IMAGE)
        np.testing.assert_allclose(outputs(read, x), run(path, x).reshape(-1), 1e-4, 1e-4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("reader", READERS)
def test_what_reads_an_activation_after_a_sum(
    reader: str, activation: str, tmp_path: Path
) -> None:
    nodes, arrays = _block(activation)
    op, constants, attributes = READERS[reader]
    more = {f"c{k}": constant for k, constant in enumerate(constants)}
    nodes.append(node(op, ["a", *more], ["y"], **attributes))
    given = model(nodes, {**arrays, **more}, IMAGE, opset=18)
    _agrees(save(tmp_path / "m.onnx", given))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_several_nodes_read_an_activation_after_a_sum(activation: str, tmp_path: Path) -> None:
    nodes, arrays = _block(activation)
    nodes += [
        node("Conv", ["a", "k"], ["g"], pads=[1, 1, 1, 1]),
        node("Relu", ["g"], ["h"]),
        node("Add", ["a", "h"], ["t"]),
        node("Sub", ["t", "a"], ["u"]),
        node("Concat", ["a", "u", "x"], ["y"], axis=1),
    ]
    given = save(tmp_path / "m.onnx", model(nodes, arrays, IMAGE))
    _agrees(given)


def test_half_of_a_relu_less_a_half() -> None:
    """f(-1) = f(-2) = f(-3) = 0, by x + ReLU(x) / 2 and a ReLU before a matrix product."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(1, 1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(x + 0.5 * torch.relu(x)) @ self.head.weight

    read = monic.load(Net(), input_shape=(1,))
    values = [evaluate(read, np.array([t])).item() for t in (-3.0, -2.0, -1.0)]
    assert values == [0.0, 0.0, 0.0]
    assert monic.decide(read).verdict is monic.Verdict.NOT_INJECTIVE


class _BasicBlock(nn.Module):
    """The residual block of a ResNet: the activation comes after the sum."""

    def __init__(self, channels: int, more: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            *(nn.Conv2d(channels, more, 3, padding=1, bias=False), nn.BatchNorm2d(more)),
            *(nn.ReLU(), nn.Conv2d(more, more, 3, padding=1, bias=False), nn.BatchNorm2d(more)),
        )
        self.side = nn.Sequential(nn.Conv2d(channels, more, 1, bias=False), nn.BatchNorm2d(more))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.inner(x) + self.side(x))


@pytest.mark.parametrize("tail", [[], [nn.AvgPool2d(2)], [nn.Flatten(), nn.Linear(18, 4)]])
def test_basic_blocks(tail: list[nn.Module]) -> None:
    torch.manual_seed(3)
    net = nn.Sequential(_BasicBlock(2, 2), _BasicBlock(2, 2), *tail).double().eval()
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            nn.init.uniform_(norm.running_mean, -1.0, 1.0)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
    read = monic.load(net, input_shape=(2, 3, 3))
    for _ in range(3):
        x = torch.randn(1, 2, 3, 3, dtype=torch.float64)
        expected = net(x).detach().reshape(-1).numpy()
        np.testing.assert_allclose(outputs(read, x.numpy()), expected, rtol=1e-9, atol=1e-9)


def test_an_activated_tensor_takes_nothing_before_it_is_settled() -> None:
    source = Source(Input(2))
    activated = Value(source, source.start, (1, 2), 1, 1).activated(Activation.RELU, "y")
    for lost in ("mapped", "activated", "normalized", "at", "map", "joint"):
        assert not hasattr(activated, lost)
    settled = activated.settled()
    assert settled.source is activated.source
    assert [stage.activation for stage in settled.source.stages()] == [Activation.RELU]


def test_tensors_that_contradict_themselves_cannot_be_made() -> None:
    source, other = Source(Input(2)), Source(Input(2))
    value = Value(source, source.start, (1, 2), 1, 1)
    with pytest.raises(AssertionError, match="each of its entries"):
        value.reshaped((1, 3))
    with pytest.raises(AssertionError, match="starts at its source"):
        value.at(Source(Input(3)), source.start)
    with pytest.raises(AssertionError, match="follows its own tensor"):
        Activated(value, other)
