"""From a point where the active rows do not span to a collision, exactly.

At such a point x take d != 0 with w_i.d = 0 on the active rows; for small a > 0 the inactive rows
stay negative at x + a d, so that f(x) = f(x + a d).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from flint import fmpz_mat

from monic.certificate import Certificate, point_certificate
from monic.decision.problem import Point, Problem
from monic.decision.result import Collision, FloatPair
from monic.errors import LayerError
from monic.geometry.rational import kernel_vector
from monic.model import AffineMap

__all__ = [
    "EXPLICIT",
    "Witness",
    "confirm",
    "float_pair",
    "roundings",
    "simplest",
    "witness_certificate",
]

#: In higher dimensions a collision's coordinates are too long; the point alone is the proof.
EXPLICIT = 64


@dataclass(frozen=True, slots=True)
class Witness:
    """A point inside the domain where the active rows do not span R^n.

    Arguments:
        x: The point (relative to a ball's centre).
        active: The numbers of the rows that are not strictly negative there.
        collision: Two inputs with the same output, or None where they would be too long.
    """

    x: Point
    active: tuple[int, ...]
    collision: Collision | None


def confirm(problem: Problem, x: Point) -> Witness | None:
    """Returns the witness at a point inside the domain, or None when its active rows span."""
    if not problem.contains(x):
        return None
    values = problem.values(x)
    active = tuple(i for i, value in enumerate(values) if value >= 0)
    rows = [problem.rows[i][:-1] for i in active]
    collision = None
    if problem.dim <= EXPLICIT or len(active) >= problem.dim:
        kernel = kernel_vector(rows, problem.dim)
        if kernel is None:
            return None
        collision = _collision(problem, x, kernel)
    return Witness(x, active, collision)


def simplest(problem: Problem, x: Point) -> Witness | None:
    """Returns the witness with the shortest binary coordinates near a point, or None."""
    for candidate in roundings(x):
        found = confirm(problem, candidate)
        if found is not None:
            return found
    return confirm(problem, x)


def witness_certificate(problem: Problem, witness: Witness) -> Certificate:
    """Returns the certificate of NOT_INJECTIVE that a witness carries."""
    if witness.collision is None:
        return point_certificate(problem.subject, "point", {"x": problem.outside(witness.x)})
    pair = witness.collision
    return point_certificate(problem.subject, "collision", {"x": pair.x, "other": pair.other})


def roundings(x: Point) -> Iterator[Point]:
    """Yields a point's neighbours with short binary coordinates, the shortest first."""
    largest = max((abs(t) for t in x), default=Fraction(0))
    if largest == 0:
        return
    top = largest.numerator.bit_length() - largest.denominator.bit_length()
    for bits in (3, 6, 10, 16, 24, 40, 53):
        unit = Fraction(2) ** (top - bits)
        yield tuple(round(t / unit) * unit for t in x)


def _collision(problem: Problem, x: Point, kernel: Sequence[int]) -> Collision:
    """Walks from x along a kernel vector of its active rows, as far as a power of two may."""
    forwards = _step(problem, x, kernel)
    backwards = _step(problem, x, [-entry for entry in kernel])
    step = forwards if forwards >= backwards else -backwards
    other = tuple(t + step * entry for t, entry in zip(x, kernel, strict=True))
    first, second = problem.outside(x), problem.outside(other)
    floats = float_pair(problem.layer.map, first, second, least=Fraction(0))
    return Collision(x=first, other=second, floats=floats)


def _step(problem: Problem, x: Point, kernel: Sequence[int]) -> Fraction:
    """Returns the largest power of two that keeps inactive rows inactive and x in the domain."""
    unit = lcm(*(t.denominator for t in x))
    values, slopes = problem.values(x), problem.slopes(kernel)
    limits = [
        Fraction(-value, unit * slope)
        for value, slope in zip(values, slopes, strict=True)
        if value < 0 < slope
    ]
    length = max(abs(entry) for entry in kernel)
    wanted = max([abs(t) for t in x] + [Fraction(1)]) / length
    limit = min([*limits, wanted])
    exponent = limit.numerator.bit_length() - limit.denominator.bit_length()
    step = Fraction(2) ** exponent
    while step > limit or not problem.contains(
        tuple(t + step * entry for t, entry in zip(x, kernel, strict=True))
    ):
        step /= 2
    return step


def float_pair(
    value: AffineMap, x: Point, other: Point, *, least: Fraction | None
) -> FloatPair | None:
    """Returns the float64 points nearest to two points, and how far apart their outputs are.

    Arguments:
        value: The affine map.
        x: The first point.
        other: The second point.
        least: What smaller outputs become: 0 for a ReLU, None for an affine map.

    Returns:
        None where a coordinate is beyond float64, or the map's matrix is too large.
    """
    try:
        first, second = tuple(map(float, x)), tuple(map(float, other))
        exact = value.exact()
    except (OverflowError, LayerError):
        return None
    outputs = []
    for point in (first, second):
        unit = Fraction(2) ** min(math.frexp(t)[1] - 53 for t in point)
        column = fmpz_mat(len(point), 1, [int(Fraction(t) / unit) for t in point])
        slopes = (exact.weight * column).entries()
        values = [
            int(s) * unit + int(b) for s, b in zip(slopes, exact.bias.entries(), strict=True)
        ]
        outputs.append(values if least is None else [max(least, v) for v in values])
    gap = max(abs(a - b) for a, b in zip(*outputs, strict=True))
    return FloatPair(x=first, other=second, difference=gap * exact.scale)
