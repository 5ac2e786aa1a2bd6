"""What proves which bound about which layers and networks."""

from collections.abc import Callable

from monic_checker.attained import CrossedRows, Direction, Pair
from monic_checker.bound import Bound
from monic_checker.cells import Cells
from monic_checker.document import choice
from monic_checker.evidence import Evidence
from monic_checker.pairs_of_cells import PairsOfCells
from monic_checker.singular import Definite
from monic_checker.subject import Subject

__all__ = ["read_evidence"]

_Reader = Callable[[object, Subject, Bound, str], Evidence]

_READERS: dict[str, dict[str, _Reader]] = {
    "relu-layer": {
        "cells": Cells.read,
        "point": Direction.read,
        "pair": Pair.read,
        "opposite-rows": CrossedRows.read,
        "pairs-of-cells": PairsOfCells.read,
    },
    "affine": {"definite": Definite.read, "point": Direction.read, "pair": Pair.read},
}


def read_evidence(value: object, subject: Subject, bound: Bound, address: str) -> Evidence:
    """Reads evidence for a bound about a layer.

    Raises:
        MalformedProof: when it is no evidence for such a bound about such a layer.
    """
    readers = _READERS[subject.kind]
    kind = value.get("kind") if isinstance(value, dict) else None
    return readers[choice(kind, f"{address}.kind", list(readers))](value, subject, bound, address)
