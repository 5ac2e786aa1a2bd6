"""Nodes at which all phases are known: an exact linear program in (x, y) decides them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm

from flint import fmpq, fmpq_mat

from monic.decision.pair_tree.certify import integral
from monic.decision.pair_tree.node import AT_X, AT_Y, WAY, Node
from monic.decision.pair_tree.program import ONE, ZERO, Program
from monic.decision.pair_tree.rows import (
    ABOVE,
    HIGH,
    KINDS,
    LOW,
    POSITIVE,
    SECOND,
    UNDER,
    WAY_HIGH,
    WAY_LOW,
    Multipliers,
    add_form,
    combined,
    is_dead,
    row_of_output,
    row_of_side,
    write_out,
)
from monic.geometry.exact_separation import Relation, separate_exactly
from monic.geometry.rational import positive_relation

__all__ = ["decide_finally", "is_final"]

Pair = tuple[tuple[Fraction, ...], tuple[Fraction, ...]]
Row = list[fmpq]

#: Rows of all forms, and of (1, x, r).
Forms = tuple[list[Row], list[Row]]


def is_final(program: Program, node: Node) -> bool:
    """Whether the phases of all units are known at x and at y."""
    forms = range(program.n, program.forms)
    return all(node.phase(AT_X, form) and node.phase(AT_Y, form) for form in forms)


def decide_finally(program: Program, node: Node) -> Multipliers | Pair:
    """Returns two points of a node with equal outputs, or multipliers that show it is dead.

    All phases must be known. The points are a solution of the linear conditions of their two
    regions, with x_i - y_i > 0; where there is none, Motzkin's alternative gives multipliers.
    """
    conditions = _Conditions(program, node)
    n, inputs = program.n, program.inputs
    size = 2 * n + 1
    strict = [_unit(size, (node.facet, -ONE), (n + node.facet, ONE)), _unit(size, (2 * n, -ONE))]
    if program.scale is not None:
        strict.append(_unit(size, (inputs, -ONE)))  # tau > 0
    rows = [_integers(row) for row in conditions.rows]
    negative = [_integers(row)[0] for row in strict]
    found = separate_exactly(negative, [row for row, _ in rows], size)
    if not isinstance(found, Relation):
        unit = found[-1] if program.scale is None else found[inputs]
        numbers = [entry / unit for entry in found]
        return tuple(numbers[:inputs]), tuple(numbers[n : n + inputs])
    weights = positive_relation(
        [negative[k] for k in found.positive], [rows[k][0] for k in found.negative]
    )
    assert weights is not None, "the rows of a relation form a circuit"
    multipliers: dict[int, fmpq] = {}
    for k, weight in zip(found.negative, weights[len(found.positive) :], strict=True):
        name, sign = conditions.names[k]
        share = sign * abs(weight) * rows[k][1]
        multipliers[name] = multipliers.get(name, ZERO) + share
    whole = integral(_with_mixed(program, node, multipliers))
    assert is_dead(program, node, whole), "what Motzkin's alternative gives adds up"
    return whole


@dataclass(slots=True)
class _Conditions:
    """Rows over (x, y, 1) that are >= 0, with the numbers of the node's rows, and signs."""

    program: Program
    node: Node
    rows: list[Row] = field(default_factory=list)
    names: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        program, n = self.program, self.program.n
        first, second = (_forms(program, self.node, side) for side in (AT_X, AT_Y))
        self._bounds(first, second)
        for k, (normal, offset) in enumerate(program.sides):
            for side in (AT_X, AT_Y):
                line = [-offset, *normal]
                self._add(_minus(_placed(line, side, n)), row_of_side(program, k, side))
        for k, line in enumerate(program.outputs.tolist()):
            gap = _gap(_applied(line, first[1]), _applied(line, second[1]), n)
            self._add(gap, row_of_output(program, k))
            self._add(_minus(gap), row_of_output(program, k), -1)

    def _bounds(self, first: Forms, second: Forms) -> None:
        """Adds the bounds that branching made, and those of inputs."""
        program, n = self.program, self.program.n
        known = program.ranges(), program.ranges(), program.ways(self.node.facet)
        t = _gap(first[0][self.node.facet], second[0][self.node.facet], n)
        for form in range(program.forms):
            values = [
                _placed(first[0][form], AT_X, n),
                _placed(second[0][form], AT_Y, n),
                _gap(first[0][form], second[0][form], n),
            ]
            for side, (low_name, high_name) in enumerate(_BOUND_NAMES):
                bounds = self.node.bounds[side][form]
                for end, sign, name in ((0, 1, low_name), (1, -1, high_name)):
                    bound = bounds[end]
                    if form >= n and bound == known[side][form][end]:
                        continue
                    unit = t if side == WAY else [*[ZERO] * (2 * n), ONE]
                    row = [sign * (v - bound * u) for v, u in zip(values[side], unit, strict=True)]
                    self._add(row, KINDS * form + name)

    def _add(self, row: Row, name: int, sign: int = 1) -> None:
        if any(entry != 0 for entry in row):
            self.rows.append(row)
            self.names.append((name, sign))


_BOUND_NAMES = ((LOW, HIGH), (SECOND + LOW, SECOND + HIGH), (WAY_LOW, WAY_HIGH))


def _forms(program: Program, node: Node, side: int) -> Forms:
    """Returns all forms and (1, x, r), as rows over (1, x), where phases are known."""
    n = program.n
    units = [[fmpq(j == k) for k in range(n + 1)] for j in range(n + 1)]
    values, forms = units, units[1:]
    for block in program.blocks:
        new = (block.matrix * fmpq_mat(values)).tolist()
        forms = [*forms, *new]
        for unit, row in zip(block.units, new, strict=True):
            positive = node.phase(side, n + unit) > 0
            values = [*values, row if positive else [ZERO] * (n + 1)]
    return forms, values


def _unit(size: int, *entries: tuple[int, fmpq]) -> Row:
    row = [ZERO] * size
    for place, entry in entries:
        row[place] = entry
    return row


def _applied(line: Sequence[fmpq], values: list[Row]) -> Row:
    return list((fmpq_mat([list(line)]) * fmpq_mat(values)).entries())


def _placed(line: Sequence[fmpq], side: int, n: int) -> Row:
    """Returns a row over (1, x) as one over (x, y, 1)."""
    zeros = [ZERO] * n
    return [*line[1:], *zeros, line[0]] if side == AT_X else [*zeros, *line[1:], line[0]]


def _gap(first: Sequence[fmpq], second: Sequence[fmpq], n: int) -> Row:
    pairs = zip(_placed(first, AT_X, n), _placed(second, AT_Y, n), strict=True)
    return [a - b for a, b in pairs]


def _minus(row: Row) -> Row:
    return [-entry for entry in row]


def _integers(row: Row) -> tuple[list[int], fmpq]:
    """Returns a row of integers, and the factor that made it of the row."""
    unit = lcm(*(int(entry.q) for entry in row))
    return [int(entry.p) * (unit // int(entry.q)) for entry in row], fmpq(unit)


def _with_mixed(program: Program, node: Node, weights: dict[int, fmpq]) -> dict[int, fmpq]:
    """Adds multipliers by which rho is written out where the phases at x and y differ.

    There rho = r - r' is z or -z'. The rows r' >= 0 and -r' >= 0, or r' - z' >= 0 and
    z' - r' >= 0, replace it exactly.
    """
    found = dict(weights)
    total = combined(program, node, [])
    assert total is not None, "nothing can be added up"
    for row, weight in weights.items():
        part = combined(program, node, [(row, 1)])
        assert part is not None, "conditions of a node are rows of it"
        for own, more in zip(total.lists(), part.lists(), strict=True):
            own[:] = [a + weight * b for a, b in zip(own, more, strict=True)]
    for block in reversed(program.blocks):
        for unit in block.units:
            form = program.n + unit
            entry, below = total.rho[unit], node.phase(AT_Y, form) < 0
            if entry != 0 and node.phase(AT_X, form) != node.phase(AT_Y, form):
                kind = UNDER if entry < 0 else POSITIVE if below else ABOVE
                assert add_form(node, total, program.n, form, SECOND + kind, abs(entry)), "a row"
                name = KINDS * form + SECOND + kind
                found[name] = found.get(name, ZERO) + abs(entry)
        write_out(program, node, total, block)
    return found
