"""Evidence `dual` and `planes` (BOUND): how far data are from the range of the last map."""

from dataclasses import dataclass

from flint import fmpq, fmpz

from monic_checker.body import Body
from monic_checker.bound import Bound, square_of
from monic_checker.budget import PYTHON, bits
from monic_checker.costs import times
from monic_checker.errors import InvalidProof
from monic_checker.evidence import Findings
from monic_checker.linear import matrix
from monic_checker.network import Stages
from monic_checker.opposite import line_distance
from monic_checker.system import System
from monic_checker.vector import over_one_denominator

__all__ = ["Dual", "Planes", "Where"]

#: A layer, or a network.
Where = System | Stages


def _last(where: Where) -> tuple[System, bool]:
    """The last map, and whether a ReLU follows it: its range holds that of the network."""
    if isinstance(where, System):
        return where, where.subject.kind == "relu-layer"
    last = where.subject.activations[-1]
    if last.carried or last.name not in ("relu", "identity"):
        raise InvalidProof("evidence", "expected a last stage with relu or identity alone")
    return where.system(len(where.subject.stages) - 1), last.name == "relu"


@dataclass(frozen=True, slots=True)
class Dual:
    """Numbers a and c >= 0 with W^T a = 0; before a ReLU also a_i >= 0 where y_i < v.

    If |y - z| < v for an output z = ReLU(W u + b), then z_i = w_i.u + b_i where y_i >= v, and
    z_i >= w_i.u + b_i, z_i >= 0 everywhere. So (a + c).z >= a.b, and |y - z| is at least
    (a.b - (a + c).y) / |a + c|. Without a ReLU, z = W u + b and c = 0.
    """

    bound: Bound
    free: list[fmpq]
    positive: list[fmpq]

    def check(self, where: Where, body: Body) -> Findings:
        """Checks the signs, W^T a = 0, and the distance that follows."""
        body.end()
        system, relu = _last(where)
        y, v = self.bound.of, self.bound.value
        for i, (a, c) in enumerate(zip(self.free, self.positive, strict=True)):
            if c < 0 or (c != 0 and not relu) or (a < 0 and relu and y[i] < v):
                raise InvalidProof(f"evidence[{i}]", "the multiplier has the wrong sign")
        n, budget = system.n, system.subject.budget
        factors = over_one_denominator(self.free, budget, "evidence.free")
        length = bits(factors.entries) + max(map(bits, system.rows))
        budget.work(len(y) * (n + 1) * (PYTHON + times(length, length)), "evidence.free")
        *w, offset = (matrix([factors.entries], len(y)) * matrix(system.rows, n + 1)).entries()
        if any(w):
            raise InvalidProof("evidence.free", "expected W^T a = 0")
        both = [a + c for a, c in zip(self.free, self.positive, strict=True)]
        data, whole = (over_one_denominator(v, budget, "bound.of") for v in (y, both))
        inner = sum((s * t for s, t in zip(whole.entries, data.entries, strict=True)), fmpz(0))
        top = fmpq(offset, factors.denominator * system.scale)
        top -= fmpq(inner, whole.denominator * data.denominator)
        size = square_of(both, budget)
        if size == 0 or top < 0 or top * top < self.bound.square * size:
            raise InvalidProof("evidence", "the multipliers prove a smaller distance")
        return Findings("multipliers of a half-space between the data and the range")


@dataclass(frozen=True, slots=True)
class Planes:
    """Opposite rows i, j: (z_i, z_j) lies on a bent line; and z_i >= 0 for all other rows."""

    bound: Bound
    pairs: list[tuple[int, int]]

    def check(self, where: Where, body: Body) -> Findings:
        """Adds up the squares of the distances in orthogonal planes."""
        body.end()
        system, relu = _last(where)
        if not relu:
            raise InvalidProof("evidence", "expected a last stage with a ReLU")
        y, total = self.bound.of, fmpq(0)
        length = 8 * system.longest * len(self.pairs)
        length += sum(4 * bits([number.p, number.q]) for number in y)
        system.subject.budget.work(len(self.pairs) * times(length, length), "bound.of")
        for k, (i, j) in enumerate(self.pairs):
            data = (y[i], y[j])
            total += line_distance((i, j), system, data, f"evidence.pairs[{k}]")
        inside = {row for pair in self.pairs for row in pair}
        rest = [t for i, t in enumerate(y) if i not in inside and t < 0]
        total += square_of(rest, system.subject.budget)
        if not self.bound.holds(total, fmpq(1)):
            raise InvalidProof("evidence", "the planes prove a smaller distance")
        return Findings(f"distances in the planes of {len(self.pairs)} pairs of opposite rows")
