"""Layers on balls: polytopes inside and outside agree, and all of the machine works for them."""

import os
import signal
from fractions import Fraction
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import monic
from monic import Ball, Domain, Execution, Limits, Polyhedron, ReLULayer, UnreadableCheckpoint
from monic.decision.ball import Weighted, separating_on_ball
from monic.decision.problem import Problem
from monic.decision.result import Statistics
from monic.model.array import Array
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, UNDECIDED, decided


def biased(m: int, n: int, seed: int, size: float = 0.5) -> tuple[Array, Array]:
    rng = np.random.default_rng([m, n, seed])
    return rng.standard_normal((m, n)), size * rng.standard_normal(m)


def on_ball(m: int, n: int, seed: int = 0, size: float = 0.5) -> ReLULayer:
    return ReLULayer(*biased(m, n, seed, size), Ball(1.0))


LAYER = on_ball(60, 10, 2)  # cut into units; some thousand nodes


@pytest.fixture(scope="module")
def whole() -> bytes:
    decision = decided(LAYER, method="branching")
    assert decision.verdict is INJECTIVE
    assert decision.statistics.nodes > 2_000
    assert decision.certificate is not None
    return decision.certificate.to_bytes()


# a second road: polytopes


def _directions(n: int, count: int) -> Array:
    """Unit vectors, up to rounding: around the circle, or all signs of axes and some at random."""
    if n == 2:
        angles = np.arange(count) * (2 * np.pi / count)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rows = np.random.default_rng(n).standard_normal((count, n))
    rows = np.vstack([np.eye(n), -np.eye(n), rows])
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _around(directions: Array, radius: Fraction) -> Polyhedron:
    """A polytope that holds the ball: u.x <= c with c >= radius |u|, rounded up exactly."""
    heights = []
    for row in directions.tolist():
        square = radius**2 * sum(Fraction(t) ** 2 for t in row)
        above = Fraction(isqrt(square.numerator * square.denominator) + 1, square.denominator)
        heights.append(np.nextafter(float(above), np.inf))
    return Polyhedron(directions, np.array(heights))


def _largest_norm(n: int, directions: Array) -> float:
    """At least the norm of every point with u.x <= 1 for all u, by its vertices (n = 2, 3)."""
    from scipy.spatial import HalfspaceIntersection

    faces = np.hstack([directions, -np.ones((len(directions), 1))])
    vertices = HalfspaceIntersection(faces, np.zeros(n)).intersections
    return float(np.linalg.norm(vertices, axis=1).max()) * (1 + 1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize(("n", "count"), [(2, 48), (3, 90)])
def test_verdicts_lie_between_those_of_polytopes(n: int, count: int) -> None:
    """Injective on a set is injective on its parts; near the critical radius all three differ."""
    directions = _directions(n, count)
    reach = _largest_norm(n, directions)
    seen = []
    for seed in range(9):
        weight, bias = biased(4 * n, n, seed)
        for radius in (0.25, 0.5, 1.0, 1.5, 2.5):
            outer = _around(directions, Fraction(radius))
            inner = Polyhedron(directions, np.full(len(directions), radius / reach))
            domains: list[Domain] = [inner, Ball(radius), outer]
            verdicts = [
                decided(ReLULayer(weight, bias, d), method="branching").verdict is INJECTIVE
                for d in domains
            ]
            assert verdicts == sorted(verdicts, reverse=True), (seed, radius)
            seen.append(tuple(verdicts))
    assert {(True, True, True), (False, False, False)} <= set(seen)
    assert seen.count((True, True, True)) > 5
    assert sum(len(set(verdicts)) > 1 for verdicts in seen) < 12, "fine polytopes say the same"


@pytest.mark.parametrize(("n", "m"), [(1, 3), (2, 4), (4, 10), (6, 14)])
def test_one_radius_is_critical(n: int, m: int) -> None:
    """Below it every verdict is INJECTIVE and above it none, up to neighbouring floats."""
    weight, bias = biased(m, n, 1)
    bias, low, high, steps = np.abs(bias), 2.0**-20, 2.0**10, 0
    assert decided(ReLULayer(weight, bias, Ball(low)), method="branching").verdict is INJECTIVE
    layer = ReLULayer(weight, bias, Ball(high))
    assert decided(layer, method="branching").verdict is NOT_INJECTIVE
    while low < (middle := low + (high - low) / 2) < high:
        layer = ReLULayer(weight, bias, Ball(middle))
        found = decided(layer, method="branching").verdict
        low, high = (middle, high) if found is INJECTIVE else (low, middle)
        steps += 1
    assert steps > 40
    for factor, verdict in ((0.9, INJECTIVE), (1.1, NOT_INJECTIVE)):
        layer = ReLULayer(weight, bias, Ball(low * factor))
        assert decided(layer, method="branching").verdict is verdict


@pytest.mark.parametrize("radius", [1e-300, 1e-20, 2147483647.0, 1e20, 1e300])
def test_extreme_radii(radius: float) -> None:
    """Scaled with the radius, a layer keeps its verdict; 2147483647 is the prime of rank tests."""
    for seed in range(4):
        weight, bias = biased(16, 3, seed)
        expected = decided(ReLULayer(weight, bias, Ball(1.0)), method="branching").verdict
        with np.errstate(over="ignore"):
            scaled = weight / radius if radius < 1 else weight
            moved = bias if radius < 1 else bias * radius
        if not (np.isfinite(scaled).all() and np.isfinite(moved).all()):
            continue
        found = decided(ReLULayer(scaled, moved, Ball(radius)), method="branching").verdict
        assert found is expected


def test_rows_of_very_different_lengths() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        weight, bias = biased(24, 3, seed)
        lengths = 2.0 ** rng.integers(-200, 200, 24)
        stretched = ReLULayer(weight * lengths[:, None], bias * lengths, Ball(0.75))
        plain = ReLULayer(weight, bias, Ball(0.75))
        found = decided(stretched, method="branching").verdict
        assert found is decided(plain, method="branching").verdict


def test_the_tree_is_small() -> None:
    """The bound of docs/branching.md is met, though relations need not contain every row of E."""
    from math import comb

    for n in (4, 6, 8):
        nodes = decided(on_ball(10 * n, n), method="branching").statistics.nodes
        assert nodes < comb(2 * n, n - 1) / 4


# the machine around the search


def proof(**options: Any) -> bytes:
    decision = monic.decide(LAYER, method="branching", **options)
    assert decision.certificate is not None, decision.reason
    return decision.certificate.to_bytes()


def test_two_workers_write_the_same_proof(whole: bytes) -> None:
    assert proof(workers=2) == whole
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as executor:
        assert proof(execution=Execution(workers=3, executor=executor)) == whole


@pytest.mark.parametrize("workers", [1, 2])
def test_stops_and_goes_on(tmp_path: Path, whole: bytes, workers: int) -> None:
    file, nodes, stops = tmp_path / "ball.checkpoint", 300, 0
    options: dict[str, Any] = {"method": "branching", "workers": workers}
    decision = monic.decide(LAYER, limits=Limits(nodes=nodes), **options)
    while decision.verdict is UNDECIDED:
        assert "nodes was hit" in decision.reason
        stops += 1
        monic.save_checkpoint(file, decision)
        nodes += 900
        decision = monic.decide(LAYER, limits=Limits(nodes=nodes), resume=file, **options)
    assert stops >= 2
    assert decision.certificate is not None
    assert decision.certificate.to_bytes() == whole


def test_a_node_limit_is_kept() -> None:
    decision = monic.decide(LAYER, method="branching", limits=Limits(nodes=100))
    assert decision.verdict is UNDECIDED
    assert decision.statistics.nodes <= 101


def test_a_time_limit_is_kept() -> None:
    hard = on_ball(84, 14)
    decision = monic.decide(hard, method="branching", time_limit=0.3)
    assert decision.verdict is UNDECIDED
    assert "time_limit" in decision.reason
    assert decision.statistics.seconds < 1.5


def test_ctrl_c_carries_a_checkpoint(tmp_path: Path) -> None:
    hard = on_ball(84, 14)

    def press(statistics: Statistics) -> None:
        if statistics.nodes > 1_000:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(monic.Interrupted) as stopped:
        monic.decide(hard, method="branching", progress=press)
    file = monic.save_checkpoint(tmp_path / "stopped", stopped.value)
    again = monic.decide(hard, method="branching", resume=file, limits=Limits(nodes=1_000))
    assert again.verdict is UNDECIDED
    assert 500 < again.statistics.nodes <= 1_001
    with pytest.raises(UnreadableCheckpoint, match="another layer"):
        monic.decide(LAYER, method="branching", resume=file)


def test_exact_work_pauses() -> None:
    """So that limits are heard between two steps; in the end it proves what floats proved."""
    problem = Problem(on_ball(30, 5))
    work, pauses = separating_on_ball(problem, range(30), []), 0
    while True:
        try:
            next(work)
        except StopIteration as done:
            found = done.value
            break
        pauses += 1
    assert pauses > 3
    assert isinstance(found, Weighted)
    *v, beta = [
        sum(w * problem.rows[i][j] for w, i in zip(found.weights, found.positive, strict=True))
        for j in range(6)
    ]
    assert beta >= 0
    assert beta**2 >= sum(e * e for e in v)


# packings


@pytest.mark.parametrize(("m", "n"), [(20, 3), (40, 6), (60, 6), (100, 10)])
def test_packings_say_the_same(m: int, n: int) -> None:
    for seed in range(4):
        layer = on_ball(m, n, seed)
        plain = decided(layer, method="branching")
        packed = monic.decide(layer, method="packing", assume="general-position")
        assert packed.verdict is plain.verdict
        assert packed.certificate is not None
        monic.check(packed.certificate, layer)
        if packed.assumption is not None:
            assert packed.statistics.nodes <= plain.statistics.nodes


def test_packings_need_fewer_nodes() -> None:
    layer = on_ball(160, 16, 0, 1.0)
    decision = monic.decide(layer, assume="general-position", time_limit=60)
    assert decision.verdict is INJECTIVE
    assert decision.assumption == "general-position"
    assert decision.certificate is not None
    monic.check(decision.certificate, layer)


def test_undecided_says_that_a_packing_exists() -> None:
    decision = monic.decide(on_ball(160, 12), limits=Limits(nodes=400))
    assert decision.verdict is UNDECIDED
    assert "ask with assume='general-position'" in decision.reason
