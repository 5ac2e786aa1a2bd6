"""Branching: a search is cut into units, which are searched wherever there is a worker.

The parts of the proof are put together in the order of the tree, and what ends a search is the
first thing in that order that does; so neither verdict nor proof depends on who searched what.
"""

import hashlib
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce

from monic.certificate import Certificate, header
from monic.clock import monotonic, patiently
from monic.decision import tree as compiled
from monic.decision.approach import Approach
from monic.decision.checkpoint import Checkpoint, Interrupted, Keeping
from monic.decision.crew import Batch, Crew, crew_for
from monic.decision.outcome import Outcome, new_body
from monic.decision.problem import Problem
from monic.decision.result import Statistics
from monic.decision.search import Search, UnluckyPrimeError
from monic.decision.units import Finding, Job, Unit, cut, depth_of_cuts
from monic.decision.witness import Witness, confirm
from monic.errors import UnreadableCheckpoint
from monic.geometry.system import PRIMES
from monic.interrupts import Interrupts

__all__ = ["branch", "subject_digest"]


def branch(
    problem: Problem,
    approach: Approach,
    *,
    packing: bool = False,
    resume: Checkpoint | None = None,
) -> Outcome:
    """Decides a layer by branching (docs/branching.md).

    Arguments:
        problem: The layer.
        approach: The limits, the machine, and who hears of progress.
        packing: Whether nodes may be proved by packings, assuming general position.
        resume: Where an earlier search of the same kind stopped.

    Raises:
        UnreadableCheckpoint: when the checkpoint is about something else.
        Interrupted: on Ctrl-C; it carries a checkpoint.
    """
    if resume is not None:
        _insist_on(resume, problem, packing=packing)
        if resume.point is not None:
            witness = confirm(problem, resume.point)
            if witness is None:
                raise UnreadableCheckpoint("Expected the point of a collision. Got another.")
            return Outcome(resume.statistics, witness=witness, checkpoint=resume)
    primes = PRIMES if resume is None else PRIMES[PRIMES.index(resume.prime) :]
    for prime in primes:
        run = _Run(problem, approach, Job(problem.layer, prime, packing))
        if resume is not None and prime == resume.prime:
            run.restore(resume)
        outcome = run.run()
        if outcome is not None:
            return outcome
    return Outcome(Statistics(), limit="all primes for rank tests divide minors of these rows")


def subject_digest(problem: Problem) -> str:
    """Returns the SHA-256 of the subject of a certificate about the layer."""
    return hashlib.sha256(json.dumps(problem.subject, sort_keys=True).encode()).hexdigest()


def _insist_on(resume: Checkpoint, problem: Problem, *, packing: bool) -> None:
    if resume.subject != subject_digest(problem):
        raise UnreadableCheckpoint(
            "Expected a checkpoint of this layer on this domain. Got one of another layer."
        )
    if resume.packing is not packing or resume.prime not in PRIMES:
        asked = "with" if packing else "without"
        raise UnreadableCheckpoint(
            f"Expected a checkpoint of a search {asked} packings. Got another; ask for the same "
            "assumptions as before."
        )


class _Run:
    """One search with one prime.

    In the order of the tree: `queue` holds what was cut out and is being searched, `pending` what
    an earlier run had cut out, and `top` cuts the rest. Interrupts are let in where the three
    belong together.
    """

    def __init__(self, problem: Problem, approach: Approach, job: Job) -> None:
        self.problem, self.approach, self.job = problem, approach, job
        self.top: Search | None = Search(problem, job.prime, packing=job.packing)
        self.top.deadline = approach.deadline
        self.top.tree.control[compiled.SPLIT] = depth_of_cuts(problem.system, packing=job.packing)
        self.body = new_body()
        self.queue: deque[Batch | Finding] = deque()
        self.pending: deque[bytes | Unit] = deque()
        self.spent = Statistics()
        self.packed = 0
        self.started = monotonic()
        self.keeping = Keeping(approach.keep)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes back to where a search stopped."""
        self.body, self.spent = checkpoint.body, checkpoint.statistics
        self.body.seek(0, 2)
        self.packed = checkpoint.packed
        self.pending.extend(checkpoint.queue)
        if not checkpoint.top:
            self.top = None
            return
        assert self.top is not None, "a new run has a search"
        try:
            for name, array in self.top.tree._asdict().items():
                array[...] = checkpoint.top[name]
        except (KeyError, ValueError) as error:
            raise UnreadableCheckpoint(f"Expected the state of a search. Got {error}.") from None

    def run(self) -> Outcome | None:
        """Returns the outcome, or None when the prime must be given up."""
        crew = crew_for(self.problem, self.job, self.approach)
        with Interrupts() as interrupts, patiently():  # limits are looked at between steps
            try:
                while True:
                    interrupts.let_in()
                    self.keeping.now_and_then(self._kept)
                    self._fill(crew)
                    if not self.queue:
                        if self.top is None and not self.pending:
                            return self._proved()
                        self.queue.append(Batch())  # the search for a first unit goes on
                    for unseen in self._wait(self.queue[0], crew):
                        interrupts.let_in()
                        self.keeping.now_and_then(self._kept)
                        self.approach.progress(self._statistics(unseen))
                        limit = self.approach.limit(self._statistics(unseen))
                        if limit is not None:
                            return self._stopped(limit, unseen)
                    finding = self._write(self.queue[0])
                    if finding is not None:
                        return self._ended(finding)
                    self.queue.popleft()
            except KeyboardInterrupt:
                crew.stop(at_once=True)
                if interrupts.cut:  # nobody knows what state the search is in
                    raise
                raise Interrupted(self._kept()) from None
            finally:
                crew.stop(at_once=False)

    def _fill(self, crew: Crew) -> None:
        """Cuts out what comes next, as far ahead as the crew wants, and hands it out.

        It comes back after about a tenth of a second in any case.
        """
        while len(self.queue) < crew.ahead:
            batch = Batch()
            end: Finding | bool = True
            for piece in self._pieces():
                if piece is None or isinstance(piece, Finding):
                    end = piece or True
                    break
                batch.pieces.append(piece)
                if len(batch.units) == crew.size:
                    end = False
                    break
            if batch.pieces:
                crew.start(batch, self.approach.left())
                self.queue.append(batch)
            if isinstance(end, Finding):
                self.queue.append(end)
            if end:
                return

    def _pieces(self) -> Iterator[bytes | Unit | Finding | None]:
        """Yields what comes next in the tree, None at a pause; a finding ends it."""
        while self.pending:
            yield self.pending.popleft()
        while self.top is not None:
            try:
                status = self.top.advance()
            except UnluckyPrimeError:
                yield self._end_of_top(Finding(unlucky=True))
                return
            written = self.top.take()
            if written:
                yield written
            if isinstance(status, Witness):
                yield self._end_of_top(Finding(witness=status))
            elif status == compiled.DONE:
                self._end_of_top(Finding())
            elif status == compiled.CUT:
                yield cut(self.top)
            else:
                yield None

    def _end_of_top(self, finding: Finding) -> Finding:
        assert self.top is not None, "a search ends once"
        self.packed += int(self.top.tree.control[compiled.PACKED])
        self.spent = self._statistics()
        self.top = None
        return finding

    def _wait(self, head: Batch | Finding, crew: Crew) -> Iterator[int]:
        """Waits for a batch, and yields nodes that are not counted yet."""
        if isinstance(head, Batch):
            budget = self.approach.budget
            nodes = None if budget is None else budget - self._statistics().nodes
            yield from crew.wait(head, self.approach.left(), nodes)
        yield 0

    def _write(self, head: Batch | Finding) -> Finding | None:
        """Writes a batch down when all of it is known; returns what ends the search instead."""
        if isinstance(head, Finding):
            return head
        last = next((finding for finding in head.findings if finding.last), None)
        if last is None:
            self._count(head.findings)
            for piece in _resolved(head.pieces, head.findings):
                assert isinstance(piece, bytes), "every unit of the batch has its finding"
                self.body.write(piece)
        return last

    def _count(self, findings: list[Finding]) -> None:
        self.packed += sum(finding.packed for finding in findings)
        spent = (finding.statistics for finding in findings)
        self.spent = reduce(Statistics.plus, spent, self.spent)

    def _ended(self, finding: Finding) -> Outcome | None:
        if finding.unlucky:
            return None
        if finding.witness is None:
            return self._stopped(self.approach.limit(self.spent) or "a worker ran out of time")
        spent = self._statistics(finding.statistics.nodes)
        checkpoint = replace(self._checkpoint(), point=finding.witness.x, queue=[], top={})
        return Outcome(spent, witness=finding.witness, checkpoint=checkpoint)

    def _proved(self) -> Outcome:
        """The proof; it carries the assumption only if some node was proved by it."""
        head = header(
            "INJECTIVE",
            self.problem.subject,
            {"kind": "packing" if self.packed else "tree"},
            assumption="general-position" if self.packed else None,
        )
        certificate = Certificate(head, self.body)
        return Outcome(self._statistics(), certificate, checkpoint=self._checkpoint())

    def _stopped(self, limit: str, unseen: int = 0) -> Outcome:
        spent = self._statistics(unseen)
        return Outcome(spent, limit=limit, checkpoint=self._checkpoint())

    def _kept(self) -> dict[int, Checkpoint]:
        return {self.approach.number: self._checkpoint()}

    def _checkpoint(self) -> Checkpoint:
        """Where the search is; it changes nothing, and the search may go on."""
        rest: list[bytes | Unit] = []
        ahead: list[Finding] = []
        for item in self.queue:
            if isinstance(item, Batch):
                known = item.known()
                ahead += [found for found in known if not found.last]
                rest += _resolved(item.pieces, known)
        top = {} if self.top is None else {k: a.copy() for k, a in self.top.tree._asdict().items()}
        entered = 0 if self.top is None else self.top.nodes  # the arrays of `top` count them
        spent = reduce(Statistics.plus, (found.statistics for found in ahead), self._statistics())
        return Checkpoint(
            subject=subject_digest(self.problem),
            packing=self.job.packing,
            prime=self.job.prime,
            statistics=replace(spent, nodes=spent.nodes - entered),
            packed=self.packed + sum(found.packed for found in ahead),
            body=self.body,
            queue=[*rest, *self.pending],
            top=top,
        )

    def _statistics(self, unseen: int = 0) -> Statistics:
        """What it has cost so far, nodes that are in no finding yet among them."""
        top = Statistics(nodes=unseen)
        if self.top is not None:
            top = Statistics(self.top.nodes + unseen, 0.0, self.top.depth, self.top.repairs)
        return replace(self.spent.plus(top), seconds=monotonic() - self.started)


def _resolved(pieces: list[bytes | Unit], known: list[Finding]) -> list[bytes | Unit]:
    """The pieces of a batch, with what was written for the units that are finished."""
    findings = iter(known)
    resolved: list[bytes | Unit] = []
    for piece in pieces:
        finding = next(findings, None) if isinstance(piece, Unit) else None
        resolved.append(piece if finding is None or finding.last else finding.written)
    return resolved
