"""Evidence `collision`: two points with the same output."""

from dataclasses import dataclass

from flint import fmpq

from monic_checker.body import Body
from monic_checker.document import members, rationals
from monic_checker.errors import InvalidProof
from monic_checker.evidence import Findings
from monic_checker.subject import Subject
from monic_checker.system import System
from monic_checker.vector import over_one_denominator

__all__ = ["Collision"]


@dataclass(frozen=True, slots=True)
class Collision:
    """Two different points of X that the layer does not tell apart."""

    x: list[fmpq]
    other: list[fmpq]

    @classmethod
    def read(cls, value: object, subject: Subject) -> "Collision":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not two points of n rationals.
        """
        _, x, other = members(value, "evidence", ["kind", "x", "other"])
        return cls(
            rationals(x, "evidence.x", subject.n), rationals(other, "evidence.other", subject.n)
        )

    def check(self, system: System, body: Body) -> Findings:
        """Checks that the points differ, lie in X and have equal outputs.

        Raises:
            InvalidProof: when one of these does not hold.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        if self.x == self.other:
            raise InvalidProof("evidence.other", "expected another point than evidence.x")
        outputs = []
        for name, numbers in (("x", self.x), ("other", self.other)):
            address = f"evidence.{name}"
            point = over_one_denominator(numbers, system.subject.budget, address)
            if not system.subject.domain.contains(point, system.subject.budget, interior=False):
                raise InvalidProof(address, "the point does not lie in the domain")
            outputs.append((system.values(point, address), point.denominator))
        (values, p), (others, q) = outputs
        for i, (a, b) in enumerate(zip(values, others, strict=True)):
            both_dead = system.subject.kind == "relu-layer" and a <= 0 and b <= 0
            if a * q != b * p and not both_dead:
                raise InvalidProof("evidence", f"the two points have different outputs in row {i}")
        return Findings("two points with equal outputs")
