"""Convolutions with circular padding, frequency by frequency.

Where the grid is a multiple of the stride, shifting the input by the stride shifts the output by
one, all around. The discrete Fourier transform then turns B into one small matrix a frequency:
pairs x (channels x phases of the stride). Its columns are the transforms of what B makes of
single ones.
"""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from monic.nn.paired import PairedLayer

__all__ = ["frequencies", "solve_by_frequency"]


def frequencies(layer: "PairedLayer", shape: tuple[int, ...], weight: Tensor) -> Tensor | None:
    """Returns the matrices (*counts, outputs, inputs) of a weight, or None where there are none.

    Arguments:
        layer: A layer, circular or not.
        shape: The shape (channels, *grid) of one example.
        weight: B or M.
    """
    strides = _strides(layer, shape)
    if strides is None:
        return None
    phases = math.prod(strides)
    ones = weight.new_zeros(shape[0], phases, *shape)
    corners = torch.cartesian_prod(*(torch.arange(s, device="cpu") for s in strides)).reshape(
        phases, -1
    )
    for phase, corner in enumerate(corners.tolist()):
        for channel in range(shape[0]):
            ones[(channel, phase, channel, *corner)] = 1.0
    image = layer.linear(ones.reshape(-1, *shape), weight, None)
    dims = len(strides)
    if any(g != s * c for g, s, c in zip(shape[1:], strides, image.shape[2:], strict=True)):
        return None  # the kernel does not go all around
    waves: Tensor = torch.fft.fftn(image, dim=tuple(range(-dims, 0)))
    return waves.permute(*range(2, dims + 2), 1, 0)


def solve_by_frequency(
    matrices: Tensor, layer: "PairedLayer", z: Tensor, shape: tuple[int, ...]
) -> Tensor:
    """Returns the x of a shape that minimises |B x - z|, for a batch z and the matrices of B."""
    strides = _strides(layer, shape)
    assert strides is not None, "there are matrices"
    dims, counts = len(strides), z.shape[2:]
    axes = tuple(range(-dims, 0))
    waves = torch.fft.fftn(z, dim=axes).permute(*range(2, dims + 2), 1, 0)
    orthogonal, triangle = torch.linalg.qr(matrices)
    found = torch.linalg.solve_triangular(triangle, orthogonal.mH @ waves, upper=True)
    found = found.permute(dims + 1, dims, *range(dims))
    grid: Tensor = torch.fft.ifftn(found, dim=axes).real
    grid = grid.reshape(len(z), shape[0], *strides, *counts)
    # along each axis, position = count * stride + phase
    order = [a for k in range(dims) for a in (2 + dims + k, 2 + k)]
    return grid.permute(0, 1, *order).reshape(len(z), *shape)


def _strides(layer: "PairedLayer", shape: tuple[int, ...]) -> tuple[int, ...] | None:
    if getattr(layer, "padding_mode", None) != "circular":
        return None
    strides: tuple[int, ...] = getattr(layer, "stride", ())
    if any(side % stride for side, stride in zip(shape[1:], strides, strict=True)):
        return None
    return strides
