"""Which decision a node is split by: the one whose relaxation is furthest from the truth."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from monic.decision.pair_tree.node import AT_X, AT_Y, WAY, Node
from monic.decision.pair_tree.program import Program
from monic.decision.pair_tree.relaxation import COLUMNS

__all__ = ["Choice", "choices", "first_open"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: How far a relaxation is from the truth, on which side, for which form.
Choice = tuple[float, int, int]


def choices(program: Program, node: Node, columns: Floats) -> list[Choice]:
    """Returns the open decisions that a solution violates, the worst first.

    At x and at y that is r - max(z, 0); on the way, how far rho is from between 0 and zeta.
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
    return sorted((c for c in found if c[0] > 0), key=lambda c: (-c[0], c[2], c[1]))


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
