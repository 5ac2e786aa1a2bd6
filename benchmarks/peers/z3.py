"""z3: exact rational arithmetic; its proofs are not in a format that another program checks."""

import z3

from peers.formula import decide_with
from peers.peer import Answer, Matrix, Peer, Question

__all__ = ["PEER"]


def _decide(weight: Matrix, question: Question) -> Answer:
    return decide_with(z3, weight, question, lambda ys, k: z3.PbLe([(y, 1) for y in ys], k))


PEER = Peer(
    name="z3",
    package="z3-solver",
    exact=True,
    proof="no",
    questions=("general-position", "exact"),
    decide=_decide,
)
