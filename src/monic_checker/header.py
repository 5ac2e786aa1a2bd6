"""The first two lines of a proof: the version, and the header in JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from monic_checker.collision import Collision
from monic_checker.document import choice, members, read_json_line
from monic_checker.errors import MalformedProof
from monic_checker.evidence import Evidence
from monic_checker.independent import IndependentRows
from monic_checker.paired import PairedRows
from monic_checker.point import SparsePoint
from monic_checker.subject import Subject, read_subject
from monic_checker.tree import Packing, Tree

__all__ = ["Header", "read_header"]

_VERSION = b"monic-proof 1\n"
_KEYS = ["claim", "assumption", "subject", "evidence"]
_CLAIMS = ("INJECTIVE", "NOT_INJECTIVE")

#: What proves which claim about which layers.
_RULES: dict[tuple[str, str, str], Callable[[object, Subject], Evidence]] = {
    ("INJECTIVE", "relu-layer", "tree"): Tree.read,
    ("INJECTIVE", "relu-layer", "packing"): Packing.read,
    ("INJECTIVE", "relu-layer", "paired-rows"): PairedRows.read,
    ("INJECTIVE", "affine", "independent-rows"): IndependentRows.read,
    ("NOT_INJECTIVE", "relu-layer", "collision"): Collision.read,
    ("NOT_INJECTIVE", "affine", "collision"): Collision.read,
    ("NOT_INJECTIVE", "relu-layer", "point"): SparsePoint.read,
}


#: The assumption that a kind of evidence rests on; the others need none.
_ASSUMES = {"packing": "general-position"}


@dataclass(frozen=True, slots=True)
class Header:
    """The claim, under which assumption it holds, what it is about, and why."""

    claim: str
    assumption: str | None
    subject: Subject
    kind: str
    evidence: Evidence


def read_header(stream: BinaryIO) -> Header:
    """Reads a proof up to its body.

    Raises:
        MalformedProof: when it breaks a rule of Sections 2 to 4 of the specification.
    """
    version = stream.read(len(_VERSION))
    if version != _VERSION:
        raise MalformedProof("version", f"expected {_VERSION!r}. Got {version!r}")
    document = read_json_line(stream)
    claim, assumption, about, why = members(document, "header", _KEYS)
    if not isinstance(document, dict) or list(document) != _KEYS:
        raise MalformedProof("header", f"expected the keys in the order {', '.join(_KEYS)}")
    choice(claim, "claim", _CLAIMS)
    subject = read_subject(about)
    kind = why.get("kind") if isinstance(why, dict) else None
    kinds = [rule[2] for rule in _RULES if rule[:2] == (claim, subject.kind)]
    kind = choice(kind, f"evidence.kind ({claim}, {subject.kind})", kinds)
    expected = _ASSUMES.get(kind)
    if assumption != expected:
        raise MalformedProof("assumption", f"expected {expected!r} for the evidence {kind!r}")
    evidence = _RULES[claim, subject.kind, kind](why, subject)
    return Header(claim, expected, subject, kind, evidence)
