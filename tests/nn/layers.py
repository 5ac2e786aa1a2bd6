"""Every injective module, with the shape of one example: what the laws are asked of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn

from monic.nn import (
    AugmentedLayerNorm,
    InjectiveConcat,
    InjectiveConv1d,
    InjectiveConv2d,
    InjectiveConv3d,
    InjectiveConvTranspose1d,
    InjectiveConvTranspose2d,
    InjectiveConvTranspose3d,
    InjectiveGroupNorm,
    InjectiveLinear,
    InjectiveModule,
    InjectiveResidual,
    InjectiveSequential,
    InjectiveSkip,
    RandomProjection,
)

Kind = TypeVar("Kind", bound=InjectiveModule)


@dataclass(frozen=True)
class Case:
    """A module, the shape of an example, and what its decision may assume."""

    name: str
    make: Callable[[], InjectiveModule]
    shape: tuple[int, ...]
    assume: tuple[str, ...] = field(default=())

    def module(self, dtype: torch.dtype = torch.float64) -> InjectiveModule:
        torch.manual_seed(5)
        return stirred(self.make()).to(dtype)

    def batch(self, count: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
        generator = torch.Generator().manual_seed(7)
        return torch.randn(count, *self.shape, generator=generator, dtype=torch.float64).to(dtype)


def stirred(module: Kind) -> Kind:
    """Moves every parameter a little from where it starts, biases and scales too."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator).to(parameter)
            parameter.add_(noise, alpha=0.1)
    return module


def branch(n: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n, 2 * n), nn.Tanh(), nn.Linear(2 * n, n))


def cases() -> Iterator[Case]:
    yield Case("linear square", lambda: InjectiveLinear(3, 6), (3,))
    yield Case("linear tall", lambda: InjectiveLinear(3, 8), (3,))
    yield Case("linear with rest", lambda: InjectiveLinear(3, 11, pairs=4), (3,))
    yield Case("linear scalar", lambda: InjectiveLinear(3, 7, scale="scalar", bias=False), (3,))
    yield Case("linear orthogonal", lambda: InjectiveLinear(3, 8, constraint="orthogonal"), (3,))
    yield Case("conv1d", lambda: InjectiveConv1d(2, 6, 3, padding=1, input_size=5), (2, 5))
    yield Case("conv2d", lambda: InjectiveConv2d(2, 9, 3, padding=1, input_size=3), (2, 3, 3))
    yield Case(
        "conv2d stride",
        lambda: InjectiveConv2d(1, 8, 4, stride=2, padding=1, input_size=4),
        (1, 4, 4),
    )
    yield Case(
        "conv2d circular groups",
        lambda: InjectiveConv2d(
            2, 8, 3, padding=1, groups=2, padding_mode="circular", input_size=4
        ),
        (2, 4, 4),
    )
    yield Case(
        "conv2d orthogonal patches",
        lambda: InjectiveConv2d(1, 8, 2, stride=2, constraint="orthogonal", input_size=4),
        (1, 4, 4),
    )
    yield Case("conv3d", lambda: InjectiveConv3d(1, 4, 3, padding=1, input_size=2), (1, 2, 2, 2))
    yield Case(
        "transposed 1d",
        lambda: InjectiveConvTranspose1d(2, 4, 4, stride=2, padding=1, input_size=3),
        (2, 3),
    )
    yield Case(
        "transposed 2d",
        lambda: InjectiveConvTranspose2d(4, 5, 4, stride=2, padding=1, input_size=2),
        (4, 2, 2),
    )
    yield Case(
        "transposed 2d groups",
        lambda: InjectiveConvTranspose2d(4, 4, 3, stride=2, groups=2, input_size=2),
        (4, 2, 2),
    )
    yield Case(
        "transposed 3d",
        lambda: InjectiveConvTranspose3d(4, 2, 2, stride=2, input_size=2),
        (4, 2, 2, 2),
    )
    yield Case("residual", lambda: InjectiveResidual(branch(3)), (3,))
    yield Case("concat", lambda: InjectiveConcat(nn.Linear(3, 2), 3), (3,))
    yield Case("augmented norm", lambda: AugmentedLayerNorm(4), (4,))
    yield Case(
        "skip",
        lambda: InjectiveSkip(nn.Sequential(nn.Linear(2, 6), nn.ReLU()), 2, 6, epsilon=0.5),
        (2,),
        ("random-projections",),
    )
    yield Case("group norm", lambda: InjectiveGroupNorm(2, 4), (4, 3), ("statistics",))
    yield Case(
        "network",
        lambda: InjectiveSequential(
            InjectiveLinear(2, 4), InjectiveResidual(branch(4)), nn.Linear(4, 5), nn.LeakyReLU(0.2)
        ),
        (2,),
    )
    yield Case(
        "generator",
        lambda: InjectiveSequential(
            InjectiveLinear(4, 16),
            nn.Unflatten(1, (4, 2, 2)),
            InjectiveConvTranspose2d(4, 4, 4, stride=2, padding=1, input_size=2),
            nn.Flatten(),
        ),
        (4,),
    )
    yield Case(
        "network with projection",
        lambda: InjectiveSequential(
            InjectiveLinear(2, 8), RandomProjection(2, 8, 5, seed=3), InjectiveLinear(5, 10)
        ),
        (2,),
        ("random-projections",),
    )


CASES = list(cases())
IDS = [case.name for case in CASES]
