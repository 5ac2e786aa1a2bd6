"""Evidence `invertible`: an affine map that only shifts, scales and permutes numbers."""

from dataclasses import dataclass

from monic_checker.body import Body
from monic_checker.document import members
from monic_checker.evidence import Findings
from monic_checker.prefix import check_invertible
from monic_checker.subject import Subject
from monic_checker.system import System

__all__ = ["Invertible"]


@dataclass(frozen=True, slots=True)
class Invertible:
    """Nothing besides the steps of the map themselves."""

    @classmethod
    def read(cls, value: object, subject: Subject) -> "Invertible":
        """Reads the evidence.

        Raises:
            MalformedProof: when it says more.
        """
        members(value, "evidence", ["kind"])
        return cls()

    def check(self, system: System, body: Body) -> Findings:
        """Checks every step.

        Raises:
            InvalidProof: when one of them may lose something.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        last = len(system.subject.steps) - 1
        check_invertible(system, last)
        return Findings(f"{last} invertible steps")
