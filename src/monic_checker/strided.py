"""Numbers that lie apart, brought into C order: one slice for each line along the longest axis."""

import itertools
import math
from collections.abc import Sequence
from typing import Literal

from monic_checker.budget import PYTHON, Budget

__all__ = ["in_c_order"]

#: How `memoryview` calls words of so many bytes.
_FORMATS: dict[int, Literal["B", "H", "I", "Q"]] = {1: "B", 2: "H", 4: "I", 8: "Q"}


def in_c_order(
    data: bytes, item: int, start: int, axes: Sequence[tuple[int, int]], budget: Budget
) -> bytes:
    """Returns the numbers at start + i_1 s_1 + i_2 s_2 + ..., in C order of (i_1, i_2, ...).

    Arguments:
        data: The bytes; all places lie inside.
        item: The bytes of a number.
        start: The first place, in numbers, as all places are.
        axes: The pairs (n_k, s_k) with 0 <= i_k < n_k; there is no n_k = 0.
        budget: The work that is left; the caller has charged the memory.

    Raises:
        OverBudget: when the lines along the longest axis are too many.

    Example:
        >>> in_c_order(b"abcdef", 1, 0, [(2, 1), (3, 2)], Budget(2**20, 2**20))
        b'acebdf'
    """
    sizes = [n for n, _ in axes]
    count = math.prod(sizes)
    longest = max(range(len(axes)), key=lambda k: (axes[k][1] > 0, sizes[k]), default=None)
    if longest is None or axes[longest][1] == 0:
        return data[start * item : (start + 1) * item] * count
    budget.work(8 * PYTHON * (count // sizes[longest]) + count, "the model")
    places = memoryview(data)[: len(data) // item * item].cast(_FORMATS[item])
    found = bytearray(count * item)
    target = memoryview(found).cast(_FORMATS[item])
    ours = [math.prod(sizes[k + 1 :]) for k in range(len(axes))]
    (n, step), own = axes[longest], ours[longest]
    others = [k for k in range(len(axes)) if k != longest]
    for indices in itertools.product(*(range(sizes[k]) for k in others)):
        first = start + sum(i * axes[k][1] for i, k in zip(indices, others, strict=True))
        into = sum(i * ours[k] for i, k in zip(indices, others, strict=True))
        target[into : into + own * (n - 1) + 1 : own] = places[
            first : first + step * (n - 1) + 1 : step
        ]
    return bytes(found)
