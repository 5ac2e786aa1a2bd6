"""A prime, and the memory that matrices modulo it may take."""

from flint import nmod_mat

from monic_checker.budget import Budget

__all__ = ["Field"]


class Field:
    """A prime, and the memory for matrices modulo it."""

    def __init__(self, prime: int, budget: Budget, address: str) -> None:
        self.prime = prime
        self._budget = budget
        self._address = address

    def matrix(self, rows: int, columns: int) -> nmod_mat:
        """Returns a zero matrix.

        Raises:
            MalformedProof: when it does not fit the memory.
        """
        self._budget.spend_words(rows * columns, self._address)
        return nmod_mat(rows, columns, self.prime)
