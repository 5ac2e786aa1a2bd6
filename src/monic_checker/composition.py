"""Evidence `composition`: a network is one-to-one when each of its stages is, where it matters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monic_checker.body import Body
from monic_checker.bounds import contains, intervals, outputs
from monic_checker.budget import Budget
from monic_checker.document import choice, items, members
from monic_checker.domain import Domain, read_domain
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Evidence, Findings
from monic_checker.network import NetworkSubject, Stages
from monic_checker.projection import RandomProjection
from monic_checker.subject import Subject

__all__ = ["Composition", "Rules"]

#: What proves which claim about which layers: (claim, kind of layer, kind of evidence).
Rules = Mapping[tuple[str, str, str], Callable[[object, Subject], Evidence]]


class _Part(Body):
    """The body as one layer's evidence reads it: the file may go on after it."""

    def __init__(self, body: Body) -> None:
        self.__dict__ = body.__dict__  # one place in one stream

    def end(self) -> None:
        """Leaves the rest to the next layer."""


@dataclass(frozen=True, slots=True)
class Composition:
    """The domain and the evidence of every stage.

    Arguments:
        domains: A superset of what reaches each stage, with interior.
        evidence: Why the stage is one-to-one there.
        kinds: The kinds of evidence.
    """

    domains: list[Domain]
    evidence: list[Evidence]
    kinds: list[str]

    @classmethod
    def read(cls, value: object, subject: NetworkSubject, rules: Rules) -> "Composition":
        """Reads the evidence.

        Raises:
            MalformedProof: when it is not one domain and one evidence for each stage.
        """
        _, layers = members(value, "evidence", ["kind", "layers"])
        domains: list[Domain] = []
        found: list[Evidence] = []
        names: list[str] = []
        for k, entry in enumerate(items(layers, "evidence.layers", len(subject.stages))):
            address = f"evidence.layers[{k}]"
            place, why = members(entry, address, ["domain", "evidence"])
            stage = subject.layer(k)
            if k:
                kind = place.get("kind") if isinstance(place, dict) else None
                choice(kind, f"{address}.domain.kind", ("whole", "orthant", "box"))
                domains.append(read_domain(place, stage.n, Budget()))
            else:
                if place is not None:
                    raise MalformedProof(f"{address}.domain", "expected null: it is the subject's")
                domains.append(subject.domain)
            kind = why.get("kind") if isinstance(why, dict) else None
            kinds = [rule[2] for rule in rules if rule[:2] == ("INJECTIVE", stage.kind)]
            kinds += ["random-projection"] if stage.kind == "affine" else []
            names.append(choice(kind, f"{address}.evidence.kind", kinds))
            if kind == "random-projection":
                where = f"{address}.evidence"
                found.append(RandomProjection.read(why, subject, k, where))
            else:
                found.append(rules["INJECTIVE", stage.kind, names[-1]](why, stage))
        return cls(domains, found, names)

    def check(self, stages: Stages, body: Body) -> Findings:
        """Checks each stage on its domain, and that the next domain holds all its outputs.

        Raises:
            InvalidProof: when one of these does not hold.
            MalformedProof: when the body is not what the stages' evidence asks for.
        """
        nodes = relations = 0
        words = []
        for k, (domain, evidence) in enumerate(zip(self.domains, self.evidence, strict=True)):
            found = evidence.check(stages.layer(k, domain), _Part(body))
            nodes, relations = nodes + found.nodes, relations + found.relations
            words.append(f"stage {k}: {found.words}")
            if k + 1 < len(self.domains):
                system, activation = stages.system(k), stages.subject.activations[k]
                values = outputs(system, intervals(domain, system.n))
                values = activation.intervals(values, stages.slopes(k))
                if not contains(self.domains[k + 1], values):
                    raise InvalidProof(
                        f"evidence.layers[{k + 1}].domain",
                        f"expected a set that holds every output of stage {k}",
                    )
        body.end()
        return Findings("every stage is one-to-one: " + "; ".join(words), nodes, relations)
