"""The memory that reading a model may take: what would not fit is refused before it is made.

Sizes in a file are numbers that anybody may write: a padding of 2^30 or an image enlarged 10^5
times asks for terabytes. Who makes an array or a list of a size that was read charges it first.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from monic.errors import TooLarge

__all__ = ["DEFAULT", "NUMBER", "PLACE", "TERM", "charge", "limited_memory", "make_room"]

#: Bytes that reading may take when nobody says otherwise.
DEFAULT = 4 << 30

#: Bytes for each number of a tensor: its place in index tables, while they are made, and as exact
#: numbers afterwards.
NUMBER = 48

#: Bytes for a Python integer in a tuple, and for one with a fraction as its weight.
PLACE, TERM = 40, 160


class _Budget(threading.local):
    """What is left, in each thread; without a limit outside of `limited_memory`."""

    def __init__(self) -> None:
        self.limit = self.left = math.inf


_BUDGET = _Budget()


@contextmanager
def limited_memory(limit: int | None = None) -> Iterator[None]:
    """Limits what the block may charge, in bytes; None is `DEFAULT`.

    Raises:
        TooLarge: in the block, before something is made that does not fit.

    Example:
        >>> with limited_memory(1000):
        ...     charge(600, "a first table")
        ...     charge(600, "a second table")
        Traceback (most recent call last):
        monic.errors.TooLarge: Expected a model that takes at most 1,000 bytes to read. Got a ...
    """
    before = _BUDGET.limit, _BUDGET.left
    _BUDGET.limit = _BUDGET.left = DEFAULT if limit is None else limit
    try:
        yield
    finally:
        _BUDGET.limit, _BUDGET.left = before


def charge(size: int, what: str) -> None:
    """Charges what is made and kept.

    Arguments:
        size: Bytes.
        what: What is made, for the message.

    Raises:
        TooLarge: when it does not fit.
    """
    make_room(size, what)
    _BUDGET.left -= size


def make_room(size: int, what: str) -> None:
    """Insists on memory for what is made and soon given back; raises as `charge` does."""
    if size > _BUDGET.left:
        raise TooLarge(
            f"Expected a model that takes at most {_bytes(_BUDGET.limit)} to read. Got {what}, "
            f"about {_bytes(size)}, where {_bytes(_BUDGET.left)} are left; raise the limit with "
            "memory=, or --memory on the command line"
        )


def _bytes(size: float) -> str:
    if size < 1 << 20:
        return f"{size:,.0f} bytes"
    return f"{size / (1 << 20):,.0f} MiB" if size < 1 << 33 else f"{size / (1 << 30):,.0f} GiB"
