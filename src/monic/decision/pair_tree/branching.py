"""Which decision a node is split by: the one whose relaxation is furthest from the truth.

Distances are weighted by the weights that take a unit further, which halves the nodes of deep
networks, and those of orders count half.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from monic.decision.pair_tree.node import AT_X, AT_Y, WAY, Node
from monic.decision.pair_tree.program import Program
from monic.decision.pair_tree.relaxation import COLUMNS

__all__ = ["Choice", "choices", "first_open", "influence"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: How far a relaxation is from the truth, on which side, for which form.
Choice = tuple[float, int, int]


#: Distances of orders count so much.
ORDERS = 0.5


def influence(program: Program) -> Floats:
    """Returns, for every unit, the sum of the sizes of the weights by which others take it."""
    found = np.zeros(program.size)
    for matrix in (*(block.matrix for block in program.blocks), program.outputs):
        table = np.array([[abs(float(a)) for a in row] for row in matrix.tolist()])
        taken = table[:, 1 + program.n :].sum(axis=0)
        found[: taken.size] += taken
    return found


def choices(program: Program, node: Node, columns: Floats, weights: Floats) -> list[Choice]:
    """Returns the open decisions that a solution violates, the worst first.

    At x and at y that is r - max(z, 0); on the way, how far rho is from between 0 and zeta.

    Arguments:
        program: The network.
        node: The node.
        columns: The solution of its program.
        weights: How much a unit matters: its influence.
    """
    n = program.n
    z, zeta, r, rho = columns[2 * n :].reshape(-1, COLUMNS).T
    gaps = np.array(
        [
            r - np.maximum(z, 0),
            (r - rho) - np.maximum(z - zeta, 0),
            np.maximum(rho - np.maximum(zeta, 0), np.minimum(zeta, 0) - rho),
        ]
    )
    found = [
        (float(gaps[side, form - n]), side, form) for side, form in open_decisions(program, node)
    ]
    scores = weights * np.array([[1.0], [1.0], [ORDERS]])
    order = [(-c[0] * scores[c[1], c[2] - n], c[2], c[1], c) for c in found if c[0] > 0]
    return [choice for *_, choice in sorted(order)]


def open_decisions(program: Program, node: Node) -> Iterator[tuple[int, int]]:
    """Yields what is not decided: side and form."""
    for form in range(program.n, program.forms):
        for side in (AT_X, AT_Y):
            if not node.phase(side, form):
                yield side, form
        if not node.phase(WAY, form) and _is_open(node, form):
            yield WAY, form


def first_open(program: Program, node: Node) -> tuple[int, int] | None:
    """Returns a phase that is not decided, or None."""
    return next(((s, f) for s, f in open_decisions(program, node) if s != WAY), None)


def _is_open(node: Node, form: int) -> bool:
    """Whether the order of a unit still matters: not where both phases are known."""
    return not (node.phase(AT_X, form) and node.phase(AT_Y, form))
