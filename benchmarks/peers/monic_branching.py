"""monic: branching over flats, nothing assumed, one core, the proof written to a file."""

from typing import Any, Literal

import monic
from peers.peer import Answer, Matrix, Peer, Question

__all__ = ["PEER", "answer"]


def answer(weight: Matrix, method: str, assume: Literal["general-position"] | None) -> Answer:
    """Returns monic's answer and what writes its proof."""
    decision = monic.decide(monic.ReLULayer(weight), method=method, assume=assume)
    facts: dict[str, Any] = {"nodes": decision.statistics.nodes}
    if decision.margin is not None:
        facts |= {"margin": decision.margin.value, "rounding": decision.margin.rounding}
    if decision.certificate is None:
        return Answer("UNDECIDED", facts | {"status": decision.reason})
    return Answer(decision.verdict.name, facts, decision.certificate.save)  # type: ignore[arg-type]


def _decide(weight: Matrix, question: Question) -> Answer:
    assert question == "exact", "branching assumes nothing"
    return answer(weight, "branching", None)


PEER = Peer(
    name="monic",
    package="monic-nn",
    exact=True,
    proof="yes, with a checker",
    questions=("exact", "exact"),
    decide=_decide,
)
