"""Injective modules in the terms of torch.distributions and of libraries for flows.

The libraries are imported when they are asked for.
"""

import importlib
import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Transform, constraints

from monic.errors import LayerError
from monic.nn.module import InjectiveModule

__all__ = ["InjectiveTransform", "as_torch_transform", "to_nflows", "to_normflows"]


def as_torch_transform(
    module: InjectiveModule, *, event_dim: int | tuple[int, int] | None = None
) -> "InjectiveTransform":
    """Returns a `torch.distributions.Transform`, not bijective, with 1/2 log det J^T J.

    zuko's flows take such transforms as well. The density is one on the range, a surface: that of
    a point off it is not asked for, and `log_prob` raises NotInRange there.

    Arguments:
        module: An injective module.
        event_dim: How many axes one example has, at the input and at the output where they differ
            (from a vector to an image: `(1, 3)`); None is what the module says, or 1.

    Example:
        >>> from monic.nn import InjectiveLinear
        >>> transform = as_torch_transform(InjectiveLinear(2, 4))
        >>> x = torch.ones(3, 2)
        >>> transform.log_abs_det_jacobian(x, transform(x)).shape
        torch.Size([3])
    """
    dims = getattr(module, "example_dims", 1) if event_dim is None else event_dim
    return InjectiveTransform(module, *(dims if isinstance(dims, tuple) else (dims, dims)))


class InjectiveTransform(Transform):
    """An injective module as a transform of `torch.distributions`; see `as_torch_transform`."""

    bijective = False

    def __init__(self, module: InjectiveModule, domain_dim: int, codomain_dim: int) -> None:
        super().__init__()
        self.module = module
        space: Any = constraints.independent
        self.domain = space(constraints.real, domain_dim)
        self.codomain = space(constraints.real, codomain_dim)

    def _call(self, x: Tensor) -> Tensor:
        given: Tensor = self.module(x)
        return given

    def _inverse(self, y: Tensor) -> Tensor:
        return self.module.inverse(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Returns 1/2 log det J^T J at x."""
        return self.module.log_det(x)

    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns f(x) and 1/2 log det J^T J, as zuko asks for them."""
        return self.module.forward_and_log_det(x)

    def forward_shape(self, shape: torch.Size) -> torch.Size:
        return self._shape(self.module, shape, self.domain.event_dim)

    def inverse_shape(self, shape: torch.Size) -> torch.Size:
        def back(y: Tensor) -> Tensor:
            return self.module.inverse(y, tolerance=math.inf)

        return self._shape(back, shape, self.codomain.event_dim)

    def _shape(self, function: Any, shape: torch.Size, dims: int) -> torch.Size:
        """Returns the shape of what a function gives, by a batch of one example of zeros."""
        like = next(self.module.parameters(), torch.empty(0))
        lead, event = shape[: len(shape) - dims], shape[len(shape) - dims :]
        with torch.no_grad():
            given = function(like.new_zeros(1, *event))
        return torch.Size((*lead, *given.shape[1:]))


def to_nflows(module: InjectiveModule) -> Any:
    """Returns a `nflows.transforms.Transform`: forward and inverse with log |det|.

    Raises:
        LayerError: when nflows is not installed.
    """
    base = _library("nflows.transforms.base", "nflows").Transform

    class InjectiveTransform(base):  # type: ignore[misc, valid-type] # known when it runs
        def __init__(self, module: InjectiveModule) -> None:
            super().__init__()
            self.module = module

        def forward(self, inputs: Tensor, context: Any = None) -> tuple[Tensor, Tensor]:
            return self.module.forward_and_log_det(inputs)

        def inverse(self, inputs: Tensor, context: Any = None) -> tuple[Tensor, Tensor]:
            return self.module.inverse_and_log_det(inputs)

    return InjectiveTransform(module)


def to_normflows(module: InjectiveModule) -> Any:
    """Returns a `normflows.flows.Flow`: forward(z) and inverse(x) with log |det|.

    Raises:
        LayerError: when normflows is not installed.
    """
    base = _library("normflows.flows.base", "normflows").Flow

    class InjectiveFlow(base):  # type: ignore[misc, valid-type] # known when it runs
        def __init__(self, module: InjectiveModule) -> None:
            super().__init__()
            self.module = module

        def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
            return self.module.forward_and_log_det(z)

        def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
            return self.module.inverse_and_log_det(z)

    return InjectiveFlow(module)


def _library(name: str, package: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise LayerError(
            f"Expected {package} to be installed. Got {error}: python -m pip install {package}"
        ) from None
