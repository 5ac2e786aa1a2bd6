"""Random projections, which lower the dimension between injective networks."""

from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from monic.decision.result import Decision
from monic.errors import LayerError
from monic.nn.precision import FactoryDict
from monic.nn.verdicts import injective, insist_on_assumption, insist_on_numbers, undecided

__all__ = ["RandomProjection", "draw_"]


def draw_(matrix: Tensor, seed: int) -> Tensor:
    """Fills a matrix with Gaussian numbers of variance one over its columns.

    They are drawn on the CPU in float32: a seed means one matrix, wherever it is used.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    drawn = torch.randn(matrix.shape, generator=generator, dtype=torch.float32, device="cpu")
    return matrix.copy_(drawn / matrix.shape[1] ** 0.5)


class RandomProjection(nn.Module):
    r"""Creates the map x -> A x with a fixed Gaussian matrix, A of fewer rows than columns.

    After an injective network on R^n, and into at least 2n + 1 dimensions, the whole is
    one-to-one for almost every A. That is no proof for the A at hand: decisions carry the
    assumption "random-projections". A is a buffer, and not trained.

    References:
        Globally Injective ReLU Networks (Puthawala et al., 2020), Corollary 3.

    Arguments:
        latent_dim: n, the dimension of the input of the whole network.
        in_features: Columns of A.
        out_features: Rows of A, at least 2n + 1.
        seed: Of A.
        factory: `device` and `dtype`.

    Raises:
        LayerError: when there are fewer than 2n + 1 rows.

    Example:
        >>> RandomProjection(2, 16, 5)(torch.ones(1, 16)).shape
        torch.Size([1, 5])
    """

    projection: Tensor

    def __init__(
        self,
        latent_dim: int,
        in_features: int,
        out_features: int,
        *,
        seed: int = 0,
        **factory: Unpack[FactoryDict],
    ) -> None:
        super().__init__()
        if out_features < 2 * latent_dim + 1:
            raise LayerError(
                f"Expected out_features >= 2 latent_dim + 1 = {2 * latent_dim + 1}. Got "
                f"{out_features}: almost surely one-to-one is promised from there on."
            )
        self.latent_dim, self.seed = latent_dim, seed
        self.in_features, self.out_features = in_features, out_features
        self.register_buffer("projection", torch.empty(out_features, in_features, **factory))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws A from its seed: what `to_empty` left without values has them again."""
        draw_(self.projection, self.seed)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.projection)

    def is_injective(self, *, assume: str | Sequence[str] | None = None) -> Decision:
        """Returns INJECTIVE under the assumption "random-projections", when it is asked for."""
        insist_on_numbers(self)
        reason = (
            f"a random projection into {self.out_features} >= 2 x {self.latent_dim} + 1 "
            "dimensions is almost surely one-to-one on the image of an injective network"
        )
        if "random-projections" in insist_on_assumption(assume):
            return injective(reason, "random projection", "random-projections")
        return undecided(f"{reason}; pass assume='random-projections'", "random projection")

    def config(self) -> dict[str, Any]:
        """Returns the arguments that construct such a module."""
        names = ("latent_dim", "in_features", "out_features", "seed")
        return {name: getattr(self, name) for name in names}

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.config().items())
