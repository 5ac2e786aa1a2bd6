"""Units: the subtrees that a search is cut into, to be searched anywhere and in any order.

What is written for a unit depends on the unit alone (no relation is repeated from outside, and the
state of the floats comes with it), so a proof is the same document however the work was shared.
"""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import local
from typing import NamedTuple

from monic.clock import monotonic
from monic.decision import tree as compiled
from monic.decision.problem import Problem
from monic.decision.result import Statistics
from monic.decision.search import Search, UnluckyPrimeError
from monic.decision.tree import FloatArray, IntArray
from monic.decision.witness import Witness
from monic.geometry.roles import CHARGE
from monic.geometry.system import System
from monic.model import ReLULayer

__all__ = ["Finding", "Job", "Unit", "cut", "depth_of_cuts", "search_unit", "search_units"]

#: With packings, nodes cost more and trees are shallow.
PACKED_CUTS = 3


class Unit(NamedTuple):
    """A node, and the state in which a search would come to it."""

    active: IntArray  # (depth,): K
    role: IntArray  # (rows,)
    basis: IntArray  # (size,)
    inverse: FloatArray  # (size, size)
    charge: FloatArray  # (rows,)
    sides: FloatArray  # (size, places): on a ball, the sides at hand


class Job(NamedTuple):
    """What a worker must know besides its units."""

    layer: ReLULayer
    prime: int
    packing: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a unit.

    Arguments:
        written: Its part of the proof; whole unless something else is said here.
        statistics: What it cost.
        packed: How many of its nodes were proved by packings.
        witness: A point that ends the whole search.
        unlucky: Whether the prime must be given up.
        unfinished: Whether time ran out before its end.
    """

    written: bytes = b""
    statistics: Statistics = field(default_factory=Statistics)
    packed: int = 0
    witness: Witness | None = None
    unlucky: bool = False
    unfinished: bool = False

    @property
    def last(self) -> bool:
        """Whether nothing that comes later matters."""
        return self.witness is not None or self.unlucky or self.unfinished


def depth_of_cuts(system: System, *, packing: bool) -> int:
    """Returns the number of active rows at which a search is cut into units."""
    depth = max(0, system.dim - compiled.BELOW - 1)
    return min(depth, PACKED_CUTS) if packing else depth


def cut(search: Search) -> Unit:
    """Takes the unit at which a search has stopped out of it."""
    tree, control = search.tree, search.tree.control
    depth = int(control[compiled.DEPTH])
    unit = Unit(
        active=tree.frames[:depth, compiled.ROW].copy(),
        role=tree.role.copy(),
        basis=tree.basis.copy(),
        inverse=tree.inverse.copy(),
        charge=tree.work[CHARGE, : tree.role.size].copy(),
        sides=tree.columns[:, tree.role.size - tree.sides.shape[2] :].copy(),
    )
    tree.frames[depth, compiled.COUNT] = 0
    control[compiled.STEP] = compiled.ADVANCE
    return unit


def load(search: Search, unit: Unit) -> None:
    """Makes a unit the whole of a search."""
    tree, search.exact = search.tree, None
    tree.role[:] = unit.role
    tree.basis[:] = unit.basis
    tree.inverse[:] = unit.inverse
    tree.work[CHARGE, : unit.charge.size] = unit.charge
    tree.columns[:, tree.role.size - tree.sides.shape[2] :] = unit.sides
    tree.control[compiled.LENGTH] = 0
    compiled.enter(tree, unit.active)


def search_unit(search: Search, unit: Unit, nodes_left: int | None = None) -> Iterator[Finding]:
    """Yields an unfinished finding about every tenth of a second, and then the last.

    With nodes_left it pauses, and yields one, when it has entered that many nodes.
    """
    load(search, unit)
    began, nodes, repairs = monotonic(), search.nodes, search.repairs
    until = None if nodes_left is None else nodes + max(1, nodes_left)
    packings = int(search.tree.control[compiled.PACKED])
    written = bytearray()

    def spent() -> Statistics:
        return Statistics(
            nodes=search.nodes - nodes,
            seconds=monotonic() - began,
            depth=search.depth,
            repairs=search.repairs - repairs,
        )

    while True:
        try:
            status = search.advance(None if until is None else until - search.nodes)
        except UnluckyPrimeError:
            yield Finding(statistics=spent(), unlucky=True)
            return
        written += search.take()
        if isinstance(status, Witness):
            yield Finding(statistics=spent(), witness=status)
            return
        if status == compiled.DONE:
            packed = int(search.tree.control[compiled.PACKED]) - packings
            yield Finding(bytes(written), spent(), packed)
            return
        yield Finding(statistics=spent(), unfinished=True)


class _Bench(local):
    """The search that a worker keeps between tasks about one layer; threads have their own."""

    token: bytes = b""
    search: Search | None = None


_BENCH = _Bench()


def search_units(token: bytes, job: bytes, units: bytes, seconds: float | None) -> list[Finding]:
    """What a worker does: searches some units, in order, within some time.

    Arguments:
        token: Names the job, so that a worker prepares for it once.
        job: The layer and how it is searched, packed.
        units: The units, packed: many small arrays would cost an executor more than the search.
        seconds: How long it may take; what is left then comes back unfinished.
    """
    if _BENCH.token != token or _BENCH.search is None:
        asked: Job = pickle.loads(job)
        _BENCH.search = Search(Problem(asked.layer), asked.prime, packing=asked.packing)
        _BENCH.token = token
    end = None if seconds is None else monotonic() + seconds
    findings: list[Finding] = []
    for unit in pickle.loads(units):
        _BENCH.search.deadline = end
        findings.append(_within(search_unit(_BENCH.search, unit), end))
        if findings[-1].last:
            break
    return findings


def _within(findings: Iterator[Finding], end: float | None) -> Finding:
    """Returns the last finding, or an unfinished one at the end of the time."""
    finding = Finding(unfinished=True)
    for found in findings:
        finding = found
        if end is not None and monotonic() >= end:
            break
    return finding
