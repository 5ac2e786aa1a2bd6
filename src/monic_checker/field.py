"""A prime, and the memory and the work that matrices modulo it may take."""

from flint import nmod_mat

from monic_checker.budget import PYTHON, Budget
from monic_checker.costs import modular_elimination

__all__ = ["Field"]

#: The bytes of a residue that Python has: an integer, and what lists point to.
_RESIDUE = 48


class Field:
    """A prime, and the memory and the work for matrices modulo it.

    Arguments:
        prime: The prime.
        budget: The memory and the work that are left.
        address: What needs the matrices, for messages.
    """

    def __init__(self, prime: int, budget: Budget, address: str) -> None:
        self.prime = prime
        self.budget = budget
        self._address = address

    def matrix(self, rows: int, columns: int) -> nmod_mat:
        """Returns a zero matrix, which is held until the scope ends.

        Raises:
            OverBudget: when it does not fit the memory.
        """
        self.budget.spend_words(rows * columns, self._address)
        return nmod_mat(rows, columns, self.prime)

    def residues(self, count: int) -> None:
        """Charges residues that Python lists hold, and what is done to make them.

        Raises:
            OverBudget: when they do not fit the budget.
        """
        self.budget.hold(_RESIDUE * count, self._address)
        self.budget.work(2 * PYTHON * count, self._address)

    def looked_at(self, count: int) -> None:
        """Charges the work of looking at so many entries of lists.

        Raises:
            OverBudget: when less is left.
        """
        self.budget.work(2 * PYTHON * count, self._address)

    def elimination(self, rows: int, columns: int) -> None:
        """Charges an elimination, which takes a copy of its matrix.

        Raises:
            OverBudget: when it does not fit the budget.
        """
        self.budget.hold(8 * rows * columns, self._address)
        self.budget.work(modular_elimination(rows, columns), self._address)
