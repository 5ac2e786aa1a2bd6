"""Inverses by search: for maps that have none in closed form."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from monic.nn.precision import working

__all__ = ["find_code"]

#: Where starts are taken from: normal codes of these standard deviations, as many of each.
SCALES, CANDIDATES = (1.0, 2.0, 4.0), 1024


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

    Levenberg-Marquardt from several starts, in the format of y. It may end in a local minimum: an
    x that does not fit proves nothing. The x found has the derivatives of an inverse.

    Arguments:
        function: f, on batches of shape (B, size).
        y: What f(x) should be, of shape (B, m).
        size: The dimension of x.
        restarts: Starts: of random codes those whose outputs are nearest, in growing steps.
        iterations: Steps from each start.
        seed: Of the random codes.
    """
    if not len(y):
        return y.new_zeros(0, size)
    with torch.no_grad():
        near = (64 * torch.finfo(y.dtype).eps) ** 2 * (1 + y.square().sum(1))
        best, least = y.new_zeros(len(y), size), torch.full_like(near, torch.inf)
        for start in _starts(function, y, size, restarts, seed):
            todo = (least > near).nonzero()[:, 0]
            if not len(todo):
                break
            x, error = _descend(function, y[todo], start[todo], iterations)
            better = error < least[todo]
            best[todo[better]], least[todo[better]] = x[better], error[better]
    return _attached(function, y, best)


def _attached(function: Callable[[Tensor], Tensor], y: Tensor, x: Tensor) -> Tensor:
    """Returns x with the derivatives of the inverse, in y and in f's weights, where asked for.

    At f(x) = y these are J^+ dy and -J^+ df (implicit function theorem).
    """
    gap = function(x) - y
    if not gap.requires_grad:
        return x
    slope = _jacobian(function)(x).detach()
    inverse = torch.linalg.pinv(working(slope)).to(x.dtype)
    change = inverse @ (gap - gap.detach())[:, :, None]  # 0, with derivatives
    attached: Tensor = x - change[:, :, 0]
    return attached


def _jacobian(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    found: Callable[[Tensor], Tensor] = torch.func.vmap(
        torch.func.jacfwd(lambda v: function(v[None])[0])
    )
    return found


def _starts(
    function: Callable[[Tensor], Tensor], y: Tensor, size: int, restarts: int, seed: int
) -> Iterator[Tensor]:
    """Yields starts for all examples: nearest by output first, then ever farther down the list.

    Several random codes near each other are one start; hence the growing steps.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    options: Any = {"generator": generator, "dtype": y.dtype, "device": "cpu"}
    drawn = [scale * torch.randn(CANDIDATES, size, **options) for scale in SCALES]
    codes = torch.cat(drawn).to(y)
    codes[0] = 0
    there = torch.nan_to_num(function(codes), nan=torch.inf)
    nearest = [(there - row).square().sum(1).argsort() for row in y]
    order = torch.stack(nearest) if nearest else torch.empty(0, len(codes), dtype=torch.long)
    for k in range(restarts):
        yield codes[order[:, min(2**k - 1, len(codes) - 1)]]


def _descend(
    function: Callable[[Tensor], Tensor], y: Tensor, x: Tensor, iterations: int
) -> tuple[Tensor, Tensor]:
    """Returns where Levenberg-Marquardt comes to from each start, and |f(x) - y|^2 there."""
    jacobian, eps = _jacobian(function), torch.finfo(y.dtype).eps
    unit = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    x, damping = x.clone(), working(x.new_full((len(x), 1, 1), 1e-2))
    residual = function(x) - y
    error = residual.square().sum(1)
    live = torch.arange(len(x), device=x.device)  # examples that still move
    for _ in range(iterations):
        slope, gap = jacobian(x[live]), residual[live][:, :, None]
        normal, pull = slope.mT @ slope, slope.mT @ gap
        system = working(normal) + (damping[live] + 1e-12) * unit
        step = torch.linalg.solve(system, working(pull)).to(x.dtype)
        new = x[live] - step[:, :, 0]
        there = function(new) - y[live]
        size, before = there.square().sum(1), error[live]
        better = size < before
        moved = live[better]
        x[moved], residual[moved], error[moved] = new[better], there[better], size[better]
        factor = torch.where(better, 0.2, 4.0).to(damping.dtype)[:, None, None]
        damping[live] = (damping[live] * factor).clamp(1e-14, 1e8)
        # what the step was to gain is rounding: a minimum, if not a zero
        stays = ~better & ((step * pull).sum((1, 2)) <= 8 * eps * before)
        found = error[live] <= (8 * eps) ** 2 * (1 + y[live].square().sum(1))
        live = live[~(found | stays | (damping[live, 0, 0] >= 1e8))]
        if not len(live):
            break
    return x, error
