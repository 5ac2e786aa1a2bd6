"""From multipliers in floats to exact ones that show that a node is dead."""

from collections.abc import Iterator, Mapping
from math import gcd, lcm

from flint import fmpq, fmpq_mat

from monic.decision.pair_tree.node import AT_X, Node, lower_line, upper_line
from monic.decision.pair_tree.program import ZERO, Program
from monic.decision.pair_tree.rows import (
    Multipliers,
    combined,
    is_dead,
    row_of_output,
    row_of_side,
    spread,
)

__all__ = ["certified", "integral", "written"]

#: Multipliers are rounded to so many bits, the first that are enough.
BITS = (6, 10, 14, 20, 28, 40)

#: What is smaller, relative to the largest multiplier, comes from rounding.
TRACE = fmpq(1, 10**6)


def certified(program: Program, node: Node, floats: Mapping[int, float]) -> Multipliers | None:
    """Returns integers near floats (up to a factor) that show that a node is dead, or None."""
    multipliers: Multipliers = []
    for multipliers in _roundings(floats):
        if is_dead(program, node, multipliers):
            return multipliers
    return _repaired(program, node, multipliers) if floats else None


def integral(weights: Mapping[int, fmpq]) -> Multipliers:
    """Returns the positive multiple of rationals that are integers without a common factor."""
    live = sorted((row, weight) for row, weight in weights.items() if weight != 0)
    unit = lcm(*(int(weight.q) for _, weight in live))
    found = [(row, int(weight.p) * (unit // int(weight.q))) for row, weight in live]
    divisor = gcd(*(weight for _, weight in found)) or 1
    return [(row, weight // divisor) for row, weight in found]


def written(program: Program, multipliers: Multipliers) -> Multipliers:
    """Returns a combination as proofs have it, where sides are multiples of those here."""
    if all(unit == 1 for unit in program.units):
        return multipliers
    first, end = row_of_side(program, 0, AT_X), row_of_output(program, 0)
    return integral(
        {
            row: fmpq(weight, program.units[(row - first) // 2] if first <= row < end else 1)
            for row, weight in multipliers
        }
    )


def _roundings(floats: Mapping[int, float]) -> Iterator[Multipliers]:
    top = max(map(abs, floats.values()), default=0.0)
    if not 0 < top < float("inf"):
        return
    for bits in BITS:
        scale = 2.0**bits / top
        pairs = ((row, round(weight * scale)) for row, weight in sorted(floats.items()))
        yield [(row, weight) for row, weight in pairs if weight]


def _repaired(program: Program, node: Node, start: Multipliers) -> Multipliers | None:
    """Returns multipliers near others that leave no traces of rounding in what x is in, or None.

    Where pairs with t = 0 belong to a node, nothing of x and no constant may be left. What is
    left is linear in the multipliers once ends and lines are chosen; as many of them as there are
    traces, the largest ones that can, are moved a little.
    """
    top = max((abs(weight) for _, weight in start), default=0)
    choice: dict[int, bool] = {}
    left = _left(program, node, start, choice)
    places = [k for k, entry in enumerate(left) if abs(entry) <= TRACE * top]
    names: list[int] = []
    columns: list[list[fmpq]] = []
    for row, _ in sorted(start, key=lambda pair: (-abs(pair[1]), pair[0])):
        more = _left(program, node, [(row, 1)], dict(choice))
        column = [more[k] for k in places]
        if len(columns) < len(places) and fmpq_mat([*columns, column]).rank() > len(columns):
            columns.append(column)
            names.append(row)
    if not columns:
        return None
    kept = _pivots(fmpq_mat(columns))  # the others follow, or nothing can be done
    table = fmpq_mat([[column[k] for column in columns] for k in kept])
    steps = table.solve(fmpq_mat([[-left[places[k]]] for k in kept])).entries()
    moved = {row: fmpq(weight) for row, weight in start}
    for row, step in zip(names, steps, strict=True):
        moved[row] += step
    signed = row_of_output(program, 0)
    if any(weight < 0 and row < signed for row, weight in moved.items()):
        return None
    found = integral(moved)
    return found if is_dead(program, node, found) else None


def _pivots(matrix: fmpq_mat) -> list[int]:
    """Returns the first columns that form a basis of all columns."""
    echelon, rank = matrix.rref()
    columns = range(int(matrix.ncols()))
    return [next(j for j in columns if echelon[i, j] != 0) for i in range(int(rank))]


def _left(
    program: Program, node: Node, multipliers: Multipliers, choice: dict[int, bool]
) -> list[fmpq]:
    """Returns what a combination leaves of r where no phase is known, of x, and as a constant.

    Arguments:
        program: The network.
        node: The node.
        multipliers: The combination.
        choice: Which forms are bounded from above; those that are missing are added.
    """
    total = combined(program, node, multipliers)
    assert total is not None, "these rows are rows of the node"
    found: list[fmpq] = []
    for block in reversed(program.blocks):
        for unit in block.units:
            form, entry = program.n + unit, total.r[unit]
            interval = node.bounds[AT_X][form]
            above = choice.setdefault(form, bool(entry > 0))
            line = upper_line(interval) if above else lower_line(interval)
            total.z[form] += entry * line[0]
            total.constant += entry * line[1]
            found.append(ZERO if node.phase(AT_X, form) else entry)
        spread(total.z, total.r, program.n, block, total)
    for j in range(program.n):
        above = choice.setdefault(j, bool(total.z[j] > 0))
        total.constant += total.z[j] * node.bounds[AT_X][j][above]
        found.append(total.z[j])
    return [*found, total.constant]
