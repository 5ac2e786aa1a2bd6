"""Evidence `independent-rows`: an affine map is one-to-one when n of its rows span."""

from dataclasses import dataclass

from monic_checker.body import Body
from monic_checker.document import integer, items, members
from monic_checker.errors import InvalidProof
from monic_checker.evidence import Findings
from monic_checker.linear import independent
from monic_checker.subject import Subject
from monic_checker.system import System

__all__ = ["IndependentRows"]


@dataclass(frozen=True, slots=True)
class IndependentRows:
    """The numbers of n rows whose w_i are linearly independent."""

    rows: list[int]

    @classmethod
    def read(cls, value: object, subject: Subject) -> "IndependentRows":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not n row numbers.
        """
        _, rows = members(value, "evidence", ["kind", "rows"])
        numbers = enumerate(items(rows, "evidence.rows", subject.n))
        return cls([integer(row, f"evidence.rows[{k}]", 0, subject.m) for k, row in numbers])

    def check(self, system: System, body: Body) -> Findings:
        """Checks that the rows are independent.

        Raises:
            InvalidProof: when they are dependent.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        if not independent(
            system.directions(self.rows), system.n, system.subject.budget, "evidence.rows"
        ):
            raise InvalidProof("evidence.rows", "the rows are linearly dependent")
        return Findings(f"{len(self.rows)} independent rows")
