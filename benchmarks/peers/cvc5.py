"""cvc5: exact rational arithmetic; it can write proofs (asked for here: none, which is faster)."""

from cvc5 import pythonic

from peers.formula import decide_with
from peers.peer import Answer, Matrix, Peer, Question

__all__ = ["PEER"]


def _decide(weight: Matrix, question: Question) -> Answer:
    return decide_with(pythonic, weight, question)


PEER = Peer(
    name="cvc5",
    package="cvc5",
    exact=True,
    proof="yes, at a cost not timed here",
    questions=("general-position", "exact"),
    decide=_decide,
)
