"""sigma*: the smallest singular value over all sets of active rows, by branch and bound.

The lower bound is proved by trees (docs/stability.md); the upper bound is attained at a point,
where the active rows are found exactly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, ldexp, nextafter

import numpy as np
from flint import fmpz_mat

from monic.bounds import tree as compiled
from monic.bounds.interval import Interval
from monic.bounds.search import cells, region_of
from monic.bounds.singular import Gram, smallest
from monic.bounds.subject import Subject
from monic.clock import monotonic
from monic.decision.problem import Point
from monic.geometry.exact_separation import Relation, separate_exactly
from monic.geometry.rational import positive_relation
from monic.geometry.separation import ACTIVE, EXCLUDED, OPEN

__all__ = ["FrameSearch", "Objective", "State"]

#: Targets of the trees before the last, as shares of the upper bound.
EARLIER = (0.25, 0.5)
#: Half-spaces around a ball, for each dimension.
CUTS = 40
#: Numbers that a tree may keep, for all its depths together (2 GiB).
ROOM = 1 << 28


@dataclass(frozen=True, slots=True)
class Objective:
    """What is minimised over cells: the least singular value of base + sum of w w^T.

    The sum goes over the active rows among `rows`; sigma* is the objective without a base.

    Arguments:
        rows: The rows that count where they are active.
        base: An integer matrix, in units of scale^2 / unit.
        unit: A positive integer.
    """

    rows: tuple[int, ...]
    base: fmpz_mat
    unit: int = 1

    def gram(self, subject: Subject, active: Sequence[int]) -> Gram:
        """Returns the exact matrix at a set of active rows."""
        plain = subject.gram([i for i in active if i in self.rows])
        return Gram(self.base + plain.matrix * self.unit, plain.factor / self.unit)

    def floats(self, subject: Subject) -> np.ndarray:
        """Returns the base times 2^(-2 shift), each entry rounded once."""
        top, bottom = (self.unit * subject.unit**2).as_integer_ratio()
        rows = self.base.tolist()
        return np.array([[int(entry) * bottom / top for entry in row] for row in rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is proved at some moment of a search.

    Arguments:
        interval: sigma* lies in it.
        nodes: Nodes of all trees so far.
        seconds: Since the search began.
    """

    interval: Interval
    nodes: int
    seconds: float


class FrameSearch:
    """A search for sigma* that can be stopped at any time.

    Arguments:
        subject: The layer.
        gap: 1 - lower/upper at which to stop.
        deadline: On the monotonic clock; None is none.
        progress: Called now and then.
        objective: What is searched instead of sigma*.
    """

    def __init__(
        self,
        subject: Subject,
        gap: float,
        deadline: float | None = None,
        progress: Callable[[State], None] | None = None,
        objective: Objective | None = None,
    ) -> None:
        self.subject, self.gap, self.deadline, self.progress = subject, gap, deadline, progress
        self.plain = objective is None
        self.objective = objective or Objective(subject.used, fmpz_mat(subject.dim, subject.dim))
        self.started = monotonic()
        self.lower, self.upper = 0.0, inf
        self.point: Point | None = None
        self.nodes = 0
        self.done = False
        self._cuts: list[tuple[int, ...]] = []
        self._known: dict[tuple[int, ...], bool] = {}

    def state(self) -> State:
        """Returns what is proved so far."""
        return State(
            interval=Interval(self.lower, self.upper),
            nodes=self.nodes,
            seconds=monotonic() - self.started,
        )

    def run(self, rng: np.random.Generator) -> None:
        """Searches until the gap is reached, or the deadline."""
        self.offer(self.subject.problem.outside(self.subject.problem.inner_point()))
        region = region_of(self.subject)
        lines = 40 + 10 * self.subject.dim if self.plain else 0
        for square, x in cells(self.subject, region, lines, rng, deadline=self.deadline):
            if square < (0.999 * self._scaled(self.upper)) ** 2:
                self.offer(tuple(map(Fraction, x.tolist())))
            if self._late():
                return
        if not self.fits:
            return
        for share in (*EARLIER, 1.0 - self.gap):
            if self.lower < share * self.upper and not self._prove(share):
                return
        self.done = True

    @property
    def fits(self) -> bool:
        """Whether the layer is small enough for a tree; if not, the lower bound stays 0."""
        m, n = self.subject.layer.shape
        return 2 * (m + 1) * (n + 2) ** 2 <= ROOM

    def offer(self, x: Point) -> Interval | None:
        """Takes a point of the user's space as a witness of an upper bound, if it is inside."""
        if not self.subject.inside(x):
            return None
        found = smallest(self.objective.gram(self.subject, self.subject.active(x)))
        if found.upper < self.upper:
            self.upper, self.point = found.upper, x
        return found

    def _scaled(self, root: float) -> float:
        return ldexp(root, -self.subject.shift) if root < inf else inf

    def _late(self) -> bool:
        return self.deadline is not None and monotonic() >= self.deadline

    def _prove(self, share: float) -> bool:
        """Grows one tree with this share of the upper bound as its target; False when late."""
        while True:
            run = _Pass(self, share)
            outcome = run.run()
            if outcome is None:
                return False
            if outcome:
                self.lower = max(self.lower, run.proved())
                return True
            # a new half-space around the ball: begin again


class _Pass:
    """One tree of a search."""

    def __init__(self, search: FrameSearch, share: float) -> None:
        self.search, self.subject, self.share = search, search.subject, share
        self.system = self.subject.system(search._cuts, search.objective.rows)
        self.tree = compiled.new_tree(self.system, self.subject.floats)
        self.tree.grams[0] = search.objective.floats(self.subject)
        self.floor = inf
        self.aim()

    def aim(self) -> None:
        """Sets the target from the upper bound at hand."""
        self.level = nextafter(self.share * self.search.upper, 0.0)
        root = self.search._scaled(self.level)
        self.tree.target[0] = nextafter(root * root, inf)

    def proved(self) -> float:
        """The lower bound that the finished tree proves."""
        return min(self.level, self.floor)

    def run(self) -> bool | None:
        """Grows the tree: True when it is done, False to begin again, None when late."""
        chunk, control = 64, self.tree.control
        while self.search.upper > 0:
            before = int(control[compiled.NODES])
            began = monotonic()
            status = compiled.grow(self.tree, before + chunk)
            self.search.nodes += int(control[compiled.NODES]) - before
            if status == compiled.DONE:
                return True
            if status == compiled.PAUSED:
                chunk = 2 * chunk if monotonic() - began < 0.1 else chunk
            elif not self._help(found=status == compiled.FOUND):
                return False
            if self.search._late():
                return None
            if self.search.progress is not None:
                self.search.progress(self.search.state())
        return True

    def _help(self, *, found: bool) -> bool:
        """Supplies what floats could not; False when the tree has to begin again."""
        if found:
            old = self.search.upper
            width = self.system.width
            x = self._point(tuple(map(Fraction, self.tree.work[0, :width].tolist())))
            if x is not None and self.search.offer(x) and self.search.upper < old * (1 - 1e-9):
                self.aim()
                return True
        elif self._proposed():
            return True
        return self._exactly()

    def _point(self, y: Point) -> Point | None:
        """Returns a point of the system's space in the user's coordinates."""
        if not self.system.cone:
            if y[-1] <= 0:
                return None
            y = tuple(t / y[-1] for t in y[:-1])
        x = y
        while self.subject.everywhere and not self.subject.problem.contains(x):
            x = tuple(t / 2 for t in x)
        return self.subject.problem.outside(x)

    def _proposed(self) -> bool:
        """Confirms over the rationals the relation that floats proposed."""
        positive, total = int(self.tree.relation[0]), int(sum(self.tree.relation[:2]))
        if positive == 0:
            return False
        names = self.tree.relation[2 : 2 + total].tolist()
        key = (positive, *names)
        if key not in self.search._known:
            rows = [self.system.rows[i] for i in names]
            found = positive_relation(rows[:positive], rows[positive:])
            self.search._known[key] = found is not None
        return self._supply() if self.search._known[key] else False

    def _supply(self) -> bool:
        """Hands the relation to the tree; rows in it that do not close the node are opened."""
        compiled.verified(self.tree)
        self.tree.control[compiled.STEP] = compiled.SUPPLIED
        return True

    def _exactly(self) -> bool:
        """Asks the exact simplex method: a relation to branch on, or the cell with the rows K."""
        role, rows = self.tree.role, self.system.rows
        active = [int(i) for i in np.flatnonzero(role == ACTIVE)]
        strict = [int(i) for i in np.flatnonzero((role == OPEN) | (role == EXCLUDED))]
        answer = separate_exactly(
            [rows[i] for i in strict], [rows[i] for i in active], self.system.width
        )
        if isinstance(answer, Relation):
            names = [strict[k] for k in answer.positive] + [active[k] for k in answer.negative]
            self.tree.relation[:2] = len(answer.positive), len(answer.negative)
            self.tree.relation[2 : 2 + len(names)] = names
            return self._supply()
        x = self._point(answer)
        if (x is None or self.search.offer(x) is None) and self._cut(x):
            return False
        gram = self.search.objective.gram(self.subject, active)
        self.floor = min(self.floor, smallest(gram).lower)
        self.aim()
        depth = int(self.tree.control[compiled.DEPTH])
        self.tree.frames[depth, compiled.COUNT] = self.tree.frames[depth, compiled.CHILD] = 0
        self.tree.control[compiled.STEP] = compiled.ADVANCE
        return True

    def _cut(self, x: Point | None) -> bool:
        """Cuts off a point outside the ball, as often as that is worth it."""
        ball = self.subject.problem.ball
        if ball is None or x is None or len(self.search._cuts) >= CUTS * self.subject.dim:
            return False
        center = ball.middle(self.subject.dim)
        self.search._cuts.append(
            self.subject.cut(tuple(t - c for t, c in zip(x, center, strict=True)))
        )
        return True
