"""Weights to start from: well conditioned, and neutral for the mean square of entries.

With s = 1 the pair (ReLU(z), ReLU(-z)) holds the energy of z, spread over twice as many entries.
So the rows of B have mean squared norm 2, as in He's rule, and are otherwise as orthogonal as
they can be. For a convolution only as many taps are used as make windows that do not overlap: the
operator is then a multiple of an isometry [Xiao et al., 2018, for stride 1].
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from monic.nn.precision import working

__all__ = ["kernel_", "matrix_", "orthogonal_", "own_taps", "transposed_kernel_"]


def matrix_(weight: Tensor) -> Tensor:
    """Fills a matrix with orthogonal columns (or rows), rows of mean squared norm 2.

    Example:
        >>> B = matrix_(torch.empty(4, 2))
        >>> bool(torch.allclose(B.T @ B, 4 * torch.eye(2), atol=1e-5))
        True
    """
    rows, columns = weight.shape
    with torch.no_grad():
        orthogonal_(weight).mul_(math.sqrt(2 * max(1.0, rows / columns)))
    return weight


def orthogonal_(weight: Tensor) -> Tensor:
    """Fills a matrix with an orthogonal one; decompositions do not exist in half precision."""
    with torch.no_grad():
        return weight.copy_(nn.init.orthogonal_(working(torch.empty_like(weight))))


def kernel_(weight: Tensor, taps: Sequence[slice] | None, *, groups: int = 1) -> Tensor:
    """Fills a kernel (outputs, inputs / groups, taps...), at its own taps or at all of them."""
    with torch.no_grad():
        weight.zero_()
        place = tuple(taps) if taps is not None else (slice(None),) * (weight.dim() - 2)
        for group in weight.chunk(groups):
            part = group[(slice(None), slice(None), *place)]
            matrix = weight.new_empty(part.shape[0], part[0].numel())
            part.copy_(matrix_(matrix).reshape(part.shape))
    return weight


def transposed_kernel_(
    weight: Tensor, taps: Sequence[slice] | None, stride: Sequence[int], *, groups: int = 1
) -> Tensor:
    """Fills a kernel (inputs, outputs / groups, taps...) of a transposed convolution.

    An input reaches prod(stride) outputs a channel through its own taps; their weights are
    orthogonal, and scaled so that the mean square of z is twice that of x.
    """
    with torch.no_grad():
        weight.zero_()
        place = tuple(taps) if taps is not None else (slice(None),) * (weight.dim() - 2)
        for group in weight.chunk(groups):
            part = group[(slice(None), slice(None), *place)]
            matrix = orthogonal_(weight.new_empty(part.shape[0], part[0].numel()))
            outputs = part.shape[1] * math.prod(stride)
            gain = math.sqrt(2 * outputs / min(matrix.shape))
            part.copy_((gain * matrix).reshape(part.shape))
    return weight


def own_taps(
    kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> list[slice] | None:
    """Returns the taps of each axis whose windows tile the grid, or None when there are none.

    Output o reads input o stride - padding + dilation tap; the taps from padding on, as many as
    the stride, read every input once.

    Example:
        >>> own_taps([3], [1], [1], [1]), own_taps([1], [2], [0], [1])
        ([slice(1, 2, None)], None)
    """
    found = []
    for size, step, pad, spread in zip(kernel, stride, padding, dilation, strict=True):
        start = pad // spread
        if pad % spread or (spread > 1 and step > 1) or start + step > size:
            return None
        found.append(slice(start, start + step))
    return found
