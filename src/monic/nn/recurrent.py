"""A recurrent cell that is one-to-one in its input, in its state, or in each given the other."""

from fractions import Fraction
from typing import Any, Literal, Unpack

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from monic.decision.result import Decision
from monic.errors import LayerError
from monic.model.array import freeze
from monic.nn.dense import log_volume, singular_values, solve_tall
from monic.nn.exact_operator import Operator
from monic.nn.initialization import matrix_, orthogonal_
from monic.nn.lipschitz import Contraction, norm_bound
from monic.nn.membership import PairedWeights
from monic.nn.module import insist_in_range
from monic.nn.pairs import code_of, in_pairs
from monic.nn.precision import FactoryDict, settled, working
from monic.nn.residual import steps_to_settle
from monic.nn.values import FloatBounds
from monic.nn.verdicts import injective, insist_on_numbers, undecided

__all__ = ["InjectiveRNNCell"]

Where = Literal["input", "state", "both"]
Given = Literal["state", "input"]


class InjectiveRNNCell(nn.Module):
    r"""Creates the cell h' = a h + ReLU(z, -z) with z = B x + U h + b.

    *In the input, given the state*: h' - a h are pairs of B x + (U h + b), and B has full column
    rank. *In the state, given the input*: h -> ReLU(z, -z) has Lipschitz constant at most |U| < a,
    so that h' determines h (a fixed point). With "input" alone a = 0 and U is free; with "state"
    or "both" a is `carry` and U is kept to |U| <= a coefficient < a by a parametrization. The
    state has `hidden_size` numbers, half as many pairs.

    From step to step |h'| <= a (1 + coefficient) |h| + |B x + b|: with a product below 1, as by
    default, the state stays bounded on sequences of any length. Undoing a step in the state
    enlarges errors by at most 1 / (a (1 - coefficient)).

    Arguments:
        input_size: The dimension of x.
        hidden_size: The dimension of h, even; at least 2 input_size unless only "state" is asked.
        injective_in: "input", "state" or "both".
        coefficient: The bound on |U| / a, between 0 and 1.
        carry: a, above 0; not used for "input" alone.
        factory: `device` and `dtype`.

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

    recurrent: Tensor

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        injective_in: Where = "input",
        coefficient: float = 0.8,
        carry: float = 0.5,
        **factory: Unpack[FactoryDict],
    ) -> None:
        super().__init__()
        if injective_in not in ("input", "state", "both") or not 0 < coefficient < 1 or carry <= 0:
            raise LayerError(
                "Expected injective_in 'input', 'state' or 'both', a coefficient between 0 and 1 "
                f"and a positive carry. Got {injective_in!r}, {coefficient} and {carry}."
            )
        if hidden_size % 2 or (injective_in != "state" and hidden_size < 2 * input_size):
            raise LayerError(
                "Expected an even hidden_size, at least 2 input_size to be one-to-one in the "
                f"input. Got input_size={input_size}, hidden_size={hidden_size}."
            )
        self.input_size, self.hidden_size = input_size, hidden_size
        self.injective_in, self.coefficient = injective_in, coefficient
        pairs = hidden_size // 2
        self.carry = 0.0 if injective_in == "input" else carry
        self.basis = nn.Parameter(torch.empty(pairs, input_size, **factory))
        self.recurrent = nn.Parameter(torch.empty(pairs, hidden_size, **factory))
        self.bias = nn.Parameter(torch.empty(pairs, **factory))
        self.reset_parameters()
        if self.carry:
            share = Contraction(self.carry * coefficient)
            parametrize.register_parametrization(self, "recurrent", share)

    def reset_parameters(self) -> None:
        """Sets orthogonal B and U, and b = 0."""
        matrix_(self.basis)
        recurrent = orthogonal_(self.recurrent.detach())
        if parametrize.is_parametrized(self, "recurrent"):
            self.recurrent = recurrent  # through the parametrization's right inverse
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        """Returns the next state; a state that is not given is 0."""
        z = nn.functional.linear(x, self.basis, self.bias)
        if h is None:
            return in_pairs(z, z.new_ones(()), -1)
        return self._next(h, z + nn.functional.linear(h, self.recurrent))

    def _next(self, h: Tensor, z: Tensor) -> Tensor:
        new = in_pairs(z, z.new_ones(()), -1)
        return new + self.carry * h.to(new.dtype) if self.carry else new

    def inverse_input(self, new: Tensor, h: Tensor, *, tolerance: float | None = None) -> Tensor:
        """Returns the input that leads from the state h to the state new.

        Raises:
            NotInRange: when no input does.
            LayerError: when the cell was not asked to be one-to-one in its input.
        """
        self._insist_on("input")
        with settled(self, new):
            pairs = working(new) - self.carry * working(h)
            plus, minus = pairs.chunk(2, -1)
            shift = nn.functional.linear(working(h), working(self.recurrent), working(self.bias))
            right = code_of(plus, minus, plus.new_ones(())) - shift
            x = solve_tall(working(self.basis), right)
            again = self._next(working(h), nn.functional.linear(x, working(self.basis)) + shift)
            insist_in_range(new, again, _largest(shift, h), tolerance)
        return x.to(new.dtype)

    def inverse_state(self, new: Tensor, x: Tensor, *, tolerance: float | None = None) -> Tensor:
        """Returns the state from which the input x leads to the state new.

        Raises:
            NotInRange: when rounding did not let the iteration settle.
            LayerError: when the cell was not asked to be one-to-one in its state.
        """
        self._insist_on("state")
        with settled(self, new):
            wanted, recurrent = working(new), working(self.recurrent)
            drive = nn.functional.linear(working(x), working(self.basis), working(self.bias))
            h, eps = wanted / self.carry, torch.finfo(wanted.dtype).eps
            for _ in range(steps_to_settle(self.coefficient, eps)):
                z = drive + nn.functional.linear(h, recurrent)
                previous, h = h, (wanted - in_pairs(z, z.new_ones(()), -1)) / self.carry
                if bool(((h - previous).abs() <= eps / 4 * _largest(h)).all()):
                    break
            z = drive + nn.functional.linear(h, recurrent)
            insist_in_range(new, self._next(h, z), _largest(drive, h), tolerance)
        return h.to(new.dtype)

    def log_det(self, x: Tensor, h: Tensor, *, given: Given = "state") -> Tensor:
        """Returns 1/2 log det J^T J at each example.

        J is the Jacobian in the input given the state, or in the state given the input. In the
        input it does not depend on where: of each pair the row B_i or -B_i is there.
        """
        with settled(self, x):
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
        the supremum. In the state: a - |U| and a + |U|.

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
        insist_on_numbers(self)
        if given == "state":
            basis = freeze(self.basis, "basis")
            ones = freeze([1.0] * len(basis), "scales")
            return PairedWeights(Operator.dense(basis), ones).decide()
        if not self.carry:
            return undecided("the cell keeps no part of its state (injective_in='input')", "rank")
        bound = norm_bound(freeze(self.recurrent, "recurrent"))
        if bound < Fraction(self.carry):
            return injective(
                f"|U| <= {float(bound):.4g} < {self.carry:.4g}, bounded over the rationals",
                "contraction",
            )
        return undecided(
            f"the bound on |U| is {float(bound):.4g}, and a is {self.carry:.4g}", "contraction"
        )

    def _insist_on(self, what: Where) -> None:
        if self.injective_in not in (what, "both"):
            raise LayerError(
                f"Expected a cell that is one-to-one in its {what}. Got injective_in="
                f"{self.injective_in!r}; construct it with {what!r} or 'both'."
            )

    def config(self) -> dict[str, Any]:
        """Returns the arguments that construct such a module."""
        names = ("input_size", "hidden_size", "injective_in", "coefficient")
        given = {name: getattr(self, name) for name in names}
        return given | ({"carry": self.carry} if self.carry else {})

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.config().items())


def _largest(*values: Tensor) -> Tensor:
    """Returns the sum of the largest sizes in each example: what may have cancelled."""
    sizes = [value.detach().abs().amax(-1, keepdim=True) for value in values]
    return torch.stack(sizes).sum(0)
