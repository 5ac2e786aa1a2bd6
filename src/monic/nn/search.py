"""Inverses by search: for maps that have none in closed form."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from monic.nn.precision import working

__all__ = ["find_code"]


def find_code(
    function: Callable[[Tensor], Tensor],
    y: Tensor,
    size: int,
    *,
    restarts: int = 8,
    iterations: int = 100,
    seed: int = 0,
) -> Tensor:
    """Returns for each example an x with |f(x) - y| as small as could be found.

    Levenberg-Marquardt from several random starts, in the format of y. It may end in a local
    minimum: an x that does not fit proves nothing.

    Arguments:
        function: f, on batches of shape (B, size).
        y: What f(x) should be, of shape (B, m).
        size: The dimension of x.
        restarts: Random starts, the origin first.
        iterations: Steps from each start.
        seed: Of the starts.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    starts: Any = {"generator": generator, "dtype": y.dtype, "device": "cpu"}
    near = (64 * torch.finfo(y.dtype).eps) ** 2 * (1 + y.square().sum(1))
    best = y.new_zeros(len(y), size)
    least = (function(best) - y).square().sum(1)
    for restart in range(restarts):
        x = torch.randn(len(y), size, **starts).to(y) * (restart > 0)
        x, error = _descend(function, y, x, iterations)
        better = error < least
        best, least = torch.where(better[:, None], x, best), torch.where(better, error, least)
        if bool((least <= near).all()):
            break
    return best


def _descend(
    function: Callable[[Tensor], Tensor], y: Tensor, x: Tensor, iterations: int
) -> tuple[Tensor, Tensor]:
    jacobian = torch.func.vmap(torch.func.jacfwd(lambda v: function(v[None])[0]))
    damping = working(x.new_full((len(x), 1, 1), 1e-2))
    unit = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    residual = function(x) - y
    error = residual.square().sum(1)
    for _ in range(iterations):
        slope = jacobian(x)
        normal = slope.mT @ slope
        system = (
            working(normal + (damping + 1e-12) * unit),
            working(slope.mT @ residual[:, :, None]),
        )
        new = x - torch.linalg.solve(*system)[:, :, 0].to(x.dtype)
        there = function(new) - y
        size = there.square().sum(1)
        better = size < error
        x = torch.where(better[:, None], new, x)
        residual = torch.where(better[:, None], there, residual)
        damping = torch.where(better[:, None, None], damping / 5, damping * 4).clamp(1e-14, 1e8)
        error = torch.minimum(size, error)
        done = error <= (8 * torch.finfo(y.dtype).eps) ** 2 * (1 + y.square().sum(1))
        if bool((done | (damping[:, 0, 0] >= 1e8)).all()):  # found, or at a local minimum
            break
    return x, error
