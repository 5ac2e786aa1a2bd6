"""kappa by pairs of cells: known values, brute force, attacks on the proof, and interrupts."""

from fractions import Fraction
from math import inf, sqrt

import numpy as np
import pytest

from monic.bounds import bound, pair_tree
from monic.bounds.inverse_lipschitz import ratio_at
from monic.bounds.pair_program import Programs
from monic.bounds.pair_proof import length_above
from monic.bounds.pair_tree import PairTree
from monic.bounds.relaxation import BOTH, FREE, HEAD, TAIL
from monic.bounds.subject import Subject
from monic.decision import decide
from monic.decision.result import Verdict
from monic.model import Ball, Box, Orthant, ReLULayer, WholeSpace
from tests.bounds.dense import Dense, least_ratio

SQUARE = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]


def tree(layer: ReLULayer, upper: float = 1e3, gap: float = 0.01) -> PairTree:
    found = PairTree(Subject(layer), upper, 0.0, gap)
    found.run(40_000, None)
    return found


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_formula_of_paired_rows_is_found_again(n: int) -> None:
    """A second road to the theorem on [B; -DB], without knowing that rows are paired."""
    rng = np.random.default_rng(n)
    basis, diagonal = rng.standard_normal((n, n)), 2.0 ** rng.integers(-2, 3, n)
    layer = ReLULayer(np.vstack([basis, -diagonal[:, None] * basis]))
    found = tree(layer, gap=0.003)
    weights = diagonal / np.sqrt(1 + diagonal**2)
    kappa = float(np.linalg.svd(weights[:, None] * basis, compute_uv=False)[-1])
    assert found.done
    assert found.interval.lower <= kappa * (1 + 1e-12)
    assert found.interval.upper >= kappa * (1 - 1e-12)
    assert found.interval.gap <= 0.0031


def test_it_finds_its_own_upper_bound() -> None:
    """The pair that attains it is in the tree's answer; its ratio is evaluated exactly."""
    box = Box(-np.ones(2), np.ones(2))
    layer = ReLULayer(np.random.default_rng(3).standard_normal((9, 2)), np.full(9, 0.3), box)
    found = tree(layer)
    assert found.done
    assert found.interval.lower > 0.1
    assert found.pair is not None
    assert ratio_at(Subject(layer), found.pair.x, found.pair.other) == found.interval.upper
    assert found.interval.upper <= bound(layer).inverse_lipschitz.upper * 1.01


def test_a_layer_that_is_not_one_to_one_reads_zero() -> None:
    found = tree(ReLULayer([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), gap=0.5)
    assert found.interval.lower == 0.0


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1e120])
def test_scales_of_rows_do_not_matter(scale: float) -> None:
    weight = np.random.default_rng(0).standard_normal((8, 2))
    bias = np.full(8, 0.5)
    plain = tree(ReLULayer(weight, bias, Box(-np.ones(2), np.ones(2)))).interval
    found = tree(ReLULayer(scale * weight, scale * bias, Box(-np.ones(2), np.ones(2))), inf)
    assert found.done
    assert found.interval.lower == pytest.approx(scale * plain.lower, rel=0.011)


@pytest.mark.parametrize("far", [1e-7, 1e7])
def test_biases_far_from_the_weights(far: float) -> None:
    """A box around a vertex far away, and one as small as the biases."""
    weight = np.random.default_rng(5).standard_normal((7, 2))
    layer = ReLULayer(weight, far * np.ones(7), Box(far * -np.ones(2), far * np.ones(2)))
    near = tree(ReLULayer(weight, np.ones(7), Box(-np.ones(2), np.ones(2)))).interval
    found = tree(layer)
    assert found.done
    assert found.interval.lower == pytest.approx(near.lower, rel=0.011)


def random_layer(seed: int) -> ReLULayer:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4))
    m = int(rng.integers(n, 9))
    weight = rng.standard_normal((m, n))
    if seed % 2:
        weight = rng.integers(-1, 2, (m, n)).astype(np.float64)
        weight[~weight.any(axis=1)] = 1.0
    bias = None if seed % 3 else rng.standard_normal(m)
    domain = (
        WholeSpace(),
        Orthant(),
        Box(-np.ones(n), np.full(n, 0.5)),
        Ball(1.0, np.full(n, 0.25)),
    )[seed % 4]
    return ReLULayer(weight, bias, domain)


def holds(dense: Dense, x: np.ndarray, y: np.ndarray, state: list[int]) -> np.ndarray:
    """Which pairs belong to a node's states."""
    ends = [p @ dense.weight.T + dense.bias for p in (x, y)]
    allowed = {
        FREE: np.full(ends[0].shape, True),
        BOTH: (ends[0] >= 0) & (ends[1] >= 0),
        TAIL: ends[0] <= 0,
        HEAD: ends[1] <= 0,
    }
    fits = np.full(len(x), True)
    for i, known in enumerate(state):
        fits &= allowed[known][:, i]
    return fits


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_no_multipliers_prove_too_much(seed: int, noise: float) -> None:
    """Attack: multipliers of the program, changed at random, against random pairs of the node."""
    rng = np.random.default_rng(100 + seed)
    layer = random_layer(seed)
    subject, dense = Subject(layer), Dense(layer)
    forms = Programs(subject, [])
    x = dense.points(2000, rng)
    y = dense.into(x + rng.standard_normal(x.shape) * 10.0 ** rng.uniform(-3, 1, (2000, 1)))
    directions = rng.integers(-6, 7, (subject.dim, subject.dim))
    if not np.linalg.det(directions):
        directions = np.eye(subject.dim, dtype=np.int64)
    cone = tuple(tuple(map(int, way)) for way in directions)
    inside = (np.linalg.solve(directions.T.astype(np.float64), (y - x).T) >= 1e-12).all(axis=0)
    for _ in range(6):
        k = int(rng.integers(len(x)))  # states that at least one pair has
        state = [
            int(rng.choice([s for s in range(4) if fits(dense, x[k], y[k], i, s)]))
            for i in range(len(subject.used))
        ]
        found = forms.solve(cone, tuple(state))
        moved = found.multipliers * (1 + noise * rng.standard_normal(found.multipliers.size))
        for multipliers in (moved, np.abs(moved), -moved):
            square = forms.proof.square(tuple(state), cone, multipliers, 1.0)
            lower = sqrt(min(float(square * forms.unit**2), 1e300))
            pairs = inside & holds(dense, x, y, state)
            if pairs.any():
                assert dense.ratios(x[pairs], y[pairs]).min() >= lower * (1 - 1e-6)


def fits(dense: Dense, x: np.ndarray, y: np.ndarray, row: int, known: int) -> bool:
    state = [FREE] * len(dense.weight)
    state[row] = known
    return bool(holds(dense, x[None], y[None], state)[0])


def test_the_two_halves_of_a_cone_make_it_up() -> None:
    cone = ((3, 1, 0), (0, 1, 5), (1, 1, 1))
    first, second = pair_tree._halves(cone)
    assert len({*first, *second}) == 4
    way = np.array([2.0, 1.0, 3.0])
    for shares in np.random.default_rng(0).random((200, 3)):
        way = shares @ np.array(cone)
        inside = [
            (np.linalg.solve(np.array(half, dtype=float).T, way) >= -1e-9).all()
            for half in (first, second)
        ]
        assert any(inside)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_all_directions_are_asked_up_to_sign(n: int) -> None:
    cones = list(pair_tree._half_of_all(n))
    for way in np.random.default_rng(n).standard_normal((50, n)):
        assert any(
            (np.linalg.solve(np.array(cone, dtype=float).T, sign * way) >= 0).all()
            for cone in cones
            for sign in (1, -1)
        )


@pytest.mark.parametrize("way", [[3, 4], [0, -7], [1, 1], [10**30, 1]])
def test_lengths_are_rounded_up(way: list[int]) -> None:
    square = sum(entry * entry for entry in way)
    found = Fraction(length_above(way), 1 << 40)
    assert square <= found**2 <= square * (1 + Fraction(1, 1 << 38))


@pytest.mark.thorough
@pytest.mark.parametrize("after", [1, 7, 40, 200])
def test_an_interrupt_leaves_a_valid_interval(after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box(-np.ones(3), np.ones(3))
    layer = ReLULayer(np.random.default_rng(1).standard_normal((10, 3)), np.full(10, 0.8), box)
    assert decide(layer).verdict is Verdict.INJECTIVE
    kappa = least_ratio(layer, np.random.default_rng(0), 2000)
    calls = 0
    plain = Programs.solve

    def interrupted(self: Programs, *question: object) -> object:
        nonlocal calls
        calls += 1
        if calls == after:
            raise KeyboardInterrupt
        return plain(self, *question)  # type: ignore[arg-type]

    monkeypatch.setattr(Programs, "solve", interrupted)
    found = bound(layer)
    assert found.limit is not None
    assert found.limit.startswith("interrupted")
    assert 0 < found.inverse_lipschitz.lower <= kappa * (1 + 1e-9)


def test_time_limits_are_kept_and_named() -> None:
    layer = ReLULayer(np.random.default_rng(1).standard_normal((20, 3)))
    found = bound(layer, time_limit=0.0)
    assert found.limit is not None
    assert "raise time_limit" in found.limit


def test_more_nodes_never_widen_the_interval() -> None:
    layer = ReLULayer(np.random.default_rng(2).standard_normal((20, 3)))
    search = PairTree(Subject(layer), 10.0, 0.0, 0.01)
    last = search.interval
    for budget in range(50, 2000, 50):
        search.run(budget, None)
        now = search.interval
        assert last.lower <= now.lower <= now.upper <= last.upper
        last = now
    assert last.lower > 0


def test_where_only_a_time_limit_starts_the_tree() -> None:
    layer = ReLULayer(np.random.default_rng(0).standard_normal((16, 4)), np.full(16, 2.0))
    box = ReLULayer(layer.weight, layer.bias, Box(-np.full(4, 0.2), np.full(4, 0.2)))
    assert bound(box).method != "pairs of cells"
    assert bound(ReLULayer(SQUARE)).method == "exact formula"
