"""The memory and the work that one check may take; both are charged before they are taken.

One `Budget` is made for each check. Whatever reads a file, makes a table or eliminates takes it
as an argument and has no default for it, so that nothing is made that was not charged.

*Memory* is counted in bytes, from sizes: what Python and FLINT need for a list of numbers of so
many bits. It is given back at the end of a `scope`. *Work* is counted in units: one is a
multiplication of two words of 64 bits, about a nanosecond; what Python does for one entry of a
list counts as `PYTHON` units. Both come from sizes alone, so that they are the same on every
machine and in every run.
"""

from collections.abc import Sequence

from flint import fmpz

from monic_checker.errors import OverBudget

__all__ = ["MEMORY", "PYTHON", "WORK", "Budget", "allowance", "bits"]

#: The bytes that a check may take by default, besides `PER_BYTE` for each byte of model files.
MEMORY = 384 * 2**20

#: What a byte of a model may become: a float16 is two bytes, a number in a row about 40.
PER_BYTE = 24

#: The units of work that a check may take by default: one to two minutes of one core.
WORK = 10**11

#: The units of work that Python takes for one entry of a list.
PYTHON = 64

#: Looked up once: the lengths of numbers are asked for before nearly everything.
_bit_length = fmpz.bit_length

#: What a number costs besides its bits, in bytes: a pointer and a Python object.
_OVERHEAD = 40


class Budget:
    """What is left of the memory and of the work of one check.

    Arguments:
        memory: The memory in bytes.
        work: The work in units.
    """

    __slots__ = ("_held", "_leased", "_memory", "_units", "_work")

    def __init__(self, memory: int, work: int) -> None:
        self._memory = memory
        self._work = work
        self._held = 0  # what is given back with its scope, and apart from it
        self._leased = 0  # what is given back with its lease
        self._units = work

    @property
    def memory_left(self) -> int:
        """The bytes that are left."""
        return self._memory - self._held - self._leased

    @property
    def work_left(self) -> int:
        """The units of work that are left."""
        return max(self._units, 0)

    @property
    def work_done(self) -> int:
        """The units of work that were charged."""
        return self._work - self._units

    def hold(self, size: int, address: str) -> None:
        """Charges bytes, which are held until the scope ends.

        Raises:
            OverBudget: when fewer are left.
        """
        self._held += size
        if self._held + self._leased > self._memory:
            raise self._over(address)

    def work(self, units: int, address: str) -> None:
        """Charges units of work.

        Raises:
            OverBudget: when fewer are left.
        """
        self._units -= units
        if self._units < 0:
            raise self._exhausted(address)

    def spend(self, entries: int, bits_each: int, address: str) -> None:
        """Charges the making of some numbers of at most so many bits each: memory and work.

        Raises:
            OverBudget: when less is left.
        """
        self._held += entries * (bits_each // 8 + _OVERHEAD)
        if self._held + self._leased > self._memory:
            raise self._over(address)
        self._units -= entries * (bits_each // 64 + PYTHON)
        if self._units < 0:
            raise self._exhausted(address)

    def spend_words(self, words: int, address: str) -> None:
        """Charges bare machine words of 64 bits, as matrices modulo a prime have them.

        Raises:
            OverBudget: when less is left.
        """
        self.hold(8 * words, address)
        self.work(words, address)

    def lease(self, size: int, address: str) -> "_Lease":
        """Holds so many bytes for a `with` block, whatever else is charged in the meantime.

        Raises:
            OverBudget: when fewer are left.
        """
        self._leased += size
        if self._held + self._leased > self._memory:
            raise self._over(address)
        return _Lease(self, size)

    def scope(self) -> "_Scope":
        """Gives the memory back that a `with` block charges: what it was charged for is gone.

        Example:
            >>> budget = Budget(100, 0)
            >>> with budget.scope():
            ...     budget.hold(80, "a table")
            >>> budget.memory_left
            100
        """
        return _Scope(self, self._held)

    def _over(self, address: str) -> OverBudget:
        needed = self._held + self._leased
        return OverBudget(address, "memory", "bytes", needed, self._memory)

    def _exhausted(self, address: str) -> OverBudget:
        return OverBudget(address, "work", "units", self.work_done, self._work)

    def end_lease(self, size: int) -> None:
        """Gives back what was leased."""
        self._leased -= size

    def end_scope(self, held: int) -> None:
        """Gives back what was charged since so many bytes were held."""
        self._held = held


class _Lease:
    """Bytes that are given back at the end of a block."""

    __slots__ = ("_budget", "_size")

    def __init__(self, budget: Budget, size: int) -> None:
        self._budget, self._size = budget, size

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        self._budget.end_lease(self._size)


class _Scope:
    """What is charged in a block, and given back at its end."""

    __slots__ = ("_budget", "_held")

    def __init__(self, budget: Budget, held: int) -> None:
        self._budget, self._held = budget, held

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        self._budget.end_scope(self._held)


def allowance(size: int) -> int:
    """Returns the memory that checking may take by default, given the bytes of the models.

    Example:
        >>> allowance(0) == MEMORY
        True
    """
    return MEMORY + PER_BYTE * size


def bits(numbers: Sequence[fmpz]) -> int:
    """Returns the length of the longest number, in bits.

    Example:
        >>> bits([fmpz(3), fmpz(-8)])
        4
    """
    return max(map(_bit_length, numbers)) if numbers else 0
