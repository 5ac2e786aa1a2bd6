"""What a check has established, as a value and in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from monic_checker.arrays import Array
from monic_checker.bound import Bound
from monic_checker.canonical import subject_digest
from monic_checker.derived import Dequantized, Factors
from monic_checker.evidence import Findings
from monic_checker.formula import formula
from monic_checker.graph import Comparison
from monic_checker.header import Header
from monic_checker.network import NetworkSubject
from monic_checker.subject import Constant, Entry, NamedArray, Subject
from monic_checker.words import shortened

__all__ = ["Claim", "UsedArray", "state_claim"]

_FUNCTIONS = {
    "relu-layer": "x -> ReLU(W x + b)",
    "affine": "x -> W x + b",
    "network": "the network",
}

#: Constants of more entries, and maps of more steps, are not spelled out in sentences.
_ENTRIES, _STEPS = 8, 64


#: The assumptions in words.
_ASSUMPTIONS = {
    "general-position": "general position (every n of the rows w_i are linearly independent)",
    "random-projections": "random projections (the matrices of these stages were drawn from a "
    "density, independently of the rest of the network: then the claim holds almost surely)",
    "statistics": "statistics (only inputs that give every normalization the same means and "
    "deviations are told apart: those are saved beside the output)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedArray:
    """An array of the model that the claim is about."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim whose proof has been checked and holds.

    Arguments:
        claim: "INJECTIVE", "NOT_INJECTIVE" or "BOUND".
        kind: "relu-layer", "affine" or "network".
        m: The number of rows.
        n: The number of inputs.
        assumption: What the proof rests on and nobody has checked; None if nothing.
        evidence: The kind of evidence, such as "tree".
        findings: What the check went through.
        arrays: The arrays of the model that were used.
        subject: All that the claim is about.
        names: What the model calls the subject's arrays; None for those that the proof states.
        compared: For each model file, whether its graph computes the same; none without files.
        bound: The number that a claim BOUND is about; None for the others.
    """

    claim: str
    kind: str
    m: int
    n: int
    assumption: str | None
    evidence: str
    findings: Findings
    arrays: tuple[UsedArray, ...]
    subject: Subject | NetworkSubject = field(repr=False)
    names: tuple[str | None, ...] = field(repr=False)
    compared: tuple[Comparison, ...] = ()
    bound: Bound | None = None

    @property
    def domain(self) -> str:
        """The set X, in words."""
        return _where(self.subject)

    @property
    def formula(self) -> str:
        """A sentence that says how W x + b comes from x and the arrays."""
        return _formulas(self.subject, self.names)

    @property
    def subject_digest(self) -> str:
        """The SHA-256 of the canonical form of all that the claim is about."""
        return subject_digest(self.subject)

    @property
    def has_graph(self) -> bool:
        """Whether what was proved was compared with the graph of a model file."""
        return any(comparison.points for comparison in self.compared)

    @property
    def _verdict(self) -> str:
        """What the function is or has."""
        if self.bound is not None:
            return self.bound.words
        return "is injective" if self.claim == "INJECTIVE" else "is not injective"

    def sentence(self) -> str:
        """Returns in words what was checked: which claim, which weights, where, on what terms."""
        function = _FUNCTIONS[self.kind]
        weights = "; ".join(
            f"{array.name!a} ({array.dtype} {list(array.shape)}, SHA-256 {array.sha256})"
            for array in self.arrays
        )
        return (
            f"Checked: {function}, from R^{self.n} to R^{self.m}, {self._verdict} "
            f"on {self.domain}, as a function of real numbers with exactly these weights: "
            f"{weights or 'none'}. {self.formula}. "
            f"Assumption: {_assumed(self.assumption)}. Evidence: {self.findings.words}. "
            f"Subject digest: {self.subject_digest}."
            + "".join(f" {comparison.words}" for comparison in self.compared)
        )


def _assumed(assumption: str | None) -> str:
    if assumption is None:
        return "none"
    words = " and ".join(_ASSUMPTIONS[name] for name in assumption.split(" and "))
    return f"{words}, which was not checked"


def state_claim(
    header: Header,
    arrays: list[Array | None],
    findings: Findings,
    compared: tuple[Comparison, ...] = (),
) -> Claim:
    """Returns what a proof that holds says about the arrays that were found."""
    subject = header.subject
    named = {
        entry: UsedArray(
            name=array.name, dtype=entry.dtype, shape=entry.shape, sha256=entry.sha256
        )
        for entry, array in zip(subject.arrays, arrays, strict=True)
        if isinstance(entry, NamedArray) and array is not None
    }
    return Claim(
        claim=header.claim,
        kind=subject.kind,
        m=subject.m,
        n=subject.n,
        assumption=header.assumption,
        evidence=header.kind,
        findings=findings,
        arrays=tuple(named.values()),
        subject=subject,
        names=tuple(None if array is None else array.name for array in arrays),
        compared=compared,
        bound=header.bound,
    )


def _where(subject: Subject | NetworkSubject) -> str:
    """Returns X in words; a network with a direction is not defined on all of it."""
    words = subject.domain.words
    partial = subject.activations if isinstance(subject, NetworkSubject) else []
    names = dict.fromkeys(a.name for a in partial if a.is_partial)
    if names:
        which = " or ".join(f"an {name}" if name[0] == "a" else f"a {name}" for name in names)
        return f"{words}, where no group before {which} is zero"
    return words


def _formulas(subject: Subject | NetworkSubject, names: Sequence[str | None]) -> str:
    if isinstance(subject, Subject):
        return f"Here W x + b is {_formula(subject, names)}"
    rest, lines = list(names), []
    for k, (stage, activation) in enumerate(zip(subject.stages, subject.activations, strict=True)):
        own, rest = rest[: len(stage.arrays)], rest[len(stage.arrays) :]
        value = _formula(stage, own, activation.slope)
        lines.append(f"stage {k} ({activation.words}) has W x + b = {value}")
    return f"Its {len(lines)} stages: {'; '.join(lines)}"


def _formula(subject: Subject, names: Sequence[str | None], slope: int | None = None) -> str:
    steps = subject.steps
    if len(steps) > _STEPS:
        return f"what its {len(steps)} steps say, which are in the subject digest"
    lines = [f"v{i} = {formula(step)}" for i, step in enumerate(steps)]
    used = {place for place in (*(step.array for step in steps), slope) if place is not None}
    for i in reversed(range(len(names))):  # arrays are computed from earlier ones
        if i in used:
            used.update(getattr(subject.arrays[i], "sources", ()))
    lines += [f"A{i} = {_name(subject.arrays[i], names[i])}" for i in sorted(used)]
    return f"v{len(steps) - 1}, where {', '.join(lines)}"


def _name(entry: Entry, name: str | None) -> str:
    if name is not None:
        return ascii(name)
    if isinstance(entry, (Factors, Dequantized)):
        return entry.words([f"A{source}" for source in entry.sources])
    if isinstance(entry, Constant) and len(entry.values) <= _ENTRIES:
        shape = f" of shape {list(entry.shape)}" if len(entry.shape) > 1 else ""
        return shortened(f"({', '.join(map(str, entry.values))})") + shape
    return f"{math.prod(entry.shape)} numbers (as in the subject digest)"
