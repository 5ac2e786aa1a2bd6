"""A claim about a number: a bound of kappa, sigma*, the Lipschitz constant or a distance."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from flint import fmpq, fmpz

from monic_checker.budget import PYTHON, Budget, bits
from monic_checker.costs import times
from monic_checker.document import choice, members, rational, rationals
from monic_checker.errors import MalformedProof
from monic_checker.vector import over_one_denominator

__all__ = ["Bound", "read_bound", "square_of"]

_QUANTITIES = {
    "inverse-lipschitz": "an inverse Lipschitz constant, inf |f(x) - f(y)| / |x - y|,",
    "lipschitz": "a Lipschitz constant, sup |f(x) - f(y)| / |x - y|,",
    "smallest-singular": "a least singular value of the active rows over all points",
    "distance": "a range with a distance",
    "error": "points x with |y - f(x)| at most the noise, all within a distance",
}

#: What claims about data say besides: the data, a code of them, and a bound of |y - f(x)|.
_MORE = {"distance": ["of"], "error": ["of", "at", "noise"]}

#: Longer vectors are named by the SHA-256 of their entries, with commas between them.
_ENTRIES = 8
_RELATIONS = {">=": "of at least", "<=": "of at most"}


@dataclass(frozen=True, slots=True)
class Bound:
    """A quantity of a function f on X, a relation, and a rational v > 0, or v >= 0 for <=.

    Arguments:
        quantity: "inverse-lipschitz", "lipschitz", "smallest-singular", "distance" or "error".
        relation: ">=" or "<=".
        value: The rational.
        of: Data y in R^m, for a distance and an error.
        at: A code x of the data, for an error.
        noise: For an error, a bound of |y - f(x')| for the codes x' that it is about.
    """

    quantity: str
    relation: str
    value: fmpq
    of: tuple[fmpq, ...] = ()
    at: tuple[fmpq, ...] = ()
    noise: fmpq = field(default_factory=fmpq)

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
        said = f"has {_QUANTITIES[self.quantity]} {_RELATIONS[self.relation]} {self.value}"
        if self.quantity == "error":
            return f"{said} from {_named(self.at)}, for y = {_named(self.of)}, noise {self.noise},"
        return f"{said} from {_named(self.of)}" if self.quantity == "distance" else said

    def holds(self, top: fmpq, bottom: fmpq) -> bool:
        """Whether top / bottom, both squares, is on the side of v^2 that the relation says."""
        return bool(top >= self.square * bottom if self.is_lower else top <= self.square * bottom)


def _named(x: tuple[fmpq, ...]) -> str:
    """A vector in words, all that it says: its entries or their digest."""
    entries = ",".join(map(str, x))
    if len(x) <= _ENTRIES and len(entries) <= 50 * _ENTRIES:
        return f"({entries})"
    digest = hashlib.sha256(entries.encode()).hexdigest()
    return f"a vector of {len(x)} numbers (SHA-256 {digest})"


def read_bound(value: object, sizes: tuple[int, int]) -> Bound:
    """Reads the member `bound` of a header, about a function of so many inputs and outputs.

    Raises:
        MalformedProof: when it is no quantity, relation and rational, or the rational is negative.
    """
    known = value.get("quantity") if isinstance(value, dict) else None
    more = _MORE.get(known, []) if isinstance(known, str) else []
    keys = ["quantity", "relation", "value", *more]
    quantity, relation, number, *rest = members(value, "bound", keys)
    quantity = choice(quantity, "bound.quantity", list(_QUANTITIES))
    relation = choice(relation, "bound.relation", list(_RELATIONS))
    bound = rational(number, "bound.value")
    if bound < 0:
        raise MalformedProof("bound.value", "expected a rational >= 0")
    if not rest:
        return Bound(quantity, relation, bound)
    n, m = sizes
    of = tuple(rationals(rest[0], "bound.of", m))
    if len(rest) == 1:
        return Bound(quantity, relation, bound, of)
    noise = rational(rest[2], "bound.noise")
    if noise < 0:
        raise MalformedProof("bound.noise", "expected a rational >= 0")
    return Bound(quantity, relation, bound, of, tuple(rationals(rest[1], "bound.at", n)), noise)


def square_of(numbers: Sequence[fmpq], budget: Budget) -> fmpq:
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
