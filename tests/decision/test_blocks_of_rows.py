"""Blocks of rows: found whatever the coordinates, decided one by one, right on all of R^n."""

from collections import Counter
from math import cos, pi, sin

import numpy as np
import pytest

import monic
from monic import Box, Limits, ReLULayer
from monic.decision.components import components
from monic.decision.problem import Problem
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, UNDECIDED, decided
from tests.reference import brute_force, question

PENTAGON = np.array([[cos(2 * pi * k / 5), sin(2 * pi * k / 5)] for k in range(5)])


@pytest.mark.parametrize("count", [2, 3, 7, 20])
def test_pentagons_add_up(count: int) -> None:
    decision = decided(ReLULayer(np.kron(np.eye(count), PENTAGON)))
    assert decision.verdict is INJECTIVE
    assert decision.method == "blocks"
    assert decision.statistics.nodes == 4 * count


def random_blocks(rng: np.random.Generator, *, bias: bool) -> ReLULayer:
    """Blocks of small integers, in other coordinates and in a random order of the rows."""
    sizes = [[1, 1], [1, 2], [2, 1], [1, 1, 1], [1, 3]][rng.integers(5)]
    n = sum(sizes)
    tables, start = [], 0
    for size in sizes:
        table = np.zeros((2 * size + rng.integers(0, 3), n))
        table[:, start : start + size] = rng.integers(-2, 3, (len(table), size))
        tables.append(table)
        start += size
    change = rng.integers(-2, 3, (n, n)).astype(float)
    rows = rng.permutation(np.vstack(tables)) @ change
    return ReLULayer(rows, rng.integers(-1, 2, len(rows)).astype(float) if bias else None)


@pytest.mark.parametrize("bias", [False, True])
def test_verdicts_agree_with_brute_force(bias: bool) -> None:
    seen: Counter[tuple[str, bool]] = Counter()
    for seed in range(250):
        layer = random_blocks(np.random.default_rng([seed, bias]), bias=bias)
        decision = decided(layer)
        injective = brute_force(question(layer)).injective
        assert (decision.verdict is INJECTIVE) == injective, seed
        seen[decision.method, injective] += 1
    assert seen["blocks", True] + seen["blocks", False] > 10, seen


def test_one_bad_block_is_a_collision_of_the_layer() -> None:
    bad = PENTAGON[:4]  # four rows of a plane that are no two opposite pairs
    rows = np.zeros((14, 6))
    rows[:5, :2], rows[5:9, 2:4], rows[9:, 4:] = PENTAGON, bad, PENTAGON
    decision = decided(ReLULayer(rows))
    assert decision.verdict is NOT_INJECTIVE
    assert decision.collision is not None


def test_a_box_around_zero_without_biases_is_all_of_space() -> None:
    rows = np.kron(np.eye(2), PENTAGON)
    around = Box(np.full(4, -1.0), np.full(4, 2.0))
    assert decided(ReLULayer(rows, domain=around)).method == "blocks"
    bad = ReLULayer(np.kron(np.eye(2), np.vstack([PENTAGON[:4], [[0.0, 1.0]]])), domain=around)
    assert decided(bad).verdict is NOT_INJECTIVE


def test_other_domains_and_connected_rows_have_no_blocks() -> None:
    rows = np.kron(np.eye(2), PENTAGON)
    assert (
        components(Problem(ReLULayer(rows, domain=Box(np.full(4, 1.0), np.full(4, 2.0))))) is None
    )
    tied = np.vstack([rows, [[1.0, 0.0, 1.0, 0.0]]])
    assert components(Problem(ReLULayer(tied))) is None
    assert components(Problem(ReLULayer(rows[:, :3]))) is not None
    assert components(Problem(ReLULayer(rows[:5]))) is None  # they do not span


def test_limits_are_for_all_blocks_together() -> None:
    layer = ReLULayer(np.kron(np.eye(3), PENTAGON))
    decision = monic.decide(layer, limits=Limits(nodes=5))
    assert decision.verdict is UNDECIDED
    assert "raise limits.nodes" in decision.reason
    assert decision.statistics.nodes <= 8
