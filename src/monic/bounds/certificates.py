"""Certificates of the claim BOUND: one file for each proved end of an interval."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

from monic.bounds.evidence import BELOW, End
from monic.certificate import Certificate, network_subject, rationals, subject
from monic.model import Activation, Domain, Network, Stage

__all__ = ["certificates", "file_name", "subject_of"]


def subject_of(model: Stage | Network, domain: Domain) -> dict[str, Any]:
    """Returns the subject of certificates about a stage on a domain, or about a network."""
    if isinstance(model, Network):
        return network_subject(model)
    kind = "relu-layer" if model.activation is Activation.RELU else "affine"
    return subject(kind, model.layer_map(), domain)


def certificates(about: dict[str, Any], ends: Iterable[End]) -> dict[str, Certificate]:
    """Returns one certificate for every end with evidence, by `file_name`.

    Arguments:
        about: The subject of the certificates.
        ends: Ends of intervals, of `Bounds.ends` or `NetworkBounds.ends`.

    Example:
        >>> from monic import ReLULayer, bound, check
        >>> layer = ReLULayer([[1.0], [-1.0]])
        >>> found = bound(layer, evidence=True).certificates()
        >>> sorted(found)[0]
        'inverse-lipschitz-at-least'
        >>> [check(certificate, layer) for certificate in found.values()][0]
    """
    return {file_name(end): _certificate(about, end) for end in ends if end.evidence is not None}


def file_name(end: End) -> str:
    """Returns the name of an end's certificate."""
    return f"{end.quantity}-at-{'least' if end.relation == BELOW else 'most'}"


def _certificate(about: dict[str, Any], end: End) -> Certificate:
    assert end.evidence is not None, "the caller asked"
    value = rationals([end.value])[0]
    header = {
        "claim": "BOUND",
        "bound": {"quantity": end.quantity, "relation": end.relation, "value": value},
        "assumption": None,
        "subject": about,
        "evidence": end.evidence.member(),
    }
    body = end.evidence.body
    return Certificate(header, BytesIO(body) if body else None)
