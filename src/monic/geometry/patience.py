"""How long exact eliminations take, roughly: flint's cannot be stopped once they have begun.

Where a limit of time is in force, they are begun only if they fit into what is left of it.
"""

from flint import fmpz_mat, nmod_mat

from monic.clock import insist, is_limited

__all__ = ["begin_elimination", "begin_solution"]

_PRIME = 2**61 - 1

#: Seconds for a step. A fraction-free elimination to rank r of n columns, with entries of b bits,
#: makes r^2 (n - r + 1) steps on numbers of w = r b / 64 words, w^(3/2) long each. Fitted to flint
#: on random matrices of 50 to 300 columns with 24 to 2000 bits; right up to a factor of 4.
_STEP = 2.5e-9


def begin_elimination(table: fmpz_mat) -> None:
    """Insists on the time for the rank, the echelon form or the kernel of an integer matrix.

    Raises:
        OutOfTime: when it does not fit into what is left.

    Example:
        >>> from monic.clock import within
        >>> wide = fmpz_mat([[(i * j) % 97 + i**j % 89 for j in range(300)] for i in range(150)])
        >>> with within(1e-3):
        ...     begin_elimination(wide)
        Traceback (most recent call last):
        monic.errors.OutOfTime: ...
    """
    if not is_limited():
        return
    insist()
    rank, columns = int(nmod_mat(table, _PRIME).rank()), int(table.ncols())
    words = max(1.0, rank * _bits(table) / 64)
    insist(_STEP * rank**2 * (columns - rank + 1) * words**1.5)


def begin_solution(table: fmpz_mat) -> None:
    """Insists on the time for the solution of a square integer system, by p-adic lifting.

    Raises:
        OutOfTime: when it does not fit into what is left.
    """
    if is_limited():
        insist()
        insist(1e-9 * int(table.nrows()) ** 3 * max(1.0, _bits(table) / 16))


def _bits(table: fmpz_mat) -> int:
    return max((int(entry).bit_length() for entry in table.entries()), default=0)
