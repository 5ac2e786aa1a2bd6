"""The progress line on stderr: which layer, how many nodes, how fast."""

import sys
from contextlib import ExitStack
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from monic.clock import monotonic, watching
from monic.decision.result import Statistics
from monic.report.text import printable

__all__ = ["ProgressLine"]


class ProgressLine:
    """A line that appears when a layer takes more than a second, and leaves nothing behind.

    It is what engines call with their statistics. It never shows when stderr is no terminal.

    Arguments:
        wanted: False keeps it silent.
        console: Where to draw; stderr by default.
    """

    PATIENCE = 1.0  # seconds before anything is shown
    COMPILING = "compiling, which happens once and counts against no limit"

    def __init__(self, *, wanted: bool = True, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr)
        self._wanted = wanted and self._console.is_terminal
        self._progress: Progress | None = None
        self._label = ""
        self._began = monotonic()
        self._watch = ExitStack()

    def begin(self, name: str, number: int, total: int) -> None:
        """Announces the layer that comes next."""
        self._label = f"{number}/{total} {printable(name, 40)}"
        self._began = monotonic()
        self._stop()

    def __call__(self, statistics: Statistics) -> None:
        """Shows what was done so far."""
        elapsed = max(monotonic() - self._began, 1e-9)
        words = f"{statistics.nodes:,} nodes, {statistics.nodes / elapsed:,.0f} nodes/s"
        if statistics.share is not None:
            words += f", {statistics.open:,} open, depth {statistics.depth}"
            words += f", {100 * statistics.share:.1f} % done"
        self.show(words)

    def show(self, what: str) -> None:
        """Shows a few words, and the seconds."""
        elapsed = monotonic() - self._began
        if elapsed >= self.PATIENCE:
            self._draw(f"{self._label}: {what}, {elapsed:.0f} s")

    def _draw(self, text: str) -> None:
        if not self._wanted:
            return
        if self._progress is None:
            columns = SpinnerColumn(), TextColumn("{task.description}", markup=False)
            self._progress = Progress(*columns, console=self._console, transient=True)
            self._progress.add_task(text, total=None)
            self._progress.start()
        self._progress.update(self._progress.task_ids[0], description=text)

    def _tell_compiling(self) -> None:
        self._draw(f"{self._label}: {self.COMPILING}")

    def __enter__(self) -> "ProgressLine":
        self._watch.enter_context(watching(self._tell_compiling))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._watch.close()
        self._stop()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
