"""Ctrl-C and SIGTERM at safe points: a search that is changing its state is not cut in two."""

import math
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

__all__ = ["GRACE", "Interrupts"]

#: Seconds after a signal in which a further one is taken for the same wish: an impatient finger.
GRACE = 2.0

_HELD = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Holds signals back until `let_in` or the end, and hands them to their own handlers then.

    A further signal after the grace goes through at once: whoever waits that long wants the
    search to end, whatever becomes of it. `cut` tells that it came in the middle of a step.
    Nothing is held outside the main thread, which alone gets signals, nor where they are ignored.

    Arguments:
        grace: Seconds; infinity lets no signal through before the end.
    """

    def __init__(self, grace: float = GRACE) -> None:
        self.cut = False
        self._grace = grace
        self._first = math.inf
        self._pending: int | None = None
        self._before: dict[int, Any] = {}

    def let_in(self) -> None:
        """Hands a signal that came to its own handler, which raises KeyboardInterrupt."""
        if self._pending is not None:
            number, self._pending = self._pending, None
            self._before[number](number, None)

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in _HELD:
                if callable(signal.getsignal(number)):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None:  # it came after the last safe point, and must not be lost
            self.let_in()

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()  # of the user, for whom compiling takes time
        self._first = min(self._first, now)
        if now - self._first > self._grace:
            self.cut = True
            self._before[number](number, frame)
        self._pending = number
