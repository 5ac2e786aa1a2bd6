"""Asks programs in processes of their own, each call under a cap of wall-clock seconds."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

__all__ = ["Outcome", "Program"]

#: Numerical libraries stay on one core; monic's worker processes are counted, not threads.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
#: What the process imports `deciding` and `peers` from.
HERE = Path(__file__).parents[1]
#: Importing, and compiling where no compiled code is cached yet.
START_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task.

    Arguments:
        state: "done", "time-out" (the process was ended), or "failed".
        seconds: Wall-clock time: measured in the process when done, else until its end.
        facts: What the process reported.
        message: The last line it wrote when it failed.
    """

    state: Literal["done", "time-out", "failed"]
    seconds: float
    facts: dict[str, Any] = field(default_factory=dict)
    message: str = ""

    @property
    def verdict(self) -> str | None:
        """The verdict, if there is one."""
        found = self.facts.get("verdict")
        return None if found in (None, "UNDECIDED") else str(found)


class Program:
    """One program that is started when it is first asked, and again after it was ended.

    Arguments:
        name: A module of `peers`, "checker" or "workers".
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] = tempfile.TemporaryFile("w+")

    def __enter__(self) -> "Program":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(patience=10.0)  # so that it can end its own worker processes
        self._errors.close()

    def ask(self, task: dict[str, Any], cap: float) -> Outcome:
        """Returns the outcome of a task; starting and warming up do not count."""
        if self._process is None:
            started = self._start()
            if started.state != "done":
                return started
        return self._exchange(json.dumps(task), cap)

    def _start(self) -> Outcome:
        places = [str(HERE), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deciding.server", self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, places))},
        )
        outcome = self._exchange("", START_SECONDS)
        if outcome.state == "time-out":
            return replace(outcome, state="failed", message="it did not start in time")
        return outcome

    def _exchange(self, line: str, cap: float) -> Outcome:
        process = self._process
        assert process is not None, "it was started"
        assert process.stdin is not None, "pipes were asked for"
        assert process.stdout is not None, "pipes were asked for"
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(cap, end)
        begin = time.perf_counter()
        timer.start()
        try:
            if line:
                process.stdin.write(line + "\n")
                process.stdin.flush()
            reply = process.stdout.readline()
        except BrokenPipeError:
            reply = ""
        finally:
            timer.cancel()
        seconds = time.perf_counter() - begin
        if reply and not late.is_set():
            facts = json.loads(reply)
            return Outcome("done", facts["seconds"], facts) if line else Outcome("done", seconds)
        self._end()
        if late.is_set():
            return Outcome("time-out", cap)
        return Outcome("failed", seconds, {}, self._last_error())

    def _last_error(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return lines[-1] if lines else "it ended without a word"

    def _end(self, patience: float = 0.0) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=patience)  # closes its stdin, at which it ends
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
