"""Normalisations that keep their statistics, and so can be undone."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from monic.decision.result import Collision, Decision
from monic.errors import LayerError
from monic.nn.module import InjectiveModule
from monic.nn.precision import FactoryDict
from monic.nn.values import FloatBounds
from monic.nn.verdicts import (
    injective,
    insist_on_assumption,
    insist_on_numbers,
    not_injective,
    undecided,
)

__all__ = ["InjectiveGroupNorm", "Statistics"]


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What a normalisation took away: mean and deviation of each group, shape (N, groups, 1)."""

    mean: Tensor
    deviation: Tensor


class InjectiveGroupNorm(InjectiveModule):
    r"""Creates the normalisation y = gamma (x - mean) / sqrt(var + eps) + beta by groups.

    One group is layer norm, a group for each channel is instance norm. On its own it maps x and
    x + c to one output; *with its statistics* it is one-to-one, if no gamma is 0. `normalize`
    returns them; `forward` stores those of the last call in `statistics`, and `inverse` uses
    them unless it is given others.

    References:
        Globally Injective ReLU Networks (Puthawala et al., 2020), Appendix B, Definition 5:
        scalar-augmented injective normalisation.

    Arguments:
        num_groups: Groups of channels.
        num_channels: Channels, axis 1 of a batch.
        eps: Added to the variance, above 0.
        factory: `device` and `dtype`.

    Raises:
        LayerError: when the groups do not divide the channels, or eps is not positive.

    Example:
        >>> norm = InjectiveGroupNorm(1, 4)
        >>> x = torch.tensor([[1.0, 2.0, 3.0, 6.0]])
        >>> bool(torch.allclose(norm.inverse(norm(x)), x))
        True
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        *,
        eps: float = 1e-5,
        **factory: Unpack[FactoryDict],
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups or not eps > 0:
            raise LayerError(
                "Expected groups that divide the channels, and eps > 0. Got num_groups="
                f"{num_groups}, num_channels={num_channels}, eps={eps}."
            )
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = nn.Parameter(torch.empty(num_channels, **factory))
        self.bias = nn.Parameter(torch.empty(num_channels, **factory))
        self.statistics: Statistics | None = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets gamma = 1 and beta = 0."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():  # as one operator, which monic.load reads
            return nn.functional.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)
        y, statistics = self.normalize(x)
        if not torch.compiler.is_compiling():
            self.statistics = Statistics(statistics.mean.detach(), statistics.deviation.detach())
        return y

    def normalize(self, x: Tensor) -> tuple[Tensor, Statistics]:
        """Returns the normalised batch and its statistics."""
        groups = x.reshape(len(x), self.num_groups, -1)
        mean = groups.mean(-1, keepdim=True)
        deviation = (groups.var(-1, unbiased=False, keepdim=True) + self.eps).sqrt()
        unit = ((groups - mean) / deviation).reshape(x.shape)
        weight, bias = self._shaped(x)
        return weight * unit + bias, Statistics(mean, deviation)

    def inverse(
        self,
        y: Tensor,
        *,
        tolerance: float | None = None,
        statistics: Statistics | None = None,
    ) -> Tensor:
        """Returns the batch that was normalised to y with the given or the stored statistics."""
        known = self._known(y, statistics)
        weight, bias = self._shaped(y)
        unit = ((y - bias) / weight).reshape(len(y), self.num_groups, -1)
        return (known.mean + known.deviation * unit).reshape(y.shape)

    def log_det(self, x: Tensor) -> Tensor:
        """Returns the sum of log |gamma / deviation|: of the map with these statistics fixed."""
        deviation = self.normalize(x)[1].deviation
        weight = self._shaped(x)[0].expand(1, *x.shape[1:]).abs().log().sum()
        size = x[0].numel() // self.num_groups
        return weight - size * deviation.log().flatten(1).sum(1)

    def project(self, y: Tensor) -> Tensor:
        return y

    @property
    def projects_to_nearest(self) -> bool:
        return True

    def bounds(self) -> FloatBounds:
        """Returns the bounds with the stored statistics, of all examples together."""
        known = self._known(None, None)
        sizes = self.weight.detach().abs()
        low, high = sizes.min() / known.deviation.max(), sizes.max() / known.deviation.min()
        pair = (float(low), float(high))
        return FloatBounds(inverse_lipschitz=pair, lipschitz=pair)

    def is_injective(self, *, assume: str | Sequence[str] | None = None) -> Decision:
        """Returns INJECTIVE under the assumption "statistics", when it is asked for.

        Without it, 0 and the vector of ones in the first group collide.
        """
        insist_on_numbers(self)
        asked = insist_on_assumption(assume)
        if "statistics" in asked:
            if bool((self.weight == 0).any()):
                return undecided("a gamma is 0: that channel is lost", "normalisation")
            return injective(
                "given its statistics it is affine with nonzero slopes",
                "normalisation",
                "statistics",
            )
        ones = self.num_channels // self.num_groups
        other = [Fraction(int(i < ones)) for i in range(self.num_channels)]
        zero = (Fraction(0),) * self.num_channels
        return not_injective(
            "without its statistics the mean of a group is lost; pass assume='statistics'",
            "normalisation",
            Collision(x=zero, other=tuple(other)),
        )

    def _shaped(self, x: Tensor) -> tuple[Tensor, Tensor]:
        shape = (-1, *[1] * (x.dim() - 2))
        return self.weight.reshape(shape), self.bias.reshape(shape)

    def _known(self, y: Tensor | None, given: Statistics | None) -> Statistics:
        known = given or self.statistics
        if known is None or (y is not None and len(known.mean) != len(y)):
            raise LayerError(
                "Expected the statistics of this batch. Got "
                f"{'none' if known is None else f'those of {len(known.mean)} examples'}: call "
                "the module first, or pass `statistics` from `normalize`."
            )
        return known

    def config(self) -> dict[str, Any]:
        names = ("num_groups", "num_channels", "eps")
        return {name: getattr(self, name) for name in names}

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.config().items())
