"""Intervals of floats that hold a real number for certain, and how rationals get into them."""

from dataclasses import dataclass
from fractions import Fraction
from math import inf, isqrt, ldexp, nextafter

from monic.errors import ContradictionError

__all__ = ["Interval", "insist_on_order", "root_above", "root_below"]


def insist_on_order(lower: float, upper: float, what: str) -> None:
    """Raises unless lower <= upper, both being certified.

    Arguments:
        lower: A lower bound that is proved.
        upper: An upper bound that is proved, of the same number or of a larger one.
        what: What the two are, for the report.

    Raises:
        ContradictionError: when they contradict each other, or one is NaN.

    Example:
        >>> insist_on_order(1.0, 2.0, "kappa from 1 to 2")
    """
    if not lower <= upper:
        raise ContradictionError(
            f"Expected certified ends that agree. Got {what}. This is a mistake in monic: please "
            "report it together with the model, the domain and these numbers."
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """Two floats with a real number between them, the ends included; rounded outward.

    Arguments:
        lower: At most the number.
        upper: At least the number.

    Raises:
        ContradictionError: when the lower end is above the upper one; such a result is no answer.

    Example:
        >>> Interval(0.5, 1.0).contains(0.75)
        True
    """

    lower: float
    upper: float

    def __post_init__(self) -> None:
        insist_on_order(self.lower, self.upper, f"an interval from {self.lower} to {self.upper}")

    def contains(self, number: float | Fraction) -> bool:
        """Returns whether a number lies in the interval, compared exactly."""
        return self.lower <= number <= self.upper

    @property
    def gap(self) -> float:
        """1 - lower / upper: how far apart the ends are, relative to the upper one."""
        return 1.0 - self.lower / self.upper if self.upper > 0 else 0.0

    def times(self, other: "Interval") -> "Interval":
        """Returns an interval for the product of two numbers that are not negative.

        Example:
            >>> Interval(2.0, 3.0).times(Interval(1.0, 1.0)).contains(2.5)
            True
        """
        low = self.lower * other.lower if self.lower and other.lower else 0.0
        high = self.upper * other.upper if self.upper and other.upper else 0.0
        return Interval(max(0.0, nextafter(low, -inf)), nextafter(high, inf) if high else 0.0)


def root_below(square: Fraction) -> float:
    """Returns the largest float whose square is at most a rational.

    Example:
        >>> root_below(Fraction(4)), root_below(Fraction(1, 2)) ** 2 <= 0.5
        (2.0, True)
    """
    root = _near_root(square)
    while Fraction(root) ** 2 > square:
        root = nextafter(root, 0.0)
    while (above := nextafter(root, inf)) < inf and Fraction(above) ** 2 <= square:
        root = above
    return root


def root_above(square: Fraction) -> float:
    """Returns the smallest float whose square is at least a rational (inf beyond all floats).

    Example:
        >>> root_above(Fraction(4)), root_above(Fraction(0))
        (2.0, 0.0)
    """
    below = root_below(square)
    return below if Fraction(below) ** 2 == square else nextafter(below, inf)


def _near_root(square: Fraction) -> float:
    """Returns a float within a few units in the last place of the root."""
    if square <= 0:
        return 0.0
    shift = 130 - (square.numerator.bit_length() - square.denominator.bit_length())
    shift += shift % 2
    scaled = (square.numerator << max(shift, 0)) // (square.denominator << max(-shift, 0))
    try:
        return ldexp(float(isqrt(scaled)), -shift // 2)
    except OverflowError:
        return nextafter(inf, 0.0)
