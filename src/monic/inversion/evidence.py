"""What proves the distances of an inversion, as values that certificates can hold (SPEC.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from math import inf
from typing import Any

import numpy as np

from monic.bounds import bound
from monic.bounds.certificates import file_name
from monic.bounds.evidence import ABOVE, BELOW, KAPPA, End, Evidence
from monic.bounds.interval import root_above, root_below
from monic.certificate import Certificate, network_subject, rationals, subject
from monic.decision.problem import Point
from monic.errors import InversionError
from monic.inversion.chain import chain_of
from monic.inversion.result import Inversion
from monic.inversion.separating import half_space, in_planes
from monic.model import Network, ReLULayer
from monic.model.array import Array

__all__ = ["Code", "Near", "Proofs", "prove"]

#: Seconds for the inverse Lipschitz constant behind an error bound.
SECONDS = 10.0
#: Radii within which outputs are taken to be active, relative to the distance.
SHARES = (1.0, 0.8, 0.5)


@dataclass(frozen=True, slots=True)
class Code:
    """A point of the domain whose output is near the data."""

    x: Point
    body: bytes = b""

    def member(self) -> dict[str, Any]:
        """Returns the evidence as the header has it."""
        return {"kind": "code", "x": rationals(self.x)}


@dataclass(frozen=True, slots=True)
class Near:
    """A bound k of the inverse Lipschitz constant with (|y - f(x)| + noise) / k <= the error."""

    value: Fraction
    evidence: Evidence

    def member(self) -> dict[str, Any]:
        """Returns the evidence as the header has it."""
        [value] = rationals([self.value])
        return {"kind": "squeeze", "value": value, "evidence": self.evidence.member()}

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return self.evidence.body


@dataclass(frozen=True, slots=True)
class Proofs:
    """What proves each end of the distances of one sample.

    Arguments:
        ends: Of the distance to the range, and of the error bound if noise was given.
        about: What certificates say that they are about.
        data: What claims about data name: "of", "at" and "noise".
    """

    ends: tuple[End, ...]
    about: dict[str, Any]
    data: dict[str, Any]

    def certificates(self) -> dict[str, Certificate]:
        """Returns a certificate for every end with evidence; the names say which end."""
        return {file_name(e): self._certificate(e) for e in self.ends if e.evidence is not None}

    def _certificate(self, end: End) -> Certificate:
        assert end.evidence is not None, "the caller asked"
        [value] = rationals([end.value])
        said = {"quantity": end.quantity, "relation": end.relation, "value": value}
        said |= self.data if end.quantity == "error" else {"of": self.data["of"]}
        header = {
            "claim": "BOUND",
            "bound": said,
            "assumption": None,
            "subject": self.about,
            "evidence": end.evidence.member(),
        }
        body = end.evidence.body
        return Certificate(header, BytesIO(body) if body else None)


def prove(
    model: ReLULayer | Network,
    y: object,
    answer: Inversion,
    *,
    noise: float | None = None,
    seconds: float = SECONDS,
) -> Proofs:
    """Returns what proves the distance of one sample to the range, and its error bound.

    Arguments:
        model: The layer or network that was inverted.
        y: Data of shape (m,).
        answer: What `invert` answered.
        noise: The bound of |y - f(x)| that `invert` was given, if it was.
        seconds: For the inverse Lipschitz constant behind the error bound.

    Raises:
        InversionError: when y is no single sample of the model.

    Example:
        >>> from monic import ReLULayer, check, invert
        >>> layer = ReLULayer([[1.0], [-1.0]])
        >>> found = prove(layer, [0.25, 0.25], invert(layer, [0.25, 0.25]))
        >>> [(end.relation, end.is_certified) for end in found.ends]
        [('>=', True), ('<=', True)]
        >>> for certificate in found.certificates().values():
        ...     check(certificate, layer)
    """
    data = np.asarray(y, dtype=np.float64)
    if data.ndim != 1 or answer.latent.ndim != 1:
        raise InversionError(f"Expected one sample of shape (m,). Got shape {data.shape}.")
    target, x = _point(data), _point(answer.latent)
    lower, upper = float(answer.distance_to_range.lower), float(answer.distance_to_range.upper)
    ends = [_from_below(model, data, lower), _end("distance", ABOVE, upper, Code(x))]
    if noise is not None and answer.error_bound is not None:
        ends.append(_error(model, upper, noise, float(answer.error_bound), seconds))
    about = (
        network_subject(model)
        if isinstance(model, Network)
        else subject("relu-layer", model.map, model.domain)
    )
    named: dict[str, Any] = {"of": rationals(target), "at": rationals(x)}
    named["noise"] = rationals([Fraction(noise or 0.0)])[0]
    return Proofs(tuple(ends), about, named)


def _end(quantity: str, relation: str, end: float, evidence: Any) -> End:
    known = end < inf
    return End(quantity, relation, end, Fraction(end if known else 0), evidence if known else None)


def _from_below(model: ReLULayer | Network, y: Array, end: float) -> End:
    """The best of a half-space and of planes."""
    stage = chain_of(model, None).stages[-1]
    last = model.stages[-1] if isinstance(model, Network) else None
    plain = last is None or last.carried == 0
    found: list[tuple[Fraction, Evidence] | None] = []
    if end > 0 and plain:
        found = [in_planes(stage, y), *(half_space(stage, y, share * end) for share in SHARES)]
    proved = [pair for pair in found if pair is not None and pair[0] > 0]
    if not proved:
        return End("distance", BELOW, end, Fraction(end), None)
    square, evidence = max(proved, key=lambda pair: pair[0])
    value = Fraction(end) if square >= Fraction(end) ** 2 else Fraction(root_below(square))
    return End("distance", BELOW, end, value, evidence)


def _error(
    model: ReLULayer | Network, upper: float, noise: float, end: float, seconds: float
) -> End:
    """By the inverse Lipschitz constant that a certificate proves."""
    found = bound(model, time_limit=seconds, evidence=True)
    least = [e for e in found.ends if (e.quantity, e.relation) == (KAPPA, BELOW)]
    if not least or least[0].evidence is None or end == inf or least[0].value <= 0:
        return End("error", ABOVE, end, Fraction(end if end < inf else 0), None)
    k = least[0].value
    needed = (Fraction(upper) + Fraction(noise)) / k
    value = max(Fraction(end), Fraction(root_above(needed**2)))
    return End("error", ABOVE, end, value, Near(k, least[0].evidence))


def _point(values: Array | Sequence[float]) -> Point:
    return tuple(map(Fraction, np.asarray(values).tolist()))
