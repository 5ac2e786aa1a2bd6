"""Whether a symmetric matrix is positive definite, by elimination in ball arithmetic."""

from collections.abc import Sequence

from flint import arb, ctx, fmpq, fmpz

__all__ = ["is_positive_definite"]

#: Bits of the balls; they enclose all rounding, so that more bits can only prove more.
_PRECISIONS = (128, 512, 2048)


def is_positive_definite(rows: Sequence[Sequence[fmpz]], number: fmpq) -> bool:
    """Returns whether A + number I is proved positive definite, for a symmetric integer matrix A.

    The pivots of the elimination are balls that hold the exact pivots; all of them positive
    prove it. False says that some pivot is not, or that its sign stays unknown.

    Example:
        >>> is_positive_definite([[fmpz(2), fmpz(1)], [fmpz(1), fmpz(2)]], fmpq(-1, 2))
        True
        >>> is_positive_definite([[fmpz(2), fmpz(1)], [fmpz(1), fmpz(2)]], fmpq(-1))
        False
    """
    before = ctx.prec
    try:
        for precision in _PRECISIONS:
            ctx.prec = precision
            answer = _eliminated(rows, number)
            if answer is not None:
                return answer
    finally:
        ctx.prec = before
    return False


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
