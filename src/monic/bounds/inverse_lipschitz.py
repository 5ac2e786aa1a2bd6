"""kappa = inf |f(x) - f(y)| / |x - y|: certified lower bounds, and pairs that attain upper ones.

Always sigma*/sqrt(2) <= kappa <= sigma*. Rows in antiparallel pairs give a second lower bound,
which is the exact value when all rows are so paired, B is square and the domain is R^n.
docs/stability.md proves all three statements.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm, nextafter

import numpy as np
from flint import fmpz_mat

from monic.bounds.frame import Objective
from monic.bounds.interval import Interval, root_above
from monic.bounds.pairs import PairSearch
from monic.bounds.singular import Gram, largest, smallest
from monic.bounds.subject import Subject
from monic.decision.problem import Point
from monic.geometry.rational import primitive
from monic.model import WholeSpace

__all__ = [
    "Pair",
    "Paired",
    "half_of",
    "longer_rows",
    "opposite",
    "paired",
    "ratio_at",
    "search_pairs",
    "strictly_active",
    "weighted",
    "weighted_cells",
]

#: Lines that a pair is improved along at first, on layers of up to 256 rows.
LINES = 60
#: Pairs of sign patterns that are looked at closely besides those that zooming finds.
FINALISTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two inputs of the domain, with an upper bound for |f(x) - f(y)| / |x - y|."""

    x: Point
    other: Point
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """What antiparallel rows w and -d w say.

    Arguments:
        smallest: sigma_min of the rows d / sqrt(1 + d^2) w; kappa is at least its lower end.
        largest: Its upper end is at least the Lipschitz constant: sigma_max of `strictly_active`.
        exact: Whether these are kappa and the Lipschitz constant.
        weights: (d^2 / (1 + d^2), i, j) for the pairs that have no gap between them.
    """

    weights: Sequence[tuple[Fraction, int, int]]
    smallest: Interval
    largest: Interval
    exact: bool


def half_of(sigma: float) -> float:
    """Returns a float that is at most sigma / sqrt(2).

    Example:
        >>> half_of(1.0) ** 2 <= 0.5
        True
    """
    return max(0.0, nextafter(sigma * 0.7071067811865475, 0.0))


def paired(subject: Subject) -> Paired | None:
    """Returns the bounds from antiparallel rows, or None when there are none."""
    pairs = _pairs(subject, subject.used)
    if not pairs:
        return None
    covering = [(i, j) for i, j in pairs if _slack(subject, i, j) >= 0]
    n = subject.dim
    exact = (
        len(covering) == len(pairs) == n
        and len(subject.used) == 2 * n
        and isinstance(subject.layer.domain, WholeSpace)
        and fmpz_mat([list(subject.weights[i]) for i, _ in pairs]).rank() == n
    )
    lengths = [(_length(subject, i, j), i, j) for i, j in covering]
    weights = [(d * d / (1 + d * d), i, j) for d, i, j in lengths]
    low = weighted(subject, [(weight, i) for weight, i, _ in weights])
    return Paired(
        weights=weights,
        smallest=smallest(low),
        largest=largest(subject.gram(strictly_active(subject))),
        exact=exact,
    )


def strictly_active(subject: Subject) -> list[int]:
    """Returns rows whose greatest singular value no open cell exceeds.

    Rows that are active nowhere inside the domain are left out first. Of a pair w, -d w that is
    never strictly active at once, the longer row of the two stands for both.
    """
    never = set(subject.constant[1])
    possible = [i for i in subject.used if i not in never]
    shorter = longer_rows(subject, possible)
    return [i for i in possible if i not in shorter]


def longer_rows(subject: Subject, rows: Sequence[int]) -> dict[int, int]:
    """Returns the longer row of every shorter one, of pairs that are never both positive."""
    found = {}
    for i, j in _pairs(subject, rows):
        if _slack(subject, i, j) <= 0:
            found.update({i: j} if _length(subject, i, j) > 1 else {j: i})
    return found


def weighted_cells(subject: Subject, pairs: Paired | None) -> Objective | None:
    """Returns the objective whose minimum over cells, divided by sqrt 2, is at most kappa.

    Rows that are active on all of the domain count fully, a pair w, -d w counts d^2 / (1 + d^2),
    and all others half. None where that is no better than sigma*/sqrt(2).
    """
    always, _ = subject.constant
    weights = {i: Fraction(1) for i in always}
    inside = set(always)
    for weight, i, j in pairs.weights if pairs is not None else ():
        if i not in inside and j not in inside:
            weights[i] = weight
            inside |= {i, j}
    if not weights:
        return None
    unit = lcm(*(weight.denominator for weight in weights.values()))
    twice = [(2 * weight * unit, i) for i, weight in weights.items()]
    base = weighted(subject, twice)
    return Objective(tuple(i for i in subject.used if i not in inside), base.matrix, unit)


def ratio_at(subject: Subject, x: Point, other: Point) -> float:
    """Returns |f(x) - f(other)| / |x - other|, exact but for one rounding upwards."""
    first, second = subject.values(x), subject.values(other)
    zero = Fraction(0)
    top = sum(((max(a, zero) - max(b, zero)) ** 2 for a, b in zip(first, second, strict=True)))
    bottom = sum(((a - b) ** 2 for a, b in zip(x, other, strict=True)), Fraction(0))
    return root_above(top * subject.scale**2 / bottom)


def search_pairs(
    subject: Subject,
    points: Sequence[Point],
    rng: np.random.Generator,
    deadline: float | None = None,
) -> Pair | None:
    """Returns the best pair that a local search finds, started from given points and from others.

    Arguments:
        subject: The layer.
        points: Where to start, the point of sigma* among them.
        rng: Where directions come from.
        deadline: On the monotonic clock; None is none.
    """
    search = PairSearch(subject, rng, deadline)
    lines = max(8, min(LINES, LINES * 256 // max(1, len(subject.used))))
    found = []
    for x in _starts(search, points):
        for way in _ways(search, x):
            pair = search.across(x, way)
            if pair is not None:
                found.append(pair)
    middle = search.crossing()
    for way in [*_ways(search, middle), *rng.standard_normal((8, subject.dim))]:
        pair = search.through(middle, way)
        if pair is not None:
            found.append(pair)
    found += search.scattered()
    found = search.distinct(found, FINALISTS) + search.zoomed(found)
    better = [search.improve(pair, lines) for pair in found]
    better = [search.improve(pair, 3 * lines) for pair in search.distinct(better, 3)]
    candidates = (_exact_pair(subject, pair) for pair in [*better, *found[:1]])
    return min(
        (pair for pair in candidates if pair is not None),
        key=lambda pair: pair.ratio,
        default=None,
    )


def _starts(search: PairSearch, points: Sequence[Point]) -> list[np.ndarray]:
    given = [np.array([float(t) for t in x]) for x in points]
    inner = search.region.start
    for _ in range(24):
        way = search.rng.standard_normal(search.dim)
        low, high = search.region.reach(inner, way)
        given.append(inner + way * search.rng.uniform(max(low, -4.0), min(high, 4.0)) * 0.99)
    return given


def _ways(search: PairSearch, x: np.ndarray) -> list[np.ndarray]:
    """The least singular direction of the active rows at x, and of all rows."""
    active = search.weights[search.weights @ x + search.offsets >= 0]
    ways = [np.linalg.svd(table)[2][-1] for table in (active, search.weights) if len(table)]
    return [sign * way for way in ways for sign in (1.0, -1.0)]


def _exact_pair(subject: Subject, pair: np.ndarray) -> Pair | None:
    if not np.isfinite(pair).all():
        return None
    x, other = (tuple(map(Fraction, point.tolist())) for point in pair)
    domain = subject.layer.domain
    if x == other or not (domain.contains(x) and domain.contains(other)):
        return None
    return Pair(x=x, other=other, ratio=ratio_at(subject, x, other))


def _pairs(subject: Subject, rows: Sequence[int]) -> list[tuple[int, int]]:
    """Disjoint pairs of exactly antiparallel rows; equal rows find partners in order."""
    waiting: dict[tuple[int, ...], list[int]] = {}
    pairs = []
    for i in rows:
        way = primitive(subject.weights[i])
        partners = waiting.get(tuple(-entry for entry in way))
        if partners:
            pairs.append((partners.pop(0), i))
        else:
            waiting.setdefault(way, []).append(i)
    return pairs


def opposite(subject: Subject, i: int, j: int) -> tuple[Fraction, Fraction]:
    """Returns d > 0 with w_j = -d w_i, and b_j + d b_i, for two opposite rows."""
    return _length(subject, i, j), _slack(subject, i, j)


def _length(subject: Subject, i: int, j: int) -> Fraction:
    """d > 0 with w_j = -d w_i."""
    k = next(k for k, entry in enumerate(subject.weights[i]) if entry)
    return Fraction(-subject.weights[j][k], subject.weights[i][k])


def _slack(subject: Subject, i: int, j: int) -> Fraction:
    """b_j + d b_i: at least 0 when one row of the pair is active everywhere."""
    return subject.biases[j] + _length(subject, i, j) * subject.biases[i]


def weighted(subject: Subject, rows: Sequence[tuple[Fraction, int]]) -> Gram:
    """Returns the Gram matrix of rows weighted by positive numbers."""
    n = subject.dim
    unit = lcm(*(weight.denominator for weight, _ in rows)) if rows else 1
    table = fmpz_mat(len(rows), n, [entry for _, i in rows for entry in subject.weights[i]])
    heavy = fmpz_mat(
        len(rows), n, [int(w * unit) * entry for w, i in rows for entry in subject.weights[i]]
    )
    return Gram(table.transpose() * heavy, subject.scale**2 / unit)
