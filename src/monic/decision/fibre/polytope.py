"""One polytope of inputs with the same output: its dimension, a second point, its width."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf, lcm

from monic.clock import insist
from monic.geometry.exact_separation import Relation, separate_exactly
from monic.geometry.program import maximum
from monic.geometry.rational import kernel_basis, kernel_vector, rank
from monic.model import Ball

__all__ = ["Condition", "Piece", "Polytope", "is_alone", "piece"]

#: (a, c): a.v = c among equalities, a.v <= c among inequalities.
Condition = tuple[tuple[Fraction, ...], Fraction]
Point = tuple[Fraction, ...]

#: The width takes two linear programs a coordinate.
WIDE = 64


@dataclass(frozen=True, slots=True)
class Polytope:
    """The points with a.v = c for the equalities and a.v <= c for the inequalities.

    Arguments:
        equalities: What is fixed.
        inequalities: What is bounded.
        ball: A ball that all points lie in, too.
    """

    equalities: tuple[Condition, ...]
    inequalities: tuple[Condition, ...]
    ball: Ball | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A polytope of inputs that all have one output.

    Arguments:
        point: A point of it.
        dimension: Its dimension; 0 when it is the point alone.
        other: A second point, when there is one.
        width: Its largest extent along a coordinate axis; inf when it is unbounded, None when
            it was not computed (in more than 64 dimensions, on a ball, or not confirmed).
        polytope: Its conditions.
    """

    point: Point
    dimension: int
    other: Point | None
    width: Fraction | float | None
    polytope: Polytope = field(repr=False)


def is_alone(x: Point, polytope: Polytope) -> bool:
    """Whether a point of a polytope is all of it, exactly; asks for less than `piece`.

    Example:
        >>> one = Fraction(1)
        >>> is_alone((one,), Polytope((), (((one,), one), ((-one,), -one))))
        True
    """
    if polytope.ball is None and _is_moved(x, polytope):
        return False
    basis = _directions(polytope.equalities, len(x))
    if not basis:
        return True
    outward = _outward(x, polytope.ball, basis)
    tight = _tight(x, polytope, basis)
    if outward is not None:
        return _cone(tight, len(basis), outward)[1] is None
    if rank(tight) < len(basis):
        return False
    negated = [[-entry for entry in row] for row in tight]
    return all(
        isinstance(separate_exactly([row], negated[:i] + negated[i + 1 :], len(basis)), Relation)
        for i, row in enumerate(tight)
    )


def _is_moved(x: Point, polytope: Polytope) -> bool:
    """Whether some direction leaves all that holds with equality at a point as it is.

    This says that the point is not alone, and costs a small part of what a basis of directions
    does.
    """
    tight = [a for a, c in polytope.inequalities if any(a) and _dot(a, x) == c]
    rows = [_integers(a) for a in (*(a for a, _ in polytope.equalities), *tight)]
    return kernel_vector(rows, len(x)) is not None


def piece(x: Point, polytope: Polytope) -> Piece:
    """Returns what a polytope is like, around a point of it; all of it exactly.

    Arguments:
        x: A point that satisfies all conditions.
        polytope: The conditions.

    Example:
        >>> one, zero = Fraction(1), Fraction(0)
        >>> strip = Polytope((((one, zero), one),), (((zero, one), one), ((zero, -one), one)))
        >>> found = piece((one, one), strip)
        >>> found.dimension, found.width
        (1, Fraction(2, 1))
    """
    basis = _directions(polytope.equalities, len(x))
    tight = _tight(x, polytope, basis)
    dimension, way = _cone(tight, len(basis), _outward(x, polytope.ball, basis))
    if way is None:
        return Piece(point=x, dimension=0, other=None, width=Fraction(0), polytope=polytope)
    step = [
        sum((t * line[j] for t, line in zip(way, basis, strict=True)), Fraction(0))
        for j in range(len(x))
    ]
    known = len(x) <= WIDE and polytope.ball is None
    return Piece(
        point=x,
        dimension=dimension,
        other=_walk(x, step, polytope),
        width=_width(x, polytope, basis) if known else None,
        polytope=polytope,
    )


def _directions(equalities: Sequence[Condition], dim: int) -> list[list[int]]:
    """Returns an integer basis of the directions in which all equalities stay."""
    return kernel_basis([_integers(a) for a, _ in equalities], dim)


def _in_basis(a: Sequence[Fraction], basis: Sequence[Sequence[int]]) -> list[int]:
    return _integers([_dot(a, line) for line in basis])


def _tight(x: Point, polytope: Polytope, basis: Sequence[Sequence[int]]) -> list[list[int]]:
    """Returns the inequalities that hold with equality at a point, along the directions."""
    rows = []
    for a, c in polytope.inequalities:
        if _dot(a, x) == c:
            insist()
            rows.append(_in_basis(a, basis))
    return [row for row in rows if any(row)]


def _outward(x: Point, ball: Ball | None, basis: Sequence[Sequence[int]]) -> list[int] | None:
    """Returns the normal at a point of a sphere; other points of the ball lie below it."""
    if ball is None or ball.contains(x, interior=True):
        return None
    return _in_basis([t - c for t, c in zip(x, ball.middle(len(x)), strict=True)], basis)


def _cone(
    tight: Sequence[list[int]], size: int, strict: list[int] | None
) -> tuple[int, list[Fraction] | None]:
    """Returns the dimension of {t: c.t <= 0}, and a direction in its relative interior.

    Where `strict` is given, directions must also satisfy strict.t < 0; (0, None) without any.
    """
    if size == 0:
        return 0, None
    total, fixed = [Fraction(0)] * size, []
    demands = [*tight] if strict is None else [strict, *tight]
    for i, row in enumerate(demands):
        if _dot(row, total) < 0:
            continue
        others = [[-entry for entry in other] for other in demands if other is not row]
        found = separate_exactly([row], others, size)
        if not isinstance(found, Relation):
            total = [s + t for s, t in zip(total, found, strict=True)]
        elif strict is not None and i == 0:
            return 0, None
        else:
            fixed.append(row)
    dimension = size - rank(fixed)
    if dimension and not any(total):  # every tight row is fixed: both ways are open
        vector = kernel_vector(fixed, size)
        assert vector is not None, "fewer independent rows than coordinates leave a kernel"
        total = [Fraction(t) for t in vector]
    return dimension, total if dimension else None


def _walk(x: Point, step: Sequence[Fraction], polytope: Polytope) -> Point:
    """Returns x plus a multiple of a direction that stays inside, about half way to the end."""
    limits = [
        (c - _dot(a, x)) / slope for a, c in polytope.inequalities if (slope := _dot(a, step)) > 0
    ]
    size = max(map(abs, step))
    wanted = max([abs(t) for t in x] + [Fraction(1)]) / size
    share = min([*(limit / 2 for limit in limits), wanted])
    power = share.numerator.bit_length() - share.denominator.bit_length() - 1
    while True:
        other = tuple(t + Fraction(2) ** power * s for t, s in zip(x, step, strict=True))
        if polytope.ball is None or polytope.ball.contains(other):
            return other
        power -= 1


def _width(x: Point, polytope: Polytope, lines: list[list[int]]) -> Fraction | float | None:
    """Returns the largest extent along a coordinate, by two linear programs for each."""
    basis = [_near_unit(line) for line in lines]
    rows = []
    for a, c in polytope.inequalities:
        insist()
        rows.append(([_dot(a, line) for line in basis], c - _dot(a, x)))
    width: Fraction | float = Fraction(0)
    for j in range(len(x)):
        objective = [line[j] for line in basis]
        up = maximum(objective, rows)
        down = None if up is None else maximum([-t for t in objective], rows)
        if up is None or down is None:
            return None
        if up == inf or down == inf:
            return inf
        width = max(width, up + down)
    return width


def _near_unit(line: Sequence[int]) -> list[Fraction]:
    """Returns a multiple with entries of size at most 1: linear programs in floats ask for it."""
    insist()
    unit = 1 << max(entry.bit_length() for entry in line)
    return [Fraction(entry, unit) for entry in line]


def _integers(numbers: Sequence[Fraction]) -> list[int]:
    unit = lcm(*(Fraction(t).denominator for t in numbers))
    return [int(t * unit) for t in numbers]


def _dot(a: Sequence[Fraction | int], b: Sequence[Fraction | int]) -> Fraction:
    insist()
    return sum((Fraction(s * t) for s, t in zip(a, b, strict=True) if s and t), Fraction(0))
