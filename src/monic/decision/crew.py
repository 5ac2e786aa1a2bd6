"""Who searches units: this process, its worker processes, or any executor that the caller has."""

import pickle
import secrets
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future
from concurrent.futures import TimeoutError as NotYet
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Protocol

from monic.clock import monotonic
from monic.decision.approach import Approach
from monic.decision.problem import Problem
from monic.decision.result import Execution
from monic.decision.search import Search
from monic.decision.units import Finding, Job, Unit, search_unit, search_units

__all__ = ["Batch", "Crew", "crew_for", "local_workers"]

#: How often a batch is given out again when the worker that had it died.
TRIES = 3
#: A batch shall take about this long: much longer than it takes to hand it out.
SHORT, LONG = 0.1, 0.5
#: Units of the first batches; fewer with a limit of nodes, which is looked at between batches.
FIRST, LIMITED = 32, 8


@dataclass(slots=True)
class Batch:
    """Neighbouring pieces of a proof: written parts, and units that are searched in order.

    Arguments:
        pieces: The parts and units, in the order of the tree.
        future: Where the units were handed out to.
        tries: How often.
        findings: What became of the units, as far as it is known.
    """

    pieces: list[bytes | Unit] = field(default_factory=list)
    future: Future[list[Finding]] | None = None
    tries: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def units(self) -> list[Unit]:
        """The units among the pieces."""
        return [piece for piece in self.pieces if isinstance(piece, Unit)]

    def known(self) -> list[Finding]:
        """Returns the findings that are here already, without waiting."""
        future = self.future
        if not self.findings and future is not None and future.done() and not future.cancelled():
            return future.result() if future.exception() is None else []
        return self.findings


class Crew(Protocol):
    """Those who search; `wait` yields now and then until a batch is ready."""

    ahead: int
    size: int

    def start(self, batch: Batch, seconds: float | None) -> None:
        """Takes a batch that is to be searched within some time."""

    def wait(self, batch: Batch, seconds: float | None, nodes: int | None) -> Iterator[int]:
        """Yields, about ten times a second, nodes that are not in the findings yet.

        Arguments:
            batch: What was started.
            seconds: The time that is left.
            nodes: The nodes that are left.
        """

    def stop(self, *, at_once: bool) -> None:
        """Gives up what was started and is not ready."""


class Alone:
    """This process: a batch is one unit and is searched when it is waited for."""

    ahead = 1
    size = 1

    def __init__(self, problem: Problem, job: Job) -> None:
        self._search = Search(problem, job.prime, packing=job.packing)

    def start(self, batch: Batch, seconds: float | None) -> None:
        """Nothing happens before somebody waits."""

    def wait(self, batch: Batch, seconds: float | None, nodes: int | None) -> Iterator[int]:
        """Searches the unit."""
        self._search.deadline = None if seconds is None else monotonic() + seconds
        for unit in batch.units:
            for finding in search_unit(self._search, unit, nodes):
                if finding.unfinished:
                    yield finding.statistics.nodes
                else:
                    batch.findings = [finding]

    def stop(self, *, at_once: bool) -> None:
        """Nothing runs when nobody waits."""


class Team:
    """The workers of an executor; batches grow until each is worth its journey."""

    def __init__(self, execution: Execution, job: Job, first: int = FIRST) -> None:
        self._given, self._workers = execution.executor, execution.workers
        self._job = pickle.dumps(job)
        self._token = secrets.token_bytes(16)
        self._open: list[Future[list[Finding]]] = []
        self.ahead = 3 * execution.workers + 1
        self.size = first

    def _executor(self) -> Executor:
        return self._given if self._given is not None else local_workers(self._workers)

    def start(self, batch: Batch, seconds: float | None) -> None:
        """Hands a batch out."""
        batch.tries += 1
        if batch.units:
            task = (self._token, self._job, pickle.dumps(batch.units), seconds)
            batch.future = self._executor().submit(search_units, *task)
            self._open.append(batch.future)

    def wait(self, batch: Batch, seconds: float | None, nodes: int | None) -> Iterator[int]:
        """Waits for a batch; one whose worker died is handed out again."""
        end = None if seconds is None else monotonic() + seconds
        while batch.future is not None:
            try:
                batch.findings = batch.future.result(timeout=0.1)
            except NotYet:
                yield 0
                continue
            except (BrokenProcessPool, CancelledError):
                if batch.tries >= TRIES:
                    raise
                self.start(batch, None if end is None else max(0.0, end - monotonic()))
                continue
            self._resize(batch)
            return

    def _resize(self, batch: Batch) -> None:
        self._open = [future for future in self._open if not future.done()]
        spent = sum(finding.statistics.seconds for finding in batch.findings)
        if spent < SHORT and len(batch.units) == self.size:
            self.size = min(2 * self.size, 256)
        elif spent > LONG:
            self.size = max(1, self.size // 2)

    def stop(self, *, at_once: bool) -> None:
        """Cancels what has not begun; the rest ends soon by itself, or at once where it can."""
        running = [future for future in self._open if not future.cancel() and not future.done()]
        self._open = []
        if at_once and running and self._given is None:
            _end_local()


def crew_for(problem: Problem, job: Job, approach: Approach) -> Crew:
    """Returns who searches the units of a layer."""
    execution = approach.execution
    if execution.executor is None and execution.workers == 1:
        return Alone(problem, job)
    return Team(execution, job, FIRST if approach.limits.nodes is None else LIMITED)


def local_workers(workers: int) -> Executor:
    """The pool of this machine: kept between decisions, and made anew when it broke."""
    from loky import get_reusable_executor  # starts processes: not at import

    pool: Executor = get_reusable_executor(
        max_workers=workers, timeout=120, initializer=_leave_interrupts_to_the_parent
    )
    return pool


def _end_local() -> None:
    from loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=False, kill_workers=True)


def _leave_interrupts_to_the_parent() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
