"""The clock of time limits: it stands still while its own thread compiles kernels.

Kernels are compiled once on a machine, which takes some 20 seconds, and are kept on disk then.
A limit of five seconds would mean one thing on the first call and another on all others. Every
thread has a clock of its own, so that a thread that compiles gives no time to another that works.
A moment read in one thread therefore means nothing in another: threads hand on seconds.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["go_on", "monotonic", "stand_still", "watching"]


class _Clock(threading.local):
    """A monotonic clock for each thread that can be stopped; stops may lie inside each other."""

    def __init__(self) -> None:
        self.depth = 0
        self.stopped = 0.0  # when the outermost stop began
        self.lost = 0.0
        self.watchers: list[Callable[[], None]] = []

    def read(self) -> float:
        return (self.stopped if self.depth else time.monotonic()) - self.lost

    def stop(self) -> None:
        if not self.depth:
            self.stopped = time.monotonic()
        self.depth += 1

    def start(self) -> None:
        self.depth -= 1
        if not self.depth:
            self.lost += time.monotonic() - self.stopped


_CLOCK = _Clock()


def monotonic() -> float:
    """Seconds from an arbitrary moment on, without those that this thread took to compile.

    Example:
        >>> began = monotonic()
        >>> stand_still()
        >>> stopped = monotonic()
        >>> monotonic() == stopped
        True
        >>> go_on()
        >>> monotonic() >= stopped >= began
        True
    """
    return _CLOCK.read()


def stand_still() -> None:
    """Stops the clock of this thread, until `go_on` was called as often."""
    _CLOCK.stop()  # first: a watcher may raise, and `go_on` is called all the same
    for watcher in tuple(_CLOCK.watchers) if _CLOCK.depth == 1 else ():
        watcher()


def go_on() -> None:
    """Lets the clock of this thread go on after `stand_still`."""
    _CLOCK.start()


@contextmanager
def watching(watcher: Callable[[], None]) -> Iterator[None]:
    """Calls `watcher` whenever this thread's clock stops, as long as the block lasts."""
    _CLOCK.watchers.append(watcher)
    try:
        yield
    finally:
        _CLOCK.watchers.remove(watcher)
