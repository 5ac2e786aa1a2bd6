"""The digest of a subject: what a proof is about, in 64 letters that anyone can compute again.

`monic_checker` computes the same from what it understood of a header; here it comes from the
header's text. SPEC.md, Section 3, says how.
"""

import hashlib
import json
from functools import reduce
from pathlib import Path
from typing import Any

from flint import fmpq, fmpz

from monic.certificate.certificate import VERSION_LINE
from monic.errors import MalformedProof

__all__ = ["digest_of_proof", "is_proof", "subject_digest"]

_TITLE = b"monic-subject 1\n"

#: What text that is no header of a proof may end in.
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, ZeroDivisionError, RecursionError)

#: The keys whose values are rationals, or lists of them.
_RATIONALS = ("values", "epsilon", "lower", "upper", "radius", "center")


def subject_digest(subject: dict[str, Any]) -> str:
    """Returns the SHA-256 of a subject's canonical form, in lower-case hex.

    Arguments:
        subject: The subject of a header, as SPEC.md, Section 3, describes it.

    Example:
        >>> domain = {"kind": "box", "lower": ["-2/4"], "upper": [None]}
        >>> layer = {"kind": "affine", "arrays": [], "map": [["input", 1]]}
        >>> subject_digest(layer | {"domain": domain})[:16]
        'de43b0e39f2edfd7'
    """
    text = json.dumps(_canonical(subject), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(_TITLE + text.encode()).hexdigest()


def is_proof(path: str | Path) -> bool:
    """Returns whether a file begins as a proof of this version does.

    Raises:
        OSError: when it cannot be read.
    """
    with Path(path).open("rb") as stream:
        return stream.read(len(VERSION_LINE)) == VERSION_LINE


def digest_of_proof(path: str | Path) -> str:
    """Returns the digest of a proof file's subject; nothing of the proof is checked.

    Raises:
        MalformedProof: when the file has no header with a subject.
        OSError: when it cannot be read.
    """
    with Path(path).open("rb") as stream:
        stream.readline()
        line = stream.readline()
    try:
        return subject_digest(json.loads(line)["subject"])
    except _BROKEN as error:
        raise MalformedProof(
            f"Expected the header of a proof with a subject in {str(path)!a}. Got {error!a:.200}."
        ) from None


def _canonical(value: Any) -> Any:
    if isinstance(value, list):
        return [_canonical(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    form = {key: _canonical(entry) for key, entry in value.items()}
    form |= {key: _reduced(value[key]) for key in _RATIONALS if key in value}
    if "map" in value:
        form["map"] = [_step(step) for step in value["map"]]
    if value.get("kind") == "polyhedron":
        rows = [_whole([*row, c]) for row, c in zip(value["A"], value["c"], strict=True)]
        form = {
            "kind": "polyhedron",
            "A": [row[:-1] for row in rows],
            "c": [row[-1] for row in rows],
        }
    return form


def _step(step: list[Any]) -> list[Any]:
    if step[0] != "combine":
        return step
    name, times, rows, source = step
    return [name, times, [[[j, _reduced(w)] for j, w in row] for row in rows], source]


def _reduced(value: Any) -> Any:
    """Rationals in lowest terms, of any length; null stays what it is."""
    if isinstance(value, list):
        return [_reduced(entry) for entry in value]
    return None if value is None else str(_rational(value))


def _whole(row: list[str]) -> list[str]:
    """The row, multiplied by the least positive integer that leaves no denominators."""
    numbers = [_rational(text) for text in row]
    unit = reduce(fmpz.lcm, (number.q for number in numbers), fmpz(1))
    return [str(number * unit) for number in numbers]


def _rational(text: str) -> fmpq:
    top, _, bottom = text.partition("/")
    return fmpq(fmpz(top), fmpz(bottom or "1"))
