"""The compiled branch and bound for sigma*: depth-first over active and inactive rows.

A node is a list K of rows declared active and a set E of rows declared inactive. All cells below
have active sets that contain K, so that their smallest singular values are at least sigma_min of
the rows K. A node is closed when that is at least the target L, and so is a row whose addition to
K closes the node: it counts as inactive from there on. docs/stability.md has the proof.

Floats propose here, as in the branching tree; what closes a node is verified by a Cholesky
factorisation with a bound on its rounding, and relations by `confirmed`.
"""

from typing import Any, NamedTuple

import numpy as np

from monic.bounds.definite import closes, sweep
from monic.geometry.compiled import COMPILED, INNER, njit
from monic.geometry.separation import (
    ACTIVE,
    BLOCKED,
    EXCLUDED,
    OPEN,
    POINT,
    STALLED,
    confirmed,
    fewer_open,
    refactor,
    solve,
)
from monic.geometry.system import System

__all__ = ["Tree", "grow", "new_tree", "verified"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]

# why `grow` returned
DONE, PAUSED, FOUND, REPAIR = 0, 1, 2, 3
# what comes next at the present depth
ENTER, SUPPLIED, CLOSED, ADVANCE = 0, 1, 2, 3
# the places of the control array
DEPTH, STEP, NODES, DEEPEST, CHANGED = range(5)
# the places of a frame, one for each depth
ROW, CHILD, COUNT, FIRST = range(4)

WEIGHT = 1e-9  # smaller multipliers are taken for zero, and the exact routine is asked


class Tree(NamedTuple):
    """The state of a search between two calls."""

    columns: FloatArray  # (size, rows)
    role: IntArray  # (rows,)
    basis: IntArray  # (size,)
    inverse: FloatArray  # (size, size)
    work: FloatArray  # (5, max(size, rows))
    table: FloatArray  # (size, 2 size)
    rows: FloatArray  # (m, n): the weights, scaled by one power of two
    grams: FloatArray  # (m + 1, n, n): the sum of w w^T over K, at each depth
    resolvent: FloatArray  # (n, n): the inverse of L^2 I minus the Gram matrix
    swept: IntArray  # (n,): which coordinates a sweep has done
    square: FloatArray  # (n, n): where Cholesky factorisations are made
    gains: FloatArray  # (m,): how much an open row would do for the node
    near: IntArray  # (m,): 1 for rows that are inactive because they would close the node
    bases: IntArray  # (m + 1, size): the basis found at each depth
    inverses: FloatArray  # (m + 1, size, size)
    frames: IntArray  # (m + 1, 4)
    children: IntArray  # (m + 1, size)
    changed: IntArray  # rows put into E by a node of the present path
    relation: IntArray  # (2 + size,)
    target: FloatArray  # (1,): L^2, rounded up
    control: IntArray


def new_tree(system: System, weights: FloatArray) -> Tree:
    """Returns the tree at its root; `weights` are the rows of W, scaled alike."""
    m, n = weights.shape
    size, count = system.width + 1, len(system.rows)
    columns = np.ones((size, count))
    columns[:-1] = system.floats.T
    role = np.full(count, BLOCKED, dtype=np.int64)
    role[np.asarray(system.kept, dtype=np.int64)] = OPEN
    role[np.asarray(system.strict, dtype=np.int64)] = EXCLUDED
    return Tree(
        columns=columns,
        role=role,
        basis=np.arange(2 * count, 2 * count + size),
        inverse=np.eye(size),
        work=np.ones((5, max(size, count))),
        table=np.zeros((size, 2 * size)),
        rows=np.ascontiguousarray(weights),
        grams=np.zeros((m + 1, n, n)),
        resolvent=np.zeros((n, n)),
        swept=np.zeros(n, dtype=np.int64),
        square=np.zeros((n, n)),
        gains=np.zeros(m),
        near=np.zeros(count, dtype=np.int64),
        bases=np.zeros((m + 1, size), dtype=np.int64),
        inverses=np.zeros((m + 1, size, size)),
        frames=np.zeros((m + 1, 4), dtype=np.int64),
        children=np.zeros((m + 1, size), dtype=np.int64),
        changed=np.zeros(4 * count + 1, dtype=np.int64),
        relation=np.zeros(2 + size, dtype=np.int64),
        target=np.zeros(1),
        control=np.zeros(5, dtype=np.int64),
    )


@njit(**INNER)
def _weigh_rows(tree: Tree, below: int) -> None:
    """Sets the gain of every open row, and makes those inactive that would close the node."""
    role, rows, resolvent, control = tree.role, tree.rows, tree.resolvent, tree.control
    n, room = rows.shape[1], tree.changed.size - role.size
    for row in range(rows.shape[0]):
        if role[row] != OPEN:
            continue
        total = 0.0
        for i in range(n):
            part = 0.0
            for j in range(n):
                part += resolvent[i, j] * rows[row, j]
            total += part * rows[row, i]
        tree.gains[row] = total
        if below == 1 and total > 1.0 and tree.near[row] == 0 and control[CHANGED] < room:
            role[row] = EXCLUDED
            tree.near[row] = 1
            tree.changed[control[CHANGED]] = row
            control[CHANGED] += 1


@njit(**INNER)
def _propose(tree: Tree) -> None:
    """Reads the relation off the basis: rows that are strictly negative first."""
    relation, basis, inverse, count = tree.relation, tree.basis, tree.inverse, tree.role.size
    size = basis.size
    total = 0
    for negative in range(2):
        for k in range(size):
            if inverse[k, size - 1] > WEIGHT and basis[k] // count == negative:
                relation[2 + total] = basis[k] % count
                total += 1
        relation[negative] = total if negative == 0 else total - relation[0]


@njit(**COMPILED)
def verified(tree: Tree) -> bool:
    """Whether the relation's rows that count as closing are so; those that are not are opened."""
    relation, depth = tree.relation, tree.control[DEPTH]
    held = True
    for k in range(2, 2 + relation[0]):
        row = relation[k]
        if tree.near[row] == 1 and not closes(
            tree.grams[depth], tree.rows, row, tree.square, depth + 1, tree.target[0]
        ):
            tree.near[row] = 2  # stays in `changed`: it is restored when its node is left
            tree.role[row] = OPEN
            held = False
    return held


@njit(**INNER)
def _find(tree: Tree) -> int:
    """Finds a relation of the present node: DONE, FOUND (a point) or REPAIR."""
    columns, role, basis, inverse, work = (
        tree.columns,
        tree.role,
        tree.basis,
        tree.inverse,
        tree.work,
    )
    while True:
        outcome = solve(columns, role, basis, inverse, work)
        tree.relation[0] = tree.relation[1] = 0
        if outcome == POINT:
            return FOUND
        if outcome == STALLED:
            return REPAIR
        fewer_open(columns, role, basis, inverse, work)
        _propose(tree)
        if verified(tree):
            break
    if tree.relation[0] + tree.relation[1] < basis.size:
        return REPAIR
    if not confirmed(columns, role, basis, inverse, work):
        refactor(columns, basis, inverse, work, tree.table)
        if not confirmed(columns, role, basis, inverse, work):
            return REPAIR
    return DONE


@njit(**INNER)
def _lay_out(tree: Tree) -> None:
    """Lays out the node's children, the rows with the largest gains first."""
    relation, frames, control = tree.relation, tree.frames, tree.control
    depth, size = control[DEPTH], tree.basis.size
    opened = 0
    for k in range(2, 2 + relation[0]):
        row = relation[k]
        if tree.role[row] != OPEN:
            continue
        at = opened
        while at > 0 and tree.gains[row] > tree.gains[tree.children[depth, at - 1]]:
            tree.children[depth, at] = tree.children[depth, at - 1]
            at -= 1
        tree.children[depth, at] = row
        opened += 1
    frames[depth, COUNT], frames[depth, CHILD] = opened, 0
    for i in range(size):
        tree.bases[depth, i] = tree.basis[i]
        for j in range(size):
            tree.inverses[depth, i, j] = tree.inverse[i, j]


@njit(**INNER)
def _enter(tree: Tree) -> int:
    """Closes a new node, or finds the relation to branch on: DONE; else what is in the way."""
    control, depth = tree.control, tree.control[DEPTH]
    tree.frames[depth, COUNT] = tree.frames[depth, CHILD] = 0
    below = sweep(tree.grams[depth], tree.target[0], tree.resolvent, tree.swept)
    if below == 0 and closes(tree.grams[depth], tree.rows, -1, tree.square, depth, tree.target[0]):
        control[STEP] = ADVANCE
        return DONE
    _weigh_rows(tree, below)
    outcome: int = _find(tree)
    if outcome == DONE:
        _lay_out(tree)
        control[STEP] = ADVANCE
    return outcome


@njit(**INNER)
def _descend(tree: Tree) -> None:
    """Goes to the next child of the present node."""
    control, frames = tree.control, tree.frames
    depth, size, n = control[DEPTH], tree.basis.size, tree.rows.shape[1]
    row = tree.children[depth, frames[depth, CHILD]]
    frames[depth, CHILD] += 1
    frames[depth, ROW] = row
    tree.role[row] = ACTIVE
    for i in range(n):
        for j in range(n):
            tree.grams[depth + 1, i, j] = (
                tree.grams[depth, i, j] + tree.rows[row, i] * tree.rows[row, j]
            )
    for i in range(size):
        tree.basis[i] = tree.bases[depth, i]
        for j in range(size):
            tree.inverse[i, j] = tree.inverses[depth, i, j]
    frames[depth + 1, FIRST] = control[CHANGED]
    control[DEPTH] = depth + 1
    control[DEEPEST] = max(control[DEEPEST], depth + 1)
    control[STEP] = ENTER


@njit(**INNER)
def _leave(tree: Tree) -> bool:
    """Goes back to the parent, where the row just tried is inactive now; False at the root."""
    control, frames = tree.control, tree.frames
    depth = control[DEPTH]
    while control[CHANGED] > frames[depth, FIRST]:
        control[CHANGED] -= 1
        row = tree.changed[control[CHANGED]]
        tree.near[row] = 0
        tree.role[row] = OPEN
    if depth == 0:
        return False
    row = frames[depth - 1, ROW]
    tree.role[row] = EXCLUDED
    tree.near[row] = 0
    tree.changed[control[CHANGED]] = row
    control[CHANGED] += 1
    control[DEPTH] = depth - 1
    return True


@njit(**COMPILED)
def grow(tree: Tree, budget: int) -> int:
    """Searches on until the control array counts `budget` nodes, or something is needed."""
    control, frames = tree.control, tree.frames
    while True:
        depth = control[DEPTH]
        if control[STEP] == ENTER:
            if control[NODES] >= budget:
                return PAUSED
            control[NODES] += 1
            outcome: int = _enter(tree)
            if outcome != DONE:
                return outcome
        elif control[STEP] == SUPPLIED:
            _lay_out(tree)
            control[STEP] = ADVANCE
        elif frames[depth, CHILD] < frames[depth, COUNT]:
            _descend(tree)
        elif not _leave(tree):
            return DONE
