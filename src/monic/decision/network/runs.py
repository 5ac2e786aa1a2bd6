"""Spans of a network that are one-to-one: a stage each, or a run of stages together.

A residual block x + g(x) is one-to-one though its last map, (x, h) -> x + W h, is not. Where a
stage fails alone, the shortest run of stages around it is looked for that is proved together: by
spectral norms (`contraction`), by intervals of slopes (`secants`), or, on request, almost surely
(`skips`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from monic.certificate import Certificate, header, rationals, subject
from monic.clock import monotonic
from monic.decision.network.bounds import range_superset
from monic.decision.network.contraction import Norms, contraction
from monic.decision.network.secants import Known, Secants, known, secants, unknown_slopes
from monic.decision.network.skips import random_skip
from monic.decision.result import Decision, StageDecision, Verdict
from monic.model import Domain, Network, Stage

__all__ = ["Span", "spans", "together"]

#: Longer runs, and runs of more numbers, are not looked at.
LONGEST, WIDEST = 8, 768


@dataclass(frozen=True, slots=True)
class Span:
    """Stages in turn that are one-to-one on what reaches them.

    Arguments:
        first: The number of the first stage.
        count: How many stages.
        certificate: What proves it, on a superset of what reaches the first one.
        how: For a run, in words, how it was proved; "" for a single stage.
    """

    first: int
    count: int
    certificate: Certificate | None
    how: str = ""


def spans(
    network: Network,
    stages: Sequence[StageDecision],
    proofs: Sequence[Certificate | None],
    seconds: float,
    *,
    skips: bool = False,
) -> list[Span] | str:
    """Returns spans that make up the network, or the sentence that says where they end.

    Arguments:
        network: The network.
        stages: The decisions about all of its stages.
        proofs: What proves them.
        seconds: How long to look for runs.
        skips: Whether matrices may be assumed to be random.
    """
    domains = [network.domain]
    for stage in network.stages[:-1]:
        domains.append(range_superset(stage, domains[-1]))
    decisions = [stage.decision for stage in stages]
    search = _Search(network, decisions, proofs, domains, monotonic() + seconds, skips)
    found = search.rest(0)
    return search.why() if found is None else found


@dataclass(slots=True)
class _Search:
    """The search for spans, one after the other; what fails once is not tried again.

    Arguments:
        network: The network.
        decisions: The decisions about its stages.
        proofs: What proves them.
        domains: Supersets of what reaches each of them.
        deadline: When to stop, as `time.monotonic` counts.
        skips: Whether matrices may be assumed to be random.
        dead: The stages from which no spans lead to the end.
        prepared: Stages that were looked at.
    """

    network: Network
    decisions: Sequence[Decision]
    proofs: Sequence[Certificate | None]
    domains: Sequence[Domain]
    deadline: float
    skips: bool = False
    dead: set[int] = field(default_factory=set)
    prepared: dict[int, Known] = field(default_factory=dict)

    def rest(self, at: int) -> list[Span] | None:
        """Returns spans from a stage to the end, or None when none were found."""
        if at == len(self.decisions):
            return []
        if at not in self.dead:
            for count in self._counts(at):
                span = self._span(at, count)
                after = None if span is None else self.rest(at + count)
                if span is not None and after is not None:
                    return [span, *after]
        self.dead.add(at)
        return None

    def why(self) -> str:
        """Says from where on nothing was proved."""
        at = max(self.dead)
        name, widest = self.network.stages[at].name, self._widest(at, 2)
        if monotonic() > self.deadline:
            return "the time for runs of stages ran out; raise the time limit"
        if widest > WIDEST:
            return f"runs of stages of over {WIDEST} numbers are not looked at together"
        return f"no run of stages from {name!r} on was proved one-to-one together"

    def _counts(self, at: int) -> list[int]:
        """Returns how many stages to take together: first those after which all is well."""
        end = len(self.decisions)
        counts = range(1, min(LONGEST, end - at) + 1)
        return sorted(counts, key=lambda count: (self._fails(at + count), count))

    def _fails(self, k: int) -> bool:
        decisions = self.decisions
        return k < len(decisions) and decisions[k].verdict is not Verdict.INJECTIVE

    def _widest(self, at: int, count: int) -> int:
        part = self.network.stages[at : at + count]
        return max(max(stage.map.in_dim, stage.map.out_dim) for stage in part)

    def _span(self, at: int, count: int) -> Span | None:
        if count == 1:
            return None if self._fails(at) else Span(at, 1, self.proofs[at])
        part = self.network.stages[at : at + count]
        return self._together(at, part) or self._random(at, part)

    def _random(self, at: int, part: Sequence[Stage]) -> Span | None:
        proof = random_skip(self.network, part, self.domains[at]) if self.skips else None
        return None if proof is None else Span(at, len(part), proof, "a random skip")

    def _together(self, at: int, part: Sequence[Stage]) -> Span | None:
        """Returns the span of several stages, if it is proved whatever the matrices are."""
        count = len(part)
        if part[-1].map.out_dim < part[0].map.in_dim or any(map(unknown_slopes, part)):
            return None
        if self._widest(at, count) > WIDEST or monotonic() > self.deadline:
            return None
        run = [self._known(k) for k in range(at, at + count)]
        norms = contraction(run)
        if norms is not None:
            proof = _by_norms(part[0], self.domains[at], norms)
            return Span(at, count, proof, "a contraction")
        slopes = secants(run)
        if slopes is None:
            return None
        proof = _by_slopes(part[0], self.domains[at], slopes)
        return Span(at, count, proof, "intervals of slopes")

    def _known(self, k: int) -> Known:
        if k not in self.prepared:
            self.prepared[k] = known(self.network.stages[k], self.domains[k])
        return self.prepared[k]


def together(network: Network, parts: Sequence[Span]) -> str:
    """Says what was proved about the parts of a network."""
    names = [stage.name for stage in network.stages]
    runs = [
        f"{names[span.first]!r} to {names[span.first + span.count - 1]!r} (by {span.how})"
        for span in parts
        if span.count > 1
    ]
    if not runs:
        return "every layer is one-to-one on a convex superset of what reaches it"
    return (
        "every layer or run of layers is one-to-one on a convex superset of what reaches it; "
        f"runs: {', '.join(runs)}"
    )


def _by_norms(stage: Stage, domain: Domain, norms: Sequence[Norms]) -> Certificate:
    evidence = {"kind": "contraction", "norms": [rationals(row) for row in norms]}
    return Certificate(header("INJECTIVE", subject("affine", stage.map, domain), evidence))


def _by_slopes(stage: Stage, domain: Domain, found: Secants) -> Certificate:
    unit = Fraction(2) ** -found.bits
    inverse = [[str(int(entry) * unit) for entry in row] for row in found.inverse.tolist()]
    evidence = {"kind": "slopes", "inverse": inverse, "weights": rationals(found.weights)}
    return Certificate(header("INJECTIVE", subject("affine", stage.map, domain), evidence))
