"""Vectors of rationals, as integers over one denominator."""

from collections.abc import Sequence
from typing import NamedTuple

from flint import fmpq, fmpz

from monic_checker.budget import PYTHON, Budget, bits
from monic_checker.costs import times

__all__ = ["Vector", "lcm", "over_one_denominator"]


class Vector(NamedTuple):
    """The rationals entries[0] / denominator, entries[1] / denominator, ..."""

    entries: list[fmpz]
    denominator: fmpz


def over_one_denominator(numbers: Sequence[fmpq], budget: Budget, address: str) -> Vector:
    """Returns the rationals over their least common denominator, which is positive.

    Arguments:
        numbers: The rationals.
        budget: The memory and the work that are left.
        address: Where they come from, for messages.

    Raises:
        OverBudget: when they would not fit the budget; a million short denominators may
            have a very long common multiple.

    Example:
        >>> over_one_denominator([fmpq(1, 2), fmpq(-1, 3)], Budget(2**12, 2**12), "example")
        Vector(entries=[3, -2], denominator=6)
    """
    denominators = {number.q for number in numbers}
    length = sum(int(q.bit_length()) for q in denominators)
    with budget.scope():
        budget.hold(length // 4 + 64 * len(denominators), address)
        rounds = len(denominators).bit_length()
        budget.work(4 * PYTHON * len(numbers) + rounds * times(length, length) // 2, address)
        denominator = lcm(list(denominators))
    size = int(denominator.bit_length()) + bits([number.p for number in numbers])
    budget.spend(len(numbers), size, address)
    return Vector([number.p * (denominator // number.q) for number in numbers], denominator)


def lcm(numbers: list[fmpz]) -> fmpz:
    """Returns the least common multiple: pair by pair, so that long numbers meet only at the end.

    Example:
        >>> lcm([fmpz(2), fmpz(3), fmpz(4)])
        12
    """
    while len(numbers) > 1:
        odd = numbers[-1:] if len(numbers) % 2 else []
        pairs = zip(numbers[::2], numbers[1::2], strict=False)
        numbers = [a.lcm(b) for a, b in pairs] + odd
    return numbers[0] if numbers else fmpz(1)
