"""In which state and number format inverses, volumes and decisions look at a module."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypedDict

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

__all__ = ["FactoryDict", "full_precision", "held", "in_format_of", "settled", "working"]


class FactoryDict(TypedDict, total=False):
    """The keywords of torch's constructors: where weights are, and in which format."""

    device: torch.device | str | None
    dtype: torch.dtype | None


def working(values: Tensor) -> Tensor:
    """Returns values in float32 at least: decompositions do not exist in half precision.

    Example:
        >>> working(torch.zeros(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return values.to(torch.promote_types(values.dtype, torch.float32))


def in_format_of(module: nn.Module, values: Tensor) -> Tensor:
    """Returns values in the number format of a module's weights, or as they are without any.

    Outputs of a module under autocast are in another one.

    Example:
        >>> in_format_of(nn.Linear(1, 1), torch.zeros(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    weights = (*module.parameters(), *module.buffers())
    like = next((weight for weight in weights if weight.is_floating_point()), values)
    return values.to(like.dtype)


def full_precision(like: Tensor) -> AbstractContextManager[object]:
    """Returns a context in which autocast does not lower the precision."""
    return torch.autocast(like.device.type, enabled=False)


@contextmanager
def held(module: nn.Module) -> Iterator[None]:
    """Keeps parametrizations as the last call left them.

    Torch's spectral norm improves its singular vectors at every look at a weight in training:
    without this, `inverse` would undo another map than the one that `forward` computed.
    """
    lists = [inner for inner in module.modules() if isinstance(inner, ParametrizationList)]
    moving = {part for inner in lists for part in inner.modules() if part.training}
    for part in moving:
        part.training = False
    try:
        yield
    finally:
        for part in moving:
            part.training = True


@contextmanager
def settled(module: nn.Module, like: Tensor) -> Iterator[None]:
    """Holds parametrizations, and turns autocast off on the device of a tensor."""
    with full_precision(like), held(module):
        yield
