"""From the bounds of a layer to what proves each of their ends."""

from collections.abc import Callable
from fractions import Fraction
from math import nextafter

from flint import fmpq, fmpq_mat, fmpz_mat

from monic.bounds.directions import attaining
from monic.bounds.evidence import (
    ABOVE,
    BELOW,
    KAPPA,
    SIGMA,
    STRETCH,
    Attained,
    Cells,
    Crossed,
    Definite,
    End,
    Evidence,
    Two,
)
from monic.bounds.inverse_lipschitz import (
    Paired,
    half_of,
    longer_rows,
    opposite,
    paired,
    weighted,
    weighted_cells,
)
from monic.bounds.pair_records import pair_records
from monic.bounds.pair_tree import PairTree
from monic.bounds.prover import Base, Limits, squeeze_tree, stretch_tree
from monic.bounds.result import Bounds
from monic.bounds.singular import Gram
from monic.bounds.subject import Subject
from monic.decision.problem import Point

__all__ = ["ends_of_affine", "ends_of_layer", "unproved_ends"]

#: Nodes of a tree that is written out.
NODES = 20_000


def ends_of_layer(
    subject: Subject,
    found: Bounds,
    tree: PairTree | None = None,
    *,
    deadline: float | None = None,
    nodes: int = NODES,
) -> tuple[End, ...]:
    """Returns every end of kappa, sigma* and the Lipschitz constant of a ReLU layer, with proof.

    Arguments:
        subject: The layer.
        found: What `bound` said about it.
        tree: The search over pairs of cells, if there was one.
        deadline: On the monotonic clock; ends that are not proved by then have no evidence.
        nodes: The largest tree to write out.
    """
    return tuple(_Certifier(subject, found, tree, Limits(nodes, deadline)).ends())


class _Certifier:
    def __init__(
        self, subject: Subject, found: Bounds, tree: PairTree | None, limits: Limits
    ) -> None:
        self.subject, self.found, self.tree, self.limits = subject, found, tree, limits
        self.paired: Paired | None = paired(subject)

    def ends(self) -> list[End]:
        found = self.found
        kappa, sigma, stretch = found.inverse_lipschitz, found.smallest_singular, found.lipschitz
        low = self._kappa_from_below(kappa.lower)
        return [
            End(KAPPA, BELOW, kappa.lower, *low),
            self._end(KAPPA, ABOVE, kappa.upper, self._kappa_from_above),
            self._end(SIGMA, BELOW, sigma.lower, self._sigma_from_below),
            self._end(SIGMA, ABOVE, sigma.upper, self._sigma_from_above),
            self._end(STRETCH, BELOW, stretch.lower, self._stretch_from_below),
            self._end(STRETCH, ABOVE, stretch.upper, self._stretch_from_above),
        ]

    def _end(
        self, quantity: str, relation: str, end: float, prove: Callable[[float], Evidence | None]
    ) -> End:
        trivial = end == (0.0 if relation == BELOW else float("inf"))
        return End(quantity, relation, end, _exact(end), None if trivial else prove(end))

    def _kappa_from_below(self, end: float) -> tuple[Fraction, Evidence | None]:
        """The end itself where cells prove it, or else the best that they do."""
        if self.tree is not None and end > 0:
            known = pair_records(self.subject, self.tree, end, self.limits)
            if known is not None:
                return Fraction(end), known
        weaker = [half_of(self.found.smallest_singular.lower)]
        if self.paired is not None:
            weaker.append(self.paired.smallest.lower)
        for value in (end, *sorted(weaker, reverse=True)):
            if 0 < value <= end:
                for base in self._bases():
                    level = 2 * Fraction(value) ** 2
                    records = squeeze_tree(self.subject, base, level, self.limits)
                    if records is not None:
                        return Fraction(value), _squeezed(base, records)
        return _exact(end), None

    def _bases(self) -> list[Base | None]:
        """What may count in every cell: rows that are always active, pairs, or nothing."""
        bases: list[Base | None] = [None]
        subject = self.subject
        if self.paired is not None and self.paired.weights:
            pairs = tuple((i, j) for _, i, j in self.paired.weights)
            gram = weighted(subject, [(2 * weight, i) for weight, i, _ in self.paired.weights])
            bases.insert(0, _base(subject, (), pairs, gram))
        objective = weighted_cells(subject, self.paired)
        if objective is not None and subject.constant[0]:
            always = subject.constant[0]
            inside = set(always)
            weights = self.paired.weights if self.paired is not None else ()
            pairs = tuple((i, j) for _, i, j in weights if not inside & {i, j})
            bases.insert(0, Base(always, pairs, objective.base, objective.unit))
        return bases

    def _kappa_from_above(self, end: float) -> Evidence | None:
        found, pair = self.found, self.found.pair
        if found.collision is not None and end == 0:
            return Two(found.collision.x, found.collision.other)
        if pair is not None and pair.ratio <= end:
            return Two(pair.x, pair.other)
        if self.paired is not None and self.paired.exact:
            weights = self.paired.weights
            gram = weighted(self.subject, [(weight, i) for weight, i, _ in weights])
            way = attaining(gram, end, least=True)
            return None if way is None else Crossed(tuple((i, j) for _, i, j in weights), way)
        return self._sigma_from_above(end)

    def _sigma_from_below(self, end: float) -> Evidence | None:
        records = squeeze_tree(self.subject, None, Fraction(end) ** 2, self.limits)
        return None if records is None else Cells((), (), records)

    def _sigma_from_above(self, end: float) -> Evidence | None:
        x = self.found.point
        if x is None or not self.subject.inside(x):
            return None
        way = attaining(self.subject.gram(self.subject.active(x)), end, least=True)
        return None if way is None else Attained(x, way)

    def _stretch_from_below(self, end: float) -> Evidence | None:
        for x in filter(None, (self.found.stretched, self._crossing_all())):
            if self.subject.inside(x):
                gram = self.subject.gram(self.subject.strictly_active(x))
                way = attaining(gram, end, least=False)
                if way is not None:
                    return Attained(x, way)
        return None

    def _crossing_all(self) -> Point | None:
        """Where the longer row of each pair is positive, or both rows are if they can be."""
        if self.paired is None or not self.paired.exact:
            return None
        rows, right = [], []
        for _, i, j in self.paired.weights:
            d, slack = opposite(self.subject, i, j)
            value = slack / (2 * d) if slack > 0 else Fraction(1 if d <= 1 else -1)
            rows.append(list(self.subject.weights[i]))
            right.append(value - self.subject.biases[i])
        column = fmpq_mat(len(right), 1, [fmpq(t.numerator, t.denominator) for t in right])
        solved = fmpq_mat(fmpz_mat(rows)).solve(column)
        return tuple(Fraction(int(t.p), int(t.q)) for t in solved.entries())

    def _stretch_from_above(self, end: float) -> Evidence | None:
        subject = self.subject
        never = set(subject.constant[1])
        longer = longer_rows(subject, [i for i in subject.used if i not in never])
        records = stretch_tree(subject, longer, Fraction(end) ** 2, self.limits)
        return None if records is None else Cells((), tuple(longer.items()), records)


def _squeezed(base: Base | None, records: bytes) -> Cells:
    return Cells((), (), records) if base is None else Cells(base.always, base.pairs, records)


def _base(
    subject: Subject, always: tuple[int, ...], pairs: tuple[tuple[int, int], ...], gram: Gram
) -> Base:
    """A base from a Gram matrix, whose factor is scale^2 over an integer."""
    unit = subject.scale**2 / gram.factor
    assert unit.denominator == 1, "a matrix of weighted rows"
    return Base(always, pairs, gram.matrix, int(unit))


def ends_of_affine(subject: Subject, found: Bounds) -> tuple[End, ...]:
    """Returns every end of the three intervals of an affine map, with proof."""
    gram = subject.gram(subject.used)
    x = subject.problem.outside(subject.problem.inner_point())
    ends = []
    for quantity, interval, least in (
        (KAPPA, found.inverse_lipschitz, True),
        (SIGMA, found.smallest_singular, True),
        (STRETCH, found.lipschitz, False),
    ):
        for relation, end in ((BELOW, interval.lower), (ABOVE, interval.upper)):
            evidence: Evidence | None = None
            square = _exact(end) ** 2
            if relation == (BELOW if least else ABOVE):
                fits = end > 0 and (gram.exceeds if least else gram.stays_under)(square)
                evidence = Definite() if fits else None
            elif end > 0 or least:
                way = attaining(gram, end, least=least)
                evidence = None if way is None else Attained(x, way)
            ends.append(End(quantity, relation, end, _exact(end), evidence))
    return tuple(ends)


def unproved_ends(found: Bounds) -> tuple[End, ...]:
    """Returns the ends of bounds that no compact evidence exists for, and says so."""
    return tuple(
        End(quantity, relation, end, _exact(end), None)
        for quantity, interval in (
            (KAPPA, found.inverse_lipschitz),
            (SIGMA, found.smallest_singular),
            (STRETCH, found.lipschitz),
        )
        for relation, end in ((BELOW, interval.lower), (ABOVE, interval.upper))
    )


def _exact(end: float) -> Fraction:
    """An end as a rational; the largest float stands for infinity, of which nothing is proved."""
    return Fraction(min(end, nextafter(float("inf"), 0.0)))
