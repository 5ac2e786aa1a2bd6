"""What output positions of a convolution read along one axis, inside an interval."""

from collections.abc import Sequence

__all__ = ["inside", "readers_of"]


def readers_of(table: Sequence[Sequence[int]], size: int) -> list[list[int]]:
    """Returns the output positions that read each input position of an axis.

    Example:
        >>> readers_of([(-1, 0), (0, 1)], 2)
        [[0, 1], [1]]
    """
    readers: list[list[int]] = [[] for _ in range(size)]
    for number, line in enumerate(table):
        for place in {q for q in line if q >= 0}:
            readers[place].append(number)
    return readers


def inside(
    table: Sequence[Sequence[int]], readers: Sequence[list[int]], start: int, end: int
) -> list[tuple[int, ...]]:
    """Returns what the positions that read an interval alone read, relative to it, sorted.

    Arguments:
        table: What each output position reads, or -1.
        readers: What `readers_of` returns for it.
        start: The first input position of the interval.
        end: The one after its last.

    Example:
        >>> inside([(-1, 0), (0, 1)], [[0, 1], [1]], 0, 1)
        [(-1, 0)]
    """
    found = set()
    for line in {
        number: table[number] for q in range(start, end) for number in readers[q]
    }.values():
        read = [q for q in line if q >= 0]
        if read and min(read) >= start and max(read) < end:
            found.add(tuple(q - start if q >= 0 else -1 for q in line))
    return sorted(found)
