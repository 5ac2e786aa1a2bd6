"""Evidence about data y: how far they are from the range of f, and from a code x."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from flint import fmpq

from monic_checker.body import Body
from monic_checker.bound import Bound, square_of
from monic_checker.bound_network import Product
from monic_checker.bound_rules import read_evidence
from monic_checker.document import choice, members, rational, rationals
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Evidence, Findings
from monic_checker.network import NetworkSubject, Stages
from monic_checker.opposite import read_pairs
from monic_checker.range_distance import Dual, Planes, Where
from monic_checker.subject import Subject
from monic_checker.system import System
from monic_checker.vector import over_one_denominator

__all__ = ["About", "read_distance"]

Subjects = TypeVar("Subjects", System, Stages)


@dataclass(frozen=True, slots=True)
class About:
    """Evidence about data, of a layer or of a network."""

    evidence: "_Code | Dual | Planes | _Near"

    def check(self, where: Where, body: Body) -> Findings:
        """Checks the evidence.

        Raises:
            InvalidProof: when it does not hold.
            MalformedProof: when the body is not what it asks for.
        """
        return self.evidence.check(where, body)


def read_distance(value: object, subject: Subject | NetworkSubject, bound: Bound) -> About:
    """Reads evidence about data.

    Raises:
        MalformedProof: when it is none for such a claim.
    """
    kinds = ("squeeze",) if bound.quantity == "error" else ("dual", "planes")
    kinds = ("code",) if bound.quantity == "distance" and not bound.is_lower else kinds
    kind = choice(value.get("kind") if isinstance(value, dict) else None, "evidence.kind", kinds)
    if kind == "squeeze":
        return About(_Near.read(value, subject, bound))
    if kind == "code":
        _, x = members(value, "evidence", ["kind", "x"])
        return About(_Code(bound, rationals(x, "evidence.x", subject.n)))
    if kind == "dual":
        _, free, positive = members(value, "evidence", ["kind", "free", "positive"])
        first = rationals(free, "evidence.free", subject.m)
        return About(Dual(bound, first, rationals(positive, "evidence.positive", subject.m)))
    _, pairs = members(value, "evidence", ["kind", "pairs"])
    return About(Planes(bound, read_pairs(pairs, "evidence.pairs", subject.m)))


def _gap(where: Where, x: Sequence[fmpq], bound: Bound, address: str) -> fmpq:
    """|y - f(x)|^2 for a point of X."""
    subject = where.subject
    point = over_one_denominator(x, subject.budget, address)
    if not subject.domain.contains(point, subject.budget, interior=False):
        raise InvalidProof(address, "the point does not lie in the domain")
    if isinstance(where, Stages):
        if any(activation.is_smooth for activation in where.subject.activations):
            raise MalformedProof("evidence", "expected relu, leaky-relu and identity stages alone")
        [value] = where.outputs([point])
        output = [fmpq(entry, value.denominator) for entry in value.entries]
    else:
        relu = where.subject.kind == "relu-layer"
        output = [max(v, fmpq(0)) if relu else v for v in where.values_at(x, address)]
    left = [a - b for a, b in zip(output, bound.of, strict=True)]
    return square_of(left, subject.budget)


@dataclass(frozen=True, slots=True)
class _Code:
    """A point x of X with |y - f(x)| <= v."""

    bound: Bound
    x: list[fmpq]

    def check(self, where: Where, body: Body) -> Findings:
        """Evaluates f at x."""
        body.end()
        if not self.bound.holds(_gap(where, self.x, self.bound, "evidence.x"), fmpq(1)):
            raise InvalidProof("evidence.x", "its output is farther away")
        return Findings("a point of the domain")


@dataclass(frozen=True, slots=True)
class _Near:
    """A bound k of the inverse Lipschitz constant with |y - f(x)| + e <= k v."""

    bound: Bound
    least: fmpq
    evidence: Evidence | Product

    @classmethod
    def read(cls, value: object, subject: Subject | NetworkSubject, bound: Bound) -> "_Near":
        """Reads k, and the evidence for it."""
        _, number, why = members(value, "evidence", ["kind", "value", "evidence"])
        if bound.is_lower:
            raise MalformedProof("bound", "expected an upper bound of the error")
        least = rational(number, "evidence.value")
        if least <= 0:
            raise MalformedProof("evidence.value", "expected a rational > 0")
        own = replace(bound, quantity="inverse-lipschitz", relation=">=", value=least)
        if isinstance(subject, NetworkSubject):
            return cls(bound, least, Product.read(why, subject, own))
        return cls(bound, least, read_evidence(why, subject, own, "evidence.evidence"))

    def check(self, where: Where, body: Body) -> Findings:
        """Checks k, and evaluates f at x."""
        room = self.least * self.bound.value - self.bound.noise
        gap = _gap(where, self.bound.at, self.bound, "bound.at")
        if room < 0 or gap > room * room:
            raise InvalidProof("evidence.value", "the error may be larger")
        if isinstance(self.evidence, Product):
            found = self.evidence.check(_of(where, Stages), body)
        else:
            found = self.evidence.check(_of(where, System), body)
        return replace(found, words=f"an inverse Lipschitz constant by {found.words}")


def _of(where: Where, kind: type[Subjects]) -> Subjects:
    """Insists that evidence is about the kind of subject that the proof has."""
    if not isinstance(where, kind):
        raise MalformedProof(
            "evidence.evidence", "expected evidence about the kind of the subject"
        )
    return where
