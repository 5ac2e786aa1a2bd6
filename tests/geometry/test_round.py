"""The compiled kernel on a ball: multipliers that its filter accepts prove beta >= |v|."""

from fractions import Fraction

import numpy as np
import pytest

from monic.decision.tree import DONE, FOUND, REPAIR, Tree, find, new_tree
from monic.geometry.compiled import COMPILED, njit
from monic.geometry.nearest import nearest_exactly
from monic.geometry.roles import ACTIVE
from monic.geometry.round import weighed
from monic.geometry.system import System

Table = list[tuple[int, ...]]


@njit(**COMPILED)
def _find(tree: Tree) -> int:
    return int(find(tree))


@njit(**COMPILED)
def _weighed(tree: Tree) -> bool:
    return bool(
        weighed(tree.columns, tree.role, tree.basis, tree.inverse, tree.scales, tree.relation)
    )


def _rows(rng: np.random.Generator, n: int, kind: int) -> Table:
    """Rows (w, b); with kind 1 small integers, with kind 2 rows of very different lengths."""
    count = int(rng.integers(1, 6 * n))
    if kind == 1:
        table = rng.integers(-3, 4, (count, n + 1)).tolist()
    else:
        table = np.round(rng.standard_normal((count, n + 1)) * 2.0**40).astype(np.int64).tolist()
    if kind == 2:
        table = [
            [v << int(s) for v in row] for row, s in zip(table, _shifts(rng, count), strict=True)
        ]
    return [tuple(row) for row in table if any(row[:-1])] or [(1,) * (n + 1)]


def _shifts(rng: np.random.Generator, count: int) -> list[int]:
    return [int(s) for s in rng.integers(0, 30, count)]


def _tree(rows: Table, active: list[int]) -> Tree:
    n, m = len(rows[0]) - 1, len(rows)
    system = System(rows, m=m, dim=n, kept=range(m), strict=[], cone=False, ball=True)
    tree = new_tree(system)
    tree.role[active] = ACTIVE
    return tree


def _total(tree: Tree, rows: Table) -> list[int]:
    """(v, beta), exactly."""
    positive, total = int(tree.relation[0]), int(tree.relation[0] + tree.relation[1])
    size = len(rows[0]) + 1
    numbers = tree.relation[2 : 2 + total].tolist()
    weights = tree.relation[2 + size : 2 + size + total].tolist()
    assert min(weights) > 0
    signs = [1] * positive + [-1] * (total - positive)
    return [
        sum(s * w * rows[i][j] for s, w, i in zip(signs, weights, numbers, strict=True))
        for j in range(size - 1)
    ]


def _point_exists(rows: Table, active: list[int]) -> bool:
    """Whether some |x| < 1 has rows <= 0 (active ones >= 0), exactly."""
    strict = [row for i, row in enumerate(rows) if i not in active]
    _, point = nearest_exactly(strict, [rows[i] for i in active])
    return point is not None and sum(t * t for t in point) < 1


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_answers_are_true(n: int, kind: int) -> None:
    rng = np.random.default_rng([n, kind])
    seen = {DONE: 0, FOUND: 0, REPAIR: 0}
    for _ in range(120):
        rows = _rows(rng, n, kind)
        active = rng.permutation(len(rows))[: int(rng.integers(0, n))].tolist()
        tree = _tree(rows, active)
        # rows of K depend on rows that the span rule would block: this is about the kernel alone
        tree.residues[:] = rng.integers(1, 1000, tree.residues.shape)
        outcome = _find(tree)
        seen[outcome] += 1
        if outcome == DONE:
            *v, beta = _total(tree, rows)
            assert beta > 0
            assert beta**2 >= sum(e * e for e in v)
        if outcome == FOUND:  # up to rounding, with room for it
            assert _point_exists(rows, active) or kind == 1
    assert seen[DONE] > 20
    assert seen[FOUND] > 10
    assert seen[REPAIR] < (60 if kind == 1 else 6)


def test_wrong_multipliers_are_refused() -> None:
    rng = np.random.default_rng(5)
    tree = _tree(_rows(rng, 3, 0), [])
    while _find(tree) != DONE:
        tree = _tree(_rows(rng, 3, 0), [])
    relation = tree.relation.copy()
    assert _weighed(tree)
    for wrong in (-tree.inverse, np.zeros_like(tree.inverse), np.full_like(tree.inverse, np.nan)):
        tree.relation[:] = relation
        assert not _weighed(tree._replace(inverse=wrong))
    tree.relation[:] = relation
    assert not _weighed(tree._replace(columns=-tree.columns))


def test_faint_rows_are_left_to_exact_arithmetic() -> None:
    rows: Table = [(1, 0), (-1, 0), (2**400, 2**399)]
    tree = _tree(rows, [])
    assert tree.scales.tolist() == [0.0, 0.0, 1.0]


def test_scales_are_lengths() -> None:
    rows = [(3, 4), (6, 8), (0, 1)]
    system = System(rows, m=3, dim=1, kept=range(3), strict=[], cone=False, ball=True)
    assert np.allclose(system.scales, [0.5, 1.0, 0.1])
    assert system.rows[1] == (3, 4)
    exact = [
        Fraction(s) * Fraction(f) for s, f in zip(system.scales, system.floats[:, 1], strict=True)
    ]
    assert all(abs(e * 10 - r[1]) < 1e-14 for e, r in zip(exact, rows, strict=True))
