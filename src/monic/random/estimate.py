"""How probable it is that a random layer is injective, from samples that are decided exactly."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass

from monic.bounds.interval import Interval
from monic.decision.crew import local_workers
from monic.decision.result import Execution
from monic.errors import LayerError
from monic.random.interval import clopper_pearson
from monic.random.question import Needed, Question

__all__ = [
    "ProbabilityEstimate",
    "RowsNeeded",
    "answers",
    "estimate_rows_needed",
    "insist_on_sample",
]

#: How many matrices a worker is given at a time.
CHUNK = 8

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityEstimate:
    """An estimate of the probability that a random layer of one shape is injective.

    Arguments:
        rows: m.
        columns: n.
        injective: How many samples are decided INJECTIVE.
        not_injective: How many are decided NOT_INJECTIVE.
        samples: The sample size; what is in neither number was not decided.
        seed: Of the samples.
        confidence: Of the interval.
        interval: By Clopper and Pearson; undecided samples may be either.
    """

    rows: int
    columns: int
    injective: int
    not_injective: int
    samples: int
    seed: int
    confidence: float
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsNeeded:
    """For each sample, how many rows make it injective; together, probabilities for every m.

    Arguments:
        question: What was asked.
        needed: The answers, of the matrices 0, 1, ...

    Example:
        >>> found = estimate_rows_needed(Question(2), samples=50)
        >>> found.median, found.probability(8).injective
        (8, 26)
    """

    question: Question
    needed: tuple[Needed, ...]

    def probability(self, rows: int, *, confidence: float = 0.95) -> ProbabilityEstimate:
        """Returns the estimate for layers of m rows.

        Raises:
            LayerError: when there are no samples, or the confidence is none.
        """
        insist_on_sample(len(self.needed), confidence)
        injective = sum(one.high is not None and one.high <= rows for one in self.needed)
        not_injective = sum(one.low >= rows for one in self.needed)
        total = len(self.needed)
        return ProbabilityEstimate(
            rows=rows,
            columns=self.question.columns,
            injective=injective,
            not_injective=not_injective,
            samples=total,
            seed=self.question.seed,
            confidence=confidence,
            interval=clopper_pearson((injective, total - not_injective), total, confidence),
        )

    def quantile(self, share: float) -> int | None:
        """Returns the least m at which this share of the samples is decided INJECTIVE, or None."""
        known = sorted(one.high for one in self.needed if one.high is not None)
        place = max(1, _ceil(share * len(self.needed)))
        return known[place - 1] if place <= len(known) else None

    @property
    def median(self) -> int | None:
        """The least m at which half of the samples are injective, or None."""
        return self.quantile(0.5)

    @property
    def undecided(self) -> int:
        """How many samples a limit left with a gap."""
        return sum(map(self.question.is_open, self.needed))


def estimate_rows_needed(
    question: Question,
    *,
    samples: int = 1000,
    execution: Execution | None = None,
    progress: Progress | None = None,
) -> RowsNeeded:
    """Returns how many rows random layers need to be injective, for a number of samples.

    Every sample is decided exactly by `monic.decide`; what is estimated is the probability.

    Arguments:
        question: What is asked; `Question(n)` is about Gaussian layers on R^n.
        samples: The sample size: the matrices 0, 1, ... of the question.
        execution: Where it is computed; it never changes the result.
        progress: Called with the number of samples that are ready, and of all.

    Raises:
        LayerError: when samples is below 1.

    Example:
        >>> found = estimate_rows_needed(Question(3, seed=1), samples=20)
        >>> found.quantile(0.0), found.quantile(1.0)
        (10, 19)
    """
    insist_on_sample(samples)
    found = {}
    for index, needed in answers(question, range(samples), execution or Execution()):
        found[index] = needed
        if progress is not None:
            progress(len(found), samples)
    return RowsNeeded(question=question, needed=tuple(found[k] for k in range(samples)))


def answers(
    question: Question, indices: Sequence[int], execution: Execution
) -> Iterator[tuple[int, Needed]]:
    """Yields the answers for matrices as they come; workers give them in any order."""
    if execution.executor is None and execution.workers == 1:
        yield from ((index, question.answer(index)) for index in indices)
        return
    executor = execution.executor or local_workers(execution.workers)
    chunks = [indices[k : k + CHUNK] for k in range(0, len(indices), CHUNK)]
    yield from _handed_out(executor, question, chunks, 2 * execution.workers)


def _handed_out(
    executor: Executor, question: Question, chunks: list[Sequence[int]], ahead: int
) -> Iterator[tuple[int, Needed]]:
    chunks, running = chunks[::-1], set[Future[list[tuple[int, Needed]]]]()
    try:
        while chunks or running:
            while chunks and len(running) < ahead:
                running.add(executor.submit(_answered, question, chunks.pop()))
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                yield from future.result()
    finally:
        for future in running:
            future.cancel()


def _answered(question: Question, indices: Sequence[int]) -> list[tuple[int, Needed]]:
    return [(index, question.answer(index)) for index in indices]


def insist_on_sample(samples: int, confidence: float = 0.95) -> None:
    """Refuses a sample size or a confidence that is none."""
    if samples < 1 or not 0 < confidence < 1:
        raise LayerError(
            "Expected at least one sample, and a confidence above 0 and below 1. Got "
            f"{samples} samples and confidence={confidence}."
        )


def _ceil(number: float) -> int:
    return -int(-number // 1)
