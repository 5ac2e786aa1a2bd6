"""Ctrl-C, and SIGTERM as its equal: a command that is to end says what it knows by then."""

import signal
import sys
import threading
import time
from types import FrameType
from typing import NoReturn

from monic.cli.codes import INTERRUPTED, TERMINATED
from monic.interrupts import GRACE

__all__ = ["Signals"]


class Signals:
    """Turns SIGINT and SIGTERM into KeyboardInterrupt, two in quick succession into one.

    It lasts until the process ends, so that the second does not come when the answer is printed
    already. A signal that was ignored when the command began stays ignored, as under `nohup`.
    """

    def __init__(self) -> None:
        self._last = 0.0
        self._terminated = False
        self._mine: list[int] = []
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, self._interrupt)
                    self._mine.append(number)

    def end(self, code: int) -> NoReturn:
        """Ends the process with the exit code of a command, or that of SIGTERM if it came."""
        if code == INTERRUPTED:
            for number in self._mine:  # Python gives them back while it ends
                signal.signal(number, signal.SIG_IGN)
        sys.exit(TERMINATED if code == INTERRUPTED and self._terminated else code)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._terminated = self._terminated or number == signal.SIGTERM
        last, self._last = self._last, time.monotonic()
        if not last or self._last - last > GRACE:
            raise KeyboardInterrupt
