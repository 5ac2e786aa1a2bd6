"""Evidence `composition`: a network is one-to-one when its parts are, where it matters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monic_checker.body import Body, Part
from monic_checker.bounds import Interval, contains, intervals, outputs
from monic_checker.contraction import Contraction
from monic_checker.document import choice, integer, items, members
from monic_checker.domain import Domain, read_domain
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.evidence import Evidence, Findings
from monic_checker.network import NetworkSubject, Stages
from monic_checker.projection import RandomProjection
from monic_checker.random_skip import RandomSkip
from monic_checker.slopes import Slopes
from monic_checker.subject import Subject

__all__ = ["Composition", "Rules", "stage_domain", "stage_holds"]

#: What proves which claim about which layers: (claim, kind of layer, kind of evidence).
Rules = Mapping[tuple[str, str, str], Callable[[object, Subject], Evidence]]


#: What is said of stages together.
Run = Contraction | RandomProjection | RandomSkip | Slopes


@dataclass(frozen=True, slots=True)
class _Entry:
    """Stages in turn, what reaches the first of them, and why they are one-to-one there."""

    span: range
    domain: Domain
    evidence: Evidence | Run
    kind: str


@dataclass(frozen=True, slots=True)
class Composition:
    """The entries, which cover the stages in order."""

    entries: list[_Entry]

    @property
    def kinds(self) -> list[str]:
        """The kinds of evidence."""
        return [entry.kind for entry in self.entries]

    @classmethod
    def read(cls, value: object, subject: NetworkSubject, rules: Rules) -> "Composition":
        """Reads the evidence.

        Raises:
            MalformedProof: when the entries do not cover the stages one after the other, each
                with a domain and evidence.
        """
        _, layers = members(value, "evidence", ["kind", "layers"])
        entries: list[_Entry] = []
        at, end = 0, len(subject.stages)
        for k, entry in enumerate(items(layers, "evidence.layers")):
            address = f"evidence.layers[{k}]"
            count, place, why = members(entry, address, ["stages", "domain", "evidence"])
            count = integer(count, f"{address}.stages", 1, end - at + 1)
            span = range(at, at + count)
            domain = stage_domain(place, subject, at, address)
            why_so, kind = _evidence(why, subject, span, rules, address)
            entries.append(_Entry(span, domain, why_so, kind))
            at += count
        if at != end:
            raise MalformedProof("evidence.layers", f"expected entries for {end} stages")
        return cls(entries)

    def check(self, stages: Stages, body: Body) -> Findings:
        """Checks each entry on its domain, and that the next domain holds all outputs.

        Raises:
            InvalidProof: when one of these does not hold.
            MalformedProof: when the body is not what the entries' evidence asks for.
        """
        nodes = relations = 0
        words = []
        for k, entry in enumerate(self.entries):
            first, last = entry.span.start, entry.span.stop - 1
            name = f"stage {first}" if first == last else f"stages {first} to {last}"
            with stages.subject.budget.scope():
                found = _checked(entry, stages, body)
            nodes, relations = nodes + found.nodes, relations + found.relations
            words.append(f"{name}: {found.words}")
            if k + 1 < len(self.entries):
                with stages.subject.budget.scope():
                    holds = stage_holds(
                        self.entries[k + 1].domain, stages, entry.span, entry.domain
                    )
                if not holds:
                    raise InvalidProof(
                        f"evidence.layers[{k + 1}].domain",
                        f"expected a set that holds every output of stage {last}",
                    )
        body.end()
        return Findings("every stage is injective: " + "; ".join(words), nodes, relations)


def _checked(entry: _Entry, stages: Stages, body: Body) -> Findings:
    """Checks the evidence of an entry on its domain."""
    if isinstance(entry.evidence, (Contraction, RandomProjection, RandomSkip, Slopes)):
        inputs = _inputs(entry.span.start, entry.domain, stages)
        return Findings(entry.evidence.check(stages, entry.span, inputs))
    return entry.evidence.check(stages.layer(entry.span.start, entry.domain), Part(body))


def _inputs(first: int, domain: Domain, stages: Stages) -> list[Interval]:
    return intervals(domain, stages.subject.stages[first].n, stages.subject.budget)


def stage_holds(domain: Domain, stages: Stages, span: range, before: Domain) -> bool:
    """Returns whether a domain holds all that some stages give on the domain before them.

    Often it holds what the last activation gives whatever comes before it; the rows of large
    stages do not fit the memory, and nobody needs them then.
    """
    budget, last = stages.subject.budget, span.stop - 1
    activation, m = stages.subject.activations[last], stages.subject.stages[last].m
    budget.spend(m, 2048, f"subject.stages[{last}]")
    anything = activation.intervals([Interval(None, None)] * m, stages.slopes(last))
    if contains(domain, anything, budget):
        return True
    values = _inputs(span.start, before, stages)
    for number in span:
        values = outputs(stages.system(number), values)
        activation = stages.subject.activations[number]
        values = activation.intervals(values, stages.slopes(number))
    return contains(domain, values, budget)


def stage_domain(place: object, subject: NetworkSubject, at: int, address: str) -> Domain:
    """Reads the domain of the stage at which evidence begins; the subject's own for the first.

    Raises:
        MalformedProof: when it is none of the domains that hold what reaches a stage.
    """
    if at == 0:
        if place is not None:
            raise MalformedProof(f"{address}.domain", "expected null: it is the subject's")
        return subject.domain
    kind = place.get("kind") if isinstance(place, dict) else None
    choice(kind, f"{address}.domain.kind", ("whole", "orthant", "box"))
    return read_domain(place, subject.stages[at].n, subject.budget)


def _evidence(
    why: object, subject: NetworkSubject, span: range, rules: Rules, address: str
) -> tuple[Evidence | Run, str]:
    stage, where = subject.layer(span.start), f"{address}.evidence"
    kinds = [*_RUNS]
    if len(span) == 1:
        kinds += [rule[2] for rule in rules if rule[:2] == ("INJECTIVE", stage.kind)]
        kinds += ["random-projection"] if stage.kind == "affine" else []
    kind = why.get("kind") if isinstance(why, dict) else None
    kind = choice(kind, f"{where}.kind", kinds)
    if kind in _RUNS:
        return _RUNS[kind](why, subject, span), kind
    if kind == "random-projection":
        return RandomProjection.read(why, subject, span.start, where), kind
    return rules["INJECTIVE", stage.kind, kind](why, stage), kind


#: What proves stages together.
_RUNS: dict[str, Callable[[object, NetworkSubject, range], Run]] = {
    "contraction": Contraction.read,
    "random-skip": RandomSkip.read,
    "slopes": Slopes.read,
}
