"""The compiled kernel: what its filter confirms is true over the rationals."""

import numpy as np
import pytest

from monic.decision.tree import Tree, new_tree
from monic.geometry.compiled import COMPILED, njit
from monic.geometry.exact_separation import Relation, separate_exactly
from monic.geometry.modular import extend_kernel, outside_span
from monic.geometry.rational import positive_relation, rank
from monic.geometry.separation import ACTIVE, POINT, RELATION, confirmed, refactor, solve
from monic.geometry.system import PRIMES, FloatArray, IntArray, System
from tests.reference import gordan


@njit(**COMPILED)
def _run(tree: Tree) -> tuple[int, bool, bool]:
    outcome = solve(tree.columns, tree.role, tree.basis, tree.inverse, tree.work)
    first = confirmed(tree.columns, tree.role, tree.basis, tree.inverse, tree.work)
    refactor(tree.columns, tree.basis, tree.inverse, tree.work, tree.table)
    second = confirmed(tree.columns, tree.role, tree.basis, tree.inverse, tree.work)
    return outcome, first, second


@njit(**COMPILED)
def _outside(rows: IntArray, chosen: IntArray, asked: int, kernels: IntArray) -> bool:
    for depth in range(chosen.size):
        extend_kernel(rows, chosen[depth], kernels, depth, PRIMES[0])
    return bool(outside_span(rows, asked, kernels, chosen.size, PRIMES[0]))


def _rows(rng: np.random.Generator, count: int, n: int, kind: int) -> list[tuple[int, ...]]:
    """Integer rows; with kind 3 one of them cancels others up to the last bits."""
    if kind == 0:
        table = rng.integers(-1, 2, (count, n))
    elif kind == 1:
        table = rng.integers(-9, 10, (count, n))
    else:
        table = np.round(rng.standard_normal((count, n)) * 2.0**50).astype(np.int64)
    rows = [tuple(int(v) for v in row) for row in table]
    if kind == 3 and count > 2:
        total = [-sum(column) for column in zip(*rows[: n + 1], strict=True)]
        total[0] += int(rng.integers(-1, 2))
        rows[-1] = tuple(total)
    return rows


def _tree(rows: list[tuple[int, ...]], n: int) -> Tree:
    m = len(rows)
    extended = [(*row, 0) for row in rows]
    return new_tree(System(extended, m=m, dim=n, kept=range(m), strict=[], cone=True))


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_confirmed_relations_are_relations(n: int, kind: int) -> None:
    rng = np.random.default_rng([n, kind])
    sure = 0
    for _ in range(150):
        rows = _rows(rng, int(rng.integers(1, 4 * n + 2)), n, kind)
        rows = [row for row in rows if any(row)] or [(1,) * n]
        tree = _tree(rows, n)
        for active in rng.permutation(len(rows))[: rng.integers(0, n)]:
            tree.role[active] = ACTIVE
        _, *answers = _run(tree)
        exact = separate_exactly(
            [row for row, role in zip(rows, tree.role, strict=True) if role != ACTIVE],
            [row for row, role in zip(rows, tree.role, strict=True) if role == ACTIVE],
            n,
        )
        if any(answers):
            sure += 1
            assert isinstance(exact, Relation)
            _insist_on_a_relation(tree, rows)
    if n == 1 or kind:
        assert sure > 20, "a filter that confirms nothing is of no use"


def _insist_on_a_relation(tree: Tree, rows: list[tuple[int, ...]]) -> None:
    count = len(rows)
    positive = [rows[j] for j in tree.basis if j < count]
    negative = [rows[j - count] for j in tree.basis if j >= count]
    assert len(positive) + len(negative) == len(tree.basis)
    assert positive_relation(positive, negative) is not None


@pytest.mark.parametrize("n", [1, 2, 4, 8])
def test_points_and_relations_of_gaussian_rows_are_found_by_floats(n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(40):
        rows = _rows(rng, int(rng.integers(1, 6 * n)), n, 2)
        outcome, _, sure = _run(_tree(rows, n))
        expected = gordan([list(row) for row in rows])
        assert outcome == (RELATION if isinstance(expected, dict) else POINT)
        assert sure == (outcome == RELATION)


def test_an_inverse_that_is_wrong_is_not_confirmed() -> None:
    rng = np.random.default_rng(1)
    tree = _tree(_rows(rng, 20, 3, 2), 3)
    assert _run(tree) == (RELATION, True, True)
    wrong: FloatArray = tree.inverse * (1 + 1e-1)
    assert not _confirmed(tree._replace(inverse=wrong))
    assert not _confirmed(tree._replace(inverse=np.full_like(wrong, np.nan)))
    assert not _confirmed(tree._replace(inverse=np.full_like(wrong, np.inf)))
    assert not _confirmed(tree._replace(columns=-tree.columns))


@njit(**COMPILED)
def _confirmed(tree: Tree) -> bool:
    return bool(confirmed(tree.columns, tree.role, tree.basis, tree.inverse, tree.work))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_spans_modulo_the_prime(n: int) -> None:
    rng = np.random.default_rng(n)
    seen = set()
    for _ in range(200):
        rows = _rows(rng, 2 * n + 1, n, int(rng.integers(0, 3)))
        chosen: list[int] = []
        for i in rng.permutation(2 * n)[: rng.integers(0, n + 1)].tolist():
            if rank([rows[j] for j in [*chosen, i]]) == len(chosen) + 1 <= n:
                chosen.append(i)
        residues = np.array([[v % PRIMES[0] for v in row] for row in rows], dtype=np.int64)
        kernels = np.zeros((n + 1, n, n), dtype=np.int64)
        kernels[0] = np.eye(n, dtype=np.int64)
        outside = _outside(residues, np.array(chosen, dtype=np.int64), 2 * n, kernels)
        with_it = rank([rows[j] for j in [*chosen, 2 * n]])
        assert outside == (with_it > len(chosen))  # the prime divides none of these minors
        seen.add(bool(outside))
    assert seen == {True, False}
