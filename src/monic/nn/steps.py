"""Plain torch modules that are one-to-one, seen as injective modules."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from monic.decision.affine import decide_affine
from monic.decision.result import Decision
from monic.errors import LayerError
from monic.model import WholeSpace
from monic.model.affine import AffineMap, Input, Linear, Shift
from monic.model.array import freeze
from monic.nn.dense import log_volume, singular_values, solve_tall
from monic.nn.module import InjectiveModule, insist_in_range
from monic.nn.precision import full_precision, working
from monic.nn.values import FloatBounds
from monic.nn.verdicts import injective

__all__ = ["AffineStep", "ElementwiseStep", "ReshapeStep", "inverse_of"]

Function = Callable[[Tensor], Tensor]


class AffineStep(InjectiveModule):
    """A `nn.Linear` with at least as many outputs as inputs: one-to-one if its rank is full."""

    def __init__(self, inner: nn.Linear) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        given: Tensor = self.inner(x)
        return given

    def inverse(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        with full_precision(y):
            weight, given = working(self.inner.weight), self.inner.bias
            bias = weight.new_zeros(()) if given is None else working(given)
            x = solve_tall(weight, working(y) - bias)
            again = nn.functional.linear(x, weight) + bias
            insist_in_range(y, again, bias.detach().abs().amax(), tolerance)
        return x.to(y.dtype)

    def log_det(self, x: Tensor) -> Tensor:
        return log_volume(self.inner.weight).expand(x.shape[:-1])

    def project(self, y: Tensor) -> Tensor:
        given: Tensor = self(self.inverse(y, tolerance=math.inf))
        return given

    @property
    def projects_to_nearest(self) -> bool:
        return True

    def bounds(self) -> FloatBounds:
        low, high = singular_values(self.inner.weight)
        return FloatBounds(inverse_lipschitz=(low, low), lipschitz=(high, high))

    def is_injective(self) -> Decision:
        value: AffineMap = Linear(
            freeze(self.inner.weight, "weight"), Input(self.inner.in_features)
        )
        if self.inner.bias is not None:
            value = Shift(freeze(self.inner.bias, "bias"), value)
        return decide_affine(value, WholeSpace())

    def config(self) -> dict[str, Any]:
        return {}


class ElementwiseStep(InjectiveModule):
    """An activation that is one-to-one on R."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        found = inverse_of(inner)
        assert found is not None, "only one-to-one activations are taken"
        self.back, self.slopes = found

    def forward(self, x: Tensor) -> Tensor:
        given: Tensor = self.inner(x)
        return given

    def inverse(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        x = self.back(y)
        insist_in_range(y, self(x), 0.0, tolerance, max(1, y.dim() - 1))
        return x

    def log_det(self, x: Tensor) -> Tensor:
        slope: Tensor = torch.func.vjp(self.inner, x)[1](torch.ones_like(x))[0]
        return slope.abs().log().flatten(1).sum(1)

    def project(self, y: Tensor) -> Tensor:
        given: Tensor = self(self.back(y))
        return given

    @property
    def projects_to_nearest(self) -> bool:
        return True

    def bounds(self) -> FloatBounds:
        low, high = self.slopes
        return FloatBounds(inverse_lipschitz=(low, low), lipschitz=(high, high))

    def is_injective(self) -> Decision:
        return injective("the activation is one-to-one on R", "monotone")

    def config(self) -> dict[str, Any]:
        return {}


class ReshapeStep(InjectiveModule):
    """`nn.Flatten()` and `nn.Unflatten(1, ...)`, which move no number."""

    def __init__(self, inner: nn.Module, shape: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.inner, self.shape = inner, shape

    def forward(self, x: Tensor) -> Tensor:
        given: Tensor = self.inner(x)
        return given

    def inverse(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        if isinstance(self.inner, nn.Unflatten):
            return y.flatten(1, len(self.inner.unflattened_size))
        if self.shape is None:
            raise LayerError(
                "Expected a network that knows what nn.Flatten flattened. Got one that was never "
                "called: call it once."
            )
        return y.reshape(len(y), *self.shape)

    def log_det(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x))

    def project(self, y: Tensor) -> Tensor:
        return y

    @property
    def projects_to_nearest(self) -> bool:
        return True

    def bounds(self) -> FloatBounds:
        return FloatBounds(inverse_lipschitz=(1.0, 1.0), lipschitz=(1.0, 1.0))

    def is_injective(self) -> Decision:
        return injective("it moves no number", "reshape")

    def config(self) -> dict[str, Any]:
        return {}


def inverse_of(module: nn.Module) -> tuple[Function, tuple[float, float]] | None:
    """Returns the inverse of an activation and the range of its slopes, or None.

    Numbers that no input gives, and limits that only rounding reaches, are moved to the nearest
    number inside.

    Example:
        >>> back, slopes = inverse_of(nn.Tanh())
        >>> bool(back(torch.tensor(1.5)).isfinite()), slopes
        (True, (0.0, 1.0))
    """
    kind = type(module)  # a subclass may compute something else
    if isinstance(module, nn.LeakyReLU) and kind is nn.LeakyReLU and module.negative_slope > 0:
        slope = module.negative_slope
        return lambda y: torch.where(y >= 0, y, y / slope), (min(slope, 1.0), max(slope, 1.0))
    if isinstance(module, nn.ELU) and kind is nn.ELU and module.alpha > 0:
        alpha = module.alpha
        return (
            lambda y: torch.where(
                y > 0, y, torch.log1p(y.clamp(-alpha * _below_one(y), 0) / alpha)
            ),
            (0.0, max(1.0, alpha)),
        )
    plain: dict[type[nn.Module], tuple[Function, tuple[float, float]]] = {
        nn.Identity: (lambda y: y, (1.0, 1.0)),
        nn.Tanh: (lambda y: torch.atanh(y.clamp(-_below_one(y), _below_one(y))), (0.0, 1.0)),
        nn.Sigmoid: (
            lambda y: torch.logit(y.clamp(torch.finfo(y.dtype).tiny, _below_one(y))),
            (0.0, 0.25),
        ),
    }
    return plain.get(kind)


def _below_one(y: Tensor) -> float:
    """Returns the largest number below 1 in the format of a tensor."""
    return 1 - torch.finfo(y.dtype).eps / 2
