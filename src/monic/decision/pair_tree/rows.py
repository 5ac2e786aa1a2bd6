"""The rows of a node: inequalities that hold for all its pairs, and how to add them up.

With t = x_i - y_i > 0, d = x - y, and rho, zeta for the differences of r and z, every row reads
form(x, r, d, rho) >= 0. A node is dead when a combination of rows reads -A t - B >= 0 with
A, B >= 0 that are not both 0. What a combination leaves of single variables is bounded by their
intervals and by lines, so that multipliers may be rounded; docs/whole_networks.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flint import fmpq, fmpq_mat

from monic.decision.pair_tree.node import (
    AT_X,
    AT_Y,
    WAY,
    Node,
    lower_line,
    upper_line,
    way_lines,
)
from monic.decision.pair_tree.program import ZERO, Block, Program

__all__ = [
    *("KINDS", "Multipliers", "Sum", "add_form", "combined", "is_dead"),
    *("row_of_output", "row_of_side", "spread", "write_out"),
]

#: What there is for each form, in this order: z >= low and z <= high, r >= 0, r >= z and the line
#: above r, at x and at y; zeta >= low t, zeta <= high t; rho >= 0, rho <= 0, rho <= zeta and
#: rho >= zeta where phases or the way tell so.
KINDS = 16
(LOW, HIGH, POSITIVE, ABOVE, UNDER) = range(5)
SECOND = 5
(WAY_LOW, WAY_HIGH, RISES, FALLS, SLOWER, FASTER) = range(10, 16)

#: Rows by their numbers, with integers: >= 0 but for outputs.
Multipliers = Sequence[tuple[int, int]]


def row_of_side(program: Program, side: int, place: int) -> int:
    """Returns the number of a side of the domain, at x or at y."""
    return KINDS * program.forms + 2 * side + place


def row_of_output(program: Program, output: int) -> int:
    """Returns the number of the equation of an output, whose multiplier may be negative."""
    return KINDS * program.forms + 2 * len(program.sides) + output


@dataclass(slots=True)
class Sum:
    """A combination of rows, before z and zeta are written out: all coefficients.

    Arguments:
        z, zeta: Of every form; those of inputs are x_j and d_j themselves.
        r, rho: Of every unit.
        constant: The constant.
        rate: The coefficient of t.
    """

    z: list[fmpq]
    zeta: list[fmpq]
    r: list[fmpq]
    rho: list[fmpq]
    constant: fmpq = field(default_factory=lambda: fmpq(0))
    rate: fmpq = field(default_factory=lambda: fmpq(0))

    def lists(self) -> tuple[list[fmpq], ...]:
        """Returns the lists of coefficients."""
        return self.z, self.zeta, self.r, self.rho


def is_dead(program: Program, node: Node, multipliers: Multipliers) -> bool:
    """Whether a combination of rows shows that no pair of the node has equal outputs."""
    total = combined(program, node, multipliers)
    if total is None:
        return False
    written_out(program, node, total)
    strict = program.scale is not None and total.z[program.inputs] < 0  # tau > 0
    rate, constant = bounded(program, node, total)
    if rate <= 0:
        return bool(constant <= 0 and (constant < 0 or rate < 0 or strict))
    high, low = node.bounds[AT_X][node.facet][1], node.bounds[AT_Y][node.facet][0]
    return bool(constant + rate * (high - low) < 0)


def combined(program: Program, node: Node, multipliers: Multipliers) -> Sum | None:
    """Returns a combination of rows; None where one does not exist at the node."""
    n, forms, size = program.n, program.forms, program.size
    total = Sum([ZERO] * forms, [ZERO] * forms, [ZERO] * size, [ZERO] * size)
    outputs = [0] * int(program.outputs.nrows())
    first_side, first_output = KINDS * forms, row_of_output(program, 0)
    for row, weight in multipliers:
        if row >= first_output:
            outputs[row - first_output] = weight
        elif row >= first_side:
            _add_side(program, total, *divmod(row - first_side, 2), weight)
        elif not add_form(node, total, n, *divmod(row, KINDS), fmpq(weight)):
            return None
    if any(outputs):
        image = (fmpq_mat(1, len(outputs), outputs) * program.outputs).entries()
        total.zeta[:n] = [s + t for s, t in zip(total.zeta[:n], image[1 : n + 1], strict=True)]
        total.rho = [s + t for s, t in zip(total.rho, image[n + 1 :], strict=True)]
    return total


def _add_side(program: Program, total: Sum, side: int, place: int, weight: int) -> None:
    """Adds c - a.x >= 0, or c - a.(x - d) >= 0."""
    normal, offset = program.sides[side]
    total.constant += weight * offset
    for j, a in enumerate(normal):
        total.z[j] -= weight * a
        if place:
            total.zeta[j] += weight * a


def add_form(node: Node, total: Sum, n: int, form: int, kind: int, weight: fmpq) -> bool:
    """Adds a row of a form; False where there is none."""
    unit = form - n
    if kind >= WAY_LOW:
        return _add_way(node, total, unit, form, kind, weight)
    side, kind = divmod(kind, SECOND)
    low, high = node.bounds[side][form]
    if kind <= HIGH:
        end, sign = (low, 1) if kind == LOW else (high, -1)
        _add_at(total, side, form, None, sign * weight, ZERO)
        total.constant -= sign * weight * end
        return True
    if unit < 0:
        return False
    if kind < UNDER:
        _add_at(total, side, form, unit, -weight if kind == ABOVE else ZERO, weight)
        return True
    line = upper_line((low, high))
    _add_at(total, side, form, unit, weight * line[0], -weight)
    total.constant += weight * line[1]
    return True


def _add_at(total: Sum, side: int, form: int, unit: int | None, z: fmpq, r: fmpq) -> None:
    """Adds multiples of z and r at x, or of z - zeta and r - rho, which are those at y."""
    total.z[form] += z
    if unit is not None:
        total.r[unit] += r
    if side == AT_Y:
        total.zeta[form] -= z
        if unit is not None:
            total.rho[unit] -= r


def _add_way(node: Node, total: Sum, unit: int, form: int, kind: int, weight: fmpq) -> bool:
    low, high = node.bounds[WAY][form]
    if kind <= WAY_HIGH:
        sign, end = (1, low) if kind == WAY_LOW else (-1, high)
        total.zeta[form] += sign * weight
        total.rate -= sign * weight * end
        return True
    if unit < 0 or not has_way_row(node, form, kind):
        return False
    sign = 1 if kind in (RISES, FASTER) else -1
    total.rho[unit] += sign * weight
    if kind in (SLOWER, FASTER):
        total.zeta[form] -= sign * weight
    return True


def has_way_row(node: Node, form: int, kind: int) -> bool:
    """Whether rho >= 0, rho <= 0, rho <= zeta or rho >= zeta is known."""
    x, y, way = (node.phase(side, form) for side in (AT_X, AT_Y, WAY))
    known = {
        RISES: way > 0 or y < 0,
        FALLS: way < 0 or x < 0,
        SLOWER: way > 0 or x > 0,
        FASTER: way < 0 or y > 0,
    }
    return known[kind]


def bounded(program: Program, node: Node, total: Sum) -> tuple[fmpq, fmpq]:
    """Returns (A, B) with sum <= A t + B for a sum of x and d: by their intervals."""
    rate, constant = total.rate, total.constant
    for j in range(program.n):
        entry, (low, high) = total.z[j], node.bounds[AT_X][j]
        if entry != 0:
            constant += entry * (high if entry > 0 else low)
        entry, (low, high) = total.zeta[j], node.bounds[WAY][j]
        if entry != 0:
            rate += entry * (high if entry > 0 else low)
    return rate, constant


def written_out(program: Program, node: Node, total: Sum) -> None:
    """Leaves only x and d of a sum: r and rho are replaced by lines above their multiples."""
    for block in reversed(program.blocks):
        write_out(program, node, total, block)


def write_out(program: Program, node: Node, total: Sum, block: Block) -> None:
    """Does so for the units of one block; no later ones may be left."""
    for unit in block.units:
        _under_lines(node, total, program.n + unit, unit)
    spread(total.z, total.r, program.n, block, total)
    spread(total.zeta, total.rho, program.n, block, None)


def _under_lines(node: Node, total: Sum, form: int, unit: int) -> None:
    """Replaces r and rho of a unit by lines above their multiples."""
    entry = total.r[unit]
    if entry != 0:
        interval = node.bounds[AT_X][form]
        line = upper_line(interval) if entry > 0 else lower_line(interval)
        total.z[form] += entry * line[0]
        total.constant += entry * line[1]
    entry = total.rho[unit]
    if entry != 0:
        line = way_lines(node, form)[entry > 0]
        total.zeta[form] += entry * line[0]
        total.rate += entry * line[1]


def spread(z: list[fmpq], r: list[fmpq], n: int, block: Block, total: Sum | None) -> None:
    """Adds what multiples of z of units are to those of x and r (and to the constant)."""
    start = n + block.start
    weights = z[start : start + block.size]
    if not any(weights):
        return
    image = (fmpq_mat(1, block.size, weights) * block.matrix).entries()
    if total is not None:
        total.constant += image[0]
    for j in range(n):
        z[j] += image[j + 1]
    for unit in range(block.start):
        r[unit] += image[n + 1 + unit]
