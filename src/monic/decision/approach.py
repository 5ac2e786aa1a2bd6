"""How a question is to be answered: one value, from the front call down to the search."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from monic.decision.result import Execution, Limits, Progress, Statistics
from monic.errors import LayerError

__all__ = ["ASSUMPTIONS", "METHODS", "Approach"]

#: How a layer may be decided: everything in turn, or one way alone.
METHODS = ("auto", "structure", "branching")

#: What a verdict may rest on, when the caller asks for it.
ASSUMPTIONS = ("general-position",)


def _silent(statistics: Statistics) -> None:
    """Hears of progress and says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """The method, the assumptions, the limits and the machine for one decision.

    Arguments:
        method: One of `METHODS`.
        assume: Names from `ASSUMPTIONS`; a verdict that rests on one carries it.
        limits: How much work it may cost; for a network, for each of its layers.
        execution: Where it is computed.
        progress: Called now and then with the statistics so far.

    Raises:
        LayerError: for an unknown method or assumption, or limits that are no limits.

    Example:
        >>> Approach(method="guess")
        Traceback (most recent call last):
        monic.errors.LayerError: Expected a method among auto, structure, branching. Got 'guess'.
    """

    method: str = "auto"
    assume: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    execution: Execution = field(default_factory=Execution)
    progress: Progress = _silent

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise LayerError(f"Expected a method among {', '.join(METHODS)}. Got {self.method!r}.")
        for name in self.assume:
            if name not in ASSUMPTIONS:
                known = ", ".join(ASSUMPTIONS)
                raise LayerError(f"Expected assumptions among {known}. Got {name!r}.")
        for name, value in (("seconds", self.limits.seconds), ("nodes", self.limits.nodes)):
            if value is not None and not value >= 0:
                raise LayerError(f"Expected a limit of {name} >= 0 or None. Got {value!r}.")
        if self.execution.workers < 1:
            raise LayerError(f"Expected workers >= 1. Got {self.execution.workers}.")

    def within(self, seconds: float) -> "Approach":
        """Returns the same approach with a time limit."""
        return replace(self, limits=replace(self.limits, seconds=max(seconds, 0.0)))


def as_assumptions(assume: str | Sequence[str] | None) -> tuple[str, ...]:
    """Returns assumptions as a tuple of names.

    Example:
        >>> as_assumptions("general-position"), as_assumptions(None)
        (('general-position',), ())
    """
    if assume is None:
        return ()
    return (assume,) if isinstance(assume, str) else tuple(assume)
