"""Linear maps written out as matrices: for sizes at which that is the best way."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from monic.errors import LayerError
from monic.nn.precision import in_format_of, settled, working

__all__ = [
    "DENSE_LIMIT",
    "jacobian_log_volume",
    "log_volume",
    "matrix_of",
    "singular_values",
    "solve_tall",
]

#: Up to this many input numbers a map is written out; 1024 take about a second an example.
DENSE_LIMIT = 1024


def insist_on_size(size: int, limit: int, instead: str) -> None:
    """Raises LayerError when a map is too large to be written out.

    Raises:
        LayerError: when size > limit.
    """
    if size > limit:
        raise LayerError(
            f"Expected an input of at most {limit:,} numbers to do this exactly. Got {size:,}. "
            f"{instead}"
        )


def matrix_of(
    function: Callable[[Tensor], Tensor], shape: tuple[int, ...], like: Tensor
) -> Tensor:
    """Returns the matrix (outputs, inputs) of a linear map on tensors of a shape.

    Example:
        >>> matrix_of(lambda x: 2 * x, (2,), torch.zeros(1))
        tensor([[2., 0.],
                [0., 2.]])
    """
    size = 1
    for side in shape:
        size *= side
    identity = torch.eye(size, dtype=like.dtype, device=like.device)
    return function(identity.reshape(size, *shape)).reshape(size, -1).T


def log_volume(matrices: Tensor) -> Tensor:
    """Returns 1/2 log det A^T A for tall matrices A of shape (..., m, n), by QR.

    Example:
        >>> round(float(log_volume(torch.tensor([[3.0], [4.0]])).exp()), 5)
        5.0
    """
    triangle: Tensor = torch.linalg.qr(working(matrices)).R
    return triangle.diagonal(dim1=-2, dim2=-1).abs().log().sum(-1)


def jacobian_log_volume(module: nn.Module, x: Tensor, dims: int) -> Tensor:
    """Returns 1/2 log det J^T J at each example, with the whole Jacobian J.

    Arguments:
        module: A map of batches.
        x: Examples of shape (*, a_1, ..., a_dims).
        dims: How many axes one example has.

    Raises:
        LayerError: for examples of more than `DENSE_LIMIT` numbers.
    """
    lead, shape = x.shape[: x.dim() - dims], x.shape[x.dim() - dims :]
    insist_on_size(shape.numel(), DENSE_LIMIT, "There is no estimate for compositions.")
    if not x.numel():
        return working(x.new_zeros(lead))

    def flat(example: Tensor) -> Tensor:
        given: Tensor = module(example.reshape(1, *shape))
        return given.reshape(-1)

    with settled(module, x):
        examples = in_format_of(module, x).reshape(-1, shape.numel())
        return log_volume(_jacobians(flat, examples)).reshape(lead)


def _jacobians_of(function: Callable[[Tensor], Tensor], examples: Tensor) -> Tensor:
    found: Tensor = torch.func.vmap(torch.func.jacfwd(function))(examples)
    return found


#: torch 2.13 fails to compile a forward Jacobian under vmap: what is compiled breaks off here.
_jacobians: Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]
_jacobians = torch.compiler.disable(_jacobians_of)  # type: ignore[no-untyped-call]


def solve_tall(matrix: Tensor, right: Tensor) -> Tensor:
    """Returns the minimisers of |A x - right| for right-hand sides (*, m), A of full column rank.

    Example:
        >>> solve_tall(torch.tensor([[2.0], [0.0]]), torch.tensor([6.0, 1.0])).abs()
        tensor([3.])
    """
    basis, triangle = torch.linalg.qr(matrix)
    flat = (right @ basis).reshape(-1, matrix.shape[1])
    x: Tensor = torch.linalg.solve_triangular(triangle, flat.T, upper=True).T
    return x.reshape(*right.shape[:-1], matrix.shape[1])


def singular_values(matrix: Tensor) -> tuple[float, float]:
    """Returns the smallest and the largest singular value of a tall matrix, in float64.

    Example:
        >>> singular_values(torch.tensor([[3.0, 0.0], [0.0, 1.0]]))
        (1.0, 3.0)
    """
    values = torch.linalg.svdvals(matrix.detach().double())
    smallest = float(values[-1]) if matrix.shape[0] >= matrix.shape[1] else 0.0
    return smallest, float(values[0])
