"""Evidence `tree` and `packing`: a case distinction over the rows that are active."""

from dataclasses import dataclass

from flint import fmpz

from monic_checker.ball import BallRelations, centered_rows
from monic_checker.body import Body
from monic_checker.budget import bits
from monic_checker.circuits import Circuits, side_rows
from monic_checker.document import members
from monic_checker.errors import InvalidProof
from monic_checker.evidence import Findings
from monic_checker.linear import primitive
from monic_checker.subject import Subject
from monic_checker.system import System
from monic_checker.walk import Relations, Walk

__all__ = ["Packing", "Tree", "check_tree"]


@dataclass(frozen=True, slots=True)
class Tree:
    """The evidence itself is the body of the file."""

    @classmethod
    def read(cls, value: object, subject: Subject) -> "Tree":
        """Reads the evidence.

        Raises:
            MalformedProof: when it has any other key than its kind.
        """
        members(value, "evidence", ["kind"])
        return cls()

    def check(self, system: System, body: Body) -> Findings:
        """Checks the tree, node by node.

        Raises:
            InvalidProof: when a node does not hold.
            MalformedProof: when the body is not one tree, or more than one.
        """
        findings = check_tree(system, body)
        body.end()
        return findings


def check_tree(system: System, body: Body) -> Findings:
    """Checks the tree that comes next in the body.

    Raises:
        InvalidProof: when a node does not hold.
        MalformedProof: when there is no tree.
    """
    walk = Walk(system, _relations(system), body)
    walk.run()
    words = f"a tree of {walk.nodes} nodes with {walk.relations} relations"
    return Findings(words, walk.nodes, walk.relations)


@dataclass(frozen=True, slots=True)
class Packing:
    """A tree whose nodes may also hold packings; it assumes that every n rows are independent."""

    @classmethod
    def read(cls, value: object, subject: Subject) -> "Packing":
        """Reads the evidence.

        Raises:
            MalformedProof: when it has any other key than its kind.
        """
        members(value, "evidence", ["kind"])
        return cls()

    def check(self, system: System, body: Body) -> Findings:
        """Checks the tree, node by node.

        Raises:
            InvalidProof: when a node does not hold, or the assumption plainly fails.
            MalformedProof: when the body is not one tree, or more than one.
        """
        _insist_on_position(system)
        walk = Walk(system, _relations(system), body, packing=True)
        walk.run()
        body.end()
        words = (
            f"a tree of {walk.nodes} nodes with {walk.relations} relations, "
            f"{walk.packings} nodes of it by packing"
        )
        return Findings(words, walk.nodes, walk.relations)


def _insist_on_position(system: System) -> None:
    """Refuses rows that are not in general position for a plain reason: zero, or parallel."""
    budget, address, fault = system.subject.budget, "evidence", "not in general position"
    with budget.scope():
        budget.spend(len(system.rows) * system.n, max(map(bits, system.rows)), address)
        ways: dict[tuple[fmpz, ...], int] = {}
        for i, row in enumerate(system.rows):
            way = primitive(row[:-1], budget, address)
            lead = next((entry for entry in way if entry != 0), None)
            if lead is None:
                raise InvalidProof(address, f"the rows are {fault}: row {i} is zero")
            key = tuple(way) if lead > 0 else tuple(-entry for entry in way)
            other = ways.setdefault(key, i)
            if other != i and system.n > 1:
                raise InvalidProof(address, f"the rows are {fault}: {other} and {i} are parallel")


def _relations(system: System) -> Relations:
    """Multipliers are needed on a ball, unless no row has an offset from its centre."""
    ball, budget = system.subject.domain.ball, system.subject.budget
    if ball is None:
        return Circuits([*system.rows, *side_rows(system)], system.n, budget)
    rows = centered_rows(system, ball)
    if any(row[-1] != 0 for row in rows):
        return BallRelations(rows, system.n, ball, budget)
    return Circuits(rows, system.n, budget)
