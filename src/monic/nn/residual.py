"""Residual blocks x + g(x) with a branch that contracts."""

import math
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from monic.decision.result import Decision
from monic.errors import LayerError
from monic.model.array import freeze
from monic.nn.dense import jacobian_log_volume
from monic.nn.lipschitz import Contraction, norm_bound
from monic.nn.module import InjectiveModule, insist_in_range
from monic.nn.precision import in_format_of, settled
from monic.nn.values import FloatBounds
from monic.nn.verdicts import injective, insist_on_numbers, undecided

__all__ = ["InjectiveResidual", "branch_bound", "steps_to_settle"]

#: Activations that change no distance by a factor above 1. A subclass may compute something else.
CONTRACTING = (nn.ReLU, nn.ReLU6, nn.Tanh, nn.Sigmoid, nn.Hardtanh, nn.Identity)
#: Torch's softplus is the identity from a threshold on, with a jump, which is below rounding here.
SOFTPLUS_THRESHOLD = 40


class InjectiveResidual(InjectiveModule):
    """Creates the block x -> x + g(x) with Lip(g) < 1, proved.

    Every `nn.Linear` of the branch is kept to a spectral norm below the L-th root of the
    coefficient by a parametrization; the bound is confirmed over the rationals. The inverse is
    the fixed point of x = y - g(x) (Banach), and so the block is onto as well.

    References:
        Invertible Residual Networks (Behrmann et al., 2019).

    Arguments:
        branch: g, an `nn.Sequential` of `nn.Linear` and activations of slope at most 1.
        coefficient: The bound on Lip(g), between 0 and 1.

    Raises:
        LayerError: for other modules in the branch, or another coefficient.

    Example:
        >>> block = InjectiveResidual(nn.Sequential(nn.Linear(3, 9), nn.Tanh(), nn.Linear(9, 3)))
        >>> block.is_injective().verdict.name
        'INJECTIVE'
        >>> x = torch.ones(1, 3)
        >>> bool(torch.allclose(block.inverse(block(x)), x, atol=1e-5))
        True
    """

    def __init__(self, branch: nn.Sequential, coefficient: float = 0.9) -> None:
        super().__init__()
        if not 0 < coefficient < 1:
            raise LayerError(f"Expected a coefficient between 0 and 1. Got {coefficient}.")
        linear = [module for module in branch if isinstance(module, nn.Linear)]
        _insist_on_branch(branch, linear)
        self.coefficient, self.branch = coefficient, branch
        for module in linear:
            if not parametrize.is_parametrized(module, "weight"):
                share = Contraction(coefficient ** (1 / len(linear)))
                parametrize.register_parametrization(module, "weight", share)
        self.in_features = self.out_features = linear[0].in_features

    def forward(self, x: Tensor) -> Tensor:
        given: Tensor = self.branch(x)
        return x + given

    def inverse(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        with settled(self, y), parametrize.cached():
            wanted = in_format_of(self, y)
            x, eps = wanted, torch.finfo(wanted.dtype).eps
            for _ in range(steps_to_settle(self.coefficient, eps)):
                previous, x = x, wanted - self.branch(x)
                if bool(((x - previous).abs() <= eps * x.abs() / 4).all()):
                    break
            # x and g(x) may have cancelled in y
            insist_in_range(y, self(x), x.detach().abs(), tolerance)
        return x.to(y.dtype)

    def log_det(self, x: Tensor) -> Tensor:
        return jacobian_log_volume(self, x, 1)

    def project(self, y: Tensor) -> Tensor:
        return y

    @property
    def projects_to_nearest(self) -> bool:
        return True

    def bounds(self) -> FloatBounds:
        size = float(branch_bound(self.branch))
        return FloatBounds(
            inverse_lipschitz=(max(0.0, 1 - size), 1 + size),
            lipschitz=(max(0.0, 1 - size), 1 + size),
        )

    def is_injective(self) -> Decision:
        insist_on_numbers(self)
        if not all(_contracts(module) for module in self.branch):
            return undecided("the branch has modules of other kinds by now", "contraction")
        bound = branch_bound(self.branch)
        if bound < 1:
            return injective(
                f"the branch has a Lipschitz constant below {float(bound):.4g} < 1, "
                "bounded over the rationals",
                "contraction",
            )
        return undecided(
            f"the bound on the branch's Lipschitz constant is {float(bound):.4g} >= 1; lower "
            "`coefficient`",
            "contraction",
        )

    def config(self) -> dict[str, Any]:
        return {"coefficient": self.coefficient}

    def extra_repr(self) -> str:
        return f"coefficient={self.coefficient}"


def steps_to_settle(coefficient: float, eps: float) -> int:
    """Returns after how many steps a contraction has settled up to rounding.

    Example:
        >>> steps_to_settle(0.5, 2.0**-23)
        28
    """
    return 2 + math.ceil(math.log(eps / 8) / math.log(coefficient))


def branch_bound(branch: nn.Sequential) -> Fraction:
    """Returns an exact bound on the Lipschitz constant of linear maps and contractions in turn."""
    bound = Fraction(1)
    for module in branch:
        if isinstance(module, nn.Linear):
            bound *= norm_bound(freeze(module.weight, "weight"))
    return bound


def _insist_on_branch(branch: nn.Sequential, linear: list[nn.Linear]) -> None:
    others = [module for module in branch if not _contracts(module)]
    if others or not linear or linear[0].in_features != linear[-1].out_features:
        raise LayerError(
            "Expected a branch of nn.Linear and activations of slope at most 1 (nn.Softplus with "
            f"a threshold of at least {SOFTPLUS_THRESHOLD}: it jumps there), from R^n to R^n. Got "
            f"{branch}."
        )


def _contracts(module: nn.Module) -> bool:
    kind = parametrize.type_before_parametrizations(module)
    if isinstance(module, nn.LeakyReLU) and kind is nn.LeakyReLU:
        return abs(module.negative_slope) <= 1
    if isinstance(module, nn.ELU) and kind is nn.ELU:
        return 0 <= module.alpha <= 1
    if isinstance(module, nn.Softplus) and kind is nn.Softplus:
        return module.threshold >= SOFTPLUS_THRESHOLD
    return kind in (*CONTRACTING, nn.Linear)
