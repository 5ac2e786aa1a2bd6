"""How bounds are computed: how narrow, until when, and with which extras."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isnan

from monic.bounds.frame import State
from monic.clock import monotonic
from monic.errors import LayerError

__all__ = ["Asked", "Report"]

#: Called now and then with what is proved about sigma* so far.
Report = Callable[[State], None]

#: The share of the time that is for the search, where what proves the ends is collected after it.
SEARCH = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options of `bound`; time runs from the call on.

    Arguments:
        gap: 1 - lower/upper at which to stop.
        time_limit: Seconds as the user said them; None is no limit.
        deadline: On the monotonic clock; None is none.
        seed: The seed of local searches.
        progress: Called now and then.
        evidence: Whether what proves each end is collected.
    """

    gap: float = 0.01
    time_limit: float | None = None
    deadline: float | None = None
    seed: int = 0
    progress: Report | None = None
    evidence: bool = False

    @classmethod
    def now(
        cls,
        *,
        gap: float,
        time_limit: float | None,
        seed: int,
        progress: Report | None,
        evidence: bool,
    ) -> "Asked":
        """Returns the options with a deadline from this moment on.

        Raises:
            LayerError: for a gap or limit that is none.
        """
        if not 0.0 < gap < 1.0:
            raise LayerError(f"Expected a gap between 0 and 1, such as 0.01. Got {gap}.")
        if time_limit is not None and (isnan(time_limit) or time_limit < 0):
            raise LayerError(f"Expected a time limit of 0 seconds or more. Got {time_limit}.")
        return cls(
            gap=gap,
            time_limit=time_limit,
            deadline=None if time_limit is None else monotonic() + time_limit,
            seed=seed,
            progress=progress,
            evidence=evidence,
        )

    @property
    def left(self) -> float | None:
        """The seconds that are left; None for no limit."""
        return None if self.deadline is None else max(0.0, self.deadline - monotonic())

    @property
    def is_late(self) -> bool:
        """Whether no time is left."""
        return self.left == 0.0

    @property
    def reason(self) -> str:
        """What to say when the time limit was hit."""
        limit = "" if self.time_limit is None else f" of {self.time_limit:g} s"
        return f"the time limit{limit} was hit; raise time_limit"

    def share(self, part: float) -> "Asked":
        """Returns the same with a share of the time that is left."""
        left = self.left
        return self if left is None else replace(self, deadline=monotonic() + part * left)

    @property
    def search(self) -> "Asked":
        """The same for the search alone."""
        return self.share(SEARCH) if self.evidence else self

    def at_once(self) -> "Asked":
        """Returns the same with no time left: what costs nothing."""
        return replace(self, deadline=monotonic())
