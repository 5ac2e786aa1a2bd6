"""What every injective module offers."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from monic.decision.result import Decision, NetworkDecision
from monic.errors import NotInRange
from monic.nn.values import FloatBounds

__all__ = ["InjectiveModule", "fits", "insist_in_range", "tolerated"]


class InjectiveModule(nn.Module, ABC):
    """A module that is one-to-one, with its inverse, its volume and its constants; abstract."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Returns f(x)."""

    @abstractmethod
    def inverse(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """Returns the x with f(x) = y.

        Arguments:
            y: Outputs of the module.
            tolerance: The largest |f(x) - y| allowed, relative to the size of each y; None is
                the square root of the format's precision. Infinity asks for no check, which
                `torch.func.vmap` needs: the check looks at data.

        Raises:
            NotInRange: when y is no output of the module; see `project`.
        """

    @abstractmethod
    def log_det(self, x: Tensor) -> Tensor:
        """Returns 1/2 log det J^T J at x, one number for each example; J is the Jacobian."""

    @abstractmethod
    def project(self, y: Tensor) -> Tensor:
        """Returns a point of the range near to y; the nearest one if `projects_to_nearest`."""

    @property
    @abstractmethod
    def projects_to_nearest(self) -> bool:
        """Whether `project` returns the nearest point of the range."""

    @abstractmethod
    def bounds(self) -> FloatBounds:
        """Returns bounds on stability, computed in floats: estimates, not certified."""

    @abstractmethod
    def is_injective(self) -> Decision | NetworkDecision:
        """Returns the exact decision about the weights as they are now."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Returns the arguments that construct such a module, as JSON can hold them."""

    def forward_and_log_det(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns f(x) and 1/2 log det J^T J at x."""
        return self(x), self.log_det(x)

    def inverse_and_log_det(
        self, y: Tensor, *, tolerance: float | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns x with f(x) = y, and the log-volume of the inverse, -1/2 log det J^T J at x.

        The sign is that of the libraries for flows: log p(y) = log p(x) + log_det.
        """
        x = self.inverse(y, tolerance=tolerance)
        return x, -self.log_det(x)


def insist_in_range(
    y: Tensor,
    again: Tensor,
    scale: Tensor | float,
    tolerance: float | None,
    dims: int = 1,
) -> None:
    """Raises NotInRange when again, f of the x found, differs from y by too much.

    Each example is compared with its own size. Compiled code is not checked: the check looks at
    data.

    Arguments:
        y: Outputs of shape (*, a_1, ..., a_dims).
        again: What f gives at the inputs found.
        scale: Added to the size of y: what may have cancelled in it, such as a bias.
        tolerance: The largest relative difference; None is the root of the format's precision.
        dims: How many axes one example has.
    """
    if not fits(y, again, scale, tolerance, dims):
        off = float((again - y).detach().abs().amax())
        raise NotInRange(
            f"Expected outputs of the module, up to a relative difference of "
            f"{tolerated(y, tolerance):.1e}. Got ones that differ from the nearest output found "
            f"by {off:.1e}. Use `project` for points off the range, or raise `tolerance`."
        )


def fits(
    y: Tensor, again: Tensor, scale: Tensor | float, tolerance: float | None, dims: int = 1
) -> bool:
    """Whether again, f of the x found, is near to y; see `insist_in_range`."""
    allowed = tolerated(y, tolerance)
    if allowed == float("inf") or torch.compiler.is_compiling() or not y.numel():
        return True
    sizes = (y.detach().abs() + scale, (again - y).detach().abs())
    size, gap = (s.reshape(*y.shape[: y.dim() - dims], -1).amax(-1) for s in sizes)
    return bool((gap <= allowed * size).all())


def tolerated(y: Tensor, tolerance: float | None) -> float:
    """Returns a tolerance, by default the square root of the precision of a tensor's format."""
    return float(torch.finfo(y.dtype).eps) ** 0.5 if tolerance is None else tolerance
