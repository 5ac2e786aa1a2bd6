"""What a proof is about, as its header says: named arrays, a map over them, and a domain."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flint import fmpq

from monic_checker.arrays import ITEM_SIZES
from monic_checker.budget import Budget
from monic_checker.derived import Derived, read_derived
from monic_checker.document import choice, integer, items, members, rationals
from monic_checker.domain import Domain, read_domain
from monic_checker.errors import MalformedProof
from monic_checker.steps import LONGEST, Step, read_steps

__all__ = ["Constant", "Entry", "NamedArray", "Subject", "read_subject"]

_KINDS = ("relu-layer", "affine")
_SHA256 = re.compile("[0-9a-f]{64}")

#: No array has more dimensions (numpy's own limit).
_DIMENSIONS = 64


class NamedArray(NamedTuple):
    """An array of the user's model, named by its content."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class Constant:
    """An array of rationals that are written in the proof, in C order."""

    values: list[fmpq]
    shape: tuple[int, ...]


#: An array of a subject: of the model, written in the proof, or computed from earlier ones.
Entry = NamedArray | Constant | Derived


@dataclass(frozen=True, slots=True)
class Subject:
    """A layer x -> ReLU(W x + b) or x -> W x + b, and the domain of the claim.

    Arguments:
        kind: "relu-layer" or "affine".
        arrays: What the steps use.
        steps: How W x + b comes from x.
        domain: The set X.
        budget: What is left of the memory and the work of the check.
    """

    kind: str
    arrays: list[Entry]
    steps: list[Step]
    domain: Domain
    budget: Budget

    @property
    def n(self) -> int:
        """The number of inputs."""
        return self.steps[0].size

    @property
    def m(self) -> int:
        """The number of rows."""
        return self.steps[-1].size


def read_subject(value: object, budget: Budget) -> Subject:
    """Reads the subject of a proof.

    Raises:
        MalformedProof: when it breaks a rule of Section 3 of the specification.
    """
    names = ["kind", "arrays", "map", "domain"]
    kind, tables, route, place = members(value, "subject", names)
    choice(kind, "subject.kind", _KINDS)
    arrays: list[Entry] = []
    shapes: list[tuple[int, ...]] = []
    for i, entry in enumerate(items(tables, "subject.arrays")):
        arrays.append(_read_array(entry, f"subject.arrays[{i}]", shapes))
        shapes.append(arrays[-1].shape)
    steps = read_steps(route, shapes, budget)
    return Subject(kind, arrays, steps, read_domain(place, steps[0].size, budget), budget)


def _read_array(value: object, address: str, earlier: Sequence[tuple[int, ...]]) -> Entry:
    if isinstance(value, dict) and ("factors" in value or "dequantized" in value):
        return read_derived(value, address, earlier)
    if isinstance(value, dict) and "values" in value:
        numbers, dims = members(value, address, ["values", "shape"])
        shape = _read_shape(dims, f"{address}.shape")
        return Constant(rationals(numbers, f"{address}.values", math.prod(shape)), shape)
    dtype, dims, digest = members(value, address, ["dtype", "shape", "sha256"])
    choice(dtype, f"{address}.dtype", list(ITEM_SIZES))
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise MalformedProof(f"{address}.sha256", "expected 64 lower-case hexadecimal digits")
    return NamedArray(dtype, _read_shape(dims, f"{address}.shape"), digest)


def _read_shape(value: object, address: str) -> tuple[int, ...]:
    entries = items(value, address)
    if len(entries) > _DIMENSIONS:
        raise MalformedProof(address, f"expected at most {_DIMENSIONS} dimensions")
    shape = tuple(integer(entry, f"{address}[{i}]", 1) for i, entry in enumerate(entries))
    if math.prod(shape) > LONGEST:
        raise MalformedProof(address, f"expected at most {LONGEST} entries")
    return shape
