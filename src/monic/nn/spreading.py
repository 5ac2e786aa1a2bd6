"""Transposed convolutions with many channels on small grids, as one product of matrices.

There the weights are most of the data, and torch's kernels on the CPU first bring them into
another order. Product and fold do not, and take about a tenth less time.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["by_product", "suits_product"]

#: Kernels of fewer numbers are left to torch, as are grids with more numbers than weights.
WEIGHTS = 1 << 20


def suits_product(x: Tensor, weight: Tensor, dims: int) -> bool:
    """Whether `by_product` is the better way: on the CPU, for large kernels and small grids.

    Graphs that are exported keep their transposed convolutions.
    """
    return (
        not torch.compiler.is_exporting()
        and weight.numel() >= WEIGHTS
        and x.dim() == dims + 2
        and x.numel() * weight[0].numel() <= weight.numel() * weight.shape[0]
        and x.device.type == "cpu"
    )


def by_product(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    walk: tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]],
) -> Tensor:
    """Returns a transposed convolution on two axes.

    Arguments:
        x: Of shape (N, channels, *grid).
        weight: Of shape (channels, filters, *taps).
        bias: Of shape (filters,), or None.
        walk: The size of the output, dilation, padding and stride.

    Example:
        >>> x, weight = torch.randn(2, 3, 4, 4), torch.randn(3, 5, 4, 4)
        >>> wanted = nn.functional.conv_transpose2d(x, weight, stride=2, padding=1)
        >>> found = by_product(x, weight, None, ((8, 8), (1, 1), (1, 1), (2, 2)))
        >>> bool(torch.allclose(found, wanted, atol=1e-5))
        True
    """
    size, dilation, padding, stride = (tuple(numbers) for numbers in walk)
    channels, taps = weight.shape[0], tuple(weight.shape[2:])
    flat = x.flatten(2).transpose(1, 2).reshape(-1, channels)  # a row for each place
    columns = (flat @ weight.flatten(1)).view(x.shape[0], x.shape[2:].numel(), -1)
    value = nn.functional.fold(columns.transpose(1, 2), size, taps, dilation, padding, stride)
    return value if bias is None else value + bias[:, None, None]
