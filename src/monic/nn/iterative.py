"""Linear maps known by what they do: conjugate gradients and Lanczos quadrature."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["adjoint_of", "least_squares", "log_volume_samples"]

Map = Callable[[Tensor], Tensor]


def adjoint_of(function: Map, x: Tensor) -> Map:
    """Returns the adjoint of a linear map on tensors like x.

    Example:
        >>> adjoint_of(lambda x: torch.stack([x, 2 * x]), torch.zeros(1))(torch.ones(2, 1))
        tensor([3.])
    """
    pull = torch.func.vjp(function, torch.zeros_like(x))[1]
    return lambda v: pull(v)[0]


def least_squares(function: Map, right: Tensor, x: Tensor, iterations: int = 2000) -> Tensor:
    """Returns the minimiser of |A x - right| for each example, by conjugate gradients (CGLS).

    Arguments:
        function: A, on tensors whose first axis counts the examples.
        right: The right-hand sides.
        x: A tensor of the shape of the answer; its entries are not used.
        iterations: The largest number of iterations; it stops when rounding does.
    """
    adjoint = adjoint_of(function, x)
    precision = torch.finfo(right.dtype).eps
    x, residual = torch.zeros_like(x), right
    slope = adjoint(residual)
    way, size = slope, _square(slope)
    first = size.detach().clone()
    for _ in range(iterations):
        image = function(way)
        length = size / _square(image).clamp_min(torch.finfo(right.dtype).tiny)
        x = x + _each(length, x) * way
        residual = residual - _each(length, right) * image
        slope = adjoint(residual)
        new = _square(slope)
        if bool((new <= first * precision**2).all()):
            break
        way = slope + _each(new / size.clamp_min(torch.finfo(right.dtype).tiny), slope) * way
        size = new
    return x


def log_volume_samples(
    function: Map, x: Tensor, *, probes: int, steps: int, generator: torch.Generator
) -> Tensor:
    """Returns samples (probes, examples) of 1/2 log det A^T A by Lanczos quadrature.

    Each is n/2 e_1^T log(T) e_1, T the Lanczos matrix of A^T A started from random signs
    [Ubaru, Chen and Saad, 2017]. Their mean is unbiased but for the error of the quadrature.

    Arguments:
        function: A, on tensors of the shape of x.
        x: A tensor whose first axis counts the examples; its entries are not used.
        probes: The number of random vectors.
        steps: The number of Lanczos steps.
        generator: Where the random vectors come from.
    """
    adjoint = adjoint_of(function, x)
    size = x.shape[1:].numel()
    steps = min(steps, size)
    samples = []
    for _ in range(probes):
        signs = torch.randint(0, 2, x.shape, generator=generator, dtype=torch.int8, device="cpu")
        start = (2 * signs - 1).to(x) / size**0.5
        matrix = _lanczos(lambda v: adjoint(function(v)), start, steps)
        values, vectors = torch.linalg.eigh(matrix)
        weights = vectors[..., 0, :] ** 2
        logs = torch.where(weights > 1e-14, values.clamp_min(1e-300), 1.0).log()
        samples.append(size / 2 * (weights * logs).sum(-1))
    return torch.stack(samples)


def _lanczos(function: Map, start: Tensor, steps: int) -> Tensor:
    """Returns the tridiagonal matrices, with full reorthogonalisation."""
    basis, vector = [start.flatten(1)], start
    matrix = start.new_zeros(start.shape[0], steps, steps)
    for step in range(steps):
        image = function(vector).flatten(1)
        matrix[:, step, step] = (image * basis[-1]).sum(1)
        known = torch.stack(basis, 1)
        for _ in range(2):  # once is not enough in floats
            image = image - ((known @ image[:, :, None]).mT @ known)[:, 0]
        length = image.norm(dim=1)
        if step + 1 < steps:
            going = length > 1e-10 * matrix[:, 0, 0]  # else the space is exhausted
            length = torch.where(going, length, 0.0)
            matrix[:, step, step + 1] = matrix[:, step + 1, step] = length
            image = image / torch.where(going, length, 1.0)[:, None] * going[:, None]
            basis.append(image)
            vector = image.reshape(start.shape)
    return matrix


def _square(values: Tensor) -> Tensor:
    return values.flatten(1).square().sum(1)


def _each(numbers: Tensor, like: Tensor) -> Tensor:
    return numbers.reshape(-1, *[1] * (like.dim() - 1))
