"""What the exit code says."""

from enum import IntEnum

__all__ = ["TROUBLE", "BoundCode", "CheckCode", "DecideCode", "RandomCode"]

#: A wrong command line, an unreadable file, or any other error that monic raises on purpose.
TROUBLE = 2


class DecideCode(IntEnum):
    """Exit codes of `monic decide`, besides TROUBLE; the names are those of the verdicts."""

    INJECTIVE = 0
    NOT_INJECTIVE = 1
    UNDECIDED = 3
    INTERRUPTED = 130


class BoundCode(IntEnum):
    """Exit codes of `monic bound`, besides TROUBLE."""

    DONE = 0
    LIMITED = 3
    INTERRUPTED = 130


class CheckCode(IntEnum):
    """Exit codes of `monic check`, besides TROUBLE."""

    VALID = 0
    INVALID = 1


class RandomCode(IntEnum):
    """Exit codes of `monic random`; TROUBLE also when the picture could not be written."""

    DONE = 0
    TROUBLE = TROUBLE
    LIMITED = 3
    INTERRUPTED = 130
