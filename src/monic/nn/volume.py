"""1/2 log det J^T J for layers of pairs.

At x the Jacobian has, of each pair, the row B_i times 1 or -d_i, and the active rows of M. For a
square B without M this is log |det B| plus the logarithms of the factors; with circular padding,
log |det B| is a sum over frequencies, on grids of any size.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from monic.nn.dense import insist_on_size, log_volume, matrix_of
from monic.nn.fourier import frequencies
from monic.nn.iterative import log_volume_samples
from monic.nn.precision import working

if TYPE_CHECKING:
    from monic.nn.paired import PairedLayer

__all__ = ["log_det", "samples"]


def log_det(layer: "PairedLayer", x: Tensor) -> Tensor:
    """Returns 1/2 log det J^T J at each example."""
    lead, shape = x.shape[: x.dim() - layer.example_dims], x.shape[x.dim() - layer.example_dims :]
    x = x.reshape(-1, *shape)
    matrices = frequencies(layer, tuple(shape), working(layer.basis))
    if matrices is not None and layer.rest is None and matrices.shape[-1] == matrices.shape[-2]:
        size: Tensor = torch.linalg.slogdet(matrices).logabsdet.sum()
        factors, _ = _factors(layer, x)
        return (size + factors.flatten(1).log().sum(1)).reshape(lead)
    insist_on_size(shape.numel(), layer.dense_limit, "Use `estimate_log_det`.")
    factors, active = _factors(layer, x)
    basis = matrix_of(lambda v: layer.linear(v, working(layer.basis), None), tuple(shape), x)
    if active is None and basis.shape[0] == basis.shape[1]:
        size = torch.linalg.slogdet(basis).logabsdet
        total = size + factors.flatten(1).log().sum(1)
        return total.reshape(lead)
    rows = factors.flatten(1)[:, :, None] * basis
    if active is not None and layer.rest is not None:
        rest = working(layer.rest)
        others = matrix_of(lambda v: layer.linear(v, rest, None), tuple(shape), x)
        rows = torch.cat((rows, active.flatten(1)[:, :, None] * others), 1)
    return log_volume(rows).reshape(lead)


def samples(layer: "PairedLayer", x: Tensor, counts: tuple[int, int], seed: int) -> Tensor:
    """Returns samples (probes, *lead) of 1/2 log det J^T J; counts are (probes, steps)."""
    lead, shape = x.shape[: x.dim() - layer.example_dims], x.shape[x.dim() - layer.example_dims :]
    x = x.reshape(-1, *shape)
    factors, active = _factors(layer, x)

    def jacobian(v: Tensor) -> Tensor:
        image = (factors * layer.linear(v, working(layer.basis), None)).flatten(1)
        if active is None or layer.rest is None:
            return image
        rest = active * layer.linear(v, working(layer.rest), None)
        return torch.cat((image, rest.flatten(1)), 1)

    generator = torch.Generator("cpu").manual_seed(seed)
    found = log_volume_samples(jacobian, x, probes=counts[0], steps=counts[1], generator=generator)
    return found.reshape(counts[0], *lead)


def _factors(layer: "PairedLayer", x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Returns 1 or d_i for each pair, and which rows of M are active."""
    z, rest = layer.branches(x)
    factors = torch.where(z > 0, z.new_ones(()), working(layer.scales).to(z))
    return factors, None if rest is None else (rest > 0).to(z.dtype)
