"""Injective modules in the terms of libraries for flows; each is imported when it is asked for."""

import importlib
import math
from typing import Any

import torch
from torch import Tensor

from monic.errors import LayerError
from monic.nn.module import InjectiveModule

__all__ = ["as_torch_transform", "to_nflows", "to_normflows"]


def as_torch_transform(module: InjectiveModule, *, event_dim: int = 1) -> Any:
    """Returns a `torch.distributions.Transform`, not bijective, with 1/2 log det J^T J.

    zuko's flows take such transforms as well.

    Arguments:
        module: An injective module.
        event_dim: How many axes one example has.

    Example:
        >>> from monic.nn import InjectiveLinear
        >>> transform = as_torch_transform(InjectiveLinear(2, 4))
        >>> x = torch.ones(3, 2)
        >>> transform.log_abs_det_jacobian(x, transform(x)).shape
        torch.Size([3])
    """
    return _transform_class()(module, event_dim)


def _transform_class() -> Any:
    from torch.distributions import Transform, constraints

    class InjectiveTransform(Transform):
        bijective = False

        def __init__(self, module: InjectiveModule, event_dim: int) -> None:
            super().__init__()
            self.module = module
            space: Any = constraints.independent
            self.domain = self.codomain = space(constraints.real, event_dim)

        def _call(self, x: Tensor) -> Tensor:
            given: Tensor = self.module(x)
            return given

        def _inverse(self, y: Tensor) -> Tensor:
            return self.module.inverse(y)

        def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
            return self.module.log_det(x)

        def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.module.forward_and_log_det(x)

        def forward_shape(self, shape: torch.Size) -> torch.Size:
            return self._shape(self.module, shape)

        def inverse_shape(self, shape: torch.Size) -> torch.Size:
            return self._shape(lambda y: self.module.inverse(y, tolerance=math.inf), shape)

        def _shape(self, function: Any, shape: torch.Size) -> torch.Size:
            like = next(self.module.parameters(), torch.empty(0))
            with torch.no_grad():
                return torch.Size(function(like.new_zeros(shape)).shape)

    return InjectiveTransform


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
