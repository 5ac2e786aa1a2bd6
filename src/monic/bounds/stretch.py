"""The Lipschitz constant of a small layer from above: trees over signs of rows, ever lower."""

from fractions import Fraction
from math import inf, nextafter

from monic.bounds.asked import Asked
from monic.bounds.inverse_lipschitz import longer_rows
from monic.bounds.prover import Limits, stretch_tree
from monic.bounds.subject import Subject

__all__ = ["least_stretch"]

#: Entries of W up to which trees are grown, their nodes, and how many are tried.
ENTRIES, NODES, TREES = 48, 60, 5


def least_stretch(subject: Subject, lower: float, upper: float, asked: Asked) -> float:
    """Returns an upper bound of the Lipschitz constant, at most the one that is known.

    Arguments:
        subject: The layer.
        lower: A lower bound that is attained.
        upper: The greatest singular value of all rows that may be active.
        asked: The gap at which to stop, and until when.

    Example:
        >>> from monic import ReLULayer
        >>> least_stretch(Subject(ReLULayer([[1.0], [-0.5], [-1.0]])), 1.1, 1.5, Asked()) < 1.13
        True
    """
    if len(subject.used) * subject.dim > ENTRIES or lower <= 0:
        return upper
    never = set(subject.constant[1])
    longer = longer_rows(subject, [i for i in subject.used if i not in never])
    limits = Limits(NODES, asked.deadline)
    shares = (asked.gap * 2.0**k for k in range(-1, TREES - 1))
    for target in (nextafter(lower, inf), *(lower * (1 + share) for share in shares)):
        if target >= upper:
            return upper
        if stretch_tree(subject, longer, Fraction(target) ** 2, limits) is not None:
            return target
    return upper
