"""Parts of a layer, each decided as a small dense layer whose proof goes into the whole one's."""

from dataclasses import dataclass, field
from typing import IO, Any

from monic.decision.approach import Approach
from monic.decision.problem import Problem
from monic.decision.result import Statistics
from monic.decision.structure import Paired, structure
from monic.decision.witness import Witness

__all__ = ["PartOutcome", "decide_part"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOutcome:
    """Evidence that a part is injective, a witness that it is not, or the limit that was hit."""

    evidence: dict[str, Any] | None = None
    witness: Witness | None = None
    limit: str | None = None
    statistics: Statistics = field(default_factory=Statistics)


def decide_part(problem: Problem, approach: Approach, body: IO[bytes]) -> PartOutcome:
    """Decides a part, by structure or by branching.

    Arguments:
        problem: The part.
        approach: The limits; the search stays in this process.
        body: Where the records of a tree go.
    """
    found = structure(problem, approach.deadline)
    if found is not None:
        proof, _ = found
        if isinstance(proof, Witness):
            return PartOutcome(witness=proof)
        return PartOutcome(evidence=_pairs(proof))
    from monic.decision.branching import branch  # compiled code is loaded when it is needed

    outcome = branch(problem, approach)
    spent = outcome.statistics
    if outcome.certificate is None or outcome.certificate.body is None:
        return PartOutcome(witness=outcome.witness, limit=outcome.limit, statistics=spent)
    outcome.certificate.body.seek(0)
    body.write(outcome.certificate.body.read())
    return PartOutcome(evidence={"kind": "tree"}, statistics=spent)


def _pairs(proof: Paired) -> dict[str, Any]:
    return {"kind": "paired-rows", "pairs": [list(pair) for pair in proof.pairs]}
