"""The published branching method, (n + 1)^n nodes, as a reference: one linear program a node.

Froese, Grillo and Skutella, "Complexity of Injectivity and Verification of ReLU Neural Networks",
2024. A node is an independent set C of rows declared active. Is there x with C x >= 0 and every
row outside span(C) negative? Then the layer is not injective. If not, the at most n + 1 rows of
a Farkas combination cannot all be so: branch on those outside span(C); at rank n - 1 stop. At
most ((n + 1)^n - 1)/n programs, whatever m is. In floats; Python, with HiGHS's warm simplex.
"""

from dataclasses import dataclass, field

import numpy as np

from peers.cells import Cells
from peers.peer import Answer, Matrix, Peer, Question

__all__ = ["PEER"]

#: A unit row is in the span of others when this much of it, or less, lies outside.
TOLERANCE = 1e-9


@dataclass(slots=True)
class _Tree:
    cells: Cells
    chosen: list[int] = field(default_factory=list)
    nodes: int = 0

    def has_bad_point(self, outside: Matrix) -> bool:
        """Searches below `chosen`; `outside` is what of each row is orthogonal to them."""
        self.nodes += 1
        lengths = np.linalg.norm(outside, axis=1)
        is_free = lengths <= TOLERANCE
        lower = np.full(len(lengths), -np.inf)
        upper = np.where(is_free, np.inf, -1.0)
        lower[self.chosen], upper[self.chosen] = 0.0, np.inf
        self.cells.set(lower, upper)
        if self.cells.point() is not None:
            return True
        if len(self.chosen) == outside.shape[1] - 1:
            return False
        for k in (int(i) for i in self.cells.support() if not is_free[i]):
            direction = outside[k] / lengths[k]
            self.chosen.append(k)
            if self.has_bad_point(outside - np.outer(outside @ direction, direction)):
                return True
            self.chosen.pop()
        return False


def _decide(weight: Matrix, question: Question) -> Answer:
    if np.linalg.matrix_rank(weight) < weight.shape[1]:
        return Answer("NOT_INJECTIVE", {"nodes": 0})
    tree = _Tree(Cells(weight[weight.any(axis=1)]))
    found = tree.has_bad_point(tree.cells.rows)
    return Answer("NOT_INJECTIVE" if found else "INJECTIVE", {"nodes": tree.nodes})


PEER = Peer(
    name="published",
    package="highspy",
    exact=False,
    proof="no",
    questions=("exact", "exact"),
    decide=_decide,
)
