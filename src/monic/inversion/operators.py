"""The measurement of a signal: a matrix, a pair of callables, or a deepinv physics object."""

from collections.abc import Callable
from typing import Any, cast

import torch

from monic.errors import InversionError

__all__ = ["Measurement", "measurement", "with_adjoint"]

#: Takes a batch of signals (N, *signal) to a batch of data (N, *data).
Measurement = Callable[[torch.Tensor], torch.Tensor]


class _Linear(torch.autograd.Function):
    """A linear map whose gradient is its adjoint, whatever it is computed with."""

    @staticmethod
    def forward(ctx: Any, signal: torch.Tensor, there: Measurement, back: Measurement) -> Any:
        ctx.back = back
        with torch.no_grad():
            return there(signal)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        with torch.no_grad():
            return ctx.back(gradients[0]), None, None


def with_adjoint(there: Measurement, back: Measurement) -> Measurement:
    """Returns a linear map that is differentiated by its adjoint."""

    def pair(signal: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = _Linear.apply(signal, there, back)  # type: ignore[no-untyped-call]
        return image

    return pair


def measurement(operator: object, like: torch.Tensor) -> Measurement:
    """Returns the forward map of a measurement, differentiable, on the device of some data.

    Arguments:
        operator: A matrix of shape (k, d) that acts on flattened signals; a pair (forward,
            adjoint) of callables on batches, which need not be differentiable; or an object with
            the methods A and A_adjoint of deepinv's physics, whose A is.
        like: Data, for the device and number format of a matrix.

    Raises:
        InversionError: when it is none of these.

    Example:
        >>> double = measurement([[2.0, 0.0]], torch.zeros(1, 1))
        >>> double(torch.tensor([[3.0, 4.0]])).tolist()
        [[6.0]]
    """
    if isinstance(operator, tuple) and len(operator) == 2 and all(map(callable, operator)):
        return with_adjoint(*operator)
    forward, adjoint = getattr(operator, "A", None), getattr(operator, "A_adjoint", None)
    if callable(forward) and callable(adjoint):
        return cast(Measurement, forward)
    try:
        matrix = torch.as_tensor(operator, dtype=like.dtype, device=like.device)
    except (TypeError, ValueError, RuntimeError):
        matrix = torch.zeros(0)
    if matrix.ndim != 2:
        raise InversionError(
            "Expected A as a matrix of shape (k, d), a pair (forward, adjoint) of callables, or "
            f"an object with the methods A and A_adjoint. Got {type(operator).__name__}."
        )

    def apply(signal: torch.Tensor) -> torch.Tensor:
        flat = signal.flatten(1)
        if flat.shape[1] != matrix.shape[1]:
            raise InversionError(
                f"Expected signals of {matrix.shape[1]} numbers, the columns of A. Got signals "
                f"of shape {tuple(signal.shape[1:])} from the generator."
            )
        return flat @ matrix.T

    return apply
