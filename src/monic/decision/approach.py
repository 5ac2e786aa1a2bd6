"""How a question is to be answered: one value, from the front call down to the search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from monic.clock import monotonic
from monic.decision.result import Execution, Limits, Progress, Statistics
from monic.errors import LayerError

if TYPE_CHECKING:
    from monic.decision.checkpoint import Checkpoint, Keep

__all__ = ["ASSUMPTIONS", "METHODS", "Approach"]

#: How a layer may be decided: everything in turn, or one way alone.
METHODS = ("auto", "structure", "falsify", "packing", "branching")

#: What a verdict may rest on, when the caller asks for it.
ASSUMPTIONS = ("general-position", "random-projections", "statistics")


def _silent(statistics: Statistics) -> None:
    """Hears of progress and says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """The method, the assumptions, the limits and the machine for a decision.

    Arguments:
        method: One of `METHODS`.
        assume: Names from `ASSUMPTIONS`; a verdict that rests on one carries it.
        limits: How much work it may cost; for a network, for each of its layers.
        execution: Where it is computed.
        progress: Called now and then with the statistics so far.
        resume: Checkpoints of earlier searches, by the number of the layer from 0.
        keep: Given the checkpoint of the search at hand now and then, or None.
        number: Which of them is that of the layer at hand.
        deadline: When the layer at hand must be ready, on the monotonic clock.
        budget: How many nodes the search at hand may enter.

    Raises:
        LayerError: for an unknown method or assumption, or invalid limits.

    Example:
        >>> Approach(method="guess")
        Traceback (most recent call last):
        monic.errors.LayerError: Expected a method among auto, structure, ... Got 'guess'.
    """

    method: str = "auto"
    assume: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    execution: Execution = field(default_factory=Execution)
    progress: Progress = _silent
    resume: "Mapping[int, Checkpoint]" = field(default_factory=dict)
    keep: "Keep | None" = None
    number: int = 0
    deadline: float | None = None
    budget: int | None = None

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
        if self.method == "packing" and "general-position" not in self.assume:
            raise LayerError(
                "Expected assume='general-position' with the method 'packing', which rests on it. "
                f"Got {self.assume!r}."
            )
        if self.execution.workers < 1:
            raise LayerError(f"Expected workers >= 1. Got {self.execution.workers}.")

    def to(self, number: int) -> "Approach":
        """Returns the approach to the layer with this number, from 0."""
        return replace(self, number=number)

    def begun(self) -> "Approach":
        """Returns the approach to one layer, whose time and nodes count from now."""
        seconds, nodes = self.limits.seconds, self.limits.nodes
        deadline = None if seconds is None else monotonic() + seconds
        return replace(self, deadline=deadline, budget=nodes)

    def sharing(self, share: float) -> "Approach":
        """Returns the approach with a share of the time and of the nodes that are left."""
        left, nodes = self.left(), self.budget
        return replace(
            self,
            deadline=None if left is None else monotonic() + share * left,
            budget=None if nodes is None else max(1, round(share * nodes)),
        )

    def left(self) -> float | None:
        """Returns the seconds that are left, or None when time does not matter."""
        return None if self.deadline is None else max(0.0, self.deadline - monotonic())

    def limit(self, spent: Statistics) -> str | None:
        """Returns which limit was hit and what to raise, or None."""
        if self.deadline is not None and monotonic() >= self.deadline:
            return f"the time limit of {self.limits.seconds:g} s was hit; raise time_limit"
        if self.budget is not None and spent.nodes >= self.budget:
            return f"the limit of {self.limits.nodes} nodes was hit; raise limits.nodes"
        return None


def as_assumptions(assume: str | Sequence[str] | None) -> tuple[str, ...]:
    """Returns assumptions, one or several, as a tuple of names, each once.

    Example:
        >>> as_assumptions("general-position"), as_assumptions(None)
        (('general-position',), ())
        >>> as_assumptions(["random-projections", "general-position", "random-projections"])
        ('random-projections', 'general-position')
    """
    if assume is None:
        return ()
    return (assume,) if isinstance(assume, str) else tuple(dict.fromkeys(assume))
