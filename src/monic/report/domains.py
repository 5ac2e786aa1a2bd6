"""Domains for programs: in full where they are short, and by a digest that tells them apart."""

import hashlib
import json

from monic.certificate import domain_entry
from monic.model import Domain

__all__ = ["FULL", "domain_value"]

#: Domains of more numbers are written by their digest alone.
FULL = 4096


def domain_value(domain: Domain, dim: int) -> dict[str, object]:
    """Returns a domain of R^dim as what JSON holds, its bounds as exact numbers.

    `entry` is how proofs write it (SPEC.md, Section 3), or null when it has more than `FULL`
    numbers. `sha256` is the digest of that entry as JSON with sorted keys and no spaces.

    Example:
        >>> from monic.model import Ball
        >>> domain_value(Ball(0.5), 2)["entry"]
        {'kind': 'ball', 'radius': '1/2', 'center': ['0', '0']}
    """
    entry = domain_entry(domain, dim)
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    numbers = sum(_count(value) for value in entry.values())
    return {
        "words": domain.describe(),
        "dim": dim,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "entry": entry if numbers <= FULL else None,
    }


def _count(value: object) -> int:
    return sum(map(_count, value)) if isinstance(value, list) else 1
