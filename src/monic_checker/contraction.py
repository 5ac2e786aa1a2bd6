"""Evidence `contraction`: a run of stages moves points less than its linear part does."""

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq, fmpz, fmpz_mat

from monic_checker.bounds import Interval
from monic_checker.budget import Budget, bits
from monic_checker.costs import product, times
from monic_checker.definite import is_positive_definite
from monic_checker.document import items, members, rationals
from monic_checker.errors import InvalidProof
from monic_checker.linear import Row
from monic_checker.network import NetworkSubject, Stages

__all__ = ["Contraction"]


@dataclass(frozen=True, slots=True)
class Contraction:
    """Bounds of the spectral norms of the four blocks of every stage of the run."""

    norms: list[list[fmpq]]

    @classmethod
    def read(cls, value: object, subject: NetworkSubject, span: range) -> "Contraction":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not four rationals for each stage.
        """
        _, table = members(value, "evidence", ["kind", "norms"])
        rows = items(table, "evidence.norms", len(span))
        return cls([rationals(row, f"evidence.norms[{i}]", 4) for i, row in enumerate(rows)])

    def check(self, stages: Stages, span: range, inputs: Sequence[Interval]) -> str:
        """Checks the bounds and what follows from them; returns in words what was done.

        Raises:
            InvalidProof: when a bound does not hold, or they do not prove the claim.
        """
        n, budget = len(inputs), stages.subject.budget
        budget.spend(n * n, 1, "evidence")
        linear = _Scaled([[fmpz(i == j) for j in range(n)] for i in range(n)], fmpz(1))
        size, error, rest = fmpq(1), fmpq(0), fmpq(0)
        for norms, k in zip(self.norms, span, strict=True):
            address = f"evidence.norms[{k - span.start}]"
            activation, system = stages.subject.activations[k], stages.system(k)
            last = k + 1 == span.stop
            if not activation.has_known_slopes:
                raise InvalidProof(address, "expected activations whose slopes are known")
            kept = system.subject.m if last and activation.name != "relu" else activation.carried
            if kept == 0:
                raise InvalidProof(address, "expected a stage that carries numbers")
            known = len(linear.rows)
            for rows, norm in zip(_blocks(system.rows, known, kept), norms, strict=True):
                if not _bounds(_Scaled(rows, system.scale), norm, budget):
                    raise InvalidProof(address, f"expected a bound of a spectral norm. Got {norm}")
            first = _Scaled([row[:known] for row in system.rows[:kept]], system.scale)
            zz, zh, hz, hh = norms
            parts = [e for number in (*norms, rest, error, size) for e in (number.p, number.q)]
            budget.work(256 * times(bits(parts), bits(parts)), address)
            rest, error, size = (
                max(fmpq(1), *stages.slopes(k)) * (hz * (size + error) + hh * rest),
                zz * error + zh * rest,
                zz * size,
            )
            linear = first.times(linear, budget)
        square = linear.gram(budget, columns=True)
        if not is_positive_definite(square.rows, -error * error * square.denominator, budget):
            raise InvalidProof("evidence", "expected a linear part that moves points more")
        return f"together, as a linear map and a part of Lipschitz constant {_short(error)}"


def _short(number: fmpq) -> str:
    """A number >= 0, rounded up to three digits."""
    return f"{int(-(-number.p * 1000 // number.q)) / 1000:g} at most"


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A matrix of integers over a positive denominator."""

    rows: list[Row]
    denominator: fmpz

    def times(self, other: "_Scaled", budget: Budget) -> "_Scaled":
        shape = len(self.rows), len(other.rows), len(other.rows[0])
        _charge(shape, (_longest(self.rows), _longest(other.rows)), budget)
        product = fmpz_mat(self.rows) * fmpz_mat(other.rows)
        return _Scaled(product.tolist(), self.denominator * other.denominator)

    def gram(self, budget: Budget, *, columns: bool) -> "_Scaled":
        """Returns M^T M, or M M^T."""
        height, width = len(self.rows), len(self.rows[0])
        shape = (width, height, width) if columns else (height, width, height)
        _charge(shape, (_longest(self.rows),) * 2, budget)
        matrix = fmpz_mat(self.rows)
        turned = matrix.transpose()
        product = turned * matrix if columns else matrix * turned
        return _Scaled(product.tolist(), self.denominator * self.denominator)


def _longest(rows: Sequence[Row]) -> int:
    return max(map(bits, rows), default=0)


def _charge(shape: tuple[int, int, int], lengths: tuple[int, int], budget: Budget) -> None:
    budget.spend(shape[0] * shape[2], sum(lengths) + shape[1].bit_length(), "evidence")
    budget.work(product(*shape, lengths), "evidence")


def _blocks(rows: Sequence[Row], known: int, kept: int) -> list[list[Row]]:
    """The blocks of W (the last entry of a row is its bias), row by row and left to right."""
    return [
        [row[a:b] for row in part]
        for part in (rows[:kept], rows[kept:])
        for a, b in ((0, known), (known, -1))
    ]


def _bounds(block: _Scaled, norm: fmpq, budget: Budget) -> bool:
    """Whether a number is at least the spectral norm of a block, as far as can be shown."""
    if norm < 0:
        return False
    if not any(entry != 0 for row in block.rows for entry in row):
        return True
    square = block.gram(budget, columns=len(block.rows) >= len(block.rows[0]))
    negative = [[-entry for entry in row] for row in square.rows]
    return is_positive_definite(negative, norm * norm * square.denominator, budget)
