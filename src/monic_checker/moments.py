"""Evidence `moments`: weights of the rows that cancel their third moments.

If c_i > 0, the sum of c_i w_i (x) w_i (x) w_i is 0, that of c_i b_i w_i w_i^T is positive
semidefinite, and these rows span R^n, then the layer is injective on R^n: otherwise there were x
and u != 0 with w_i.x + b_i < 0 or w_i.u = 0 for every i, and

    0 = sum c_i (w_i.x) (w_i.u)^2 = sum c_i (w_i.x + b_i) (w_i.u)^2 - sum c_i b_i (w_i.u)^2,

where no term of the first sum is positive and the second sum is at least 0. So all terms of the
first sum are 0, w_i.u = 0 for every i, and u = 0.
"""

from dataclasses import dataclass
from itertools import combinations_with_replacement

from flint import fmpq, fmpq_mat, fmpz, fmpz_mat

from monic_checker.body import Body
from monic_checker.budget import PYTHON, bits
from monic_checker.costs import elimination, elimination_size, product
from monic_checker.document import integer, items, members, rational
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Findings
from monic_checker.linear import Row, matrix, spanning
from monic_checker.subject import Subject
from monic_checker.system import System

__all__ = ["Moments"]


@dataclass(frozen=True, slots=True)
class Moments:
    """Positive integers, by the numbers of their rows."""

    weights: dict[int, fmpz]

    @classmethod
    def read(cls, value: object, subject: Subject) -> "Moments":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not row numbers, each once, with positive integers.
        """
        _, entries = members(value, "evidence", ["kind", "weights"])
        weights: dict[int, fmpz] = {}
        for k, entry in enumerate(items(entries, "evidence.weights")):
            address = f"evidence.weights[{k}]"
            row, number = items(entry, address, 2)
            weight = rational(number, address)
            if weight.q != 1 or weight <= 0:
                raise MalformedProof(address, "expected a positive integer")
            if integer(row, address, 0, subject.m) in weights:
                raise MalformedProof(address, f"row {row} has a weight already")
            weights[row] = weight.p
        return cls(weights)

    def check(self, system: System, body: Body) -> Findings:
        """Checks the three conditions.

        Raises:
            InvalidProof: when one of them does not hold.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        rows = [system.rows[i] for i in self.weights]
        weights, n = list(self.weights.values()), system.n
        size = 3 * max(map(bits, rows), default=0) + bits(weights)
        budget, longest = system.subject.budget, max(map(bits, rows), default=0)
        budget.spend(len(rows) * n * (n + 1), size, "evidence.weights")
        budget.work(product(n, len(rows), n * (n + 1), (longest, size)), "evidence.weights")
        budget.work(PYTHON * n**3 + 8 * elimination(n, n, size), "evidence.weights")
        budget.hold(elimination_size(n, n, 2 * size), "evidence.weights")
        table = matrix([row[:-1] for row in rows], n)
        if not spanning([row[:-1] for row in rows], n, budget, "evidence.weights"):
            raise InvalidProof("evidence.weights", "the rows with a weight do not span")
        pairs = [_products(row[:-1], c) for row, c in zip(rows, weights, strict=True)]
        if any((table.transpose() * matrix(pairs, len(pairs[0]))).entries()):
            raise InvalidProof("evidence.weights", "the third moments do not cancel")
        heavy = [[c * row[-1] * e for e in row[:-1]] for row, c in zip(rows, weights, strict=True)]
        if not _positive_semidefinite(table.transpose() * matrix(heavy, n)):
            raise InvalidProof("evidence.weights", "the biases' form is not positive semidefinite")
        return Findings(f"weights of {len(rows)} rows whose third moments cancel")


def _products(row: Row, weight: fmpz) -> Row:
    return [weight * a * b for a, b in combinations_with_replacement(row, 2)]


def _positive_semidefinite(table: fmpz_mat) -> bool:
    """Whether a symmetric matrix is, by exact elimination: the pivots say it."""
    rows: list[list[fmpq]] = fmpq_mat(table).tolist()
    for k in range(len(rows)):
        pivot = rows[k][k]
        if pivot < 0 or (pivot == 0 and any(row[k] != 0 for row in rows[k + 1 :])):
            return False
        for row in rows[k + 1 :]:
            if row[k] != 0:
                factor = row[k] / pivot
                row[k:] = [e - factor * p for e, p in zip(row[k:], rows[k][k:], strict=True)]
    return True
