"""B x = z for layers of pairs.

By Fourier transform for convolutions with circular padding, by QR where B can be written out, and
else by conjugate gradients.
"""

import math
from typing import TYPE_CHECKING

from torch import Tensor

from monic.nn.dense import matrix_of, solve_tall
from monic.nn.fourier import frequencies, solve_by_frequency
from monic.nn.iterative import least_squares
from monic.nn.precision import working

if TYPE_CHECKING:
    from monic.nn.paired import PairedLayer

__all__ = ["solve"]


def solve(layer: "PairedLayer", z: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Returns the x of a shape that minimises |B x - z|, for each example."""
    weight = working(layer.basis)

    def apply(x: Tensor) -> Tensor:
        return layer.linear(x, weight, None)

    lead = z.shape[: z.dim() - layer.example_dims]
    if not z.numel():
        return z.new_zeros(*lead, *shape)
    batch = z.reshape(-1, *z.shape[z.dim() - layer.example_dims :])
    size = math.prod(shape)
    matrices = frequencies(layer, shape, weight)
    if matrices is not None:
        found = solve_by_frequency(matrices, layer, batch, shape)
    elif size > layer.dense_limit:
        found = least_squares(apply, batch, batch.new_zeros(len(batch), *shape))
    else:
        found = solve_tall(matrix_of(apply, shape, weight), batch.flatten(1))
    return found.reshape(*lead, *shape)
