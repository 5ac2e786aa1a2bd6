"""Blocks of rows: the connected components of the matroid of a layer's rows, each by itself.

If the rows fall into sets whose spans are independent and add up to R^n, then f is, after a change
of the coordinates, a product of one layer a set, and it is injective on R^n if and only if each of
them is on its span (Lemma 2 of [Puthawala et al., 2020] for dense layers; docs/branching.md). The
tree over all rows multiplies the trees of the blocks; block by block they add.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm

import numpy as np
from flint import fmpq_mat, fmpz_mat, nmod_mat

from monic.certificate import Certificate, header
from monic.decision.approach import Approach
from monic.decision.checkpoint import Interrupted
from monic.decision.outcome import Outcome, new_body
from monic.decision.part import decide_part
from monic.decision.problem import PartProblem, Point, Problem, part_problem
from monic.decision.result import Execution, Statistics
from monic.decision.structure import shrunk
from monic.decision.witness import Witness, confirm
from monic.geometry.rational import LARGE_PRIME, as_fraction, independent_rows
from monic.model import WholeSpace

__all__ = ["Component", "components", "decide_components"]

#: So many rows are looked at first: they connect a generic basis.
FIRST = 8


@dataclass(frozen=True, slots=True)
class Component:
    """A block: rows of the layer that depend on some coordinates z_k = w_k.x alone.

    Arguments:
        columns: Which of the coordinates, n of them for all blocks together.
        basis: The rows w_k that give these coordinates.
        rows: The other rows of the block.
        problem: The rows on these coordinates, those of the basis first.
    """

    columns: tuple[int, ...]
    basis: tuple[int, ...]
    rows: tuple[int, ...]
    problem: PartProblem


def components(problem: Problem) -> list[Component] | None:
    """Returns the blocks of a layer whose question is the one on all of R^n, two or more of them.

    Coordinates in a basis of rows that differ from 0 modulo a prime differ from 0; where all are
    connected by such ones, nothing else is computed.

    Returns:
        None where the rows do not span, are all connected, or the domain is another.

    Example:
        >>> from monic.model import ReLULayer
        >>> rows = [[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-2.0, 2.0]]
        >>> [block.basis + block.rows for block in components(Problem(ReLULayer(rows)))]
        [(0, 1), (2, 3)]
    """
    if not (isinstance(problem.layer.domain, WholeSpace) or problem.everywhere):
        return None
    kept = problem.reduction.kept
    rows = [problem.rows[i][:-1] for i in kept]
    places = independent_rows(rows)
    if len(places) < problem.dim:
        return None
    basis = [kept[k] for k in places]
    others = [i for i in kept if i not in set(basis)]
    if len(_connected(_residues(problem, basis, others[:FIRST]))) == 1:
        return None
    if len(_connected(_residues(problem, basis, others))) == 1:
        return None
    coordinates = _coordinates(problem, basis, others)
    groups = _connected(np.array([[c != 0 for c in row] for row in coordinates]))
    if len(groups) == 1:
        return None
    return [_component(problem, basis, others, coordinates, group) for group in groups]


def decide_components(
    problem: Problem, blocks: Sequence[Component], approach: Approach
) -> Outcome:
    """Decides a layer block by block, in this process.

    Arguments:
        problem: The layer.
        blocks: What `components` returned for it.
        approach: The limits, for all blocks together, and who hears of progress.

    Raises:
        Interrupted: on Ctrl-C, without a checkpoint.
    """
    body, spent, parts = new_body(), Statistics(), []
    for block in blocks:
        try:
            found = decide_part(block.problem, _rest(approach, spent), body)
        except Interrupted:
            raise Interrupted({}) from None
        spent = spent.plus(found.statistics)
        if found.witness is not None:
            return Outcome(spent, witness=_lifted(problem, blocks, block, found.witness))
        if found.evidence is None:
            return Outcome(spent, limit=found.limit)
        numbers = {"basis": list(block.basis), "rows": list(block.rows)}
        parts.append({**numbers, "proof": found.evidence})
    evidence = {"kind": "blocks", "blocks": parts}
    return Outcome(spent, Certificate(header("INJECTIVE", problem.subject, evidence), body))


def _residues(problem: Problem, basis: Sequence[int], others: Sequence[int]) -> np.ndarray:
    """Where coordinates of rows in the basis differ from 0 modulo a prime."""
    if not others:
        return np.zeros((0, len(basis)), dtype=bool)
    square, right = (
        nmod_mat(fmpz_mat([list(problem.rows[i][:-1]) for i in chosen]), LARGE_PRIME).transpose()
        for chosen in (basis, others)
    )
    try:
        found = square.solve(right).transpose()
    except ZeroDivisionError:  # dependent modulo the prime alone: nothing is known to connect
        return np.zeros((len(others), len(basis)), dtype=bool)
    return np.array([[int(entry) != 0 for entry in row] for row in found.tolist()])


def _coordinates(
    problem: Problem, basis: Sequence[int], others: Sequence[int]
) -> list[list[Fraction]]:
    """The exact coordinates of rows in the basis."""
    square, right = (
        fmpz_mat([list(problem.rows[i][:-1]) for i in chosen]).transpose()
        for chosen in (basis, others)
    )
    found = fmpq_mat(square).solve(fmpq_mat(right)).transpose()
    return [[as_fraction(entry) for entry in row] for row in found.tolist()]


def _connected(uses: np.ndarray) -> list[list[int]]:
    """Returns the columns that rows connect, as groups in the order of their first columns."""
    count = uses.shape[1]
    group = list(range(count))
    for row in uses:
        names = {group[k] for k in np.flatnonzero(row).tolist()}
        if len(names) > 1:
            group = [min(names) if name in names else name for name in group]
    return [[k for k in range(count) if group[k] == name] for name in dict.fromkeys(group)]


def _component(
    problem: Problem,
    basis: Sequence[int],
    others: Sequence[int],
    coordinates: Sequence[Sequence[Fraction]],
    columns: Sequence[int],
) -> Component:
    own = tuple(basis[k] for k in columns)
    table = [
        (*(int(j == k) for j in columns), problem.rows[i][-1])
        for k, i in zip(columns, own, strict=True)
    ]
    rows = []
    for i, row in zip(others, coordinates, strict=True):
        part = [row[k] for k in columns]
        if any(part):
            unit = lcm(*(c.denominator for c in part))
            rows.append(i)
            table.append((*(int(c * unit) for c in part), problem.rows[i][-1] * unit))
    return Component(tuple(columns), own, tuple(rows), part_problem(table, WholeSpace()))


def _rest(approach: Approach, spent: Statistics) -> Approach:
    """What is left for the next block."""
    budget = approach.budget
    return replace(
        approach,
        execution=Execution(seed=approach.execution.seed),
        budget=None if budget is None else max(budget - spent.nodes, 0),
        keep=None,  # a search of a block is none that the whole can go on from
        progress=lambda more: approach.progress(more.plus(spent)),
    )


def _lifted(
    problem: Problem, blocks: Sequence[Component], block: Component, witness: Witness
) -> Witness:
    """The witness of the layer whose coordinates are a block's, and 0 elsewhere."""
    basis = {k: i for b in blocks for k, i in zip(b.columns, b.basis, strict=True)}
    z = dict(zip(block.columns, witness.x, strict=True))
    square = fmpz_mat([list(problem.rows[basis[k]][:-1]) for k in range(problem.dim)])
    unit = lcm(*(t.denominator for t in witness.x))
    right = fmpz_mat(problem.dim, 1, [int(z.get(k, 0) * unit) for k in range(problem.dim)])
    solution = fmpq_mat(square).solve(fmpq_mat(right))
    x: Point = tuple(as_fraction(solution[k, 0]) / unit for k in range(problem.dim))
    found = confirm(problem, shrunk(problem, x))
    assert found is not None, "rows that do not span a block's span do not span R^n with others"
    return found
