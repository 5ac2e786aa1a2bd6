"""The first two lines of a proof: the version, and the header in JSON."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from monic_checker.arrays import Array
from monic_checker.blocks import Blocks
from monic_checker.body import Body
from monic_checker.bottleneck import Bottleneck
from monic_checker.bound import Bound, read_bound
from monic_checker.bound_network import NetworkPair, Product, read_network_evidence
from monic_checker.bound_rules import read_evidence
from monic_checker.budget import Budget
from monic_checker.collision import Collision
from monic_checker.composition import Composition
from monic_checker.distance import About, read_distance
from monic_checker.document import choice, members, read_json_line
from monic_checker.errors import MalformedProof
from monic_checker.evidence import Evidence, Findings
from monic_checker.filter_rank import IndependentFilters
from monic_checker.filtered import PairedFilters
from monic_checker.first_stage import FirstStage
from monic_checker.independent import IndependentRows
from monic_checker.interior import insist_on_interior
from monic_checker.invertible import Invertible
from monic_checker.moments import Moments
from monic_checker.network import NetworkSubject, Stages, read_network
from monic_checker.network_collision import NetworkCollision
from monic_checker.pair_tree import PairTree
from monic_checker.paired import PairedRows
from monic_checker.point import SparsePoint
from monic_checker.subject import Subject, read_subject
from monic_checker.system import System
from monic_checker.tree import Packing, Tree
from monic_checker.validity import ValidArrays
from monic_checker.windows import Windows

__all__ = ["Header", "read_header"]

_VERSION = b"monic-proof 1\n"
_KEYS = ["claim", "assumption", "subject", "evidence"]
_BOUND_KEYS = ["claim", "bound", *_KEYS[1:]]
_CLAIMS = ("INJECTIVE", "NOT_INJECTIVE")

#: What proves which claim about which layers.
_RULES: dict[tuple[str, str, str], Callable[[object, Subject], Evidence]] = {
    ("INJECTIVE", "relu-layer", "tree"): Tree.read,
    ("INJECTIVE", "relu-layer", "packing"): Packing.read,
    ("INJECTIVE", "relu-layer", "paired-rows"): PairedRows.read,
    ("INJECTIVE", "relu-layer", "paired-filters"): PairedFilters.read,
    ("INJECTIVE", "relu-layer", "windows"): Windows.read,
    ("INJECTIVE", "relu-layer", "blocks"): Blocks.read,
    ("INJECTIVE", "relu-layer", "moments"): Moments.read,
    ("INJECTIVE", "affine", "independent-rows"): IndependentRows.read,
    ("INJECTIVE", "affine", "independent-filters"): IndependentFilters.read,
    ("INJECTIVE", "affine", "invertible"): Invertible.read,
    ("NOT_INJECTIVE", "relu-layer", "collision"): Collision.read,
    ("NOT_INJECTIVE", "affine", "collision"): Collision.read,
    ("NOT_INJECTIVE", "relu-layer", "point"): SparsePoint.read,
}


#: The assumption that a kind of evidence, or an activation, rests on; the others need none.
_ASSUMES = {
    "packing": "general-position",
    "random-projection": "random-projections",
    "random-skip": "random-projections",
    "normalization": "statistics",
}


#: Evidence about a whole network.
_Whole = (
    Composition | FirstStage | NetworkCollision | Bottleneck | PairTree | Product | NetworkPair
)


@dataclass(frozen=True, slots=True)
class Header:
    """The claim, under which assumption it holds, what it is about, and why."""

    claim: str
    assumption: str | None
    subject: Subject | NetworkSubject
    kind: str
    evidence: Evidence | _Whole | About
    bound: Bound | None = None

    def check(self, arrays: Sequence[Array | None], body: Body) -> Findings:
        """Checks the whole subject, given what `find_arrays` returned, and then the evidence.

        Raises:
            InvalidProof: when the subject is not as it must be, or the evidence does not hold.
            MalformedProof: when the body is not what the evidence asks for.
        """
        subject, evidence = self.subject, self.evidence
        insist_on_interior(subject.domain, subject.n, subject.budget)
        if isinstance(evidence, About):
            if isinstance(subject, NetworkSubject):
                return evidence.check(Stages(subject, arrays), body)
            return evidence.check(System(subject, ValidArrays(subject, arrays)), body)
        if isinstance(evidence, _Whole):
            if isinstance(subject, NetworkSubject):
                return evidence.check(Stages(subject, arrays), body)
        elif isinstance(subject, Subject):
            return evidence.check(System(subject, ValidArrays(subject, arrays)), body)
        raise MalformedProof("evidence", "expected evidence about the kind of the subject")


def read_header(stream: BinaryIO, budget: Budget) -> Header:
    """Reads a proof up to its body.

    Raises:
        MalformedProof: when it breaks a rule of Sections 2 to 4 of the specification.
        OverBudget: when what it says does not fit the budget.
    """
    version = stream.read(len(_VERSION))
    if version != _VERSION:
        raise MalformedProof("version", f"expected {_VERSION!r}. Got {version!r}")
    document = read_json_line(stream, budget)
    if isinstance(document, dict) and document.get("claim") == "BOUND":
        return _about_bound(document, budget)
    claim, assumption, about, why = members(document, "header", _KEYS)
    if not isinstance(document, dict) or list(document) != _KEYS:
        raise MalformedProof("header", f"expected the keys in the order {', '.join(_KEYS)}")
    choice(claim, "claim", _CLAIMS)
    if isinstance(about, dict) and about.get("kind") == "network":
        return _about_network(claim, assumption, read_network(about, budget), why)
    subject = read_subject(about, budget)
    kind = why.get("kind") if isinstance(why, dict) else None
    kinds = [rule[2] for rule in _RULES if rule[:2] == (claim, subject.kind)]
    kind = choice(kind, f"evidence.kind ({claim}, {subject.kind})", kinds)
    needed = _insist_on(assumption, [kind])
    evidence = _RULES[claim, subject.kind, kind](why, subject)
    return Header(claim, needed, subject, kind, evidence)


def _about_bound(document: object, budget: Budget) -> Header:
    """A claim about a number, which rests on no assumption."""
    claim, number, assumption, about, why = members(document, "header", _BOUND_KEYS)
    if not isinstance(document, dict) or list(document) != _BOUND_KEYS:
        raise MalformedProof("header", f"expected the keys in the order {', '.join(_BOUND_KEYS)}")
    if assumption is not None:
        raise MalformedProof("assumption", "expected null for a bound")
    kind = str(why.get("kind")) if isinstance(why, dict) else ""
    network = isinstance(about, dict) and about.get("kind") == "network"
    subject = read_network(about, budget) if network else read_subject(about, budget)
    bound = read_bound(number, (subject.n, subject.m))
    if bound.of:
        return Header(claim, None, subject, kind, read_distance(why, subject, bound), bound)
    if isinstance(subject, NetworkSubject):
        proved = read_network_evidence(why, subject, bound)
        return Header(claim, None, subject, kind, proved, bound)
    evidence = read_evidence(why, subject, bound, "evidence")
    return Header(claim, None, subject, kind, evidence, bound)


def _about_network(claim: str, assumption: object, subject: NetworkSubject, why: object) -> Header:
    kind = why.get("kind") if isinstance(why, dict) else None
    wanted = ["collision", "first-stage", "bottleneck"]
    if claim == "INJECTIVE":
        wanted = ["composition", "pair-tree"]
    if claim == "NOT_INJECTIVE" and any(a.is_partial for a in subject.activations):
        wanted = ["collision"]
    if claim == "INJECTIVE" and any(a.name == "direction" for a in subject.activations):
        wanted = []
    kind = choice(kind, f"evidence.kind ({claim}, network)", wanted)
    if kind == "composition":
        parts = Composition.read(why, subject, _RULES)
        needed = _insist_on(assumption, [*parts.kinds, *(a.name for a in subject.activations)])
        _insist_on_lipschitz(subject, needed)
        return Header(claim, needed, subject, kind, parts)
    _insist_on(assumption, [kind])
    if kind == "pair-tree":
        return Header(claim, None, subject, kind, PairTree.read(why, subject))
    if kind == "first-stage":
        return Header(claim, None, subject, kind, FirstStage.read(why, subject, _RULES))
    if kind == "bottleneck":
        return Header(claim, None, subject, kind, Bottleneck.read(why, subject))
    return Header(claim, None, subject, kind, NetworkCollision.read(why, subject))


def _insist_on_lipschitz(subject: NetworkSubject, needed: str | None) -> None:
    """Random matrices come after stages that are Lipschitz on bounded sets; epsilon = 0 is not."""
    if any(a.is_partial for a in subject.activations) and "random" in (needed or ""):
        raise MalformedProof("evidence", "expected no epsilon of 0 beside random projections")


def _insist_on(assumption: object, kinds: Sequence[str]) -> str | None:
    """Returns what evidence of some kinds rests on; the header must say just that."""
    names = {_ASSUMES[kind] for kind in kinds if kind in _ASSUMES}
    expected = " and ".join(sorted(names)) or None
    if assumption != expected:
        raise MalformedProof("assumption", f"expected {expected!r} for this evidence")
    return expected
