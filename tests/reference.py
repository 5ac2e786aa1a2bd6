"""Brute force over every hyperplane flat, in exact arithmetic that shares nothing with the engine.

A layer is NOT one-to-one on X if and only if there are a proper flat F of its rows (a set of rows
closed under span) and a point x in the interior of X with every row outside F strictly negative.
A larger flat asks for less, so the flats of rank n - 1 suffice; they are spanned by n - 1 rows.
For each, an exact simplex (Bland's rule, integer pivots) finds the point or a positive
dependency; a dependency speaks for every flat that it does not meet, and is then reused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, combinations
from math import gcd, lcm
from typing import NamedTuple

import numpy as np
from flint import fmpq, fmpq_mat, fmpz_mat
from scipy.optimize import nnls

from monic.model import (
    AffineMap,
    Ball,
    Box,
    Centre,
    ChannelScale,
    ChannelShift,
    Combine,
    Concat,
    Domain,
    Input,
    Linear,
    Orthant,
    Polyhedron,
    Quotient,
    ReLULayer,
    Scale,
    Select,
    Shift,
    Sum,
    TransposedConvolution,
    WholeSpace,
)
from monic.model.convolution import ConvolutionMap
from tests.slow_convolution import convolved
from tests.slow_mean import centring, repeated

__all__ = [
    "Answer",
    "Question",
    "Vector",
    "brute_force",
    "evaluate",
    "gordan",
    "has_interior",
    "polyhedral_sides",
    "question",
    "rank",
    "relu",
    "separate",
    "z3_not_injective",
]

Vector = tuple[Fraction, ...]


class Answer(NamedTuple):
    """What brute force says; the witness is (x, d) with x and x + a d colliding for small a."""

    injective: bool
    witness: tuple[Vector, Vector] | None


@dataclass(frozen=True, slots=True)
class Question:
    """A layer in exact numbers: w_i.x + b_i, strict sides a.x < c of int X, and maybe a ball."""

    rows: list[Vector]
    bias: list[Fraction]
    sides: list[tuple[Vector, Fraction]]
    ball: tuple[Vector, Fraction] | None

    @property
    def dim(self) -> int:
        """The dimension n of x."""
        return len(self.rows[0])

    def system(self, kept: Sequence[int]) -> list[list[int]]:
        """Returns integer vectors that are negative at (x, 1) t, t > 0, for the wanted x."""
        vectors = [[*self.rows[i], self.bias[i]] for i in kept]
        vectors += [[*normal, -offset] for normal, offset in self.sides]
        vectors.append([Fraction(0)] * self.dim + [Fraction(-1)])
        return [_integers(vector) for vector in vectors]

    def holds(self, x: Sequence[Fraction], kept: Sequence[int]) -> bool:
        """Returns whether x is interior to X and the kept rows are strictly negative there."""
        if any(_dot(self.rows[i], x) + self.bias[i] >= 0 for i in kept):
            return False
        if any(_dot(normal, x) >= offset for normal, offset in self.sides):
            return False
        if self.ball is None:
            return True
        center, radius = self.ball
        return _square([a - c for a, c in zip(x, center, strict=True)]) < radius**2


def question(layer: ReLULayer) -> Question:
    """Returns a layer in exact numbers, read from its arrays and not by the library's own road."""
    weight, bias = evaluate(layer.map)
    n = len(weight[0])
    ball = None
    if isinstance(layer.domain, Ball):
        center = layer.domain.center
        middle = (Fraction(0),) * n if center is None else tuple(map(_exact, center))
        ball = (middle, Fraction(layer.domain.radius))
    return Question([tuple(row) for row in weight], bias, polyhedral_sides(layer.domain, n), ball)


def evaluate(step: AffineMap) -> tuple[list[list[Fraction]], list[Fraction]]:
    """Returns the rows and the bias of an affine expression, by Fractions from the leaves up."""
    if isinstance(step, Input):
        n = step.dim
        return [[Fraction(i == j) for j in range(n)] for i in range(n)], [Fraction(0)] * n
    if isinstance(step, Concat):
        parts = [evaluate(branch) for branch in step.branches]
        return [row for rows, _ in parts for row in rows], [b for _, bias in parts for b in bias]
    if isinstance(step, Select):
        rows, bias = evaluate(step.of)
        return [rows[i] for i in step.places], [bias[i] for i in step.places]
    if isinstance(step, Sum):
        tables, vectors = zip(*map(evaluate, step.branches), strict=True)
        added = [[sum(t) for t in zip(*rows, strict=True)] for rows in zip(*tables, strict=True)]
        return added, [sum(t) for t in zip(*vectors, strict=True)]
    if isinstance(step, Combine | Centre):
        rows, bias = evaluate(step.of)
        size = len(rows) // step.groups if isinstance(step, Centre) else 0
        if isinstance(step, Centre):
            terms = centring(len(rows), size)
        else:
            terms = repeated(step.rows, step.times, len(rows))
        columns = [*zip(*rows, strict=True), bias]
        mixed = [[sum(w * c[j] for j, w in row) for c in columns] for row in terms]
        return [row[:-1] for row in mixed], [Fraction(row[-1]) for row in mixed]
    known = (Linear, Shift, Scale, ConvolutionMap, ChannelShift, ChannelScale, Quotient)
    assert isinstance(step, known), f"Expected a known step. Got {step!r}."
    rows, bias = evaluate(step.of)
    if isinstance(step, ConvolutionMap):
        return _convolved(step, rows, bias)
    if isinstance(step, Linear):
        matrix = [[_exact(v) for v in row] for row in np.asarray(step.matrix)]
        if step.transposed:
            matrix = [list(column) for column in zip(*matrix, strict=True)]
        columns = list(zip(*rows, strict=True))
        product = [[_dot(row, column) for column in columns] for row in matrix]
        return product, [_dot(row, bias) for row in matrix]
    vector = [_exact(v) for v in np.asarray(step.vector).reshape(-1)]
    times = len(rows) // len(vector)
    if isinstance(step, ChannelShift | ChannelScale | Quotient):
        vector = [v for v in vector for _ in range(times)]
    else:
        vector = vector * times
    if isinstance(step, Shift | ChannelShift):
        sign = -1 if step.negative else 1
        return rows, [b + sign * v for b, v in zip(bias, vector, strict=True)]
    if isinstance(step, Quotient):
        vector = [1 / v for v in vector]
    scaled = [[v * a for a in row] for v, row in zip(vector, rows, strict=True)]
    return scaled, [v * b for v, b in zip(vector, bias, strict=True)]


def _convolved(
    step: ConvolutionMap, rows: list[list[Fraction]], bias: list[Fraction]
) -> tuple[list[list[Fraction]], list[Fraction]]:
    geometry, kernel = step.geometry, np.asarray(step.kernel)
    axes = range(len(geometry.spatial))
    shape = [*kernel.shape, *[1] * (len(axes) + 2 - kernel.ndim)]
    grid = {
        "shape": list(geometry.shape),
        "stride": [geometry.steps(a)[0] for a in axes],
        "dilation": [geometry.steps(a)[1] for a in axes],
        "output_padding": [geometry.steps(a)[2] for a in axes],
        "padding": [list(pair) for pair in geometry.pairs],
        "groups": geometry.groups,
        "mode": geometry.mode,
    }
    transposed = isinstance(step, TransposedConvolution)
    name = "transposed-convolution" if transposed else "convolution"
    table = [_exact(v) for v in kernel.reshape(-1)]
    whole = [[*row, b] for row, b in zip(rows, bias, strict=True)]
    found = convolved(name, table, shape, (whole, grid))
    return [row[:-1] for row in found], [row[-1] for row in found]


def brute_force(asked: Question) -> Answer:
    """Returns whether the layer is one-to-one, by asking every flat of rank n - 1."""
    everything = range(len(asked.rows))
    if not has_interior(asked):
        raise ValueError("Expected a domain with interior. Got one without.")
    if rank(asked.rows) < asked.dim:
        point = separate(asked, [])
        kernel = _kernel_vector(asked.rows)
        assert not isinstance(point, int), "a domain with interior has an interior point"
        return Answer(False, (point, kernel))
    dependencies: list[int] = []
    for flat, normal in _hyperplanes([_integers(row) for row in asked.rows]).items():
        if any(not flat & known for known in dependencies):
            continue
        outside = [i for i in everything if not flat >> i & 1]
        found = separate(asked, outside)
        if isinstance(found, int):
            dependencies.append(found)
            continue
        assert asked.holds(found, outside), "brute force found a wrong point"
        return Answer(False, (found, tuple(map(Fraction, normal))))
    return Answer(True, None)


def has_interior(asked: Question) -> bool:
    """Returns whether the polyhedral part of the domain has interior."""
    return not isinstance(gordan(asked.system([])), dict)


def gordan(rows: list[list[int]]) -> Vector | dict[int, int]:
    """Returns y with row.y < 0 for all rows, or multipliers > 0 of rows that add up to 0.

    Phase one of the simplex method for: sum of l_i row_i = 0, sum of l_i = 1, l >= 0, in a
    tableau of integers over one denominator (Edmonds' pivots), with Bland's rule.
    """
    size, count = len(rows[0]) + 1, len(rows)
    table = [[row[k] for row in rows] for k in range(size - 1)] + [[1] * count]
    for k, line in enumerate(table):
        line += [int(k == i) for i in range(size)] + [int(k == size - 1)]
    cost = [-sum(line[j] for line in table) for j in range(count)] + [0] * size + [-1]
    basis, scale = list(range(count, count + size)), 1
    while (entering := next((j for j in range(count) if cost[j] < 0), None)) is not None:
        leaving = None
        for k, line in enumerate(table):
            if line[entering] > 0:
                best = k if leaving is None else leaving
                first = line[-1] * table[best][entering]
                second = table[best][-1] * line[entering]
                if leaving is None or (first, basis[k]) < (second, basis[best]):
                    leaving = k
        assert leaving is not None, "phase one is bounded"
        pivot_line, pivot = table[leaving], table[leaving][entering]
        for k, line in enumerate([*table, cost]):
            if k != leaving:
                factor = line[entering]
                line[:] = [
                    (pivot * a - factor * b) // scale
                    for a, b in zip(line, pivot_line, strict=True)
                ]
        basis[leaving], scale = entering, pivot
    if cost[-1] == 0:
        found = {v: table[k][-1] for k, v in enumerate(basis) if v < count and table[k][-1]}
        for column in zip(*(rows[i] for i in found), strict=True):
            assert sum(v * a for v, a in zip(found.values(), column, strict=True)) == 0
        assert found, "the multipliers add up to 1"
        assert min(found.values()) > 0, "multipliers are positive"
        return found
    point = tuple(Fraction(scale - cost[count + k]) for k in range(size - 1))
    assert all(_dot(row, point) < 0 for row in rows), "the simplex found a wrong point"
    return point


def separate(asked: Question, outside: Sequence[int]) -> Vector | int:
    """Returns a point of int X with the rows outside negative, or a bit set that forbids it."""
    found = gordan(asked.system(outside))
    if isinstance(found, dict):
        return sum(1 << outside[k] for k in found if k < len(outside))
    point = tuple(v / found[-1] for v in found[:-1])
    if asked.ball is None:
        return point
    return _inside_ball(asked, outside, point)


def _inside_ball(asked: Question, outside: Sequence[int], inner: Vector) -> Vector | int:
    """As `separate` on a ball, given a point of the open polyhedron that the rows leave."""
    assert asked.ball is not None, "only balls come here"
    center, radius = asked.ball
    if not outside:
        return center
    offsets = [asked.bias[i] + _dot(asked.rows[i], center) for i in outside]
    support, nearest = _nearest([asked.rows[i] for i in outside], offsets)
    if _square(nearest) >= radius**2:
        return sum(1 << outside[k] for k in support)
    share = Fraction(1)
    away = [a - c - t for a, c, t in zip(inner, center, nearest, strict=True)]
    while True:
        step = [t + share * v for t, v in zip(nearest, away, strict=True)]
        if _square(step) < radius**2:
            return tuple(c + t for c, t in zip(center, step, strict=True))
        share /= 2


def _nearest(rows: list[Vector], offsets: list[Fraction]) -> tuple[tuple[int, ...], Vector]:
    """Returns the point of rows.x + offsets <= 0 nearest to 0, and the rows that hold it there.

    Floats (non-negative least squares) propose the rows, the optimality conditions confirm them
    in exact numbers; where they do not, all sets of rows are tried.
    """
    if max(offsets) <= 0:
        return (), (Fraction(0),) * len(rows[0])
    scaled = [_over_largest([*row, b]) for row, b in zip(rows, offsets, strict=True)]
    target = np.zeros(len(scaled[0]))
    target[-1] = 1.0
    guess = tuple(int(k) for k in np.flatnonzero(nnls(np.array(scaled).T, target)[0] > 1e-12))
    everything = range(len(rows))
    sets = (s for size in range(1, len(rows[0]) + 1) for s in combinations(everything, size))
    for support in chain([guess], sets):
        point = _optimal(support, rows, offsets)
        if point is not None:
            return support, point
    raise AssertionError("an open polyhedron has a nearest point")


def _optimal(
    support: tuple[int, ...], rows: list[Vector], offsets: list[Fraction]
) -> Vector | None:
    """Returns the point on all the rows of the support if it is the nearest one to 0."""
    if not 0 < len(support) <= len(rows[0]):
        return None
    chosen = fmpq_mat([[_fmpq(a) for a in rows[k]] for k in support])
    right = fmpq_mat(len(support), 1, [-_fmpq(offsets[k]) for k in support])
    try:
        weights = (chosen * chosen.transpose()).solve(right)
    except ZeroDivisionError:
        return None
    entries = (chosen.transpose() * weights).entries()
    point = tuple(Fraction(int(v.p), int(v.q)) for v in entries)
    if any(v > 0 for v in weights.entries()):
        return None
    below = (_dot(row, point) + b <= 0 for row, b in zip(rows, offsets, strict=True))
    return point if all(below) else None


def _hyperplanes(rows: list[list[int]]) -> dict[int, list[int]]:
    """Returns the flats of rank n - 1 as bit sets of rows, each with its normal."""
    n = len(rows[0])
    normals: list[int] = []
    for chosen in combinations(rows, n - 1):
        normal = []
        for j in range(n):
            minor = [a for row in chosen for a in row[:j] + row[j + 1 :]]
            normal.append((-1) ** j * int(fmpz_mat(n - 1, n - 1, minor).det()))
        if any(normal):
            normals += normal
    values = (fmpz_mat(len(normals) // n, n, normals) * fmpz_mat(rows).transpose()).tolist()
    return {
        sum(1 << i for i, v in enumerate(line) if v == 0): normals[n * k : n * k + n]
        for k, line in enumerate(values)
    }


def rank(rows: Sequence[Sequence[Fraction]]) -> int:
    """Returns the rank of rational rows."""
    if not rows:
        return 0
    return int(fmpz_mat([_integers(row) for row in rows]).rank())


def relu(rows: Sequence[Vector], bias: Sequence[Fraction], x: Sequence[Fraction]) -> Vector:
    """Returns ReLU(W x + b) in exact numbers."""
    return tuple(max(_dot(w, x) + b, Fraction(0)) for w, b in zip(rows, bias, strict=True))


def z3_not_injective(asked: Question) -> bool:
    """Returns whether z3 finds x in int X and d != 0 with each row negative at x or zero on d."""
    import z3  # heavy, and only a few tests ask for it

    def real(value: Fraction) -> z3.RatNumRef:
        return z3.Q(value.numerator, value.denominator)

    def form(row: Sequence[Fraction], at: list[z3.ArithRef]) -> z3.ArithRef:
        return z3.Sum([real(a) * t for a, t in zip(row, at, strict=True)])

    x = [z3.Real(f"x{j}") for j in range(asked.dim)]
    d = [z3.Real(f"d{j}") for j in range(asked.dim)]
    solver = z3.Solver()
    for row, b in zip(asked.rows, asked.bias, strict=True):
        solver.add(z3.Or(form(row, x) + real(b) < 0, form(row, d) == 0))
    for normal, offset in asked.sides:
        solver.add(form(normal, x) < real(offset))
    if asked.ball is not None:
        center, radius = asked.ball
        moved = [t - real(c) for t, c in zip(x, center, strict=True)]
        solver.add(z3.Sum([t * t for t in moved]) < real(radius**2))
    solver.add(z3.Or([t == 1 for t in d]))
    found = solver.check()
    assert found in (z3.sat, z3.unsat), f"z3 says {found}"
    return bool(found == z3.sat)


def polyhedral_sides(domain: Domain, n: int) -> list[tuple[Vector, Fraction]]:
    """Returns (a, c) for the inequalities a.x < c of the interior, read from the arrays."""

    def unit(j: int, sign: int) -> Vector:
        return tuple(Fraction(sign * (i == j)) for i in range(n))

    if isinstance(domain, (WholeSpace, Ball)):
        return []
    if isinstance(domain, Orthant):
        return [(unit(j, -1), Fraction(0)) for j in range(n)]
    if isinstance(domain, Box):
        below = [(unit(j, -1), -Fraction(v)) for j, v in enumerate(domain.lower) if v > -np.inf]
        above = [(unit(j, 1), Fraction(v)) for j, v in enumerate(domain.upper) if v < np.inf]
        return below + above
    assert isinstance(domain, Polyhedron), f"Expected a known domain. Got {domain!r}."
    pairs = zip(np.asarray(domain.A), np.asarray(domain.c), strict=True)
    return [(tuple(map(_exact, a)), _exact(c)) for a, c in pairs]


def _exact(value: object) -> Fraction:
    """Returns the rational that a numpy number stands for; integers are not rounded."""
    if isinstance(value, (np.integer, int)):
        return Fraction(int(value))
    return Fraction(float(value))  # type: ignore[arg-type]


def _integers(vector: Sequence[Fraction]) -> list[int]:
    """Returns the shortest integer vector on the ray of a rational one."""
    factor = lcm(*(v.denominator for v in vector))
    whole = [int(v * factor) for v in vector]
    common = gcd(*whole) or 1
    return [v // common for v in whole]


def _kernel_vector(rows: Sequence[Vector]) -> Vector:
    kernel, _ = fmpz_mat([_integers(row) for row in rows]).nullspace()
    return tuple(Fraction(int(kernel[j, 0])) for j in range(len(rows[0])))


def _dot(a: Sequence[Fraction | int], b: Sequence[Fraction]) -> Fraction:
    return sum((s * t for s, t in zip(a, b, strict=True)), Fraction(0))


def _square(vector: Sequence[Fraction]) -> Fraction:
    return _dot(vector, vector)


def _over_largest(vector: Sequence[Fraction]) -> list[float]:
    largest = max(map(abs, vector)) or Fraction(1)
    return [float(v / largest) for v in vector]


def _fmpq(value: Fraction) -> fmpq:
    return fmpq(value.numerator, value.denominator)
