"""Decisions that modules state about themselves, in one wording."""

from collections.abc import Sequence

from torch import nn

from monic.decision.result import Collision, Decision, Verdict
from monic.errors import LayerError

__all__ = [
    "injective",
    "insist_on_assumption",
    "insist_on_numbers",
    "not_injective",
    "undecided",
]

#: What a caller may ask a module to assume.
ASSUMPTIONS = ("random-projections", "statistics")


def insist_on_assumption(assume: str | Sequence[str] | None) -> tuple[str, ...]:
    """Returns the assumptions asked for.

    Raises:
        LayerError: for an unknown one.
    """
    asked = (assume,) if isinstance(assume, str) else tuple(assume or ())
    if not set(asked) <= set(ASSUMPTIONS):
        raise LayerError(f"Expected assumptions among {ASSUMPTIONS}. Got {asked}.")
    return asked


def insist_on_numbers(module: nn.Module) -> None:
    """Insists on finite weights, as what is decided about NaN is true of nothing.

    Raises:
        LayerError: when a parameter or buffer has NaN or infinities.
    """
    for name, held in (*module.named_parameters(), *module.named_buffers()):
        if not bool(held.isfinite().all()):
            raise LayerError(f"Expected finite numbers in {name}. Got NaN or infinity.")


def injective(reason: str, method: str, assumption: str | None = None) -> Decision:
    """Returns INJECTIVE without a certificate: export the module for one."""
    return Decision(verdict=Verdict.INJECTIVE, reason=reason, method=method, assumption=assumption)


def not_injective(reason: str, method: str, collision: Collision) -> Decision:
    """Returns NOT_INJECTIVE with two inputs."""
    return Decision(
        verdict=Verdict.NOT_INJECTIVE, reason=reason, method=method, collision=collision
    )


def undecided(reason: str, method: str) -> Decision:
    """Returns UNDECIDED."""
    return Decision(verdict=Verdict.UNDECIDED, reason=reason, method=method)
