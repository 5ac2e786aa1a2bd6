"""Rows of a layer and sides of its domain as forms in (x, t), over one positive number."""

from collections.abc import Sequence

from flint import fmpq, fmpz

from monic_checker.ball import centered_rows
from monic_checker.budget import PYTHON, bits
from monic_checker.circuits import side_rows
from monic_checker.costs import times
from monic_checker.domain import Ball
from monic_checker.errors import InvalidProof
from monic_checker.linear import Row
from monic_checker.system import System
from monic_checker.vector import over_one_denominator

__all__ = ["forms_of"]


def forms_of(system: System, cuts: Sequence[Sequence[fmpq]]) -> tuple[list[Row], fmpz]:
    """Returns the rows, a place for t > 0, and the side rows, all times a number, and that.

    Arguments:
        system: The layer; on a ball x is taken from its centre.
        cuts: On a ball, half-spaces (a, c) that hold it, a.x <= c; they are its sides.

    Raises:
        InvalidProof: when some half-space does not hold the ball.
        OverBudget: when they do not fit the budget.
    """
    ball, rows, scale = system.subject.domain.ball, system.rows, system.scale
    if ball is None:
        sides = side_rows(system)
    else:
        rows, scale = centered_rows(system, ball), scale * ball.center.denominator
        sides = [[fmpz(0)] * (system.n + 1), *_around(ball, cuts, system)]
    length = int(scale.bit_length()) + max(map(bits, sides))
    system.subject.budget.spend(len(sides) * (system.n + 1), length, "subject.domain")
    return [*rows, *([scale * entry for entry in side] for side in sides)], scale


def _around(ball: Ball, cuts: Sequence[Sequence[fmpq]], system: System) -> list[Row]:
    """The side rows (a, -c) of half-spaces that hold the ball, taken times a denominator.

    Raises:
        InvalidProof: when some half-space does not hold it.
    """
    found = []
    for k, cut in enumerate(cuts):
        address, budget = f"evidence.cuts[{k}]", system.subject.budget
        (*a, c), denominator = over_one_denominator(cut, budget, address)
        length = bits(a)
        budget.work(len(a) * (PYTHON + times(length, length)), address)
        square = fmpq(sum((entry * entry for entry in a), fmpz(0)))
        if c < 0 or c * c < ball.radius * ball.radius * square:
            raise InvalidProof(address, "expected a half-space that holds the ball")
        if denominator != 1:
            raise InvalidProof(address, "expected integers")
        found.append([*a, -c])
    return found
