"""Ctrl-C at safe points: a search that is changing its state is not cut in two."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Interrupts"]


class Interrupts:
    """Holds the first Ctrl-C back until `let_in` or the end; the second goes through at once.

    It does nothing outside the main thread, which alone gets signals, and where Ctrl-C is ignored.
    """

    def __init__(self) -> None:
        self._pressed = False
        self._before: Any = None

    def let_in(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed."""
        if self._pressed:
            self._pressed = False
            raise KeyboardInterrupt

    def __enter__(self) -> "Interrupts":
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and callable(signal.getsignal(signal.SIGINT)):
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()
        if kind is None:  # pressed after the last safe point: it must not be lost
            self.let_in()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._pressed = True
        self._restore()

    def _restore(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
