"""Evidence `point`: a point at which fewer than n rows are active."""

from dataclasses import dataclass

from flint import fmpq

from monic_checker.body import Body
from monic_checker.document import members, rationals
from monic_checker.errors import InvalidProof
from monic_checker.evidence import Findings
from monic_checker.subject import Subject
from monic_checker.system import System
from monic_checker.vector import over_one_denominator

__all__ = ["SparsePoint"]


@dataclass(frozen=True, slots=True)
class SparsePoint:
    """A point in the interior of X with fewer than n rows w_i.x + b_i >= 0."""

    x: list[fmpq]

    @classmethod
    def read(cls, value: object, subject: Subject) -> "SparsePoint":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not a point of n rationals.
        """
        _, x = members(value, "evidence", ["kind", "x"])
        return cls(rationals(x, "evidence.x", subject.n))

    def check(self, system: System, body: Body) -> Findings:
        """Checks that the point is interior, and counts the active rows.

        Raises:
            InvalidProof: when it is not, or when n rows or more are active.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        x = over_one_denominator(self.x, system.subject.budget, "evidence.x")
        if not system.subject.domain.contains(x, system.subject.budget, interior=True):
            raise InvalidProof("evidence.x", "the point is not in the interior of the domain")
        active = sum(1 for v in system.values_at(self.x, "evidence.x") if v >= 0)
        if active >= system.n:
            raise InvalidProof(
                "evidence.x", f"expected fewer than {system.n} active rows there. Got {active}"
            )
        return Findings(f"a point with {active} active rows, fewer than {system.n}")
