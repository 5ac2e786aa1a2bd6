"""In which number format inverses and volumes are computed."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor

__all__ = ["full_precision", "working"]


def working(values: Tensor) -> Tensor:
    """Returns values in float32 at least: decompositions do not exist in half precision.

    Example:
        >>> working(torch.zeros(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return values.to(torch.promote_types(values.dtype, torch.float32))


def full_precision(like: Tensor) -> AbstractContextManager[object]:
    """Returns a context in which autocast does not lower the precision."""
    return torch.autocast(like.device.type, enabled=False)
