"""What output positions of a convolution read along one axis, inside an interval."""

from collections.abc import Sequence

from monic_checker.budget import PYTHON, Budget

__all__ = ["inside", "readers_of"]


def readers_of(table: Sequence[Sequence[int]], size: int, budget: Budget) -> list[list[int]]:
    """Returns the output positions that read each input position of an axis.

    Raises:
        OverBudget: when there are too many of them.

    Example:
        >>> readers_of([(-1, 0), (0, 1)], 2, Budget(10**4, 10**4))
        [[0, 1], [1]]
    """
    reads = len(table) * len(table[0])
    budget.hold(40 * reads + 72 * size, "evidence.size")
    budget.work(4 * PYTHON * (reads + size), "evidence.size")
    readers: list[list[int]] = [[] for _ in range(size)]
    for number, line in enumerate(table):
        for place in {q for q in line if q >= 0}:
            readers[place].append(number)
    return readers


def inside(
    table: Sequence[Sequence[int]],
    readers: Sequence[list[int]],
    span: tuple[int, int],
    budget: Budget,
) -> list[tuple[int, ...]]:
    """Returns what the positions that read an interval alone read, relative to it, sorted.

    Arguments:
        table: What each output position reads, or -1.
        readers: What `readers_of` returns for it.
        span: The first input position of the interval, and the one after its last.
        budget: The memory and the work that are left.

    Raises:
        OverBudget: when too many positions read it.

    Example:
        >>> inside([(-1, 0), (0, 1)], [[0, 1], [1]], (0, 1), Budget(10**4, 10**4))
        [(-1, 0)]
    """
    start, end = span
    reads = sum(len(readers[q]) for q in range(start, end)) * len(table[0])
    budget.work(8 * PYTHON * (reads + end - start), "evidence.classes")
    budget.hold(40 * reads, "evidence.classes")
    found = set()
    for line in {
        number: table[number] for q in range(start, end) for number in readers[q]
    }.values():
        read = [q for q in line if q >= 0]
        if read and min(read) >= start and max(read) < end:
            found.add(tuple(q - start if q >= 0 else -1 for q in line))
    return sorted(found)
