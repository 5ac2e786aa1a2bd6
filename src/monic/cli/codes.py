"""What the exit code says; docs/errors.md has the table."""

from enum import IntEnum

__all__ = [
    *("BROKEN_PIPE", "BUG", "INTERRUPTED", "TERMINATED", "TROUBLE", "UNPROVED"),
    *("BoundCode", "CheckCode", "DecideCode", "RandomCode"),
]

#: A wrong command line, an unreadable file, or any other error that monic raises on purpose.
TROUBLE = 2

#: A verdict was printed, but a proof that was wanted could not be written.
UNPROVED = 4

#: An exception that nobody foresaw; EX_SOFTWARE of sysexits.h.
BUG = 70

#: Ctrl-C, a reader that went away, and SIGTERM: 128 and the number of the signal.
INTERRUPTED, BROKEN_PIPE, TERMINATED = 130, 141, 143


class DecideCode(IntEnum):
    """Exit codes of `monic decide`, besides those above; the names are those of the verdicts."""

    INJECTIVE = 0
    NOT_INJECTIVE = 1
    UNDECIDED = 3
    UNPROVED = UNPROVED
    INTERRUPTED = INTERRUPTED


class BoundCode(IntEnum):
    """Exit codes of `monic bound`, besides those above."""

    DONE = 0
    LIMITED = 3
    UNPROVED = UNPROVED
    INTERRUPTED = INTERRUPTED


class CheckCode(IntEnum):
    """Exit codes of `monic check`, besides those above."""

    VALID = 0
    INVALID = 1
    NO_GRAPH = 5
    OVER_BUDGET = 6


class RandomCode(IntEnum):
    """Exit codes of `monic random`; TROUBLE also when the picture could not be written."""

    DONE = 0
    TROUBLE = TROUBLE
    LIMITED = 3
    INTERRUPTED = INTERRUPTED
