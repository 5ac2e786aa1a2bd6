"""Blocks that keep their input beside what they compute."""

from typing import Any

import torch
from torch import Tensor, nn

from monic.decision.result import Decision
from monic.errors import LayerError
from monic.nn.dense import jacobian_log_volume
from monic.nn.module import InjectiveModule, insist_in_range
from monic.nn.precision import held
from monic.nn.values import FloatBounds
from monic.nn.verdicts import injective, insist_on_numbers

__all__ = ["InjectiveConcat"]


class InjectiveConcat(InjectiveModule):
    """Creates the block x -> (x, g(x)): one injective branch is enough.

    Arguments:
        branch: g, on examples of shape (in_features,).
        in_features: n.

    Example:
        >>> block = InjectiveConcat(nn.Linear(2, 3), 2)
        >>> block.inverse(block(torch.tensor([[1.0, 2.0]]))).tolist()
        [[1.0, 2.0]]
    """

    def __init__(self, branch: nn.Module, in_features: int) -> None:
        super().__init__()
        self.branch, self.in_features = branch, in_features

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.in_features:
            raise LayerError(
                f"Expected examples of {self.in_features} numbers, as `in_features` says. Got "
                f"{x.shape[-1]}."
            )
        return torch.cat((x, self.branch(x)), -1)

    def inverse(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        x = y[..., : self.in_features]
        with held(self):
            insist_in_range(y, self(x), 0.0, tolerance)
        return x

    def log_det(self, x: Tensor) -> Tensor:
        return jacobian_log_volume(self, x, 1)

    def project(self, y: Tensor) -> Tensor:
        given: Tensor = self(y[..., : self.in_features])
        return given

    @property
    def projects_to_nearest(self) -> bool:
        return False

    def bounds(self) -> FloatBounds:
        infinity = float("inf")
        return FloatBounds(inverse_lipschitz=(1.0, infinity), lipschitz=(1.0, infinity))

    def is_injective(self) -> Decision:
        insist_on_numbers(self)
        return injective("the input is a part of the output", "concatenation")

    def config(self) -> dict[str, Any]:
        return {"in_features": self.in_features}

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}"
