"""A prover for layers of a few rows, by trying every circuit; for tests only.

All arithmetic is in rationals, and nothing is shared with the checker: the circuits of the rows
are found once by brute force, and each node takes one with the fewest open rows.
"""

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from math import lcm
from typing import Any

from flint import fmpq, fmpq_mat

from monic_checker import Array

__all__ = [
    "VERSION",
    "Circuit",
    "Layer",
    "circuits",
    "domain_rows",
    "injective",
    "named",
    "prove",
    "tree_body",
    "varint",
]

VERSION = b"monic-proof 1\n"

Row = tuple[Fraction, ...]


@dataclass(frozen=True)
class Circuit:
    """A relation that is unique up to scale: the rows with positive and negative multipliers."""

    plus: tuple[int, ...]
    minus: tuple[int, ...]
    multipliers: dict[int, Fraction]


@dataclass(frozen=True)
class Layer:
    """Rows (w, b) of numbers that float64 has exactly, and a domain as in a header."""

    rows: list[list[float]]
    domain: dict[str, Any] = field(default_factory=lambda: {"kind": "whole"})

    @property
    def n(self) -> int:
        return len(self.rows[0]) - 1

    @property
    def m(self) -> int:
        return len(self.rows)

    @property
    def arrays(self) -> list[Array]:
        """The weight and the bias."""
        weight = [entry for row in self.rows for entry in row[:-1]]
        bias = [row[-1] for row in self.rows]
        return [
            Array("weight", "float64", (self.m, self.n), doubles(weight)),
            Array("bias", "float64", (self.m,), doubles(bias)),
        ]

    def header(self, evidence: dict[str, Any], claim: str = "INJECTIVE") -> dict[str, Any]:
        """The header of a proof about this layer."""
        return {
            "claim": claim,
            "assumption": None,
            "subject": {
                "kind": "relu-layer",
                "arrays": [named(array) for array in self.arrays],
                "map": [["input", self.n], ["linear", 0, 0], ["shift", 1, 1]],
                "domain": self.domain,
            },
            "evidence": evidence,
        }

    def proof(
        self, evidence: dict[str, Any], claim: str = "INJECTIVE", body: bytes = b""
    ) -> bytes:
        """A proof as bytes."""
        return VERSION + json.dumps(self.header(evidence, claim)).encode() + b"\n" + body


def doubles(numbers: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}d", *numbers)


def named(array: Array) -> dict[str, Any]:
    """How a header names an array."""
    digest = hashlib.sha256(array.data).hexdigest()
    return {"dtype": array.dtype, "shape": list(array.shape), "sha256": digest}


def prove(layer: Layer) -> bytes | None:
    """Returns a proof with a tree, or None if there is no tree."""
    body = tree_body(layer)
    return None if body is None else layer.proof({"kind": "tree"}, body=body)


def exact_rows(layer: Layer) -> list[Row]:
    """The rows of the layer, then the side rows; on a ball, the rows around its centre."""
    rows = [tuple(map(Fraction, row)) for row in layer.rows]
    if layer.domain["kind"] == "ball":
        center = [Fraction(c) for c in layer.domain["center"]]
        return [(*w, b + sum(x * y for x, y in zip(w, center, strict=True))) for *w, b in rows]
    return rows + domain_rows(layer.domain, layer.n)


def domain_rows(domain: dict[str, Any], n: int) -> list[Row]:
    """The side rows in the order of the specification, the one for t > 0 first."""

    def unit(j: int, sign: int, last: Fraction) -> Row:
        return (*(Fraction(sign * (i == j)) for i in range(n)), last)

    rows = [unit(-1, 0, Fraction(-1))]
    if domain["kind"] == "orthant":
        rows += [unit(j, -1, Fraction(0)) for j in range(n)]
    if domain["kind"] == "box":
        for j, (low, high) in enumerate(zip(domain["lower"], domain["upper"], strict=True)):
            rows += [] if low is None else [unit(j, -1, Fraction(low))]
            rows += [] if high is None else [unit(j, 1, -Fraction(high))]
    if domain["kind"] == "polyhedron":
        for normal, offset in zip(domain["A"], domain["c"], strict=True):
            rows.append((*map(Fraction, normal), -Fraction(offset)))
    return rows


def rank(rows: Sequence[Sequence[Fraction]]) -> int:
    if not rows:
        return 0
    entries = [fmpq(x.numerator, x.denominator) for row in rows for x in row]
    return int(fmpq_mat(len(rows), len(rows[0]), entries).rank())


def circuits(rows: Sequence[Row]) -> list[Circuit]:
    """All circuits, each in both directions."""
    found = []
    for size in range(1, len(rows[0]) + 2):
        for chosen in combinations(range(len(rows)), size):
            multipliers = _relation([rows[i] for i in chosen])
            if multipliers is None:
                continue
            for sign in (1, -1):
                table = {i: sign * x for i, x in zip(chosen, multipliers, strict=True)}
                plus = tuple(i for i, x in table.items() if x > 0)
                minus = tuple(i for i, x in table.items() if x < 0)
                found.append(Circuit(plus, minus, {i: abs(x) for i, x in table.items()}))
    return found


def _relation(rows: Sequence[Row]) -> list[Fraction] | None:
    """The relation of all these rows if it is the only one and uses them all."""
    if rank(rows) != len(rows) - 1:
        return None
    columns = fmpq_mat(
        len(rows[0]),
        len(rows),
        [fmpq(row[k].numerator, row[k].denominator) for k in range(len(rows[0])) for row in rows],
    )
    reduced, height = columns.rref()
    pivots = [next(j for j in range(len(rows)) if reduced[i, j] != 0) for i in range(height)]
    free = next(j for j in range(len(rows)) if j not in pivots)
    relation = [Fraction(0)] * len(rows)
    relation[free] = Fraction(1)
    for i, j in enumerate(pivots):
        relation[j] = Fraction(int(-reduced[i, free].p), int(reduced[i, free].q))
    return relation if all(relation) else None


def injective(layer: Layer) -> bool:
    """Returns the truth, over all flats and without a tree; the domain is no ball.

    By Gordan's theorem the rows outside a flat and the side rows have no common point of
    negativity exactly when they have a relation with positive multipliers.
    """
    rows = exact_rows(layer)
    positive = [set(c.plus) for c in circuits(rows) if not c.minus]
    directions = [row[:-1] for row in rows[: layer.m]]
    for size in range(layer.n):
        for chosen in combinations(range(layer.m), size):
            flat = closure(directions, chosen)
            if not any(flat.isdisjoint(plus) for plus in positive):
                return False
    return True


def closure(directions: Sequence[Row], chosen: Sequence[int]) -> set[int]:
    """The rows in the span of the chosen ones."""
    basis = [directions[i] for i in chosen]
    height = rank(basis)
    return {i for i, row in enumerate(directions) if rank([*basis, row]) == height}


def varint(number: int) -> bytes:
    """Unsigned LEB128."""
    digits = bytearray()
    while number >= 128:
        digits.append(number % 128 + 128)
        number //= 128
    return bytes([*digits, number])


def tree_body(layer: Layer, *, use_active: bool = False) -> bytes | None:
    """Returns the records of a tree, or None if there is none (or, on a ball, none was found).

    Arguments:
        layer: The layer.
        use_active: Prefers relations with active rows, which makes proofs with N not empty.
    """
    ball = layer.domain["kind"] == "ball"
    relations = ball_relations(layer) if ball else circuits(exact_rows(layer))
    return _Branching(layer, relations, use_active).node([], set())


def ball_relations(layer: Layer) -> list[Circuit]:
    """Some relations on a ball: circuits of the w_i with beta >= 0, and rows active everywhere."""
    rows, radius = exact_rows(layer), Fraction(layer.domain["radius"])
    found = []
    for circuit in circuits([row[:-1] for row in rows]):
        signs = dict.fromkeys(circuit.plus, 1) | dict.fromkeys(circuit.minus, -1)
        beta = sum(signs[i] * x * rows[i][-1] for i, x in circuit.multipliers.items())
        if beta >= 0 and circuit.plus:
            found.append(circuit)
    for i, (*w, b) in enumerate(rows):
        if b >= 0 and b * b >= radius * radius * sum(x * x for x in w):
            found.append(Circuit((i,), (), {i: Fraction(1)}))
    return found


class _Branching:
    def __init__(self, layer: Layer, relations: Sequence[Circuit], use_active: bool) -> None:
        self.layer = layer
        self.use_active = use_active
        self.relations = [relation for relation in relations if relation.plus]
        self.directions = [tuple(map(Fraction, row[:-1])) for row in layer.rows]
        self.earlier: list[Circuit] = []
        offsets = any(row[-1] for row in exact_rows(layer))
        self.weighted = layer.domain["kind"] == "ball" and offsets

    def node(self, active: list[int], inactive: set[int]) -> bytes | None:
        if len(active) == self.layer.n:
            return b""
        relation = self.best(active, inactive)
        if relation is None:
            return None
        body = self.record(relation, active)
        passed = set(inactive)
        for row in self.open_rows(relation, inactive):
            child = self.node([*active, row], passed)
            if child is None:
                return None
            body += child
            passed.add(row)
        return body

    def open_rows(self, relation: Circuit, inactive: set[int]) -> list[int]:
        return [i for i in relation.plus if i < self.layer.m and i not in inactive]

    def best(self, active: list[int], inactive: set[int]) -> Circuit | None:
        useless = closure(self.directions, active) - inactive
        fitting = [
            relation
            for relation in self.relations
            if set(relation.minus) <= set(active) and useless.isdisjoint(relation.plus)
        ]

        def cost(relation: Circuit) -> tuple[bool, int]:
            wanted = not self.use_active or bool(relation.minus)
            return not wanted, len(self.open_rows(relation, inactive))

        return min(fitting, key=cost, default=None)

    def record(self, relation: Circuit, active: list[int]) -> bytes:
        if relation in self.earlier[-256:]:
            return b"\0" + varint(self.earlier[::-1].index(relation) + 1)
        self.earlier.append(relation)
        numbers = [len(relation.plus), len(relation.minus), *relation.plus]
        numbers += [active.index(i) for i in relation.minus]
        if self.weighted:
            common = lcm(*(x.denominator for x in relation.multipliers.values()))
            numbers += [int(common * relation.multipliers[i]) for i in relation.plus]
            numbers += [int(common * relation.multipliers[i]) for i in relation.minus]
        return b"".join(map(varint, numbers))
