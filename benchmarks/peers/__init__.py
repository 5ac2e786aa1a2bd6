"""Programs that could decide one layer, one a module, each with a constant `PEER`."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from peers.peer import Peer

__all__ = ["NAMES", "is_available", "load"]

#: Module: what it imports. A peer that is not installed is left out, and said to be.
_NEEDS: Final = {
    "monic_branching": "monic",
    "monic_packing": "monic",
    "highs": "highspy",
    "scip": "pyscipopt",
    "z3": "z3",
    "cvc5": "cvc5",
    "published": "highspy",
    "chamber": "highspy",
}
#: The peers of monic, in the order of the tables.
NAMES: Final = tuple(name for name in _NEEDS if not name.startswith("monic_"))


def is_available(name: str) -> bool:
    """Returns whether what a peer needs is installed, without importing it."""
    return find_spec(_NEEDS[name]) is not None


@cache
def load(name: str) -> Peer:
    """Returns a peer by the name of its module."""
    found = import_module(f"peers.{name}").PEER
    assert isinstance(found, Peer), "each module here has a PEER"
    return found
