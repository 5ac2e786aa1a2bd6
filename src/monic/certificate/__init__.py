"""Certificates: what a proof says and how it is written down (SPEC.md)."""

from monic.certificate.certificate import Certificate
from monic.certificate.digest import digest_of_proof, is_proof, subject_digest
from monic.certificate.network import (
    bottleneck_certificate,
    composition_certificate,
    first_stage_certificate,
    network_collision_certificate,
    network_subject,
    pair_tree_certificate,
    projection_certificate,
    stage_subject,
)
from monic.certificate.subject import (
    arrays_of,
    domain_entry,
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
    "digest_of_proof",
    "domain_entry",
    "first_stage_certificate",
    "header",
    "is_proof",
    "joined",
    "network_collision_certificate",
    "network_subject",
    "pair_tree_certificate",
    "point_certificate",
    "projection_certificate",
    "rationals",
    "stage_subject",
    "subject",
    "subject_digest",
]
