"""A second road: proofs re-checked by definition, slowly, in fractions; for tests only.

`tree_holds` follows a tree with no code of the checker; `claim_is_true` does not look at the
evidence at all, but asks brute force whether what a header claims is so.
"""

import random
import struct
from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from monic_checker import Array
from tests.monic_checker.tiny_prover import Layer, circuits, exact_rows, injective, named, rank
from tests.slow_convolution import convolved
from tests.slow_mean import centring, repeated

__all__ = ["claim_is_true", "evaluate_map", "tree_holds"]

Numbers = list[Fraction]


def tree_holds(layer: Layer, body: bytes, *, packing: bool = False) -> bool:
    """Returns whether a body is exactly one tree that proves the layer injective."""
    stream = iter(body)
    try:
        return _Recursion(layer, stream, packing).node([], set()) and next(stream, None) is None
    except ValueError:
        return False


class _Recursion:
    def __init__(self, layer: Layer, stream: Iterator[int], packing: bool) -> None:
        self.layer = layer
        self.rows = exact_rows(layer)
        self.ball = layer.domain["kind"] == "ball" and any(row[-1] for row in self.rows)
        self.packing = packing
        self.stream = stream
        self.earlier: list[tuple[list[int], list[int]]] = []

    def number(self, longest: int | None = 9) -> int:
        digits: list[int] = []
        while not digits or digits[-1] >= 128:
            digit = next(self.stream, None)
            if digit is None or len(digits) == longest:
                raise ValueError("the varint does not end")
            digits.append(digit)
        if len(digits) > 1 and digits[-1] == 0:
            raise ValueError("a superfluous byte")
        return sum(digit % 128 * 128**k for k, digit in enumerate(digits))

    def node(self, active: list[int], inactive: set[int]) -> bool:
        if len(active) == self.layer.n:
            return rank([self.rows[i][:-1] for i in active]) == self.layer.n
        plus, minus = self.relation(active, inactive)
        if not set(minus) <= set(active) or set(plus) & set(active):
            return False
        passed = set(inactive)
        for row in plus:
            if row < self.layer.m and row not in inactive:
                if not self.node([*active, row], passed):
                    return False
                passed = passed | {row}
        return True

    def relation(self, active: list[int], inactive: set[int]) -> tuple[list[int], list[int]]:
        p = self.number()
        if p > 0:
            self.earlier.append(self.full(p, active))
            return self.earlier[-1]
        distance = self.number()
        if distance == 0 and self.ball:
            q = self.number()
            if q > 0 or not self.packing:
                return self.full(0, active, q)
        if distance == 0 and self.packing:
            self.packed(active, inactive)
            return [], []
        if not 1 <= distance <= min(256, len(self.earlier)):
            raise ValueError("no such record")
        return self.earlier[-distance]

    def packed(self, active: list[int], inactive: set[int]) -> None:
        taken: list[int] = []
        for _ in range(self.layer.n - len(active)):
            p = self.number()
            if p == 0:
                raise ValueError("not a full record")
            self.earlier.append(self.full(p, active))
            plus, _ = self.earlier[-1]
            taken += [row for row in plus if row < self.layer.m and row not in inactive]
            if set(plus) & set(active):
                raise ValueError("a row is active already")
        if len(set(taken)) < len(taken):
            raise ValueError("a row is taken twice")

    def full(self, p: int, active: list[int], q: int | None = None) -> tuple[list[int], list[int]]:
        q = self.number() if q is None else q
        if p + q > self.layer.n + 2:
            raise ValueError("too many rows")
        plus = [self.number() for _ in range(p)]
        depths = [self.number() for _ in range(q)]
        if (
            p + q == 0
            or max(plus, default=-1) >= len(self.rows)
            or max(depths, default=-1) >= len(active)
        ):
            raise ValueError("no such row")
        minus = [active[depth] for depth in depths]
        if len(set(plus)) + len(set(minus)) < p + q or not self.holds(plus, minus):
            raise ValueError("no relation")
        return plus, minus

    def holds(self, plus: list[int], minus: list[int]) -> bool:
        chosen = [self.rows[i] for i in (*plus, *minus)]
        if not self.ball:
            whole = [c for c in circuits(chosen) if len(c.multipliers) == len(chosen)]
            signs = (tuple(range(len(plus))), tuple(range(len(plus), len(chosen))))
            return len(circuits(chosen)) == 2 and any((c.plus, c.minus) == signs for c in whole)
        factors = [self.number(None) for _ in plus] + [-self.number(None) for _ in minus]
        if 0 in factors:
            return False
        columns = zip(*chosen, strict=True)
        *v, beta = [sum(f * x for f, x in zip(factors, c, strict=True)) for c in columns]
        radius = Fraction(self.layer.domain["radius"])
        if not plus and beta <= 0:
            return False
        return bool(beta >= 0 and beta**2 >= radius**2 * sum(x * x for x in v))


def claim_is_true(header: dict[str, Any], arrays: Sequence[Array]) -> bool:
    """Returns whether the claim of a header is true: by brute force, on a ball by z3.

    Raises:
        NotImplementedError: when no road leads to the truth of such a claim.
    """
    subject = header["subject"]
    if subject["kind"] == "network":
        from tests.monic_checker.networks import network_claim_is_true

        return network_claim_is_true(header, arrays)
    rows = evaluate_map(subject, arrays)
    n = len(rows[0]) - 1
    claims_injective = bool(header["claim"] == "INJECTIVE")
    if subject["kind"] == "affine":
        return (rank([row[:-1] for row in rows]) == n) == claims_injective
    layer = Layer([list(row) for row in rows], subject["domain"])  # type: ignore[arg-type]
    if subject["domain"]["kind"] == "ball":
        spans = _spans_at_random_points(layer)
        return (spans and not _collides_on_ball(layer)) == claims_injective
    return injective(layer) == claims_injective


def _spans_at_random_points(layer: Layer) -> bool:
    rows, radius = exact_rows(layer), Fraction(layer.domain["radius"])
    generator = random.Random(0)
    for _ in range(50):
        x = [Fraction(generator.uniform(-1, 1)) for _ in range(layer.n)]
        x = [radius * t / (sum(map(abs, x)) + 1) for t in x]
        active = [w for *w, b in rows if sum(a * t for a, t in zip(w, x, strict=True)) + b >= 0]
        if rank(active) < layer.n:
            return False
    return True


def _collides_on_ball(layer: Layer) -> bool:
    """Whether two points of the ball have one output: quadratic constraints, exact in z3."""
    import z3

    radius = z3.RealVal(str(Fraction(layer.domain["radius"])))
    center = [z3.RealVal(str(Fraction(c))) for c in layer.domain["center"]]
    solver = z3.Solver()
    solver.set("timeout", 20_000)
    points = [[z3.Real(f"{name}{j}") for j in range(layer.n)] for name in "xy"]
    for point in points:
        squares = [(t - c) * (t - c) for t, c in zip(point, center, strict=True)]
        solver.add(z3.Sum(squares) <= radius * radius)
    solver.add(z3.Or([a != b for a, b in zip(*points, strict=True)]))
    for *w, b in layer.rows:
        x, y = (
            z3.Sum([z3.RealVal(str(Fraction(a))) * t for a, t in zip(w, point, strict=True)])
            + z3.RealVal(str(Fraction(b)))
            for point in points
        )
        solver.add(z3.If(x > 0, x, 0) == z3.If(y > 0, y, 0))
    found = solver.check()
    if found == z3.unknown:
        raise NotImplementedError("z3 does not know")
    return bool(found == z3.sat)


def evaluate_map(subject: dict[str, Any], arrays: Sequence[Array]) -> list[Numbers]:
    """The rows (w, b), following the map step by step."""
    tables: list[Numbers] = []
    for entry in subject["arrays"]:
        tables.append(_factors(entry, tables) if "factors" in entry else _numbers(entry, arrays))
    shapes = [entry["shape"] for entry in subject["arrays"]]
    values: list[list[Numbers]] = []
    for name, *rest in subject["map"]:
        if name == "input":
            (n,) = rest
            values.append([[Fraction(i == j) for j in range(n + 1)] for i in range(n)])
        elif name == "select":
            values.append([values[rest[1]][place] for place in rest[0]])
        elif name in ("combine", "centre"):
            values.append(_mixed(rest[:-1], values[rest[-1]]))
        elif name == "add":
            table = [values[source] for source in rest]
            values.append(
                [
                    [sum(t, Fraction(0)) for t in zip(*rows, strict=True)]
                    for rows in zip(*table, strict=True)
                ]
            )
        elif name == "concat":
            values.append([row for source in rest for row in values[source]])
        elif name.endswith("convolution"):
            array, source, grid = rest
            values.append(convolved(name, tables[array], shapes[array], (values[source], grid)))
        else:
            array, source = rest
            values.append(_combine(name, tables[array], shapes[array], values[source]))
    return values[-1]


def _mixed(how: list[Any], value: list[Numbers]) -> list[Numbers]:
    if len(how) == 1:
        table = centring(len(value), len(value) // how[0])
    else:
        rows = [[(j, Fraction(w)) for j, w in row] for row in how[1]]
        table = repeated(rows, how[0], len(value))
    columns = range(len(value[0]))
    return [
        [sum((w * value[j][c] for j, w in row), Fraction(0)) for c in columns] for row in table
    ]


def _combine(name: str, table: Numbers, shape: list[int], value: list[Numbers]) -> list[Numbers]:
    if name.startswith("linear"):
        height, width = shape
        matrix = [table[i * width : (i + 1) * width] for i in range(height)]
        if name == "linear-transposed":
            matrix = [list(column) for column in zip(*matrix, strict=True)]
        columns = list(zip(*value, strict=True))
        return [
            [
                sum((a * x for a, x in zip(row, column, strict=True)), Fraction(0))
                for column in columns
            ]
            for row in matrix
        ]
    vector = table if len(table) == len(value) else table * len(value)
    if name == "quotient":
        name, table = "channel-scale", [1 / v for v in table]
    if name.startswith("channel-"):
        vector = [v for v in table for _ in range(len(value) // len(table))]
        name = name.removeprefix("channel-")
    if name == "scale":
        return [[v * x for x in row] for v, row in zip(vector, value, strict=True)]
    sign = -1 if name == "shift-negative" else 1
    return [[*row[:-1], row[-1] + sign * v] for v, row in zip(vector, value, strict=True)]


def _factors(entry: dict[str, Any], tables: Sequence[Numbers]) -> Numbers:
    """gamma / sqrt(variance + epsilon) to 60 digits, rounded to floats by Python itself."""
    gamma, variance = (tables[place] for place in entry["factors"])
    found = []
    with localcontext() as context:
        context.prec = 60
        for g, v in zip(gamma, variance, strict=True):
            square = g * g / (v + Fraction(entry["epsilon"]))
            root = (Decimal(square.numerator) / Decimal(square.denominator)).sqrt()
            found.append(Fraction(float(root)) * (1 if g > 0 else -1))
    return found


def _numbers(entry: dict[str, Any], arrays: Sequence[Array]) -> Numbers:
    if "values" in entry:
        return [Fraction(value) for value in entry["values"]]
    array = next(array for array in arrays if named(array) == entry)
    return [Fraction(x) for x in struct.unpack(f"<{len(array.data) // 8}d", array.data)]
