"""Evidence for bounds of a network: a product over its stages, or a pair of inputs."""

from dataclasses import dataclass, replace

from flint import fmpq

from monic_checker.attained import Pair
from monic_checker.body import Body, Part
from monic_checker.bound import Bound
from monic_checker.bound_rules import read_evidence
from monic_checker.budget import bits
from monic_checker.composition import stage_domain, stage_holds
from monic_checker.costs import times
from monic_checker.document import choice, items, members, rational, rationals
from monic_checker.domain import Domain
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Evidence, Findings
from monic_checker.network import NetworkSubject, Stages
from monic_checker.vector import over_one_denominator

__all__ = ["NetworkPair", "Product", "read_network_evidence"]

_SIDES = {"inverse-lipschitz": ">=", "lipschitz": "<="}


@dataclass(frozen=True, slots=True)
class Product:
    """A bound of each stage on a set that holds what reaches it; the product is the network's.

    |f_k(x) - f_k(y)| is at least (at most) v_k |x - y| on the domain of stage k.
    """

    parts: list[tuple[Domain, Evidence]]

    @classmethod
    def read(cls, value: object, subject: NetworkSubject, bound: Bound) -> "Product":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not one bound a stage, or their product is not the claim.
        """
        _, stages = members(value, "evidence", ["kind", "stages"])
        if _SIDES.get(bound.quantity) != bound.relation:
            raise MalformedProof("bound", "expected a bound that a product proves")
        total, parts = fmpq(1), []
        count = len(subject.stages)
        for k, entry in enumerate(items(stages, "evidence.stages", count)):
            address = f"evidence.stages[{k}]"
            place, number, why = members(entry, address, ["domain", "value", "evidence"])
            domain = stage_domain(place, subject, k, address)
            own = replace(bound, value=rational(number, f"{address}.value"))
            if own.value < 0 or subject.activations[k].name not in ("relu", "identity"):
                raise MalformedProof(address, "expected a number >= 0, and relu or identity")
            evidence = read_evidence(why, subject.layer(k), own, f"{address}.evidence")
            parts.append((domain, evidence))
            numbers = [total.p, total.q, own.value.p, own.value.q]
            subject.budget.work(64 * times(bits(numbers), bits(numbers)), address)
            total *= own.value
        if not bound.holds(total * total, fmpq(1)):
            raise MalformedProof("evidence.stages", "the product of the bounds is not the claim")
        return cls(parts)

    def check(self, stages: Stages, body: Body) -> Findings:
        """Checks every stage on its domain, and that the next domain holds all outputs.

        Raises:
            InvalidProof: when one of these does not hold.
            MalformedProof: when the body is not what the evidence asks for.
        """
        words, nodes, relations = [], 0, 0
        for k, (domain, evidence) in enumerate(self.parts):
            with stages.subject.budget.scope():
                found = evidence.check(stages.layer(k, domain), Part(body))
            words.append(f"stage {k}: {found.words}")
            nodes, relations = nodes + found.nodes, relations + found.relations
            if k + 1 < len(self.parts):
                with stages.subject.budget.scope():
                    holds = stage_holds(self.parts[k + 1][0], stages, range(k, k + 1), domain)
                if not holds:
                    raise InvalidProof(
                        f"evidence.stages[{k + 1}].domain",
                        f"expected a set that holds every output of stage {k}",
                    )
        body.end()
        return Findings("a product of bounds; " + "; ".join(words), nodes, relations)


@dataclass(frozen=True, slots=True)
class NetworkPair:
    """Two different inputs, and how far apart their outputs are."""

    pair: Pair

    @classmethod
    def read(cls, value: object, subject: NetworkSubject, bound: Bound) -> "NetworkPair":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not two points, or stages are not piecewise linear.
        """
        _, x, other = members(value, "evidence", ["kind", "x", "other"])
        if _SIDES.get(bound.quantity, bound.relation) == bound.relation:
            raise MalformedProof("bound", "expected a bound that a pair of inputs proves")
        if any(activation.is_smooth for activation in subject.activations):
            raise MalformedProof("evidence", "expected relu, leaky-relu and identity stages alone")
        numbers = (
            rationals(x, "evidence.x", subject.n),
            rationals(other, "evidence.other", subject.n),
        )
        return cls(Pair(bound, *numbers))

    def check(self, stages: Stages, body: Body) -> Findings:
        """Follows the points through the stages.

        Raises:
            InvalidProof: when they lie outside X, are equal, or do not attain the bound.
            MalformedProof: when there are bytes after the header.
        """
        body.end()
        points = []
        for name, numbers in (("x", self.pair.x), ("other", self.pair.other)):
            point = over_one_denominator(numbers, stages.subject.budget, f"evidence.{name}")
            if not stages.subject.domain.contains(point, stages.subject.budget, interior=False):
                raise InvalidProof(f"evidence.{name}", "the point does not lie in the domain")
            points.append(point)
        outputs = [
            [fmpq(entry, value.denominator) for entry in value.entries]
            for value in stages.outputs(points)
        ]
        return self.pair.judge(stages.subject.budget, *outputs)


def read_network_evidence(
    value: object, subject: NetworkSubject, bound: Bound
) -> Product | NetworkPair:
    """Reads evidence for a bound about a network.

    Raises:
        MalformedProof: when it is no evidence for such a bound.
    """
    kind = value.get("kind") if isinstance(value, dict) else None
    if choice(kind, "evidence.kind (BOUND, network)", ("product", "pair")) == "product":
        return Product.read(value, subject, bound)
    return NetworkPair.read(value, subject, bound)
