"""The tree over pairs of cells as records of a certificate (SPEC.md, `pairs-of-cells`)."""

from fractions import Fraction
from math import gcd, lcm

from monic.bounds.evidence import PairsOfCells
from monic.bounds.pair_proof import Share
from monic.bounds.pair_tree import PairTree
from monic.bounds.prover import Limits
from monic.bounds.subject import Subject
from monic.bounds.varints import varint
from monic.clock import monotonic
from monic.geometry.rational import primitive

__all__ = ["pair_records"]

PROVED, ROW, EDGE = range(3)


def pair_records(
    subject: Subject, tree: PairTree, value: float, limits: Limits
) -> PairsOfCells | None:
    """Returns what proves kappa >= value, or None where the tree does not prove it.

    Arguments:
        subject: The layer.
        tree: The finished search.
        value: What is to be proved.
        limits: When to give up.
    """
    if len(tree.roots) < 2 ** (subject.dim - 1):
        return None
    records, count = bytearray(), 0
    todo = list(tree.roots)  # the search began with the last cone
    while todo:
        number = todo.pop()
        node = tree.known[number]
        count += 1
        late = limits.deadline is not None and monotonic() >= limits.deadline
        if late or count > limits.nodes:
            return None
        own, shares = tree.shares(number) if node.own >= value else (node.own, [])
        if own >= value:
            records += _proved(subject, tree, shares)
        elif not node.children:
            return None
        else:
            records += _division(subject, tree, number)
            todo += reversed(node.children)
    return PairsOfCells(_cuts(subject, tree), bytes(records))


def _cuts(subject: Subject, tree: PairTree) -> tuple[tuple[int, ...], ...]:
    """The half-spaces (a, c), a.x <= c from the centre, that stand for a ball; else none."""
    if subject.problem.ball is None:
        return ()
    return tuple((*(-entry for entry in side[:-1]), side[-1]) for side in tree.sides)


def _division(subject: Subject, tree: PairTree, number: int) -> bytes:
    """How a node was divided, as the first child shows it."""
    node = tree.known[number]
    if node.row >= 0:
        return varint(ROW) + varint(subject.used[node.row])
    first, second = (tree.known[child].cone for child in node.children)
    i = next(k for k, (a, b) in enumerate(zip(node.cone, first, strict=True)) if a != b)
    j = next(k for k, (a, b) in enumerate(zip(node.cone, second, strict=True)) if a != b)
    a, b = _combination(node.cone[i], node.cone[j], first[i])
    return b"".join(map(varint, (EDGE, i, j, a, b)))


def _combination(
    p: tuple[int, ...], q: tuple[int, ...], middle: tuple[int, ...]
) -> tuple[int, int]:
    """Positive integers a, b with a p + b q in the direction of the middle."""
    n = len(p)
    k, m = next((k, m) for k in range(n) for m in range(n) if p[k] * q[m] != p[m] * q[k])
    a = Fraction(middle[k] * q[m] - middle[m] * q[k], p[k] * q[m] - p[m] * q[k])
    b = Fraction(middle[m] * p[k] - middle[k] * p[m], p[k] * q[m] - p[m] * q[k])
    unit = lcm(a.denominator, b.denominator)
    whole = (int(a * unit), int(b * unit))
    divisor = gcd(*whole)
    return whole[0] // divisor, whole[1] // divisor


def _proved(subject: Subject, tree: PairTree, shares: list[Share]) -> bytes:
    """Multipliers of rows and sides themselves, over a common unit."""
    used, m = subject.used, len(subject.weights)
    terms: list[tuple[int, int, Fraction]] = []
    for kind, form, size in shares:
        place = form - len(used)
        if place < 0:
            terms.append((kind, used[form], size / tree.unit))
        elif place < len(tree.sides):
            terms.append((kind, m + 1 + place, size * _part(subject, place)))
    unit = lcm(*(number.denominator for _, _, number in terms)) if terms else 1
    found = varint(PROVED) + varint(len(terms))
    for kind, row, number in terms:
        found += varint(kind) + varint(row) + varint(int(number * unit))
    return found


def _part(subject: Subject, place: int) -> Fraction:
    """What a form of the program is of the side; around a ball they are the same."""
    if subject.problem.ball is not None:
        return Fraction(1)
    side = subject.problem.sides[place]
    return Fraction(next(e for e in primitive(side) if e), next(e for e in side if e))
