"""The mathematics of pairs: (z, -d z) after a ReLU, and back."""

import torch
from torch import Tensor

__all__ = ["code_of", "in_pairs"]


def in_pairs(z: Tensor, scales: Tensor, dim: int, rest: Tensor | None = None) -> Tensor:
    """Returns ReLU(z, -d z, rest), joined along an axis.

    z is computed once: the pair is antiparallel exactly, and half of the filters are free.

    Example:
        >>> in_pairs(torch.tensor([3.0, -1.0]), torch.tensor([1.0, 2.0]), 0)
        tensor([3., 0., 0., 2.])
    """
    paired = -scales * z  # one pass over z, and none more for the sign
    parts = (z, paired) if rest is None else (z, paired, rest)
    if torch.compiler.is_compiling() and not torch.compiler.is_exporting():
        # part by part: what inductor makes of a ReLU behind a joint is not vectorised
        return torch.cat([torch.relu(part) for part in parts], dim)
    # in place, on a tensor that nobody else has: large outputs are not allocated twice
    return torch.relu_(torch.cat(parts, dim))


def code_of(plus: Tensor, minus: Tensor, scales: Tensor) -> Tensor:
    """Returns the z for which (ReLU(z), ReLU(-d z)) is nearest to (plus, minus).

    The outputs are the two half-lines (t, 0) and (0, t), t >= 0, whatever d is.

    Example:
        >>> code_of(torch.tensor([3.0, -0.1]), torch.tensor([0.0, 2.0]), torch.tensor([1.0, 2.0]))
        tensor([ 3., -1.])
    """
    larger = torch.maximum(plus, minus).clamp_min(0)  # NaN where one of them is
    return torch.where(plus >= minus, larger, -larger / scales)
