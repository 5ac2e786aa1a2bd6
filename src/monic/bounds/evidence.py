"""What proves one end of an interval, as values that a certificate can hold (SPEC.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import Any, Protocol

from monic.certificate import rationals
from monic.decision.problem import Point

__all__ = [
    "Attained",
    "Cells",
    "Crossed",
    "Definite",
    "End",
    "Evidence",
    "PairsOfCells",
    "Product",
    "Two",
]

KAPPA, SIGMA, STRETCH = "inverse-lipschitz", "smallest-singular", "lipschitz"
BELOW, ABOVE = ">=", "<="


class Evidence(Protocol):
    """What proves one end."""

    @property
    def body(self) -> bytes:
        """What follows the header of a certificate."""
        ...

    def member(self) -> dict[str, Any]:
        """Returns the evidence as the header of a certificate has it."""
        ...


@dataclass(frozen=True, slots=True)
class Cells:
    """A case distinction over the signs of rows, with a definite matrix at the ends.

    Arguments:
        always: Rows that are negative nowhere on the domain.
        pairs: Opposite rows that count together.
        records: The relations of `always` and the tree, as SPEC.md writes them down.
    """

    always: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    records: bytes

    def member(self) -> dict[str, Any]:
        """Returns the evidence as the header has it."""
        pairs = [list(pair) for pair in self.pairs]
        return {"kind": "cells", "always": list(self.always), "pairs": pairs}

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return self.records


@dataclass(frozen=True, slots=True)
class PairsOfCells:
    """A case distinction over pairs of inputs, with multipliers at the ends.

    Arguments:
        cuts: On a ball, half-spaces (a, c) that hold it, a.x <= c from its centre.
        records: The tree, as SPEC.md writes it down.
    """

    cuts: tuple[tuple[int, ...], ...]
    records: bytes

    def member(self) -> dict[str, Any]:
        """Returns the evidence as the header has it."""
        return {"kind": "pairs-of-cells", "cuts": [rationals(cut) for cut in self.cuts]}

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return self.records


@dataclass(frozen=True, slots=True)
class Attained:
    """A point inside the domain, and a direction that its active rows stretch so much."""

    x: Point
    direction: Point
    body: bytes = b""

    def member(self) -> dict[str, Any]:
        """Returns the evidence as the header has it."""
        return {"kind": "point", "x": rationals(self.x), "direction": rationals(self.direction)}


@dataclass(frozen=True, slots=True)
class Two:
    """Two inputs, whose outputs are so far apart."""

    x: Point
    other: Point
    body: bytes = b""

    def member(self) -> dict[str, Any]:
        """Returns the evidence as the header has it."""
        return {"kind": "pair", "x": rationals(self.x), "other": rationals(self.other)}


@dataclass(frozen=True, slots=True)
class Crossed:
    """All rows are opposite pairs on R^n, and a direction that is squeezed so much."""

    pairs: tuple[tuple[int, int], ...]
    direction: Point
    body: bytes = b""

    def member(self) -> dict[str, Any]:
        """Returns the evidence as the header has it."""
        pairs = [list(pair) for pair in self.pairs]
        return {"kind": "opposite-rows", "pairs": pairs, "direction": rationals(self.direction)}


@dataclass(frozen=True, slots=True)
class Definite:
    """W^T W - v^2 I, or v^2 I - W^T W, is positive definite: of an affine map."""

    body: bytes = b""

    def member(self) -> dict[str, Any]:
        """Returns the evidence as the header has it."""
        return {"kind": "definite"}


@dataclass(frozen=True, slots=True)
class Product:
    """One bound of each stage of a network, on a domain that holds what reaches it.

    Arguments:
        domains: The domains as certificates name them; None for the first.
        ends: The bounds.
    """

    domains: tuple[dict[str, Any] | None, ...]
    ends: "tuple[End, ...]"

    def member(self) -> dict[str, Any]:
        """Returns the evidence as the header has it."""
        stages: list[dict[str, Any]] = []
        for domain, end in zip(self.domains, self.ends, strict=True):
            assert end.evidence is not None, "products are made of proved ends"
            value = rationals([end.value])[0]
            stages.append({"domain": domain, "value": value, "evidence": end.evidence.member()})
        return {"kind": "product", "stages": stages}

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return b"".join(end.evidence.body for end in self.ends if end.evidence is not None)


@dataclass(frozen=True, slots=True)
class End:
    """One end of an interval, and what proves it.

    Arguments:
        quantity: "inverse-lipschitz", "smallest-singular" or "lipschitz".
        relation: ">=" for a lower end, "<=" for an upper one.
        end: The end of the interval.
        value: What the evidence proves: the end, or a weaker bound.
        evidence: What proves it; None where there is no compact evidence, so that no proof file
            certifies the end.
    """

    quantity: str
    relation: str
    end: float
    value: Fraction
    evidence: Evidence | None

    @property
    def is_trivial(self) -> bool:
        """Whether the end says nothing: at least 0, or at most infinity."""
        return self.end == (0.0 if self.relation == BELOW else inf)

    @property
    def is_certified(self) -> bool:
        """Whether the end itself is proved, and not a weaker bound."""
        return self.evidence is not None and self.value == self.end


def proved(ends: Sequence[End]) -> list[End]:
    """Returns the ends that have evidence."""
    return [end for end in ends if end.evidence is not None]
