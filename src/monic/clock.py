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
from math import inf

from monic.errors import OutOfTime

__all__ = [
    "go_on",
    "insist",
    "is_limited",
    "monotonic",
    "patiently",
    "stand_still",
    "watching",
    "within",
]


class _Clock(threading.local):
    """A monotonic clock for each thread that can be stopped; stops may lie inside each other."""

    def __init__(self) -> None:
        self.depth = 0
        self.stopped = 0.0  # when the outermost stop began
        self.lost = 0.0
        self.watchers: list[Callable[[], None]] = []
        self.end, self.limit = inf, inf  # when work must end, and after how many seconds

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


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Lets the work of a block take so many seconds: `insist`, in whatever it calls, raises then.

    Blocks may lie inside each other; the limit that ends first counts.

    Raises:
        OutOfTime: in the block.

    Example:
        >>> with within(0.0):
        ...     insist()
        Traceback (most recent call last):
        monic.errors.OutOfTime: the time limit of 0 s was hit; raise time_limit
    """
    before = _CLOCK.end, _CLOCK.limit
    end = inf if seconds is None else monotonic() + seconds
    if seconds is not None and end < _CLOCK.end:
        _CLOCK.end, _CLOCK.limit = end, seconds
    try:
        yield
    finally:
        _CLOCK.end, _CLOCK.limit = before


@contextmanager
def patiently() -> Iterator[None]:
    """Lifts the limits of blocks around for work that must not be cut in the middle of a step."""
    before = _CLOCK.end, _CLOCK.limit
    _CLOCK.end = inf
    try:
        yield
    finally:
        _CLOCK.end, _CLOCK.limit = before


def is_limited() -> bool:
    """Whether a limit of time is in force."""
    return _CLOCK.end < inf


def insist(needed: float = 0.0) -> None:
    """Insists that time is left, or that much for a step that cannot be cut.

    Arguments:
        needed: How many seconds the step will take, roughly.

    Raises:
        OutOfTime: when less is left.
    """
    if _CLOCK.end == inf:
        return
    left = _CLOCK.end - monotonic()
    if left <= 0:
        raise OutOfTime(f"the time limit of {_CLOCK.limit:g} s was hit; raise time_limit")
    if left < needed:
        raise OutOfTime(
            f"the next step takes about {needed:.0e} s, more than is left of the time limit of "
            f"{_CLOCK.limit:g} s; raise time_limit"
        )
