"""Bounds on the stability of layers of pairs, in floats.

For W = [B; -D B], B square, D = diag(d) > 0 and free biases, the inverse Lipschitz constant is
sigma_min(diag(d / sqrt(1 + d^2)) B), and the Lipschitz constant sigma_max(diag(max(1, d)) B). For
a tall B, or with further rows M, the first bounds from below and the second (with the rows of M
stacked under it) from above; a Jacobian bounds from the other side.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from monic.nn.dense import insist_on_size, matrix_of, singular_values
from monic.nn.fourier import frequencies
from monic.nn.values import FloatBounds

if TYPE_CHECKING:
    from monic.nn.paired import PairedLayer

__all__ = ["bounds"]


def bounds(layer: "PairedLayer") -> FloatBounds:
    """Returns lower and upper bounds, rounded: equal when B is square and there is no M."""
    shape = layer.example_shape()
    by_frequency = _circular(layer, shape)
    if by_frequency is not None:
        return by_frequency
    size = torch.Size(shape).numel()
    insist_on_size(size, layer.dense_limit, "Raise the layer's `dense_limit`.")
    basis, rest = (_matrix(layer, weight, shape) for weight in (layer.basis, layer.rest))
    assert basis is not None, "every layer has a basis"
    scales = layer.scales.double().flatten().expand(layer.pairs)
    scales = scales.repeat_interleave(basis.shape[0] // layer.pairs)[:, None]
    low = singular_values(scales / (1 + scales**2).sqrt() * basis)[0]
    outer = scales.clamp_min(1) * basis
    high = singular_values(outer if rest is None else torch.cat((outer, rest)))[1]
    if rest is None and basis.shape[0] == basis.shape[1]:
        return FloatBounds(inverse_lipschitz=(low, low), lipschitz=(high, high))
    smallest, largest = zip(
        *(singular_values(_far_jacobian(basis, rest, scales, way)) for way in _ways(basis)),
        strict=True,
    )
    return FloatBounds(inverse_lipschitz=(low, min(smallest)), lipschitz=(max(largest), high))


def _circular(layer: "PairedLayer", shape: tuple[int, ...]) -> FloatBounds | None:
    """The square case with circular padding: singular values over all frequencies, any grid."""
    matrices = frequencies(layer, shape, layer.basis.double())
    if layer.rest is not None or matrices is None or matrices.shape[-1] != matrices.shape[-2]:
        return None
    scales = layer.scales.double().flatten().expand(layer.pairs)[:, None]
    low = float(torch.linalg.svdvals(scales / (1 + scales**2).sqrt() * matrices).amin())
    high = float(torch.linalg.svdvals(scales.clamp_min(1) * matrices).amax())
    return FloatBounds(inverse_lipschitz=(low, low), lipschitz=(high, high))


def _matrix(layer: "PairedLayer", weight: Tensor | None, shape: tuple[int, ...]) -> Tensor | None:
    if weight is None:
        return None
    exact = weight.double()
    return matrix_of(lambda x: layer.linear(x, exact, None), shape, exact)


def _ways(basis: Tensor) -> list[Tensor]:
    """Directions in which B is shortest and longest."""
    vectors = torch.linalg.svd(basis, full_matrices=False).Vh
    return [sign * vectors[row] for row in (0, -1) for sign in (1.0, -1.0)]


def _far_jacobian(basis: Tensor, rest: Tensor | None, scales: Tensor, way: Tensor) -> Tensor:
    """Returns the Jacobian far out in a direction, where biases do not matter."""
    rows = torch.where((basis @ way > 0)[:, None], 1.0, scales) * basis
    return rows if rest is None else torch.cat((rows, (rest @ way > 0)[:, None] * rest))
