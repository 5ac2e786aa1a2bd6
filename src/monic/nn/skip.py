"""Networks made injective by a small random linear map."""

from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from monic.decision.result import Decision
from monic.errors import LayerError
from monic.nn.dense import jacobian_log_volume
from monic.nn.module import InjectiveModule, insist_in_range
from monic.nn.precision import FactoryDict, in_format_of, settled
from monic.nn.random_projection import draw_
from monic.nn.search import find_code
from monic.nn.values import FloatBounds
from monic.nn.verdicts import injective, insist_on_assumption, insist_on_numbers, undecided

__all__ = ["InjectiveSkip"]


class InjectiveSkip(InjectiveModule):
    r"""Creates the map x -> F(x) + epsilon A x with a fixed Gaussian matrix A.

    For m >= 2n + 1 and any locally Lipschitz F from R^n to R^m (every ReLU network) it is
    one-to-one for almost every A, and off from F by at most epsilon |A| |x|. That is no proof for
    the A at hand; and a network trained together with A depends on it: `resample` draws A anew.

    References:
        Globally Injective ReLU Networks (Puthawala et al., 2020), Theorem 5.

    Arguments:
        module: F, on examples of shape (in_features,).
        in_features: n.
        out_features: m >= 2n + 1.
        epsilon: How large the linear map is, not 0.
        seed: Of A.
        factory: `device` and `dtype` of A; by default those of F's first parameter.

    Raises:
        LayerError: when m < 2n + 1, or epsilon is 0.

    Example:
        >>> skip = InjectiveSkip(nn.Sequential(nn.Linear(2, 5), nn.ReLU()), 2, 5, epsilon=0.1)
        >>> skip(torch.zeros(3, 2)).shape
        torch.Size([3, 5])
    """

    matrix: Tensor

    def __init__(
        self,
        module: nn.Module,
        in_features: int,
        out_features: int,
        *,
        epsilon: float = 0.01,
        seed: int = 0,
        **factory: Unpack[FactoryDict],
    ) -> None:
        super().__init__()
        if out_features < 2 * in_features + 1 or epsilon == 0:
            raise LayerError(
                f"Expected out_features >= 2 in_features + 1 and epsilon != 0. Got in_features="
                f"{in_features}, out_features={out_features}, epsilon={epsilon}."
            )
        self.module, self.epsilon, self.seed = module, epsilon, seed
        self.in_features, self.out_features = in_features, out_features
        like = next(module.parameters(), torch.empty(0))
        self.register_buffer(
            "matrix", like.new_empty(out_features, in_features, **factory).detach()
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws A from its seed: what `to_empty` left without values has them again."""
        draw_(self.matrix, self.seed)

    def resample(self, seed: int) -> None:
        """Draws A anew: almost every A suits a network that does not depend on it."""
        self.seed = seed
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        given: Tensor = self.module(x)
        return given + self.epsilon * nn.functional.linear(x, self.matrix)

    def inverse(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """Returns an x with f(x) = y, found by search: there is no closed form.

        Raises:
            NotInRange: when the search found none, which does not prove that there is none.
        """
        with settled(self, y):
            flat = in_format_of(self, y).reshape(-1, self.out_features)
            x = find_code(self, flat, self.in_features).reshape(*y.shape[:-1], self.in_features)
            insist_in_range(y, self(x), 0.0, tolerance)
        return x.to(y.dtype)

    def log_det(self, x: Tensor) -> Tensor:
        return jacobian_log_volume(self, x, 1)

    def project(self, y: Tensor) -> Tensor:
        given: Tensor = self(self.inverse(y, tolerance=float("inf")))
        return given

    @property
    def projects_to_nearest(self) -> bool:
        return False

    def bounds(self) -> FloatBounds:
        infinity = float("inf")
        return FloatBounds(inverse_lipschitz=(0.0, infinity), lipschitz=(0.0, infinity))

    def is_injective(self, *, assume: str | Sequence[str] | None = None) -> Decision:
        """Returns INJECTIVE under the assumption "random-projections", when it is asked for."""
        insist_on_numbers(self)
        reason = (
            f"F + epsilon A with {self.out_features} >= 2 x {self.in_features} + 1 outputs is "
            "one-to-one for almost every A"
        )
        if "random-projections" in insist_on_assumption(assume):
            return injective(reason, "random skip", "random-projections")
        return undecided(f"{reason}; pass assume='random-projections'", "random skip")

    def config(self) -> dict[str, Any]:
        names = ("in_features", "out_features", "epsilon", "seed")
        return {name: getattr(self, name) for name in names}

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.config().items())
