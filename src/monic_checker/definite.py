"""Whether a symmetric matrix is positive definite, by elimination in ball arithmetic."""

from collections.abc import Sequence

from flint import arb, ctx, fmpq, fmpz

from monic_checker.budget import PYTHON, Budget
from monic_checker.costs import times

__all__ = ["is_positive_definite"]

#: Bits of the balls; they enclose all rounding, so that more bits can only prove more.
_PRECISIONS = (128, 512, 2048)


def is_positive_definite(rows: Sequence[Sequence[fmpz]], number: fmpq, budget: Budget) -> bool:
    """Returns whether A + number I is proved positive definite, for a symmetric integer matrix A.

    The pivots of the elimination are balls that hold the exact pivots; all of them positive
    prove it. False says that some pivot is not, or that its sign stays unknown.

    Raises:
        OverBudget: when the elimination does not fit the budget.

    Example:
        >>> matrix, budget = [[fmpz(2), fmpz(1)], [fmpz(1), fmpz(2)]], Budget(10**6, 10**6)
        >>> is_positive_definite(matrix, fmpq(-1, 2), budget)
        True
        >>> is_positive_definite(matrix, fmpq(-1), budget)
        False
    """
    before = ctx.prec
    try:
        for precision in _PRECISIONS:
            ctx.prec = precision
            _charge(len(rows), precision, budget)
            answer = _eliminated(rows, number)
            if answer is not None:
                return answer
    finally:
        ctx.prec = before
    return False


def _charge(n: int, precision: int, budget: Budget) -> None:
    with budget.scope():
        budget.spend(n * n, precision + 512, "evidence")
    budget.work(n * n * n // 6 * (4 * PYTHON + 2 * times(precision, precision)), "evidence")


def _eliminated(rows: Sequence[Sequence[fmpz]], number: fmpq) -> bool | None:
    """None when a ball holds 0."""
    table = [[arb(entry) for entry in row[: i + 1]] for i, row in enumerate(rows)]
    for i, row in enumerate(table):
        row[i] += arb(number)
    for j in range(len(table)):
        pivot = table[j][j]
        if not pivot > 0:
            return False if pivot <= 0 else None
        column = [row[j] for row in table[j + 1 :]]
        for i, entry in enumerate(column):
            factor, row = entry / pivot, table[j + 1 + i]
            for k in range(i + 1):
                row[j + 1 + k] -= factor * column[k]
    return True
