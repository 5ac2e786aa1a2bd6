"""The pair tree: networks decided completely, with z3 as a second road, and checked proofs."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from monic import Ball, Domain, Polyhedron, Verdict, check, decide
from monic.certificate import pair_tree_certificate
from monic.decision.approach import Approach
from monic.decision.network.chain import linear_part
from monic.decision.network.pair_trees import _Near
from monic.decision.network.rules import _sampler
from monic.decision.pair_tree.program import Program, program_of
from monic.decision.pair_tree.search import PairTree
from monic.decision.result import Limits, NetworkDecision, Statistics
from monic.model import Activation, Network, Orthant
from tests.decision.networks import box, chain, same_output_exists
from tests.decision.pair_networks import KINDS, collides, random_pair_network

ONE_DIMENSION = ([[1.0], [-1.0], [1.0], [2.0]], None)


def decided(network: Network) -> NetworkDecision:
    """The decision, its proof checked."""
    found = decide(network, time_limit=60)
    if found.certificate is not None:
        check(found.certificate, network)
    return found


def injective_by_the_tree_alone(network: Network, nodes: int = 10_000) -> bool | None:
    """What the tree says when nobody helps: its proof is checked, or its collision.

    None where so many nodes are not enough.
    """
    program, tree, part = program_of(network), tree_of(network, nodes), linear_part(network)
    found = tree.run()
    if found is False:
        return None
    if isinstance(found, tuple):
        assert part is not None
        assert part.collide(*found)
        return False
    assert program is not None
    scale = None if program.scale is None else Fraction(str(program.scale))
    check(pair_tree_certificate(network, scale, tree.writer.end()), network)
    return True


def tree_of(network: Network, nodes: int = 10_000) -> PairTree:
    """The tree alone, without looking for a collision anywhere."""
    program = program_of(network)
    assert program is not None
    return PairTree(program, lambda x, y: None, lambda counts: counts.nodes > nodes)


def gaussian(widths: list[int], seed: int) -> Network:
    """A network with Gaussian weights on [-1, 1]^n."""
    rng = np.random.default_rng(seed)
    layers = [
        (rng.standard_normal((m, k)), 0.5 * rng.standard_normal(m)) for k, m in pairwise(widths)
    ]
    n = widths[0]
    return chain(*layers, domain=box([-1.0] * n, [1.0] * n), last=Activation.IDENTITY)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("case", range(12))
def test_against_z3(kind: str, case: int) -> None:
    network = random_pair_network(np.random.default_rng([13, case]), kind, inputs=2)
    found = decided(network)
    assert found.verdict is not Verdict.UNDECIDED
    assert (found.verdict is Verdict.NOT_INJECTIVE) == collides(network)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(KINDS))
def test_two_hundred_of_each_kind_against_z3(kind: str) -> None:
    seen: Counter[str] = Counter()
    for case in range(200):
        network = random_pair_network(np.random.default_rng([130, case]), kind)
        found = decided(network)
        assert found.verdict is not Verdict.UNDECIDED, f"case {case}"
        same = collides(network)
        assert (found.verdict is Verdict.NOT_INJECTIVE) == same, f"case {case}"
        seen[found.verdict.name] += 1
        alone = injective_by_the_tree_alone(network, 1000)
        assert alone is not same, f"case {case}"
        seen["the tree alone"] += alone is not None
    assert seen["INJECTIVE"] > 10
    assert seen["NOT_INJECTIVE"] > 10
    assert seen["the tree alone"] > 180
    print(kind, dict(seen))


@pytest.mark.parametrize("case", range(10))
def test_the_tree_alone_agrees_with_z3(case: int) -> None:
    """No collision is looked for: exact programs where all phases are known find them."""
    network = random_pair_network(np.random.default_rng([14, case]), list(KINDS)[case % 5], 2)
    assert injective_by_the_tree_alone(network) is not collides(network)


def test_the_example_of_the_papers_in_one_dimension() -> None:
    """ReLU(x), ReLU(-x) and f(x) for a function f: two outputs of three are enough."""
    rows = [[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, -1.0]]
    network = chain(ONE_DIMENSION, (rows, None), last=Activation.IDENTITY)
    found = decided(network)
    assert found.verdict is Verdict.INJECTIVE
    assert found.certificate is not None
    assert found.certificate.kind == "pair-tree"


def fold() -> Network:
    """(|x| - |y|, |x + y| - |x - y|): determinant 2 in every region, and f(z) = f(-z)."""
    rows = [[1.0, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1], [1, -1], [-1, 1]]
    out = [[1.0, 1, -1, -1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, -1, -1]]
    return chain((rows, None), (out, None), last=Activation.IDENTITY)


def test_the_fold() -> None:
    assert decided(fold()).verdict is Verdict.NOT_INJECTIVE
    found = tree_of(fold()).run()
    part = linear_part(fold())
    assert part is not None
    assert isinstance(found, tuple)
    assert part.collide(*found)


@pytest.mark.parametrize("distance", [0, 2.0**-40, -(2.0**-40)])
def test_a_hair_decides(distance: float) -> None:
    """|x| - (1 - distance) x on x > -1 folds at 0 unless its slope there is positive.

    The outputs (|x| - c x, ReLU(x - 1)) are injective on [-1, 1] if and only if c > 1.
    """
    c = 1.0 + distance
    layers = ([[1.0], [-1.0]], None), ([[1.0 - c, 1.0 + c]], None)
    network = chain(*layers, domain=box([-1.0], [1.0]), last=Activation.IDENTITY)
    found = decided(network)
    assert (found.verdict is Verdict.INJECTIVE) == (c > 1)


def test_homogeneous_parts_may_meet_at_infinity() -> None:
    """(ReLU(x), ReLU(x - 1), ReLU(-x)) summed to (x+ - (x-1)+ + x-, (x-1)+ + x-): not injective.

    With -(x-) in the second output it is, though both ends run in parallel.
    """
    first = ([[1.0], [1.0], [-1.0]], [0.0, -1.0, 0.0])
    for rows in ([[1.0, -1, 1], [0, 1, 1]], [[1.0, -1, 1], [0, 1, -1]]):
        network = chain(first, (rows, None), last=Activation.IDENTITY)
        found = decided(network)
        assert (found.verdict is Verdict.NOT_INJECTIVE) == same_output_exists(network)


def test_widths_go_down() -> None:
    found = decided(gaussian([2, 16, 5], 0))
    assert found.verdict is Verdict.INJECTIVE
    assert "pairs of inputs" in found.reason


def test_limits_and_progress() -> None:
    told: list[Statistics] = []
    network = gaussian([2, 24, 5], 0)
    found = decide(network, limits=Limits(nodes=130), progress=told.append)
    assert found.verdict is Verdict.UNDECIDED
    assert "130" in found.reason or "131" in found.reason
    assert "limits.nodes" in found.reason
    shares = [s.share for s in told if s.share is not None]
    assert shares == sorted(shares)
    assert 0 < shares[-1] < 1
    assert all(s.open > 0 for s in told if s.share is not None)


def test_proofs_have_the_same_bytes_every_time() -> None:
    network = gaussian([2, 16, 5], 3)
    first, second = (decide(network).certificate for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.to_bytes() == second.to_bytes()


def test_around_a_ball_stands_a_box() -> None:
    network = gaussian([2, 16, 5], 0)
    round_ = Network(network.stages, Ball(1.0))
    assert decided(round_).verdict is Verdict.INJECTIVE


def test_other_activations_inside_are_left_to_others() -> None:
    stages = gaussian([2, 8, 8, 5], 0).stages
    smooth = [stages[0], type(stages[1])("tanh", stages[1].map, Activation.TANH), stages[2]]
    assert program_of(Network(smooth)) is None


def test_unbounded_programs_have_one_more_input() -> None:
    network = Network(gaussian([2, 8, 5], 0).stages, Orthant())
    program = program_of(network)
    assert isinstance(program, Program)
    assert (program.n, program.inputs) == (3, 2)
    assert program.scale is not None
    assert all(low == 0 for low, _ in program.coordinates)


def test_near_points_are_inside_the_domain() -> None:
    network = gaussian([2, 8, 5], 1)
    part = linear_part(network)
    assert part is not None
    near = _Near(part, _sampler(network, Approach()))
    found = near.collision(np.array([0.3, 0.2]), np.array([-0.9, 0.8]))
    assert found is None or part.collide(*found)


#: Half-spaces whose numbers are no integers, of one coordinate and of two, in any order.
FRACTIONS: list[Domain] = [
    Polyhedron(np.array(rows), np.array(bounds))
    for rows, bounds in (
        ([[1.0, 1.0], [-1.0, 0.5], [0.0, -1.0]], [1.0, 1.0, 1.0]),
        ([[0.75, 0.0], [-1.0, 0.5], [0.0, -1.0]], [0.3, 0.1, 1.0]),
        ([[-0.5, 0.25], [-1.5, 0.0], [0.0, 0.75]], [0.5, 0.7, 0.1]),
        ([[-1.5, 0.0], [1.0, 0.25]], [0.75, 0.5]),
    )
] + [box([-0.3, -np.inf], [np.inf, 0.75]), box([-0.3, -0.1], [0.7, 0.75])]


@pytest.mark.parametrize("domain", FRACTIONS, ids=str)
def test_proofs_on_domains_of_fractions_hold(domain: Domain) -> None:
    """The multipliers of half-spaces belong to the same multiples of them on both sides."""
    trees = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        network = random_pair_network(rng, list(KINDS)[seed % len(KINDS)], 2)
        if network.in_dim == 2:
            network = Network(network.stages, domain)
            found = decided(network)
            certificate = found.certificate
            trees += certificate is not None and (
                certificate.header["evidence"]["kind"] == "pair-tree"
            )
            if found.verdict is not Verdict.UNDECIDED:
                assert (found.verdict is Verdict.NOT_INJECTIVE) == collides(network)
    assert trees > 0
