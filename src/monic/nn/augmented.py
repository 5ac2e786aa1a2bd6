"""Layer norm that appends its statistics to its output."""

from fractions import Fraction
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from monic.decision.result import Collision, Decision
from monic.errors import LayerError
from monic.nn.dense import jacobian_log_volume
from monic.nn.module import InjectiveModule, insist_in_range
from monic.nn.precision import FactoryDict
from monic.nn.values import FloatBounds
from monic.nn.verdicts import injective, insist_on_numbers, not_injective

__all__ = ["AugmentedLayerNorm"]


class AugmentedLayerNorm(InjectiveModule):
    r"""Creates the map from R^n to R^(n+2): (gamma u + beta, mean, deviation).

    Here u = (x - mean) / deviation and deviation = sqrt(var + eps). With two more numbers in the
    output nothing is lost, and no statistics need to be kept aside: x = mean + deviation u. The
    entries of u add up to 0, so that one gamma may even be 0; of two that are, the entries may
    change places.

    References:
        Globally Injective ReLU Networks (Puthawala et al., 2020), Appendix B, Definition 5.

    Arguments:
        features: n.
        eps: Added to the variance, above 0.
        factory: `device` and `dtype`.

    Raises:
        LayerError: when eps is not positive.

    Example:
        >>> norm = AugmentedLayerNorm(3)
        >>> x = torch.tensor([[1.0, 2.0, 6.0]])
        >>> bool(torch.allclose(norm.inverse(norm(x)), x))
        True
        >>> norm.is_injective().verdict.name
        'INJECTIVE'
    """

    def __init__(
        self, features: int, *, eps: float = 1e-5, **factory: Unpack[FactoryDict]
    ) -> None:
        super().__init__()
        if features < 1 or not eps > 0:
            raise LayerError(f"Expected features >= 1 and eps > 0. Got {features} and {eps}.")
        self.in_features, self.out_features, self.eps = features, features + 2, eps
        self.weight = nn.Parameter(torch.empty(features, **factory))
        self.bias = nn.Parameter(torch.empty(features, **factory))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets gamma = 1 and beta = 0."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(-1, keepdim=True)
        deviation = (x.var(-1, unbiased=False, keepdim=True) + self.eps).sqrt()
        return torch.cat((self.weight * (x - mean) / deviation + self.bias, mean, deviation), -1)

    def inverse(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        x = self._found(y)
        insist_in_range(y, self(x), 0.0, tolerance)
        return x

    def _found(self, y: Tensor) -> Tensor:
        given, mean, deviation = torch.split(y, [self.in_features, 1, 1], -1)
        dead = self.weight == 0
        known = (given - self.bias) / torch.where(dead, 1.0, self.weight)
        unit = torch.where(dead, 0.0, known)
        rest = -unit.sum(-1, keepdim=True)  # the one entry that is not known
        x: Tensor = mean + deviation * torch.where(dead, rest, unit)
        return x

    def log_det(self, x: Tensor) -> Tensor:
        return jacobian_log_volume(self, x, 1)

    def project(self, y: Tensor) -> Tensor:
        given: Tensor = self(self._found(y))
        return given

    @property
    def projects_to_nearest(self) -> bool:
        return False

    def bounds(self) -> FloatBounds:
        return FloatBounds(inverse_lipschitz=(0.0, float("inf")), lipschitz=(0.0, float("inf")))

    def is_injective(self) -> Decision:
        """Returns INJECTIVE unless two gammas are 0: then two unit vectors have one output."""
        insist_on_numbers(self)
        dead = torch.nonzero(self.weight == 0).flatten().tolist()
        if len(dead) > 1:
            first, second = (_unit_vector(i, self.in_features) for i in dead[:2])
            return not_injective(
                f"gammas {dead[0]} and {dead[1]} are 0: these entries may change places",
                "normalisation",
                Collision(x=first, other=second),
            )
        reason = "mean and deviation are a part of the output, and every slope is nonzero"
        if dead:
            reason = (
                f"mean and deviation are a part of the output, and only gamma {dead[0]} is 0: its "
                "entry is what the others lack to the sum 0"
            )
        return injective(reason, "normalisation")

    def config(self) -> dict[str, Any]:
        return {"features": self.in_features, "eps": self.eps}

    def extra_repr(self) -> str:
        return f"features={self.in_features}, eps={self.eps}"


def _unit_vector(place: int, size: int) -> tuple[Fraction, ...]:
    return tuple(Fraction(int(i == place)) for i in range(size))
