"""Evidence `bottleneck`: a stage passes on fewer numbers than the network has inputs."""

from dataclasses import dataclass

from flint import fmpq

from monic_checker.body import Body
from monic_checker.document import integer, members, rationals
from monic_checker.errors import InvalidProof
from monic_checker.evidence import Findings
from monic_checker.network import NetworkSubject, Stages
from monic_checker.vector import over_one_denominator

__all__ = ["Bottleneck"]


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """A narrow stage, and a point that shows that the domain has an interior.

    Every stage is continuous, and no continuous map from an open set of R^n to R^k with k < n is
    one-to-one (invariance of domain, Brouwer 1912).
    """

    stage: int
    x: list[fmpq]

    @classmethod
    def read(cls, value: object, subject: NetworkSubject) -> "Bottleneck":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not a stage and a point of n rationals.
        """
        _, stage, x = members(value, "evidence", ["kind", "stage", "x"])
        number = integer(stage, "evidence.stage", 0, len(subject.stages))
        return cls(number, rationals(x, "evidence.x", subject.n))

    def check(self, stages: Stages, body: Body) -> Findings:
        """Compares two numbers, and looks whether the point is inside X.

        Raises:
            InvalidProof: when the stage is not narrow, or the point is not inside.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        subject = stages.subject
        width = subject.stages[self.stage].m
        if width >= subject.n:
            raise InvalidProof("evidence.stage", f"expected fewer than {subject.n} numbers")
        if any(
            activation.name == "normalization" for activation in subject.activations[: self.stage]
        ):
            raise InvalidProof("evidence.stage", "expected no given statistics before the stage")
        point = over_one_denominator(self.x, subject.budget, "evidence.x")
        if not subject.domain.contains(point, subject.budget, interior=True):
            raise InvalidProof("evidence.x", "the point does not lie inside the domain")
        return Findings(f"stage {self.stage} passes on {width} numbers, fewer than {subject.n}")
