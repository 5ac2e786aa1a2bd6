"""Stages that are narrower than the input: collisions through them, and proofs without any."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from flint import fmpz_mat

from monic import Activation, Box, Network, Orthant, Verdict, check, decide, load
from monic.clock import monotonic
from monic.decision.network.bottleneck import bottleneck, pair_through
from monic.decision.network.sampling import Sampler
from monic.decision.network.slices import LateError, image, slice_region
from monic.model import Concat, Convolution, Geometry, Input, Linear, Stage
from tests.decision.convolutions import small_convolution
from tests.decision.networks import box, chain, outputs
from tests.io.graphs import model, network, node

ROOT = Path(__file__).parents[2]


def _dense(rng: np.random.Generator, sizes: list[int], **options: object) -> Network:
    layers = [
        (rng.integers(-3, 4, (m, n)).astype(np.float64), rng.integers(-2, 3, m))
        for n, m in pairwise(sizes)
    ]
    return chain(*layers, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("domain", [None, Orthant(), box([-1.0] * 6, [1.0] * 6)])
def test_two_inputs_meet_in_the_narrow_stage(
    domain: Box | Orthant | None, rng: np.random.Generator
) -> None:
    net = _dense(rng, [6, 9, 3, 8], domain=domain)
    assert bottleneck(net) == 1
    found = decide(net, time_limit=2)
    assert found.verdict is Verdict.NOT_INJECTIVE
    assert found.collision is not None
    assert outputs(net, found.collision.x) == outputs(net, found.collision.other)
    assert net.domain.contains(found.collision.x)
    assert net.domain.contains(found.collision.other)
    assert found.certificate is not None
    check(found.certificate, net)


def test_slices_agree_with_the_dense_road(rng: np.random.Generator) -> None:
    net = _dense(rng, [5, 7, 6, 4], last=Activation.IDENTITY)
    x = tuple(Fraction(int(t), 8) for t in rng.integers(-20, 20, 5))
    assert image(net.stages, x) == outputs(net, x)
    around = slice_region(net.stages, x, [1, 3])
    assert around is not None
    way = [2, -3]
    step = min(around.reach(way) or Fraction(1), Fraction(1)) / 2
    moved = list(x)
    moved[1] += step * way[0]
    moved[3] += step * way[1]
    change = around.map.weight.tolist()
    scale = Fraction(2) ** around.map.exponent * step
    expected = [
        a + sum(int(c) * w for c, w in zip(row, way, strict=True)) * scale
        for a, row in zip(outputs(net, x), change, strict=True)
    ]
    assert list(outputs(net, moved)) == expected


def test_convolutions_are_followed_without_their_matrix(rng: np.random.Generator) -> None:
    kernel = rng.integers(-2, 3, (3, 2, 2, 2)).astype(np.float64)
    step = Convolution(kernel, Input(32), Geometry((2, 4, 4), stride=(2, 1)))
    skip = Stage("skip", Concat((Input(32), step)), carried=32)
    x = tuple(Fraction(int(t), 4) for t in rng.integers(-20, 20, 32))
    exact = skip.map.exact()
    scale = Fraction(2) ** exact.exponent
    rows = [[int(a) for a in row] for row in exact.weight.tolist()]
    dense = tuple(sum(a * t for a, t in zip(row, x, strict=True)) * scale for row in rows)
    assert image([skip], x) == dense


@pytest.mark.parametrize("seed", range(12))
def test_convolutions_of_all_kinds_are_followed(seed: int) -> None:
    """Groups, strides and borders, against the matrix, and in pieces of one position."""
    step = small_convolution(np.random.default_rng(seed), 2, 40)
    x = tuple(map(Fraction, range(step.in_dim)))
    exact = step.exact()
    wanted = (exact.weight * fmpz_mat(step.in_dim, 1, list(range(step.in_dim)))).entries()
    assert list(image([Stage("c", step)], x)) == [int(v) * exact.scale for v in wanted]


def test_the_time_limit_stops_the_search_for_two_inputs(rng: np.random.Generator) -> None:
    network = _dense(rng, [12, 9, 4])
    sampler = Sampler(network.domain, 12, (Fraction(0),) * 12, 0)
    assert pair_through(network, 1, sampler) is not None
    assert pair_through(network, 1, sampler, until=monotonic() - 1) is None
    with pytest.raises(LateError):
        image(network.stages, (Fraction(1),) * 12, until=monotonic() - 1)
    found = decide(network, time_limit=0)
    assert found.verdict is Verdict.NOT_INJECTIVE
    assert found.certificate is not None
    check(found.certificate, network)


def test_a_stage_on_a_wall_is_left_by_another_input() -> None:
    """At 0 every ReLU has its wall."""
    net = chain(([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None))
    assert slice_region(net.stages, (Fraction(0), Fraction(1)), [0, 1]) is None
    sampler = Sampler(net.domain, 2, (Fraction(0), Fraction(0)), 0)
    assert pair_through(net, 1, sampler) is not None


def test_behind_a_smooth_activation_the_dimensions_are_the_proof() -> None:
    wide = Stage("wide", Linear(np.eye(3)[[0, 1, 2, 0]], Input(3)), Activation.TANH)
    narrow = Stage("narrow", Linear(np.ones((2, 4)), Input(4)), Activation.SIGMOID)
    net = Network([wide, narrow], Box(np.zeros(3), np.ones(3)))
    found = decide(net)
    assert found.verdict is Verdict.NOT_INJECTIVE
    assert "passes on 2 numbers, fewer than the 3 inputs" in found.reason
    assert found.collision is None
    assert found.certificate is not None
    assert found.certificate.kind == "bottleneck"
    check(found.certificate, net)


def test_max_pooling_is_not_one_to_one(tmp_path: Path) -> None:
    pool = node("MaxPool", ["x"], ["y"], name="pool", kernel_shape=[2, 2], strides=[2, 2])
    net = network(tmp_path / "m.onnx", model([pool], {}, (1, 1, 4, 4)))
    found = decide(net, time_limit=5)
    assert found.verdict is Verdict.NOT_INJECTIVE
    assert found.collision is not None
    assert found.certificate is not None
    check(found.certificate, net)


@pytest.mark.thorough
def test_a_convolutional_network_with_max_pooling() -> None:
    loaded = load(ROOT / "tests" / "data" / "onnx" / "conv_mp1.onnx")
    assert isinstance(loaded, Network)
    net = Network(loaded.stages, Box(np.zeros(192), np.ones(192)))
    found = decide(net, time_limit=10)
    assert found.verdict is Verdict.NOT_INJECTIVE
    assert found.collision is not None
    assert found.certificate is not None
    check(found.certificate, ROOT / "tests" / "data" / "onnx" / "conv_mp1.onnx")
