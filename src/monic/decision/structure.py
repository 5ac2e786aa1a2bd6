"""Decisions that need no search: rank, too few rows, exactly paired rows.

On R^n a layer with m < 2n rows is never one-to-one, and one with m = 2n is if and only if its
rows are [B; -DB] up to order with biases b' + D b >= 0 (Corollary 2 of [Puthawala et al., 2020],
with biases). Rows are counted after zero and parallel rows are dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from monic.certificate import Certificate, header
from monic.clock import monotonic
from monic.decision.problem import Point, Problem
from monic.decision.witness import Witness, confirm, simplest
from monic.geometry.rational import independent_rows, kernel_vector, spans
from monic.model import WholeSpace
from monic.model.reduction import direction

__all__ = ["Paired", "paired_rows", "structure"]


@dataclass(frozen=True, slots=True)
class Paired:
    """n pairs of rows w_j = -d w_i with b_j + d b_i >= 0 and independent w_i: a proof."""

    pairs: tuple[tuple[int, int], ...]
    certificate: Certificate


def structure(problem: Problem, until: float | None = None) -> tuple[Paired | Witness, str] | None:
    """Returns a proof by structure and its name, or None when structure does not decide.

    Arguments:
        problem: The layer.
        until: When to give up, on the monotonic clock; looked at between the steps.
    """
    for step in ("rows", "reduction"):
        getattr(problem, step)  # computed once, and kept
        if until is not None and monotonic() > until:
            return None
    kept = [problem.rows[i][:-1] for i in problem.reduction.kept]
    if not spans(kept, problem.dim):
        return _insist(confirm(problem, problem.inner_point())), "rank"
    if until is not None and monotonic() > until:
        return None
    found = paired_rows(problem)
    if found is not None:
        return found, "paired rows"
    if not isinstance(problem.layer.domain, WholeSpace) and not problem.everywhere:
        return None
    if len(kept) < 2 * problem.dim:
        return _insist(_few_rows(problem)), "too few rows"
    if len(kept) == 2 * problem.dim:
        return _insist(_unpaired(problem)), "m = 2n, rows not paired"
    return None


def paired_rows(problem: Problem) -> Paired | None:
    """Returns n independent pairs of antiparallel rows that cover for each other, or None."""
    ways = {direction(problem.rows[i][:-1])[0]: i for i in problem.reduction.kept}
    pairs = []
    for way, i in ways.items():
        j = ways.get(tuple(-entry for entry in way))
        if j is not None and i < j and _gap(problem, i, j) >= 0:
            pairs.append((i, j))
    if len(pairs) < problem.dim:
        return None
    basis = independent_rows([problem.rows[i][:-1] for i, _ in pairs])
    if len(basis) < problem.dim:
        return None
    chosen = tuple(pairs[k] for k in basis)
    evidence = {"kind": "paired-rows", "pairs": [list(pair) for pair in chosen]}
    return Paired(chosen, Certificate(header("INJECTIVE", problem.subject, evidence)))


def _gap(problem: Problem, i: int, j: int) -> Fraction:
    """Returns (b_j + d b_i) / |w_j| for rows w_j = -d w_i, up to a positive factor."""
    first, second = direction(problem.rows[i][:-1])[1], direction(problem.rows[j][:-1])[1]
    return Fraction(problem.rows[j][-1], second) + Fraction(problem.rows[i][-1], first)


def _few_rows(problem: Problem) -> Witness | None:
    """At x and -x far out, fewer than 2n rows are active in all: fewer than n at one of them."""
    kept = problem.reduction.kept
    random = np.random.default_rng(0)
    while True:
        way = [int(t) for t in random.integers(-1000, 1001, problem.dim)]
        slopes = problem.slopes(way)
        if all(slopes[i] != 0 for i in kept):
            break
    if 2 * sum(slopes[i] > 0 for i in kept) > len(kept):
        way = [-t for t in way]
    return _far_out(problem, tuple(Fraction(t) for t in way))


def _far_out(problem: Problem, way: Point) -> Witness | None:
    """Returns the witness at way, times a power of two large enough to drown the biases."""
    for power in (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096):
        x = tuple(t * 2**power for t in way)
        if problem.everywhere and not isinstance(problem.layer.domain, WholeSpace):
            x = shrunk(problem, way)
        found = confirm(problem, x)
        if found is not None:
            return found
    return None


def shrunk(problem: Problem, x: Point) -> Point:
    """Returns x divided by a power of two that brings it inside a domain around 0."""
    while not problem.contains(x):
        x = tuple(t / 2 for t in x)
    return x


def _unpaired(problem: Problem) -> Witness | None:
    """m = 2n: some row has no partner, or all have and one pair leaves a gap."""
    kept = problem.reduction.kept
    ways = {direction(problem.rows[i][:-1])[0]: i for i in kept}
    partners = {i: ways.get(tuple(-entry for entry in way)) for way, i in ways.items()}
    alone = next((i for i, j in partners.items() if j is None), None)
    if alone is not None:
        return _beside(problem, alone)
    for i, j in partners.items():
        if j is not None and _gap(problem, i, j) < 0:
            return _between(problem, i, j)
    return None


def _beside(problem: Problem, i: int) -> Witness | None:
    """Next to the hyperplane of a row without partner.

    At a generic x on the hyperplane the other 2n - 1 rows are active at x or at -x; on the side of
    the hyperplane where row i is negative too, one of x, -x has fewer than n active rows.
    """
    row = problem.rows[i][:-1]
    others = [j for j in problem.reduction.kept if j != i]
    random = np.random.default_rng(0)
    square = sum(entry * entry for entry in row)
    while True:
        way = [int(t) for t in random.integers(-1000, 1001, problem.dim)]
        height = sum(a * t for a, t in zip(row, way, strict=True))
        way = [square * t - height * a for a, t in zip(row, way, strict=True)]
        slopes = problem.slopes(way)
        if all(slopes[j] != 0 for j in others):
            break
    if 2 * sum(slopes[j] > 0 for j in others) > len(others):
        way, slopes = [-t for t in way], [-s for s in slopes]
    turn = problem.slopes(row)
    small = min(
        (Fraction(abs(slopes[j]), abs(turn[j])) for j in others if turn[j]), default=Fraction(1)
    )
    x = tuple(t - small / 2 * a for a, t in zip(row, way, strict=True))
    return _far_out(problem, tuple(t / max(map(abs, x)) for t in x))


def _between(problem: Problem, i: int, j: int) -> Witness | None:
    """Between the hyperplanes of paired rows that leave a gap: both are negative there."""
    row, bias = problem.rows[i][:-1], problem.rows[i][-1]
    factor = Fraction(direction(problem.rows[j][:-1])[1], direction(row)[1])
    height = (Fraction(problem.rows[j][-1]) / factor - bias) / 2
    square = sum(entry * entry for entry in row)
    return simplest(problem, tuple(height * a / square for a in row))


def _insist(witness: Witness | None) -> Witness:
    assert witness is not None, "the theorem's point failed its exact confirmation"
    return witness


def column_rank(rows: Sequence[Sequence[int]], dim: int) -> list[int] | tuple[int, ...]:
    """Returns a list of n independent rows, or a kernel vector (a tuple) when there are none."""
    basis = independent_rows(rows)
    if len(basis) == dim:
        return basis
    kernel = kernel_vector(rows, dim)
    assert kernel is not None, "fewer than n independent rows leave a kernel"
    return kernel
