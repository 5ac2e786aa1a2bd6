"""monic, told to assume general position: the question that most peers are asked."""

from peers.monic_branching import answer
from peers.peer import Answer, Matrix, Peer, Question

__all__ = ["PEER"]


def _decide(weight: Matrix, question: Question) -> Answer:
    assert question == "general-position", "packing assumes it"
    return answer(weight, "packing", "general-position")


PEER = Peer(
    name="monic (g.p.)",
    package="monic-nn",
    exact=True,
    proof="yes, with a checker",
    questions=("general-position", None),
    decide=_decide,
)
