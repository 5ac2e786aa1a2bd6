"""A claim about a number: that kappa, sigma* or the Lipschitz constant has a bound."""

from dataclasses import dataclass

from flint import fmpq, fmpz

from monic_checker.budget import PYTHON, Budget, bits
from monic_checker.costs import times
from monic_checker.document import choice, members, rational
from monic_checker.errors import MalformedProof
from monic_checker.vector import over_one_denominator

__all__ = ["Bound", "read_bound", "square_of"]

_QUANTITIES = {
    "inverse-lipschitz": "an inverse Lipschitz constant, inf |f(x) - f(y)| / |x - y|,",
    "lipschitz": "a Lipschitz constant, sup |f(x) - f(y)| / |x - y|,",
    "smallest-singular": "a least singular value of the active rows over all points",
}
_RELATIONS = {">=": "of at least", "<=": "of at most"}


@dataclass(frozen=True, slots=True)
class Bound:
    """A quantity of a function f on X, a relation, and a rational v > 0, or v >= 0 for <=.

    Arguments:
        quantity: "inverse-lipschitz", "lipschitz" or "smallest-singular".
        relation: ">=" or "<=".
        value: The rational.
    """

    quantity: str
    relation: str
    value: fmpq

    @property
    def square(self) -> fmpq:
        """v^2."""
        return self.value * self.value

    @property
    def is_lower(self) -> bool:
        """Whether it is a lower bound."""
        return self.relation == ">="

    @property
    def words(self) -> str:
        """What is claimed of a function, in words."""
        return f"has {_QUANTITIES[self.quantity]} {_RELATIONS[self.relation]} {self.value}"

    def holds(self, top: fmpq, bottom: fmpq) -> bool:
        """Whether top / bottom, both squares, is on the side of v^2 that the relation says."""
        return bool(top >= self.square * bottom if self.is_lower else top <= self.square * bottom)


def read_bound(value: object) -> Bound:
    """Reads the member `bound` of a header.

    Raises:
        MalformedProof: when it is no quantity, relation and rational, or the rational is negative.
    """
    quantity, relation, number = members(value, "bound", ["quantity", "relation", "value"])
    quantity = choice(quantity, "bound.quantity", list(_QUANTITIES))
    relation = choice(relation, "bound.relation", list(_RELATIONS))
    bound = rational(number, "bound.value")
    if bound < 0:
        raise MalformedProof("bound.value", "expected a rational >= 0")
    return Bound(quantity, relation, bound)


def square_of(numbers: list[fmpq], budget: Budget) -> fmpq:
    """Returns the square of a vector's length.

    Raises:
        OverBudget: when the numbers are too long over one denominator.

    Example:
        >>> square_of([fmpq(3), fmpq(4)], Budget(10**4, 10**4))
        25
    """
    entries, denominator = over_one_denominator(numbers, budget, "evidence")
    length = max(bits(entries), int(denominator.bit_length()))
    budget.work(len(entries) * (PYTHON + times(length, length)), "evidence")
    return fmpq(sum((e * e for e in entries), fmpz(0)), denominator * denominator)
