"""Whole networks: their collisions are exact, and their verdicts agree with z3."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from monic import Activation, Box, Network, Verdict, check, decide, load
from monic.clock import monotonic
from monic.decision.network.chain import linear_part
from monic.decision.network.kernels import collision_inside, deficient_points
from monic.decision.network.lifting import lifted, reached
from monic.decision.network.pairs import collision_between
from monic.decision.network.sampling import Sampler
from monic.decision.pair_tree import program
from monic.decision.result import NetworkDecision
from monic.model import Input, Linear, Orthant, Shift, Stage
from tests.decision.networks import (
    box,
    chain,
    outputs,
    random_network,
    random_skips,
    same_output_exists,
)

ROOT = Path(__file__).parents[2]
SPLIT = [[1.0], [-1.0]]
HALF, ZERO = Fraction(1, 2), Fraction(0)


def confirmed(network: Network, found: NetworkDecision) -> None:
    """Whatever is reported holds on another road, and the checker agrees."""
    if found.collision is not None:
        x, other = found.collision.x, found.collision.other
        assert x != other
        assert network.domain.contains(x)
        assert network.domain.contains(other)
        assert outputs(network, x) == outputs(network, other)
    if found.verdict is not Verdict.UNDECIDED:
        assert found.certificate is not None
        check(found.certificate, network)


@pytest.mark.thorough
def test_random_networks_agree_with_z3() -> None:
    rng = np.random.default_rng(5)
    counts = dict.fromkeys(Verdict, 0)
    missed = 0
    for _ in range(80):
        network = random_network(rng)
        found = decide(network, time_limit=0.5)
        confirmed(network, found)
        counts[found.verdict] += 1
        if found.verdict is Verdict.INJECTIVE:
            assert not same_output_exists(network)
        if found.verdict is Verdict.UNDECIDED:
            missed += same_output_exists(network)
    assert missed <= 1
    assert counts[Verdict.INJECTIVE] >= 10
    assert counts[Verdict.NOT_INJECTIVE] >= 10


@pytest.mark.thorough
def test_random_residual_networks_agree_with_z3() -> None:
    """Numbers are carried past ReLUs and leaky ReLUs, and every road keeps them exactly."""
    rng = np.random.default_rng(11)
    counts = dict.fromkeys(Verdict, 0)
    missed = 0
    for _ in range(60):
        network = random_skips(rng)
        found = decide(network, time_limit=0.5)
        confirmed(network, found)
        counts[found.verdict] += 1
        exists = same_output_exists(network)
        assert found.verdict is not (Verdict.INJECTIVE if exists else Verdict.NOT_INJECTIVE)
        missed += exists and found.verdict is Verdict.UNDECIDED
        assert found.stages[0].decision.verdict is Verdict.INJECTIVE  # it carries all inputs
    assert missed <= 2, f"{missed} collisions were not found"
    assert counts[Verdict.NOT_INJECTIVE] >= 15


def test_random_carried_stages_agree_with_z3() -> None:
    """A stage with rows A carried and W under a ReLU is the layer (A, -A, W)."""
    rng = np.random.default_rng(3)
    counts = dict.fromkeys(Verdict, 0)
    for _ in range(60):
        n, m = int(rng.integers(1, 4)), int(rng.integers(2, 7))
        weight = rng.integers(-2, 3, (m, n)).astype(np.float64)
        shift = Shift(rng.integers(-1, 2, m).astype(np.float64), Linear(weight, Input(n)))
        domain = [None, Orthant(), Box(-np.ones(n), np.ones(n))][int(rng.integers(3))]
        stage = Stage("s", shift, carried=int(rng.integers(1, m)))
        network = Network([stage], domain)
        found = decide(network)
        confirmed(network, found)
        counts[found.verdict] += 1
        assert (found.verdict is Verdict.NOT_INJECTIVE) == same_output_exists(network)
    assert min(counts[Verdict.INJECTIVE], counts[Verdict.NOT_INJECTIVE]) >= 10


def test_a_layer_that_fails_alone_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """x -> ReLU(x) - ReLU(-x) is x, though the second map is not one-to-one on the orthant."""
    network = chain((SPLIT, None), ([[1.0, -1.0]], None), last=Activation.IDENTITY)
    whole = decide(network)
    assert whole.verdict is Verdict.INJECTIVE
    assert whole.certificate is not None
    assert whole.certificate.kind == "pair-tree"
    monkeypatch.setattr(program, "UNITS", 0)  # too large for a tree over pairs
    found = decide(network, time_limit=0.5)
    assert found.stages[1].decision.verdict is Verdict.NOT_INJECTIVE
    assert found.verdict is Verdict.UNDECIDED
    assert "fc1" in found.reason
    assert "400 pairs" in found.reason
    assert "seed" in found.reason
    assert not same_output_exists(network)


def test_a_region_with_a_kernel() -> None:
    """x in (1, 2) dies in the second layer: |x| folded again."""
    network = chain((SPLIT, None), ([[-1.0, 0.0], [0.0, 1.0]], [1.0, 0.0]))
    found = decide(network)
    assert found.verdict is Verdict.NOT_INJECTIVE
    assert "rank-deficient" in found.reason
    confirmed(network, found)
    part = linear_part(network)
    assert part is not None
    pair = collision_inside(part, (Fraction(3, 2),))
    assert pair is not None
    assert outputs(network, pair[0]) == outputs(network, pair[1]) == (ZERO, ZERO)
    assert collision_inside(part, (HALF,)) is None
    assert collision_inside(part, (Fraction(1),)) is None  # on a wall


def test_two_regions() -> None:
    """|x| has no region with a kernel; 1 and -1 meet."""
    network = chain((SPLIT, None), ([[1.0, 1.0]], None), last=Activation.IDENTITY)
    found = decide(network)
    assert found.verdict is Verdict.NOT_INJECTIVE
    assert "two linear regions" in found.reason
    confirmed(network, found)
    part = linear_part(network)
    assert part is not None
    near = (Fraction(101, 100),), (Fraction(-1),)
    pair = collision_between(part, *near)
    assert pair is not None
    assert abs(pair[0][0]) == abs(pair[1][0])
    assert collision_between(part, (Fraction(1),), (Fraction(2),)) is None


def test_the_floats_of_a_collision_are_shown() -> None:
    network = chain((SPLIT, None), ([[1.0, 1.0]], None), last=Activation.IDENTITY)
    pair = decide(network).collision
    assert pair is not None
    assert pair.floats is not None
    assert pair.floats.outputs is not None
    for point, output in zip((pair.floats.x, pair.floats.other), pair.floats.outputs, strict=True):
        assert output == pytest.approx([abs(point[0])])


def test_a_collision_of_the_second_layer_is_traced_back() -> None:
    """The first layer is onto the plane on its orthant: both points are reached."""
    network = chain(([[1.0, 0.0], [1.0, 1.0]], None), ([[1.0, 1.0]], None), domain=Orthant())
    found = decide(network)
    assert found.verdict is Verdict.NOT_INJECTIVE
    confirmed(network, found)
    part = linear_part(network)
    assert part is not None
    inner = (Fraction(1), Fraction(3)), (Fraction(2), Fraction(2))
    pair = lifted(part, 1, inner)
    assert pair == ((Fraction(1), Fraction(2)), (Fraction(2), ZERO))
    before = part.prefix(1)
    assert reached(before, (Fraction(1), HALF)) is None  # the second is at least the first
    assert reached(before, (Fraction(-1), HALF)) is None


def test_points_behind_dead_units_are_reached() -> None:
    part = linear_part(chain(([[1.0], [-1.0], [2.0]], [0.0, 0.0, -9.0])))
    assert part is not None
    zero = ZERO
    assert reached(part, (Fraction(2), zero, zero)) == (Fraction(2),)
    assert reached(part, (zero, Fraction(2), zero)) == (Fraction(-2),)
    assert reached(part, (Fraction(6), zero, Fraction(3))) == (Fraction(6),)
    assert reached(part, (Fraction(6), zero, zero)) is None


def test_before_a_smooth_activation() -> None:
    """What meets before a tanh meets after it; beyond it nothing is looked for."""
    stages = chain((SPLIT, None), ([[1.0, 1.0]], None), last=Activation.TANH).stages
    network = Network([*stages, Stage("out", Linear(np.ones((1, 1)), Input(1)))])
    found = decide(network)
    assert found.verdict is Verdict.NOT_INJECTIVE
    assert found.certificate is not None
    check(found.certificate, network)


def test_a_composition_of_injective_layers_is_proved() -> None:
    network = chain((SPLIT, [1.0, 0.0]), ([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], None))
    found = decide(network)
    assert found.verdict is Verdict.INJECTIVE
    confirmed(network, found)


def test_a_box_makes_inner_layers_injective() -> None:
    """On [0, 1] the second layer sees [0, 1], where 2 - x never dies."""
    layers = ([[1.0]], None), ([[-1.0]], [2.0])
    assert decide(chain(*layers, domain=box([0.0], [1.0]))).verdict is Verdict.INJECTIVE
    assert decide(chain(*layers, domain=Orthant())).verdict is Verdict.NOT_INJECTIVE


def test_a_first_layer_with_a_point_alone_is_proved(rng: np.random.Generator) -> None:
    """In many dimensions no pair is written down; the point is a proof all the same."""
    weight = rng.integers(-3, 4, (70, 70)).astype(np.float64)
    network = chain((weight, None), (np.eye(70), None))
    found = decide(network, method="structure")
    assert found.verdict is Verdict.NOT_INJECTIVE
    assert found.collision is None
    confirmed(network, found)


def test_seeds_and_limits() -> None:
    network = chain((SPLIT, None), ([[1.0, 1.0]], None), last=Activation.IDENTITY)
    first, second = (decide(network, seed=7).collision for _ in range(2))
    assert first == second
    minus = chain((SPLIT, None), ([[1.0, -1.0]], None), last=Activation.IDENTITY)
    none = decide(minus, time_limit=1e-6)
    assert none.verdict is Verdict.UNDECIDED
    assert "raise" in none.reason
    alone = decide(network, method="structure")
    assert alone.verdict is Verdict.UNDECIDED


@pytest.mark.thorough
@pytest.mark.parametrize(("domain", "inside"), [(None, "whole"), (0.5, "box")])
def test_acas_xu_is_not_injective(domain: float | None, inside: str) -> None:
    loaded = load(ROOT / "examples" / "acasxu_1_1.onnx")
    assert isinstance(loaded, Network)
    place = None if domain is None else Box(np.full(5, -domain), np.full(5, domain))
    network = Network(loaded.stages, place)
    found = decide(network, time_limit=20)
    assert found.stages[0].domain.startswith(inside)
    assert found.verdict is Verdict.NOT_INJECTIVE
    assert found.collision is not None
    confirmed(network, found)


@pytest.mark.parametrize("name", ["fc1", "fc2", "fc_2-2-3", "gemm"])
def test_real_files(name: str) -> None:
    loaded = load(ROOT / "tests" / "data" / "onnx" / f"{name}.onnx")
    assert isinstance(loaded, Network)
    found = decide(loaded, time_limit=20)
    assert found.verdict is (Verdict.INJECTIVE if name == "gemm" else Verdict.NOT_INJECTIVE)
    if name != "fc2":  # 784 inputs: the fractions of the second road take long
        confirmed(loaded, found)
    elif found.certificate is not None:
        check(found.certificate, loaded)


def test_points_end_with_the_time() -> None:
    rng = np.random.default_rng(0)
    network = Network([Stage("wide", Linear(rng.standard_normal((40, 4)), Input(4)))])
    chain = linear_part(network)
    assert chain is not None
    sampler = Sampler(network.domain, 4, (Fraction(0),) * 4, 0)
    assert list(deficient_points(chain, sampler, deadline=monotonic() - 1)) == []
