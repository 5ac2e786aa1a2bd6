"""A bound on the memory that the numbers of one proof may ask for."""

from collections.abc import Sequence

from flint import fmpz

from monic_checker.errors import MalformedProof

__all__ = ["Budget", "bits"]

#: About 2 GiB of numbers; a layer of 4096 x 8192 float32 weights needs less.
LIMIT = 2**34

#: What a number costs besides its bits: a pointer and a Python object.
_OVERHEAD = 320


class Budget:
    """Adds up the memory, and stops a file that asks for too much before it is given.

    Arguments:
        limit: The memory in bits.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._left = limit

    def spend(self, entries: int, bits_each: int, address: str) -> None:
        """Accounts for some numbers of at most so many bits each.

        Raises:
            MalformedProof: when the proof has asked for more than the limit altogether.
        """
        self._take(entries * (bits_each + _OVERHEAD), address)

    def spend_words(self, words: int, address: str) -> None:
        """Accounts for bare machine words of 64 bits, as matrices modulo a prime have them.

        Raises:
            MalformedProof: when the proof has asked for more than the limit altogether.
        """
        self._take(words * 64, address)

    def _take(self, size: int, address: str) -> None:
        self._left -= size
        if self._left < 0:
            raise MalformedProof(address, "expected numbers that fit this checker's memory limit")


def bits(numbers: Sequence[fmpz]) -> int:
    """Returns the length of the longest number, in bits.

    Example:
        >>> bits([fmpz(3), fmpz(-8)])
        4
    """
    return max((int(number.bit_length()) for number in numbers), default=0)
