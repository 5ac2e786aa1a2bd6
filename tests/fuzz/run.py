"""Runs a fuzzer: seeded cases, each read under a limit of time and all under one of memory."""

import os
import random
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz.targets import Target

__all__ = ["Fault", "run"]

#: The CPU seconds of one case, far beyond what any takes.
_SECONDS = 20


class Hang(BaseException):
    """Raised in a case that takes too long; no reader catches it."""


class Fault(AssertionError):
    """Raised when something else than a documented error comes out of a reader."""


def run(target: Target, cases: int, seed: int, *, keep: Path | None = None) -> Counter[str]:
    """Reads so many changed files, and returns how often what came out.

    Arguments:
        target: The reader.
        cases: The number of files.
        seed: Of the random changes; case k is the same whatever was read before.
        keep: A folder for files that are at fault, which end the run if there is none.
    """
    good, found = target.seeds(), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{target.suffix}"
        for k in range(cases):
            rng = random.Random(f"{seed} {k}")
            data = target.mutate(rng, rng.choice(good))
            path.write_bytes(data)
            try:
                found[_outcome(target, path)] += 1
            except (Exception, Hang) as error:
                if keep is None:
                    raise Fault(
                        f"case {k} of seed {seed}: {error!r}, from {data!r:.2000}"
                    ) from error
                found[f"FAULT {type(error).__name__}"] += 1
                (keep / f"{seed}-{k}{target.suffix}").write_bytes(data)
    return found


def _outcome(target: Target, path: Path) -> str:
    with _time_limit():
        try:
            target.read(path)
        except target.errors as error:
            str(error).encode()  # it must be printable
            return type(error).__name__
    return "read"


@contextmanager
def _time_limit() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hang(f"over {_SECONDS} s of CPU, in process {os.getpid()}")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
