"""Evidence `collision` for a network: two inputs with the same output."""

from dataclasses import dataclass

from flint import fmpq

from monic_checker.activation import Activation
from monic_checker.body import Body
from monic_checker.directions import insist_on_directions, same_directions
from monic_checker.document import members, rationals
from monic_checker.errors import InvalidProof
from monic_checker.evidence import Findings
from monic_checker.network import NetworkSubject, Stages
from monic_checker.vector import Vector, over_one_denominator

__all__ = ["NetworkCollision"]


@dataclass(frozen=True, slots=True)
class NetworkCollision:
    """Two different points of X that the network does not tell apart."""

    x: list[fmpq]
    other: list[fmpq]

    @classmethod
    def read(cls, value: object, subject: NetworkSubject) -> "NetworkCollision":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not two points of n rationals.
        """
        _, x, other = members(value, "evidence", ["kind", "x", "other"])
        return cls(
            rationals(x, "evidence.x", subject.n), rationals(other, "evidence.other", subject.n)
        )

    def check(self, stages: Stages, body: Body) -> Findings:
        """Follows the points through the stages until they meet, and past every direction.

        Raises:
            InvalidProof: when they are equal, lie outside X, do not meet, or lack a direction.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        if self.x == self.other:
            raise InvalidProof("evidence.other", "expected another point than evidence.x")
        points = []
        for name, numbers in (("x", self.x), ("other", self.other)):
            address = f"evidence.{name}"
            point = over_one_denominator(numbers, stages.subject.budget, address)
            if not stages.subject.domain.contains(point, stages.subject.budget, interior=False):
                raise InvalidProof(address, "the point does not lie in the domain")
            points.append(point)
        partial = [k for k, a in enumerate(stages.subject.activations) if a.is_partial]
        met = None
        for k, (activation, (first, second)) in enumerate(stages.traces(points)):
            if activation.is_partial:
                insist_on_directions(activation, (first, second), k)
            if met is None and _meet(activation, first, second):
                met = k
            if met is not None and k >= max(partial, default=0):
                return Findings(f"two points that meet after stage {met}")
            if activation.is_smooth and met is None:
                raise InvalidProof("evidence", f"the points differ before {activation.name}")
            if activation.is_smooth:
                raise InvalidProof("evidence", f"no direction is followed past {activation.name}")
        raise InvalidProof("evidence", "the two points have different outputs")


def _meet(activation: Activation, first: Vector, second: Vector) -> bool:
    """Whether an activation gives the same for two vectors, as far as is known."""
    if activation.name == "direction":
        return same_directions(activation, first, second)
    p, q = first.denominator, second.denominator
    first_cut = activation.carried if activation.name == "relu" else len(first.entries)
    pairs = enumerate(zip(first.entries, second.entries, strict=True))
    return all(a * q == b * p or (a <= 0 >= b and i >= first_cut) for i, (a, b) in pairs)
