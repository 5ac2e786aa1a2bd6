"""The shape of one example: with and without sizes of 1 in front it means the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import monic
from monic.errors import UnreadableModel
from monic.nn import InjectiveConv2d, InjectiveLinear
from tests.io.floats import outputs

pytestmark = pytest.mark.thorough


class _Function(nn.Module):
    """A function as a module."""

    def __init__(self, act: Callable[[Tensor], Tensor], *inner: nn.Module) -> None:
        super().__init__()
        self.act, self.inner = act, nn.Sequential(*inner)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.inner(x))


def _grey(*more: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), *more)


#: Modules, the shape of one example without ones in front, and the batch that the module is given.
MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(3, 4), (3,), (1, 3)),
    "linear of one number": (lambda: nn.Linear(1, 4), (1,), (1, 1)),
    "tokens": (lambda: nn.Linear(3, 4), (2, 3), (1, 2, 3)),
    "flat": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), (3, 4), (1, 3, 4)),
    "colours": (lambda: nn.Conv2d(3, 4, 3), (3, 4, 4), (1, 3, 4, 4)),
    "mean of channels": (
        lambda: _Function(lambda x: x.mean(1, keepdim=True)), (3, 2, 2), (1, 3, 2, 2)
    ),
    "a channel": (lambda: _Function(lambda x: x[:, 0]), (3, 2, 2), (1, 3, 2, 2)),
    "largest channel": (lambda: _Function(lambda x: x.amax(1)), (3, 2, 2), (1, 3, 2, 2)),
    "turned": (lambda: _Function(lambda x: x.transpose(1, 2)), (3, 2), (1, 3, 2)),
    "sums of columns": (lambda: _Function(lambda x: x.sum(1)), (3, 2), (1, 3, 2)),
    "doubled": (lambda: _Function(lambda x: torch.cat([x, -x], 1)), (3, 2), (1, 3, 2)),
    "grey": (lambda: _grey(), (4, 4), (1, 1, 4, 4)),
    "grey, flat": (lambda: _grey(nn.Flatten(), nn.Linear(64, 3)), (4, 4), (1, 1, 4, 4)),
    "grey, flat without a linear": (lambda: _grey(nn.Flatten()), (4, 4), (1, 1, 4, 4)),
    "grey, normed": (lambda: _grey(nn.BatchNorm2d(4)), (4, 4), (1, 1, 4, 4)),
    "grey, in groups": (lambda: _grey(nn.GroupNorm(2, 4)), (4, 4), (1, 1, 4, 4)),
    "grey, its mean": (lambda: _Function(lambda x: x.mean(1), *_grey()), (4, 4), (1, 1, 4, 4)),
    "grey, its places": (lambda: _Function(lambda x: x[:, 1], *_grey()), (4, 4), (1, 1, 4, 4)),
    "a grey row": (lambda: nn.Conv1d(1, 4, 3), (5,), (1, 1, 5)),
    "a grey row of an image": (lambda: nn.Conv2d(1, 4, (1, 3)), (5,), (1, 1, 1, 5)),
    "a grey volume": (lambda: nn.Conv3d(1, 2, 2), (3, 3, 3), (1, 1, 3, 3, 3)),
    "a volume": (lambda: nn.Conv3d(2, 2, 2), (2, 3, 3, 3), (1, 2, 3, 3, 3)),
    "pooled": (lambda: nn.MaxPool2d(2), (3, 4, 4), (1, 3, 4, 4)),
    "one batch only": (lambda: _Function(lambda x: x.reshape(1, 6)), (3, 2), (1, 3, 2)),
    "no batch": (lambda: _Function(lambda x: x.flatten()), (3, 2), (1, 3, 2)),
    "an injective layer": (lambda: InjectiveLinear(3, 6), (3,), (1, 3)),
    "an injective convolution": (
        lambda: InjectiveConv2d(1, 4, 3, padding=1, input_size=4), (4, 4), (1, 1, 4, 4)
    ),
}  # fmt: skip


def _stages(network: monic.Network) -> list[Any]:
    return [(s.name, s.activation, s.carried, s.map.in_dim, s.map.out_dim) for s in network.stages]


@pytest.mark.parametrize("name", MODULES)
def test_ones_in_front_say_nothing(name: str) -> None:
    torch.manual_seed(5)
    make, shape, batch = MODULES[name]
    module = make().double().eval()
    x = torch.randn(batch, dtype=torch.float64)
    expected = module(x).detach().reshape(-1).numpy()
    first = monic.load(module, input_shape=shape)
    for ones in range(4):
        network = monic.load(module, input_shape=(1,) * ones + shape)
        assert _stages(network) == _stages(first)
        np.testing.assert_allclose(outputs(network, x.numpy()), expected, atol=1e-9)


def test_the_mean_of_channels_is_not_injective() -> None:
    module = _Function(lambda x: x.mean(1, keepdim=True))
    for shape in ((3, 2, 2), (1, 3, 2, 2)):
        decision = monic.decide(monic.load(module, input_shape=shape))
        assert decision.verdict is monic.Verdict.NOT_INJECTIVE


def test_looking_at_shapes_changes_nothing() -> None:
    calls = list[type]()

    def counted(x: Tensor) -> Tensor:
        calls.append(type(x))
        return x

    module = _Function(counted, nn.BatchNorm1d(3)).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    monic.load(module, input_shape=(3,))
    assert calls
    assert module.training
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


def test_parameters_without_shapes_are_refused() -> None:
    module = nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(UnreadableModel, match=r"without: 0\.weight, 0\.bias\. Call it once"):
        monic.load(module, input_shape=(4,))
    assert isinstance(module[0].weight, nn.parameter.UninitializedParameter)
