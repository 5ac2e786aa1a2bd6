"""A recurrent cell that is one-to-one in its input, in its state, or in each given the other."""

from fractions import Fraction
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from monic.decision.result import Decision
from monic.errors import LayerError
from monic.model.array import freeze
from monic.nn.dense import log_volume, singular_values, solve_tall
from monic.nn.exact_operator import Operator
from monic.nn.initialization import matrix_
from monic.nn.lipschitz import Contraction, norm_bound
from monic.nn.membership import PairedWeights
from monic.nn.module import insist_in_range
from monic.nn.pairs import code_of, in_pairs
from monic.nn.precision import full_precision, working
from monic.nn.values import FloatBounds
from monic.nn.verdicts import injective, undecided

__all__ = ["InjectiveRNNCell"]

Where = Literal["input", "state", "both"]
Given = Literal["state", "input"]


class InjectiveRNNCell(nn.Module):
    r"""Creates the cell h' = a h + ReLU(z, -z) with z = B x + U h + b.

    *In the input, given the state*: h' - a h are pairs of B x + (U h + b), and B has full column
    rank. *In the state, given the input*: h -> ReLU(z, -z) has Lipschitz constant at most |U| < a,
    so that h' determines h (a fixed point). With "input" alone a = 0 and U is free; with "state"
    or "both" a = 1 and U is kept to |U| <= coefficient < 1 by a parametrization. The state has
    `hidden_size` numbers, half as many pairs.

    Arguments:
        input_size: The dimension of x.
        hidden_size: The dimension of h, even; at least 2 input_size unless only "state" is asked.
        injective_in: "input", "state" or "both".
        coefficient: The bound on |U|, between 0 and 1.

    Raises:
        LayerError: for sizes for which the cell is not one-to-one.

    Example:
        >>> cell = InjectiveRNNCell(2, 6, injective_in="both")
        >>> x, h = torch.ones(1, 2), torch.zeros(1, 6)
        >>> bool(torch.allclose(cell.inverse_input(cell(x, h), h), x, atol=1e-5))
        True
        >>> [cell.is_injective(given=name).verdict.name for name in ("state", "input")]
        ['INJECTIVE', 'INJECTIVE']
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        injective_in: Where = "input",
        coefficient: float = 0.9,
    ) -> None:
        super().__init__()
        if injective_in not in ("input", "state", "both") or not 0 < coefficient < 1:
            raise LayerError(
                "Expected injective_in 'input', 'state' or 'both' and a coefficient between 0 and "
                f"1. Got {injective_in!r} and {coefficient}."
            )
        if hidden_size % 2 or (injective_in != "state" and hidden_size < 2 * input_size):
            raise LayerError(
                "Expected an even hidden_size, at least 2 input_size to be one-to-one in the "
                f"input. Got input_size={input_size}, hidden_size={hidden_size}."
            )
        self.input_size, self.hidden_size = input_size, hidden_size
        self.injective_in, self.coefficient = injective_in, coefficient
        pairs = hidden_size // 2
        self.carry = 0.0 if injective_in == "input" else 1.0
        self.basis = nn.Parameter(matrix_(torch.empty(pairs, input_size)))
        self.recurrent = nn.Parameter(nn.init.orthogonal_(torch.empty(pairs, hidden_size)))
        self.bias = nn.Parameter(torch.zeros(pairs))
        if self.carry:
            share = Contraction(coefficient)
            parametrize.register_parametrization(self, "recurrent", share)

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        """Returns the next state; a state that is not given is 0."""
        if h is None:
            h = x.new_zeros(*x.shape[:-1], self.hidden_size)
        return self._next(nn.functional.linear(x, self.basis, self.bias), h)

    def _next(self, drive: Tensor, h: Tensor) -> Tensor:
        z = drive + nn.functional.linear(h, self.recurrent.to(drive.dtype))
        new = in_pairs(z, torch.ones((), dtype=z.dtype, device=z.device), -1)
        return new + self.carry * h if self.carry else new

    def inverse_input(self, new: Tensor, h: Tensor, *, tolerance: float | None = None) -> Tensor:
        """Returns the input that leads from the state h to the state new.

        Raises:
            NotInRange: when no input does.
            LayerError: when the cell was not asked to be one-to-one in its input.
        """
        self._insist_on("input")
        with full_precision(new):
            pairs = working(new) - self.carry * working(h)
            plus, minus = pairs.chunk(2, -1)
            z = code_of(plus, minus, plus.new_ones(()))
            right = z - nn.functional.linear(working(h), working(self.recurrent)) - self.bias
            x = solve_tall(working(self.basis), right).to(new.dtype)
        insist_in_range(new, self(x, h), h.detach().abs().amax(), tolerance)
        return x

    def inverse_state(self, new: Tensor, x: Tensor, *, tolerance: float | None = None) -> Tensor:
        """Returns the state from which the input x leads to the state new.

        Raises:
            NotInRange: when rounding did not let the iteration settle.
            LayerError: when the cell was not asked to be one-to-one in its state.
        """
        self._insist_on("state")
        drive = nn.functional.linear(x, self.basis, self.bias)
        h, eps = new, torch.finfo(new.dtype).eps
        with parametrize.cached():
            for _ in range(2000):
                previous, h = h, new - (self._next(drive, h) - h)
                if bool(((h - previous).abs() <= eps * h.abs().amax()).all()):
                    break
            insist_in_range(new, self._next(drive, h), 0.0, tolerance)
        return h

    def log_det(self, x: Tensor, h: Tensor, *, given: Given = "state") -> Tensor:
        """Returns 1/2 log det J^T J at each example.

        J is the Jacobian in the input given the state, or in the state given the input. In the
        input it does not depend on where: of each pair the row B_i or -B_i is there.
        """
        with full_precision(x):
            if given == "state":
                return log_volume(working(self.basis)).expand(x.shape[:-1])
            recurrent = working(self.recurrent)
            z = nn.functional.linear(working(x), working(self.basis), working(self.bias))
            z = z + nn.functional.linear(working(h), recurrent)
            rows = torch.cat((recurrent, -recurrent))
            active = torch.cat((z > 0, z < 0), -1)
            own = self.carry * torch.eye(self.hidden_size, dtype=rows.dtype, device=rows.device)
            found: Tensor = torch.linalg.slogdet(own + active[..., None] * rows).logabsdet
            return found

    def forward_and_log_det(
        self, x: Tensor, h: Tensor, *, given: Given = "state"
    ) -> tuple[Tensor, Tensor]:
        """Returns the next state, and `log_det` there."""
        return self(x, h), self.log_det(x, h, given=given)

    def project(self, new: Tensor, other: Tensor, *, given: Given = "state") -> Tensor:
        """Returns a state near to `new` that can be reached; see `projects_to_nearest`.

        Arguments:
            new: A next state.
            other: The state before, for given="state"; else the input, from which every state
                is reached.
            given: What is kept.

        Raises:
            LayerError: when the cell was not asked to be one-to-one there.
        """
        if given == "input":
            self._insist_on("state")
            return new
        self._insist_on("input")
        near: Tensor = self(self.inverse_input(new, other, tolerance=float("inf")), other)
        return near

    def projects_to_nearest(self, *, given: Given = "state") -> bool:
        """Whether `project` returns the nearest state that can be reached."""
        return given == "input" or self.hidden_size == 2 * self.input_size

    def bounds(self, *, given: Given = "state") -> FloatBounds:
        """Returns bounds on stability in the input or in the state: estimates, not certified.

        In the input: sigma_min(B)/sqrt(2), which is the infimum for a square B, and sigma_max(B),
        the supremum. In the state: 1 - |U| and 1 + |U|.

        Raises:
            LayerError: when the cell was not asked to be one-to-one there.
        """
        if given == "state":
            self._insist_on("input")
            low, high = singular_values(self.basis)
            least = low / 2**0.5
            most = least if self.projects_to_nearest() else low
            return FloatBounds(inverse_lipschitz=(least, most), lipschitz=(high, high))
        self._insist_on("state")
        size = float(norm_bound(freeze(self.recurrent, "recurrent")))
        both = max(0.0, self.carry - size), self.carry + size
        return FloatBounds(inverse_lipschitz=both, lipschitz=both)

    def is_injective(self, *, given: Given = "state") -> Decision:
        """Returns the exact decision about the input given the state, or the other way round."""
        if given == "state":
            basis = freeze(self.basis, "basis")
            ones = freeze([1.0] * len(basis), "scales")
            return PairedWeights(Operator.dense(basis), ones).decide(basis.shape[1])
        if not self.carry:
            return undecided("the cell keeps no part of its state (injective_in='input')", "rank")
        bound = norm_bound(freeze(self.recurrent, "recurrent"))
        if bound < Fraction(self.carry):
            return injective(
                f"|U| < {float(bound):.4g} < 1, bounded over the rationals", "contraction"
            )
        return undecided(f"the bound on |U| is {float(bound):.4g} >= 1", "contraction")

    def _insist_on(self, what: Where) -> None:
        if self.injective_in not in (what, "both"):
            raise LayerError(
                f"Expected a cell that is one-to-one in its {what}. Got injective_in="
                f"{self.injective_in!r}; construct it with {what!r} or 'both'."
            )

    def config(self) -> dict[str, Any]:
        """Returns the arguments that construct such a module."""
        names = ("input_size", "hidden_size", "injective_in", "coefficient")
        return {name: getattr(self, name) for name in names}

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.config().items())
