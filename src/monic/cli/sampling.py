"""From options to samples of random layers, kept in a file as they come."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from monic.cli.codes import RandomCode
from monic.decision.result import Execution, Limits
from monic.io import load_domain
from monic.random import Question, RowsNeeded
from monic.random.estimate import answers
from monic.random.study import Study, load_study, save_study
from monic.report.progress import ProgressLine

__all__ = ["Sampling", "sample"]

#: Seconds between two writings of the file.
PERIOD = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What to sample, and where to keep it."""

    columns: tuple[int, ...]
    samples: int
    ensemble: str
    domain: str
    seed: int
    assume: tuple[str, ...]
    limits: Limits
    output: str | None
    silent: bool

    def questions(self) -> Iterator[Question]:
        """Yields the question for each n."""
        for n in self.columns:
            yield Question(
                n,
                ensemble=self.ensemble,
                domain=load_domain(self.domain, n),
                seed=self.seed,
                assume=self.assume,
                limits=self.limits,
            )


def sample(wish: Sampling, execution: Execution) -> tuple[list[RowsNeeded], RandomCode]:
    """Returns the samples for each n, and the exit code."""
    study = Study(wish.ensemble, wish.domain, wish.seed, wish.assume)
    if wish.output is not None and Path(wish.output).exists():
        study = load_study(wish.output, study)
    questions = list(wish.questions())  # all are refused before one is answered
    keeper, code = _Keeper(study, wish.output), RandomCode.DONE
    try:
        with ProgressLine(wanted=not wish.silent) as line:
            for number, question in enumerate(questions, 1):
                line.begin(f"n = {question.columns}", number, len(questions))
                _answer(question, wish.samples, (keeper, line), execution)
    except KeyboardInterrupt:
        code = RandomCode.INTERRUPTED
    finally:
        keeper.save()  # whatever happened, as when a worker was killed
    curves = [study.curve(question, wish.samples) for question in questions]
    if code is RandomCode.DONE and any(curve.undecided for curve in curves):
        code = RandomCode.LIMITED
    return curves, code


def _answer(
    question: Question,
    samples: int,
    watchers: "tuple[_Keeper, ProgressLine]",
    execution: Execution,
) -> None:
    """Answers what is not known yet, and asks again where a limit left a gap."""
    keeper, line = watchers
    known = keeper.study.needed.setdefault(question.columns, {})
    open_ = [k for k in range(samples) if k not in known or question.is_open(known[k])]
    for done, (index, needed) in enumerate(answers(question, open_, execution), 1):
        known[index] = needed
        line.show(f"{done:,} of {len(open_):,} samples")
        keeper.save_now_and_then()


class _Keeper:
    """Writes a study to its file; a full disk costs no sample that is in memory."""

    def __init__(self, study: Study, path: str | None) -> None:
        self.study, self._path, self._last = study, path, time.monotonic()

    def save_now_and_then(self) -> None:
        """Writes the study if that was last done a while ago."""
        if time.monotonic() - self._last > PERIOD:
            self.save()

    def save(self) -> None:
        """Writes the study now, if it is kept."""
        if self._path is None:
            return
        self._last = time.monotonic()
        try:
            save_study(self._path, self.study)
        except OSError as error:
            print(
                f"monic: Cannot write the samples to {self._path}: {error.strerror or error}",
                file=sys.stderr,
            )
