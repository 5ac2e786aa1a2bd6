"""One random matrix: how many of its rows make the layer injective?"""

from dataclasses import dataclass, field
from math import ceil

from monic.decision.decide import decide
from monic.decision.result import Limits, Verdict
from monic.errors import LayerError
from monic.model import Domain, ReLULayer, WholeSpace
from monic.random.ensembles import Ensemble, drawn

__all__ = ["Needed", "Question"]

#: A first guess of m / n; what it is changes only how long the answer takes.
GUESS = 5
#: How much more rows are tried when the last number was not enough.
GROWTH = 1.25


@dataclass(frozen=True, slots=True)
class Needed:
    """How many rows of one matrix are needed: more than `low`, and no more than `high`.

    Arguments:
        low: So many rows are decided not to be enough.
        high: So many rows are decided to be enough; None when no number was.
    """

    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Question:
    """How many rows, in the order in which they are drawn, make a random layer injective?

    A layer ReLU(W x) that is injective stays so when rows are appended, on any domain: active rows
    that span R^n go on spanning it. So one number a matrix answers for every number of rows, and
    bisection finds it in a few decisions.

    Arguments:
        columns: n, at least 1.
        ensemble: A name in `ENSEMBLES`, or a callable; see `Ensemble`.
        domain: Where the layer has to be injective.
        seed: Matrix k is drawn with the seed (seed, columns, k).
        most: The largest number of rows that is tried; None is 32 n.
        assume: Assumptions for each decision, as for `monic.decide`.
        limits: Of each decision.

    Raises:
        LayerError: when columns, most or seed are out of range.

    Example:
        >>> Question(2).answer(0)
        Needed(low=12, high=13)
    """

    columns: int
    ensemble: str | Ensemble = "gaussian"
    domain: Domain = field(default_factory=WholeSpace)
    seed: int = 0
    most: int | None = None
    assume: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.columns < 1 or self.seed < 0:
            raise LayerError(
                f"Expected columns >= 1 and seed >= 0. Got {self.columns} and {self.seed}."
            )
        if self.cap <= self.floor:
            raise LayerError(
                f"Expected most > {self.floor}, as fewer rows are never enough. Got {self.most}."
            )
        drawn(self.ensemble, (1, self.columns), (self.seed, self.columns, 0))

    @property
    def floor(self) -> int:
        """So many rows are never enough: 2 n - 1 on R^n (Corollary 2), n - 1 elsewhere."""
        whole = isinstance(self.domain, WholeSpace)
        return 2 * self.columns - 1 if whole else self.columns - 1

    @property
    def cap(self) -> int:
        """The largest number of rows that is tried."""
        return 32 * self.columns if self.most is None else self.most

    def is_open(self, needed: Needed) -> bool:
        """Whether a limit left a gap in an answer, so that asking again may close it."""
        if needed.high is None:
            return needed.low < self.cap
        return needed.high - needed.low > 1

    def answer(self, index: int) -> Needed:
        """Returns how many rows of matrix `index` are needed, as far as decisions tell."""
        matrix = drawn(self.ensemble, (self.cap, self.columns), (self.seed, self.columns, index))
        low, high = self.floor, None
        rows = min(self.cap, max(low + 1, GUESS * self.columns))
        while high is None or high - low > 1:
            layer = ReLULayer(matrix[:rows], domain=self.domain)
            verdict = decide(layer, assume=self.assume, limits=self.limits).verdict
            if verdict is Verdict.INJECTIVE:
                high = rows
            elif verdict is Verdict.NOT_INJECTIVE:
                low = rows
            else:
                break
            if low == self.cap:
                break
            rows = min(self.cap, ceil(GROWTH * low)) if high is None else (low + high) // 2
        return Needed(low, high)
