"""Pooling by a p-norm: x and -x always give the same; is anything else lost?

docs/pooling.md has the statements and their proofs. A positive answer rests on an exact rank, or
on the complement property, of which all cases are gone through; a negative one on two points.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import lcm
from random import Random

from flint import fmpz_mat

from monic.decision.result import Collision, Verdict
from monic.model.pooling import NormPooling

__all__ = ["PoolingDecision", "decide_pooling"]

#: Up to so many groups, all ways to divide them into two are gone through.
DIVIDED = 16

#: Points at which the local map of a 1-norm or a maximum is looked at.
TRIED = 64

Vector = tuple[Fraction, ...]
Rows = Sequence[Sequence[Fraction]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolingDecision:
    """The answer to `decide_pooling`: whether a pooling tells all inputs apart *up to sign*.

    Arguments:
        verdict: INJECTIVE means that equal outputs mean x = y or x = -y.
        reason: The sentence that explains it.
        collision: For NOT_INJECTIVE, two inputs with exactly equal outputs, x != y and x != -y.
    """

    verdict: Verdict
    reason: str
    collision: Collision | None = None

    def __bool__(self) -> bool:
        raise TypeError(
            "Expected a comparison such as `decision.verdict is Verdict.INJECTIVE`. Got a "
            "decision used as true or false; it has three outcomes."
        )


def decide_pooling(pooling: NormPooling, *, seed: int = 0) -> PoolingDecision:
    """Decides whether a pooling is one-to-one on R^n up to the sign of x.

    Without "up to sign" the answer is always no: |W_k (-x)|_p = |W_k x|_p.

    Arguments:
        pooling: The map x -> (|W_k x|_p)_k.
        seed: Of the points at which local maps are looked at, for p = 1 and infinity.

    Example:
        >>> frame = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
        >>> decide_pooling(NormPooling(frame, 3)).verdict.name
        'INJECTIVE'
        >>> found = decide_pooling(NormPooling(frame[:2], 2))
        >>> found.verdict.name, [abs(int(t)) for t in (*found.collision.x, *found.collision.other)]
        ('NOT_INJECTIVE', [1, 1, 1, 1])
    """
    for pair, reason in _collisions(pooling, seed):
        assert _collide(pooling, *pair), "a collision is confirmed exactly before it is reported"
        found = Collision(x=pair[0], other=pair[1])
        return PoolingDecision(verdict=Verdict.NOT_INJECTIVE, reason=reason, collision=found)
    n, single = pooling.dim, len(pooling.rows) == pooling.groups
    if single and pooling.groups <= DIVIDED:
        reason = "of any two parts of the rows, one spans R^n (the complement property)"
        return PoolingDecision(verdict=Verdict.INJECTIVE, reason=reason)
    if (single or pooling.p == 2) and _rank(_lifted(pooling)) == n * (n + 1) // 2:
        reason = f"the {pooling.groups} matrices W_k^T W_k span all symmetric ones"
        return PoolingDecision(verdict=Verdict.INJECTIVE, reason=reason)
    return PoolingDecision(
        verdict=Verdict.UNDECIDED,
        reason="no condition that can be checked holds, and no two inputs were found",
    )


def _collisions(pooling: NormPooling, seed: int) -> Iterator[tuple[tuple[Vector, Vector], str]]:
    """Yields two inputs with equal outputs, and how they came about."""
    groups, n = pooling.groups, pooling.dim
    found = _kernel(pooling.rows, n)
    if found is not None:
        yield ((Fraction(0),) * n, found), f"the rows do not span R^{n}"
    if groups <= DIVIDED:
        for part in _parts(groups):
            rest = [k for k in range(groups) if k not in part]
            u = _kernel(_rows(pooling, part), n)
            v = None if u is None else _kernel(_rows(pooling, rest), n)
            if u is not None and v is not None:
                yield _mixed(u, v), "the groups fall into two parts, none of which spans R^n"
    if pooling.p == 2 and groups < n:
        u = (Fraction(1),) + (Fraction(0),) * (n - 1)
        v = _kernel([_form(pooling, k, u) for k in range(groups)], n)
        assert v is not None, "fewer equations than unknowns have a solution"
        yield _mixed(u, v), f"there are fewer groups than dimensions, {groups} < {n}"
    if pooling.p != 2:
        yield from _local(pooling, seed)


def _parts(groups: int) -> Iterator[tuple[int, ...]]:
    """All ways to divide groups into two parts, each once: the part with the first group."""
    for size in range(groups):
        for others in combinations(range(1, groups), size):
            yield (0, *others)


def _mixed(u: Vector, v: Vector) -> tuple[Vector, Vector]:
    """x = u + v and y = u - v: |w.x| = |w.y| wherever w.u = 0 or w.v = 0; x != +-y."""
    pairs = list(zip(u, v, strict=True))
    return tuple(a + b for a, b in pairs), tuple(a - b for a, b in pairs)


def _local(pooling: NormPooling, seed: int) -> Iterator[tuple[tuple[Vector, Vector], str]]:
    """Looks for points at which a 1-norm or a maximum is linear nearby, and loses a direction."""
    random, n = Random(seed), pooling.dim
    for _ in range(TRIED):
        x = tuple(Fraction(random.randint(-99, 99)) for _ in range(n))
        slopes = [_slope(pooling, k, x) for k in range(pooling.groups)]
        known = [slope for slope in slopes if slope is not None]
        d = _kernel(known, n) if len(known) == len(slopes) and any(x) else None
        if d is None:
            continue
        step = Fraction(1)
        while not _collide(pooling, x, other := _along(x, d, step)):
            step /= 2  # near x the map is linear, and d is lost
        yield (x, other), "near an input the map is linear, and loses a direction"


def _along(x: Vector, d: Vector, step: Fraction) -> Vector:
    return tuple(a + step * b for a, b in zip(x, d, strict=True))


def _slope(pooling: NormPooling, group: int, x: Vector) -> Vector | None:
    """Returns what the norm of a group is, as a row, near a point; None where it has a kink."""
    rows = pooling.members(group)
    values = [_dot(row, x) for row in rows]
    signed = [tuple(a if v > 0 else -a for a in row) for row, v in zip(rows, values, strict=True)]
    alive = [k for k, row in enumerate(rows) if any(row)]
    if not alive:
        return (Fraction(0),) * pooling.dim
    if pooling.p == 1:
        if any(values[k] == 0 for k in alive):
            return None
        columns = zip(*(signed[k] for k in alive), strict=True)
        return tuple(sum(column, Fraction(0)) for column in columns)
    top = max(abs(v) for v in values)
    largest = {signed[k] for k in alive if abs(values[k]) == top}
    return largest.pop() if len(largest) == 1 and top > 0 else None


def _collide(pooling: NormPooling, x: Vector, other: Vector) -> bool:
    same = x == other or x == tuple(-t for t in other)
    return not same and pooling.powers(x) == pooling.powers(other)


def _rows(pooling: NormPooling, groups: Sequence[int]) -> Rows:
    return [row for group in groups for row in pooling.members(group)]


def _form(pooling: NormPooling, group: int, u: Vector) -> Vector:
    """Returns W_k^T W_k u."""
    found = [Fraction(0)] * pooling.dim
    for row in pooling.members(group):
        value = _dot(row, u)
        found = [t + value * a for t, a in zip(found, row, strict=True)]
    return tuple(found)


def _lifted(pooling: NormPooling) -> Rows:
    """The matrices W_k^T W_k, each as the vector of its entries on and above the diagonal."""
    n = pooling.dim
    unit = [tuple(Fraction(i == j) for j in range(n)) for i in range(n)]
    forms = [[_form(pooling, k, u) for u in unit] for k in range(pooling.groups)]
    return [[form[i][j] for i in range(n) for j in range(i, n)] for form in forms]


def _dot(row: Sequence[Fraction], x: Sequence[Fraction]) -> Fraction:
    return sum((a * t for a, t in zip(row, x, strict=True)), Fraction(0))


def _integers(rows: Rows) -> fmpz_mat:
    units = [lcm(*(a.denominator for a in row)) for row in rows]
    return fmpz_mat([[int(a * unit) for a in row] for row, unit in zip(rows, units, strict=True)])


def _rank(rows: Rows) -> int:
    return int(_integers(rows).rank()) if rows else 0


def _kernel(rows: Rows, n: int) -> Vector | None:
    """Returns a vector that is not 0 and orthogonal to all rows, or None."""
    if not rows:
        return (Fraction(1),) + (Fraction(0),) * (n - 1)
    vectors, nullity = _integers(rows).nullspace()
    if not nullity:
        return None
    return tuple(Fraction(int(vectors[i, 0])) for i in range(n))
