"""Packing: under general position, disjoint relations prove a node without branching.

At a node with rows K active, let n - |K| relations have pairwise disjoint sets of open rows.
Every x of the node has an active row in each of them, so at least n active rows in all; when
every n rows are independent, they span. Rows of K and inactive rows may be shared. When a packing
fails, the point that shows it tells which rows were scarce, and they are charged more in the next
attempt (multiplicative weights).
"""

from monic.clock import monotonic
from monic.decision.tree import (
    COUNT,
    DEPTH,
    DONE,
    PACKED,
    FloatArray,
    IntArray,
    Tree,
    find,
    keep_charges,
    record,
    write,
)
from monic.geometry.compiled import COMPILED, INNER, njit
from monic.geometry.roles import BLOCKED, CHARGE, OPEN, PRICES

__all__ = ["pack"]

TAKEN = BLOCKED + 1  # a row that the packing at hand has used
ATTEMPTS = 8  # packings tried at a node, as long as they come
NEARLY = 0.75  # this close to the number of relations that is needed
DEARER, CHEAPEST = 0.4, 0.02  # how charges move
PROVED, NEAR, FAR = 0, 1, 2  # how an attempt ends


@njit(**INNER)
def _close(tree: Tree, wanted: int) -> None:
    """Writes the packing down: the node has no children."""
    control = tree.control
    tree.frames[control[DEPTH], COUNT] = 0
    control[PACKED] += 1
    for k in range(2 if tree.sides.shape[2] == 0 else 3):
        write(tree.out, control, k * 0)
    for k in range(wanted):
        record(tree.out, control, tree.frames, tree.ring, tree.packing[k])


@njit(**INNER)
def _collect(tree: Tree, fresh: bool) -> int:
    """Collects relations with disjoint open rows, which become TAKEN; returns how many.

    The first is the relation at hand, unless a fresh one is asked for.
    """
    relation, role, packing = tree.relation, tree.role, tree.packing
    wanted = tree.residues.shape[1] - tree.control[DEPTH]
    free = 0
    for row in range(role.size):
        free += role[row] == OPEN
    found = 0
    outcome = find(tree) if fresh else tree.control[DEPTH] * 0
    while outcome == DONE:
        if relation[0] == 0:  # on a ball: the active rows contradict each other
            break
        for k in range(relation.size):
            packing[found, k] = relation[k]
        for k in range(2, 2 + relation[0]):
            if role[relation[k]] == OPEN:
                role[relation[k]] = TAKEN
                free -= 1
        found += 1
        if found == wanted or free < wanted - found:
            break
        outcome = find(tree)
    return found


@njit(**INNER)
def _recharge(columns: FloatArray, role: IntArray, work: FloatArray) -> None:
    """Gives taken rows back, dearer where the collection failed.

    The prices are a point at which all rows left are negative. The rows taken that are active
    there are the scarce ones: every relation needs one of them, and some took more than one.
    """
    top = 1.0
    for row in range(role.size):
        if role[row] == TAKEN:
            role[row] = OPEN
            total = 0.0
            for i in range(columns.shape[0] - 1):
                total += work[PRICES, i] * columns[i, row]
            if total >= 0.0:
                work[CHARGE, row] += DEARER
                top = max(top, work[CHARGE, row])
    for row in range(role.size):
        work[CHARGE, row] = max(work[CHARGE, row] / top, CHEAPEST)


@njit(**COMPILED)
def _attempt(tree: Tree, first: bool) -> int:
    """Tries one packing of the present node: PROVED, NEAR (worth another attempt) or FAR."""
    relation, role, packing = tree.relation, tree.role, tree.packing
    wanted = tree.residues.shape[1] - tree.control[DEPTH]
    if first:
        for k in range(relation.size):
            packing[wanted, k] = relation[k]
    found = _collect(tree, not first)
    if found == wanted:
        for row in range(role.size):
            if role[row] == TAKEN:
                role[row] = OPEN
        _close(tree, wanted)
        return PROVED
    _recharge(tree.columns, role, tree.work)
    return FAR if found < NEARLY * wanted else NEAR


@njit(**COMPILED)
def _branch(tree: Tree) -> None:
    """Branches on the relation that the node had before packings were tried."""
    relation = tree.relation
    wanted = tree.residues.shape[1] - tree.control[DEPTH]
    for k in range(relation.size):
        relation[k] = tree.packing[wanted, k]
    keep_charges(tree)
    record(tree.out, tree.control, tree.frames, tree.ring, relation)


def pack(tree: Tree, deadline: float | None) -> None:
    """Proves the node by n - |K| relations with disjoint open rows, or branches on one relation.

    In general position every relation needs an active row of its own, and n active rows span.
    """
    for attempt in range(ATTEMPTS):
        outcome = _attempt(tree, attempt == 0)
        if outcome == PROVED:
            return
        if outcome == FAR or (deadline is not None and monotonic() >= deadline):
            break
    _branch(tree)
