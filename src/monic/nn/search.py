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
    restarts: int = 24,
    iterations: int = 100,
    seed: int = 0,
) -> Tensor:
    """Returns for each example an x with |f(x) - y| as small as could be found.

    Levenberg-Marquardt from several random starts, in the format of y. It may end in a local
    minimum: an x that does not fit proves nothing. The search itself keeps no graph; derivatives
    are those of a last step of Gauss and Newton, which are exact where f(x) = y.

    Arguments:
        function: f, on batches of shape (B, size).
        y: What f(x) should be, of shape (B, m).
        size: The dimension of x.
        restarts: Random starts, the origin first, each for the examples that have no code yet.
        iterations: Steps from each start.
        seed: Of the starts.
    """
    if not len(y):
        return y.new_zeros(0, size)
    with torch.no_grad():
        x = _search(function, y, (restarts, iterations, size), seed)
        slope = _jacobian(function)(x)
    residual = function(x) - y
    if not residual.requires_grad:
        return x
    step = torch.linalg.pinv(working(slope)) @ working(residual)[:, :, None]
    found: Tensor = x - step[:, :, 0].to(x.dtype)
    return found


def _search(
    function: Callable[[Tensor], Tensor], y: Tensor, counts: tuple[int, int, int], seed: int
) -> Tensor:
    restarts, iterations, size = counts
    generator = torch.Generator("cpu").manual_seed(seed)
    starts: Any = {"generator": generator, "dtype": y.dtype, "device": "cpu"}
    near = (64 * torch.finfo(y.dtype).eps) ** 2 * (1 + y.square().sum(1))
    best = y.new_zeros(len(y), size)
    least = (function(best) - y).square().sum(1)
    for restart in range(restarts):
        # not <= : an error that is NaN is no code either
        (left,) = torch.where(~(least <= near))
        if not len(left):
            break
        x = torch.randn(len(left), size, **starts).to(y) * (restart > 0)
        x, error = _descend(function, y[left], x, iterations)
        better = error < least[left]
        best = best.index_put((left[better],), x[better])
        least = least.index_put((left[better],), error[better])
    return best


def _jacobian(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return torch.func.vmap(torch.func.jacfwd(lambda v: function(v[None])[0]))


def _descend(
    function: Callable[[Tensor], Tensor], y: Tensor, x: Tensor, iterations: int
) -> tuple[Tensor, Tensor]:
    jacobian = _jacobian(function)
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
