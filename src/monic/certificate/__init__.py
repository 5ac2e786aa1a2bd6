"""Certificates: what a proof says and how it is written down (SPEC.md)."""

from monic.certificate.certificate import Certificate
from monic.certificate.network import (
    bottleneck_certificate,
    composition_certificate,
    first_stage_certificate,
    network_collision_certificate,
    projection_certificate,
)
from monic.certificate.subject import (
    arrays_of,
    header,
    joined,
    point_certificate,
    rationals,
    subject,
)

__all__ = [
    "Certificate",
    "arrays_of",
    "bottleneck_certificate",
    "composition_certificate",
    "first_stage_certificate",
    "header",
    "joined",
    "network_collision_certificate",
    "point_certificate",
    "projection_certificate",
    "rationals",
    "subject",
]
