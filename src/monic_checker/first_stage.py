"""Evidence `first-stage`: what the first stage of a network merges, the network merges."""

from dataclasses import dataclass

from monic_checker.body import Body
from monic_checker.composition import Rules
from monic_checker.document import choice, members
from monic_checker.evidence import Evidence, Findings
from monic_checker.network import NetworkSubject, Stages

__all__ = ["FirstStage"]


@dataclass(frozen=True, slots=True)
class FirstStage:
    """Why the first stage alone is not one-to-one on the network's domain."""

    evidence: Evidence

    @classmethod
    def read(cls, value: object, subject: NetworkSubject, rules: Rules) -> "FirstStage":
        """Reads the evidence.

        Raises:
            MalformedProof: when it holds no evidence about the first stage as a layer.
        """
        _, why = members(value, "evidence", ["kind", "evidence"])
        stage = subject.layer(0)
        kind = why.get("kind") if isinstance(why, dict) else None
        kinds = [rule[2] for rule in rules if rule[:2] == ("NOT_INJECTIVE", stage.kind)]
        kind = choice(kind, "evidence.evidence.kind", kinds)
        return cls(rules["NOT_INJECTIVE", stage.kind, kind](why, stage))

    def check(self, stages: Stages, body: Body) -> Findings:
        """Checks the evidence on the domain of the network.

        Raises:
            InvalidProof: when it does not hold.
            MalformedProof: when there are bytes after the header.
        """
        found = self.evidence.check(stages.layer(0, stages.subject.domain), body)
        return Findings(f"of the first stage: {found.words}")
