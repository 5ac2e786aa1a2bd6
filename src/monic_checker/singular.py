"""Evidence `definite` (BOUND): the singular values of an affine layer."""

from dataclasses import dataclass

from flint import fmpz

from monic_checker.body import Body
from monic_checker.bound import Bound
from monic_checker.budget import bits
from monic_checker.costs import product
from monic_checker.definite import is_positive_definite
from monic_checker.document import members
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Findings
from monic_checker.linear import matrix
from monic_checker.subject import Subject
from monic_checker.system import System

__all__ = ["Definite"]


@dataclass(frozen=True, slots=True)
class Definite:
    """W^T W - v^2 I, or v^2 I - W^T W, is positive definite."""

    bound: Bound

    @classmethod
    def read(cls, value: object, subject: Subject, bound: Bound, address: str) -> "Definite":
        """Reads the evidence.

        Raises:
            MalformedProof: when it has another key, or is none for this claim.
        """
        members(value, address, ["kind"])
        if bound.is_lower == (bound.quantity == "lipschitz") or bound.value == 0:
            raise MalformedProof("bound", "expected a bound > 0 of the side that it proves")
        return cls(bound)

    def check(self, system: System, body: Body) -> Findings:
        """Checks the matrix.

        Raises:
            InvalidProof: when it is not positive definite.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        n, budget, sign = system.n, system.subject.budget, 1 if self.bound.is_lower else -1
        table = system.directions(range(len(system.rows)))
        length = max(map(bits, table), default=1)
        budget.spend(n * n + len(table) * n, 2 * length + 64, "evidence")
        budget.work(product(n, len(table), n, (length, length)), "evidence")
        rows = matrix(table, n)
        gram = (rows.transpose() * rows * fmpz(sign)).tolist()
        level = self.bound.square * (system.scale * system.scale) * -sign
        if not is_positive_definite(gram, level, budget):
            raise InvalidProof("evidence", "the matrix is not positive definite")
        return Findings("a positive definite matrix")
