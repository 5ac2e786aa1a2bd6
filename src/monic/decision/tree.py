"""The compiled branching tree: depth-first over active and inactive rows, written as it goes.

A node is a list K of rows declared active and a set E of rows declared inactive;
docs/branching.md proves that it suffices to branch on the open rows of one relation. The search
stops by itself when a node needs what floats cannot give, and goes on when the answer is
supplied.
"""

from typing import Any, NamedTuple

import numpy as np

from monic.geometry.compiled import COMPILED, INNER, njit
from monic.geometry.modular import extend_kernel, outside_span
from monic.geometry.roles import ACTIVE, BLOCKED, CHARGE, EXCLUDED, OPEN, ROUND
from monic.geometry.round import places_for_sides, weighed
from monic.geometry.separation import POINT, STALLED, confirmed, fewer_open, refactor, solve
from monic.geometry.system import PRIMES, System

__all__ = ["Tree", "enter", "find", "grow", "new_tree", "record", "write"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
ByteArray = np.ndarray[Any, np.dtype[np.uint8]]

# why `grow` returned; READY: a relation is at hand, and a packing may be tried before branching;
# CUT: a node at the depth where the search is cut into units is next
DONE, PAUSED, FULL, FOUND, REPAIR, READY, CUT = 0, 1, 2, 3, 4, 5, 6
# what comes next at the present depth; WRITTEN: a relation was supplied and is written down
ENTER, SUPPLIED, ADVANCE, WRITTEN = 0, 1, 2, 3
# the places of the control array
DEPTH, STEP, LENGTH, NODES, DEEPEST, HEAD, STORED, UNIT, PRIME, PACK, PACKED, BASE, SPLIT = range(
    13
)
# the places of a frame, one for each depth; the open rows and the basis follow
ROW, CHILD, COUNT, UNTIL, LISTS = range(5)

RING = 256
WEIGHT = 1e-9  # smaller multipliers are taken for zero, and the exact routine is asked
BELOW = 7  # subtrees of this height are units: they repeat no relation from outside


class Tree(NamedTuple):
    """The state of a search between two calls: all of it, so that it can be stored.

    A relation is [|P|, |N|, rows of P, rows of N], and on a ball there are `size` places for their
    multipliers after the `size` places for rows; a frame is [the row declared active there, the
    next child, the number of open rows, where its blocked rows end, open rows, basis].
    """

    columns: FloatArray  # (size, rows)
    role: IntArray  # (rows,)
    basis: IntArray  # (size,)
    inverse: FloatArray  # (size, size)
    work: FloatArray  # (5, max(size, rows))
    table: FloatArray  # (size, 2 size)
    residues: IntArray  # (m, n): rows modulo p
    kernels: IntArray  # (n + 1, n, n): a basis of the kernel of K modulo p, at each depth
    inverses: FloatArray  # (n, size, size): the inverse found at each depth
    charges: FloatArray  # (n, rows): what open rows were charged at each depth
    frames: IntArray  # (n + 1, LISTS + 2 size)
    blocked: IntArray  # (rows,): rows found to lie in the span of K, all depths
    scales: FloatArray  # on a ball, (m,): the lengths of rows, relative to the longest
    sides: FloatArray  # (n, size, places): the sides of a ball at hand at each depth
    relation: IntArray  # (2 + size,); on a ball, (2 + 2 size,)
    ring: IntArray  # (RING, 2 + size): relations without multipliers
    packing: IntArray  # (n + 1, ...): relations with disjoint open rows; last, one to keep
    control: IntArray
    out: ByteArray


def new_tree(system: System, prime: int = PRIMES[0], *, pack: bool = False) -> Tree:
    """Returns the tree at its root; the prime is for rank tests, `pack` for general position."""
    n, size = system.dim, system.width + 1
    places = places_for_sides(size) if system.ball else 0
    last = len(system.rows)
    count, length = last + places, 2 + (size if not system.ball else 2 * size)
    columns = np.ones((size, count))
    columns[:-1, :last] = system.floats.T
    columns[:-1, last:] = 0.0
    columns[system.dim, last:] = -1.0  # -t < 0
    role = np.full(count, BLOCKED, dtype=np.int64)
    role[last:] = ROUND
    role[np.asarray(system.kept, dtype=np.int64)] = OPEN
    role[np.asarray(system.strict, dtype=np.int64)] = EXCLUDED
    control = np.zeros(13, dtype=np.int64)
    control[UNIT], control[PRIME], control[PACK] = max(0, n - BELOW), prime, int(pack)
    control[SPLIT] = n  # never cut
    kernels = np.zeros((n + 1, n, n), dtype=np.int64)
    kernels[0] = np.eye(n, dtype=np.int64)
    return Tree(
        columns=columns,
        role=role,
        basis=np.arange(2 * count, 2 * count + size),
        inverse=np.eye(size),
        work=np.ones((5, max(size, count))),
        table=np.zeros((size, 2 * size)),
        residues=system.residues(prime),
        kernels=kernels,
        inverses=np.zeros((n, size, size)),
        charges=np.ones((n, count)),
        frames=np.zeros((n + 1, LISTS + 2 * size), dtype=np.int64),
        blocked=np.zeros(count + 1, dtype=np.int64),
        scales=system.scales,
        sides=np.zeros((n, size, places)),
        relation=np.zeros(length, dtype=np.int64),
        ring=np.zeros((RING, 2 + size), dtype=np.int64),
        packing=np.zeros((n + 1, length), dtype=np.int64),
        control=control,
        out=np.zeros(max(1 << 20, 64 * size * size), dtype=np.uint8),
    )


@njit(**INNER)
def write(out: ByteArray, control: IntArray, value: int) -> None:
    """Appends a varint."""
    length = control[LENGTH]
    while value >= 128:
        out[length] = (value & 127) | 128
        value >>= 7
        length += 1
    out[length] = value
    control[LENGTH] = length + 1


@njit(**INNER)
def _propose(role: IntArray, basis: IntArray, inverse: FloatArray, relation: IntArray) -> None:
    """Reads the relation off the basis: heavy rows first, then the active ones."""
    count, size = role.size, basis.size
    positive = total = 0
    for negative in range(2):
        for k in range(size):
            column, weight = basis[k], inverse[k, size - 1]
            if weight <= WEIGHT or column // count != negative or role[column % count] == ROUND:
                continue
            at = total
            while at > positive and weight > inverse[relation[1 + at], size - 1]:
                relation[2 + at] = relation[1 + at]
                at -= 1
            relation[2 + at] = k
            total += 1
        if negative == 0:
            positive = total
    relation[0], relation[1] = positive, total - positive
    for k in range(2, 2 + total):
        relation[k] = basis[relation[k]] % count


@njit(**INNER)
def _block_spanned(
    role: IntArray,
    residues: IntArray,
    kernels: IntArray,
    frames: IntArray,
    blocked: IntArray,
    relation: IntArray,
    control: IntArray,
) -> bool:
    """Blocks open rows of the relation that lie in the span of K; whether there were any."""
    depth, prime = control[DEPTH], control[PRIME]
    found = False
    for k in range(2, 2 + relation[0]):
        row = relation[k]
        if role[row] == OPEN and not outside_span(residues, row, kernels, depth, prime):
            role[row] = BLOCKED
            blocked[frames[depth, UNTIL]] = row
            frames[depth, UNTIL] += 1
            found = True
    return found


@njit(**INNER)
def _remember(control: IntArray, ring: IntArray, relation: IntArray) -> None:
    """Keeps a relation for later nodes; one without positive rows has no later use."""
    head = control[HEAD]
    if relation[0] == 0:
        return
    for k in range(2 + relation[0] + relation[1]):
        ring[head, k] = relation[k]
    control[HEAD] = (head + 1) % RING
    control[STORED] = min(control[STORED] + 1, RING)


@njit(**INNER)
def record(
    out: ByteArray, control: IntArray, frames: IntArray, ring: IntArray, relation: IntArray
) -> None:
    """Writes a relation down (rows of N as their positions in K) and remembers it."""
    positive, size = relation[0], ring.shape[1] - 2
    total = positive + relation[1]
    if positive == 0:
        write(out, control, positive)
    for k in range(2 + total):
        entry = relation[k]
        if k >= 2 + positive:
            place = 0
            while frames[place, ROW] != entry:
                place += 1
            entry = place
        write(out, control, entry)
    if relation.size > 2 + size:
        for k in range(total):
            write(out, control, relation[2 + size + k])
    _remember(control, ring, relation)


@njit(**INNER)
def keep_charges(tree: Tree) -> None:
    """Keeps the node's charges for its children, who shall not depend on one another."""
    depth = tree.control[DEPTH]
    for row in range(tree.role.size):
        tree.charges[depth, row] = tree.work[CHARGE, row]


@njit(**INNER)
def _lay_out(tree: Tree) -> None:
    """Lays out the node's children, to start from the basis found here."""
    relation, frames, role = tree.relation, tree.frames, tree.role
    depth, size = tree.control[DEPTH], tree.basis.size
    opened = 0
    for k in range(2, 2 + relation[0]):
        if role[relation[k]] == OPEN:
            frames[depth, LISTS + opened] = relation[k]
            opened += 1
    frames[depth, COUNT], frames[depth, CHILD] = opened, 0
    keep_charges(tree)
    for i in range(size):
        frames[depth, LISTS + size + i] = tree.basis[i]
        for j in range(size):
            tree.inverses[depth, i, j] = tree.inverse[i, j]
    places = tree.sides.shape[2]
    for i in range(size):
        for j in range(places):
            tree.sides[depth, i, j] = tree.columns[i, role.size - places + j]


@njit(**INNER)
def _reuse(
    role: IntArray, residues: IntArray, kernels: IntArray, ring: IntArray, control: IntArray
) -> int:
    """Returns how far back a relation was found that proves a node of rank n - 1, or 0."""
    depth, head, stored, prime = control[DEPTH], control[HEAD], control[STORED], control[PRIME]
    for distance in range(1, stored + 1):
        slot = (head - distance) % RING
        positive = ring[slot, 0]
        holds = True
        for k in range(2, 2 + positive + ring[slot, 1]):
            if (role[ring[slot, k]] == ACTIVE) != (k >= 2 + positive):
                holds = False
                break
        if not holds:
            continue
        for k in range(2, 2 + positive):
            row = ring[slot, k]
            if role[row] != EXCLUDED and not outside_span(residues, row, kernels, depth, prime):
                holds = False
                break
        if holds:
            return distance
    return 0


@njit(**INNER)
def _weigh(tree: Tree) -> int:
    """Finds multipliers for the relation that was proposed on a ball: DONE or REPAIR."""
    role, columns, basis, inverse = tree.role, tree.columns, tree.basis, tree.inverse
    for turn in range(2):
        if weighed(columns, role, basis, inverse, tree.scales, tree.relation):
            return DONE
        if turn == 0:
            refactor(columns, basis, inverse, tree.work, tree.table)
            _propose(role, basis, inverse, tree.relation)
    return REPAIR


@njit(**INNER)
def find(tree: Tree) -> int:
    """Finds a relation of the present node: DONE, FOUND (a point) or REPAIR."""
    control, relation, role = tree.control, tree.relation, tree.role
    columns, basis, inverse, work = tree.columns, tree.basis, tree.inverse, tree.work
    spanned = True
    while spanned:
        outcome = solve(columns, role, basis, inverse, work)
        relation[0] = relation[1] = 0
        if outcome == POINT:
            return FOUND
        if outcome == STALLED:
            return REPAIR
        fewer_open(columns, role, basis, inverse, work)
        _propose(role, basis, inverse, relation)
        spanned = _block_spanned(
            role, tree.residues, tree.kernels, tree.frames, tree.blocked, relation, control
        )
    if tree.sides.shape[2] > 0:
        found: int = _weigh(tree)
        return found
    if relation[0] + relation[1] < basis.size:
        return REPAIR
    if not confirmed(columns, role, basis, inverse, work):
        refactor(columns, basis, inverse, work, tree.table)
        if not confirmed(columns, role, basis, inverse, work):
            return REPAIR
    return DONE


@njit(**INNER)
def _enter(tree: Tree) -> int:
    """Proves a new node, or finds the relation to branch on: DONE; else what is in the way."""
    control, relation, out = tree.control, tree.relation, tree.out
    depth, last = control[DEPTH], tree.residues.shape[1] - 1
    tree.frames[depth, COUNT] = 0
    if depth <= control[UNIT]:
        control[STORED] = 0
    if depth == last:
        relation[1] = _reuse(tree.role, tree.residues, tree.kernels, tree.ring, control)
        if relation[1] > 0:
            relation[0] = 0
            for k in range(2):
                write(out, control, relation[k])
            return DONE
    outcome: int = find(tree)
    if outcome != DONE:
        return outcome
    _lay_out(tree)
    if control[PACK] > 0 and depth < last and tree.frames[depth, COUNT] > 0:
        return READY
    record(out, control, tree.frames, tree.ring, relation)
    return DONE


@njit(**INNER)
def _descend(tree: Tree) -> None:
    """Goes to the next child of the present node."""
    control, frames = tree.control, tree.frames
    depth, size = control[DEPTH], tree.basis.size
    row = frames[depth, LISTS + frames[depth, CHILD]]
    frames[depth, CHILD] += 1
    frames[depth, ROW] = row
    tree.role[row] = ACTIVE
    extend_kernel(tree.residues, row, tree.kernels, depth, control[PRIME])
    for i in range(size):
        tree.basis[i] = frames[depth, LISTS + size + i]
        for j in range(size):
            tree.inverse[i, j] = tree.inverses[depth, i, j]
    places = tree.sides.shape[2]
    for i in range(size):
        for j in range(places):
            tree.columns[i, tree.role.size - places + j] = tree.sides[depth, i, j]
    for other in range(tree.role.size):
        tree.work[CHARGE, other] = tree.charges[depth, other]
    frames[depth + 1, UNTIL] = frames[depth, UNTIL]
    control[DEPTH] = depth + 1
    control[DEEPEST] = max(control[DEEPEST], depth + 1)
    control[STEP] = ENTER


@njit(**INNER)
def _leave(role: IntArray, frames: IntArray, blocked: IntArray, control: IntArray) -> bool:
    """Goes back to the parent, where the row just tried is inactive now; False at the top."""
    depth = control[DEPTH]
    for k in range(frames[depth, COUNT]):
        role[frames[depth, LISTS + k]] = OPEN
    first = frames[depth - 1, UNTIL] if depth > 0 else 0
    for k in range(first, frames[depth, UNTIL]):
        role[blocked[k]] = OPEN
    if depth == control[BASE]:
        return False
    role[frames[depth - 1, ROW]] = EXCLUDED
    control[DEPTH] = depth - 1
    return True


@njit(**COMPILED)
def enter(tree: Tree, active: IntArray) -> None:
    """Makes the node with these rows active the top of the tree; its other state is loaded."""
    control, frames = tree.control, tree.frames
    depth = active.size
    for k in range(depth):
        frames[k, ROW], frames[k, UNTIL] = active[k], 0
        extend_kernel(tree.residues, active[k], tree.kernels, k, control[PRIME])
    frames[depth, UNTIL] = 0
    control[DEPTH] = control[BASE] = depth
    control[STEP], control[STORED], control[HEAD] = ENTER, 0, 0


@njit(**COMPILED)
def grow(tree: Tree, budget: int) -> int:
    """Searches on until the control array counts `budget` nodes, or something is needed."""
    control, frames = tree.control, tree.frames
    last = tree.residues.shape[1] - 1
    reserve = 32 * (tree.basis.size + 4) * (1 + last * tree.control[PACK])
    while True:
        depth = control[DEPTH]
        if control[STEP] == ENTER:
            if depth == control[SPLIT]:
                return CUT
            if control[NODES] >= budget:
                return PAUSED
            if control[LENGTH] + reserve > tree.out.size:
                return FULL
            control[NODES] += 1
            outcome: int = _enter(tree)
            if outcome != DONE:
                return outcome
            control[STEP] = ADVANCE
        elif control[STEP] == SUPPLIED:
            _lay_out(tree)
            record(tree.out, control, frames, tree.ring, tree.relation)
            control[STEP] = ADVANCE
        elif control[STEP] == WRITTEN:
            _lay_out(tree)
            _remember(control, tree.ring, tree.relation)
            control[STEP] = ADVANCE
        elif depth < last and frames[depth, CHILD] < frames[depth, COUNT]:
            _descend(tree)
        elif not _leave(tree.role, frames, tree.blocked, control):
            return DONE
