"""Functions of torch with arguments that are easy to overlook, beside torch itself."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name
from torch import Tensor, nn

import monic
from monic.errors import UnsupportedModel
from monic.io.onnx.admission import form_of
from monic.io.torch.exporting import exported
from monic.io.torch.walk import walked
from tests.io.floats import outputs

pytestmark = pytest.mark.thorough

Act = Callable[[Tensor], Any]


class _Module(nn.Module):
    def __init__(self, act: Act) -> None:
        super().__init__()
        self.act = act

    def forward(self, x: Tensor) -> Any:
        return self.act(x)


def _counted(*shape: int) -> Tensor:
    return torch.arange(1.0, 1.0 + np.prod(shape)).reshape(shape) / 4


READ: dict[str, tuple[Act, tuple[int, ...]]] = {
    "wider sum": (lambda x: x.sum(1, dtype=torch.float64), (2, 3)),
    "sum of all": (lambda x: x.sum(), (3,)),
    "wider factor": (lambda x: x.double() * 0.1, (3,)),
    "bounds the wrong way round": (lambda x: x.clamp(0.5, -0.5), (3,)),
    "bounds as tensors": (lambda x: x.clamp(torch.tensor(-0.5), torch.tensor(0.5)), (3,)),
    "hardtanh": (lambda x: F.hardtanh(x, -2.0, 0.5), (4,)),
    "falling slope": (lambda x: F.leaky_relu(x, -0.5), (4,)),
    "elu": (lambda x: F.elu(x, 2.0), (4,)),
    "slopes": (lambda x: F.prelu(x, torch.tensor([0.1, 0.2, 0.3])), (3, 2)),
    "a falling slope for all": (lambda x: F.prelu(x, torch.tensor([-0.1])), (3, 2)),
    "a scale that leaves one axis": (
        lambda x: F.interpolate(x, scale_factor=1.1, mode="bilinear"), (2, 11, 7)
    ),
    "a scale": (lambda x: F.interpolate(x, scale_factor=1.7, mode="linear"), (2, 7)),
    "a scale made a size": (
        lambda x: F.interpolate(
            x, scale_factor=1.3, mode="linear", recompute_scale_factor=True
        ),
        (2, 10),
    ),
    "corners": (
        lambda x: F.interpolate(x, scale_factor=0.7, mode="linear", align_corners=True), (2, 10)
    ),
    "a size": (lambda x: F.interpolate(x, size=5, mode="linear"), (2, 10)),
    "nearest": (lambda x: F.interpolate(x, scale_factor=1.5), (2, 10)),
    "nearest, exactly": (lambda x: F.interpolate(x, size=7, mode="nearest-exact"), (2, 10)),
    "padding not counted": (
        lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), (2, 6, 6)
    ),
    "ceiled windows": (lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), (2, 6, 6)),
    "windows that are left out": (lambda x: F.max_pool2d(x, 2, 3, 1, ceil_mode=True), (2, 5, 6)),
    "padding on one side more": (
        lambda x: F.conv1d(x, _counted(1, 2, 4), padding="same"), (2, 6)
    ),
    "transposed": (
        lambda x: F.conv_transpose1d(
            x, _counted(2, 1, 4), stride=3, padding=1, output_padding=2, dilation=2
        ),
        (2, 6),
    ),
    "mirrored": (lambda x: F.pad(x, (2, 1), mode="reflect"), (2, 4)),
    "all the way round": (lambda x: F.pad(x, (2, 4), mode="circular"), (2, 4)),
    "cut and filled": (lambda x: F.pad(x, (-1, 2), value=1.5), (2, 4)),
    "blocks": (lambda x: F.pixel_shuffle(x, 2), (8, 2, 2)),
    "blocks back": (lambda x: F.pixel_unshuffle(x, 2), (2, 4, 6)),
    "shuffled channels": (lambda x: F.channel_shuffle(x, 2), (4, 3)),
    "patches": (lambda x: F.unfold(x, 2), (2, 3, 3)),
    "a triangle": (lambda x: x.tril(), (3, 3)),
    "rolled": (lambda x: x.roll(1, 1), (4,)),
    "repeated entries": (lambda x: x.repeat_interleave(2, 1), (3,)),
    "a factor in a difference": (lambda x: torch.sub(torch.ones(2), x, alpha=0.3), (2,)),
    "a factor in a sum": (lambda x: torch.add(x, torch.ones(2), alpha=0.1), (2,)),
    "quotients": (lambda x: x / torch.tensor([3.0, 7.0]), (2,)),
    "in place": (lambda x: x.clone().relu_().add_(1).mul_(2), (3,)),
    "rms norm without epsilon": (lambda x: F.rms_norm(x, (4,)), (4,)),
    "group norm": (lambda x: F.group_norm(x, 2, _counted(4), _counted(4)), (4, 3)),
    "instance norm": (lambda x: F.instance_norm(x, weight=_counted(4), bias=_counted(4)), (4, 3)),
    "least of two axes": (lambda x: x.amin((1, 2)), (3, 2)),
    "least and its place": (lambda x: x.min(1)[0], (3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_what_torch_computes(name: str) -> None:
    torch.manual_seed(2)
    act, shape = READ[name]
    network = monic.load(_Module(act), input_shape=shape)
    for _ in range(3):
        x = 2 * torch.randn(1, *shape)
        expected = act(x).double().reshape(-1).numpy()
        np.testing.assert_allclose(outputs(network, x.numpy()), expected, 1e-4, 1e-5)


REFUSED: dict[str, tuple[Act, tuple[int, ...], str]] = {
    "a sum of integers": (lambda x: x.sum(1, dtype=torch.int64) * 1.0, (3,), "int64"),
    "a mean of halves": (lambda x: x.mean(1, dtype=torch.float16), (3,), "to torch.float16"),
    "to halves and back": (lambda x: x.half().float(), (3,), "to torch.float16"),
    "a place": (lambda x: x.max(1)[1] * 1.0, (3, 2), "getitem"),
    "bounds of each entry": (
        lambda x: x.clamp(torch.tensor([-0.5, 0.0, 0.2])), (3,), "no constant number"
    ),
    "windows beyond the padding": (
        lambda x: F.avg_pool2d(x, 2, ceil_mode=True), (2, 5, 5), "beyond the padding"
    ),
    "another divisor": (
        lambda x: F.avg_pool2d(x, 2, divisor_override=3), (2, 4, 4), "divides by another"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_torch_rounds_or_leaves_out_is_refused(name: str) -> None:
    act, shape, why = REFUSED[name]
    with pytest.raises(UnsupportedModel, match=why):
        monic.load(_Module(act), input_shape=shape)


@pytest.mark.parametrize("name", READ)
def test_the_graph_of_a_module_is_written_in_admitted_operators(name: str) -> None:
    act, shape = READ[name]
    for node in walked(exported(_Module(act), shape)).graph.nodes:
        form = form_of(node.op, node.opset)
        assert form is not None
        if not node.added.get("deviations"):  # a spelled-out norm has axes of its own
            assert set(node.attributes) <= set(form.rules)
            assert len(node.inputs) <= form.inputs[1]
