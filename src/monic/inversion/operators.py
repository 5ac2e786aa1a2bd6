"""The measurement of a signal: a matrix, a pair of callables, or a physics object of deepinv."""

from collections.abc import Callable
from typing import Any

import torch

from monic.errors import InversionError

__all__ = ["Measurement", "is_stacked", "joined", "measurement", "with_adjoint"]

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
            adjoint) of callables on batches, which need not be differentiable; or an object whose
            method A is, linear or not: a physics of deepinv.
        like: Data, for the device and number format of a matrix.

    Raises:
        InversionError: when it is none of these; the map itself does so when it cannot take a
            batch of signals, or gives complex numbers.

    Example:
        >>> double = measurement([[2.0, 0.0]], torch.zeros(1, 1))
        >>> double(torch.tensor([[3.0, 4.0]])).tolist()
        [[6.0]]
    """
    if isinstance(operator, tuple) and len(operator) == 2 and all(map(callable, operator)):
        return _explained(with_adjoint(*operator))
    forward = getattr(operator, "A", None)
    if callable(forward):
        return _explained(forward)
    try:
        matrix = torch.as_tensor(operator, dtype=like.dtype, device=like.device)
    except (TypeError, ValueError, RuntimeError):
        matrix = torch.zeros(0)
    if matrix.ndim != 2:
        raise InversionError(
            "Expected A as a matrix of shape (k, d), a pair (forward, adjoint) of callables, or "
            f"an object with the method A. Got {type(operator).__name__}."
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


def _explained(forward: Callable[[torch.Tensor], object]) -> Measurement:
    """Returns a map whose data are one tensor, and whose errors say what it was given."""

    def apply(signal: torch.Tensor) -> torch.Tensor:
        try:
            data = forward(signal)
        except (RuntimeError, TypeError, ValueError) as error:
            raise InversionError(
                f"Expected A to take signals of shape {tuple(signal.shape)} in {signal.dtype}, as "
                f"the generator gives them. Got: {str(error).rstrip('.')}; bring A to this number "
                "format, as with physics.to(torch.float64), or let the generator give another "
                "shape."
            ) from error
        return joined(data)

    return apply


def joined(data: Any) -> torch.Tensor:
    """Returns a batch of data as one tensor; the parts of stacked measurements side by side.

    Raises:
        InversionError: when they are no tensors of real numbers.

    Example:
        >>> joined([torch.ones(2, 3), torch.zeros(2, 4, 4)]).shape
        torch.Size([2, 19])
    """
    whole = _side_by_side(list(data)) if is_stacked(data) else data
    if not isinstance(whole, torch.Tensor):
        raise InversionError(
            "Expected data as a tensor, or as a list of tensors for stacked measurements. Got "
            f"{type(data).__name__}."
        )
    if whole.is_complex():
        raise InversionError(
            f"Expected data of real numbers. Got {whole.dtype}: take real and imaginary parts as "
            "numbers of their own, with torch.view_as_real, both in y and in what A gives."
        )
    return whole


def is_stacked(data: Any) -> bool:
    """Whether data are a list of tensors, or what deepinv has in its place."""
    listed = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    if not listed or isinstance(data, torch.Tensor) or not len(data):
        return False
    return isinstance(data[0], torch.Tensor)


def _side_by_side(parts: list[torch.Tensor]) -> torch.Tensor:
    if not all(isinstance(part, torch.Tensor) and part.ndim for part in parts):
        raise InversionError("Expected stacked measurements as tensors. Got something else.")
    if len({len(part) for part in parts}) > 1:
        raise InversionError(
            "Expected stacked measurements of one batch. Got batches of "
            f"{[len(part) for part in parts]}."
        )
    return torch.cat([part.flatten(1) for part in parts], dim=1)
