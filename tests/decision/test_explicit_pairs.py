"""Explicit pairs and margins of layers that are decided by counting, against exact rows."""

from fractions import Fraction

import numpy as np
import pytest

from monic import Box, Network, Orthant, ReLULayer, Stage, WholeSpace, check, decide
from monic.decision.convolution.blocks import blocks
from monic.decision.convolution.depth import counting_margin
from monic.decision.convolution.explicit import explicit_pair
from monic.errors import InvalidProof
from monic.model import (
    AffineMap,
    ChannelScale,
    ChannelShift,
    Concat,
    Convolution,
    Domain,
    Geometry,
    Input,
    TransposedConvolution,
)
from tests.decision.agreement import NOT_INJECTIVE

GRIDS = (
    Geometry((2, 6, 5), padding=1),
    Geometry((2, 7, 6), stride=2, padding=1, mode="circular"),
    Geometry((2, 6, 6), dilation=2, padding=2, mode="reflect"),
    Geometry((4, 6, 6), padding=1, groups=2),
)


def layer(seed: int, domain: Domain | None = None) -> ReLULayer:
    rng = np.random.default_rng(seed)
    grid = GRIDS[seed % len(GRIDS)]
    width, size = grid.shape[0] // grid.groups, int(np.prod(grid.shape))
    step: AffineMap = Convolution(rng.standard_normal((4, width, 3, 3)), Input(size), grid)
    if seed % 3 == 0:
        other = Convolution(rng.standard_normal((2 * grid.groups, width, 3, 3)), Input(size), grid)
        scaled = ChannelScale(rng.standard_normal(2 * grid.groups), other)
        step = Concat((ChannelShift(rng.standard_normal(4), step), scaled))
    if seed % 2 == 0:  # most rows are inactive
        step = ChannelShift(rng.uniform(-9, -3, step.out_dim // positions(step)), step)
    return ReLULayer(step, domain=WholeSpace() if domain is None else domain)


def positions(step: AffineMap) -> int:
    found = blocks(step)
    assert found is not None
    return found[0].positions


def outputs(asked: ReLULayer, x: tuple[Fraction, ...]) -> list[Fraction]:
    """By the dense matrix, exactly."""
    exact = asked.map.exact()
    rows = zip(exact.weight.tolist(), exact.bias.entries(), strict=True)
    values = [
        sum((int(a) * t for a, t in zip(w, x, strict=True)), Fraction(int(b))) for w, b in rows
    ]
    return [max(v, Fraction(0)) for v in values]


def domain_of(kind: str, size: int) -> Domain:
    if kind == "box":
        return Box(np.full(size, -0.25), np.full(size, 0.5))
    return Orthant() if kind == "orthant" else WholeSpace()


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["whole", "orthant", "box"])
@pytest.mark.parametrize("seed", range(8))
def test_the_pair_collides_exactly(seed: int, kind: str) -> None:
    size = layer(seed).map.in_dim
    asked = layer(seed, domain_of(kind, size))
    rng = np.random.default_rng([seed, 1])
    found = blocks(asked.map)
    assert found is not None
    tried = 0
    for _ in range(2):
        x = tuple(Fraction(int(t), 64) for t in rng.integers(1, 31, size))
        pair = explicit_pair(asked, found, x)
        if pair is None:
            continue
        tried += 1
        assert pair.x == x != pair.other
        assert asked.domain.contains(pair.other)
        assert outputs(asked, pair.x) == outputs(asked, pair.other)
        assert pair.floats is not None
        rounded = [tuple(map(Fraction, p)) for p in (pair.floats.x, pair.floats.other)]
        first, second = (outputs(asked, p) for p in rounded)
        gap = max(abs(a - b) for a, b in zip(first, second, strict=True))
        assert gap * Fraction(2) ** asked.map.exact().exponent == pair.floats.difference
    assert tried == 2 or seed % 2


@pytest.mark.parametrize("seed", range(6))
def test_the_verdict_carries_pair_margin_and_proof(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = Geometry((4, 10, 10), padding=1, stride=2)
    step = Convolution(rng.standard_normal((8, 4, 3, 3)).astype("f4"), Input(400), shape)
    asked = ReLULayer(ChannelShift(rng.standard_normal(8).astype("f4"), step))
    decision = decide(asked)
    assert decision.verdict is NOT_INJECTIVE
    assert decision.margin is not None
    assert decision.collision is not None
    assert decision.certificate is not None
    assert decision.certificate.kind == "collision"
    check(decision.certificate, asked)
    other = ReLULayer(ChannelShift(np.zeros(8, "f4"), step))
    with pytest.raises(InvalidProof):
        check(decision.certificate, other)


@pytest.mark.parametrize("domain", [WholeSpace(), Box(np.full(36, -1.0), np.full(36, 1.0))])
@pytest.mark.parametrize("mode", ["zero", "reflect", "circular"])
def test_rows_that_change_by_less_than_the_margin_prove_nothing_new(
    mode: str, domain: Domain
) -> None:
    """The adversary moves every row by t |w| towards x; fewer than n rows are active still."""
    rng = np.random.default_rng(3)
    kernel = rng.standard_normal((2, 1, 3, 3))
    step = Convolution(kernel, Input(36), Geometry((1, 6, 6), padding=1, mode=mode))
    asked = ReLULayer(step, domain=domain)
    found = blocks(step)
    assert found is not None
    tried = 0
    for _ in range(200):
        x = rng.integers(-31, 32, 36) / 32
        values = step.taps.matrix() @ x
        if (values >= 0).sum() >= 36 or not x.any():
            continue
        margin = counting_margin(asked, found, [Fraction(float(t)) for t in x])
        lengths = np.linalg.norm(step.taps.matrix().toarray(), axis=1)
        size = np.linalg.norm(x) if isinstance(domain, WholeSpace) else 1.0
        moved = values + 0.999 * margin.value * size * lengths
        assert (moved >= 0).sum() < 36
        tried += 1
    assert tried


def test_a_strided_network_is_refuted_by_a_pair_of_inputs() -> None:
    """The first layer is too large for the search over all stages; its own pair is enough."""
    rng = np.random.default_rng(4)
    first = Convolution(
        rng.standard_normal((6, 3, 4, 4)).astype("f4"),
        Input(3 * 24 * 24),
        Geometry((3, 24, 24), stride=2, padding=1),
    )
    up = TransposedConvolution(
        rng.standard_normal((6, 2, 2, 2)).astype("f4"),
        Input(6 * 144),
        Geometry((6, 12, 12), stride=2),
    )
    network = Network([Stage("down", first), Stage("up", up)], Box(np.zeros(1728), np.ones(1728)))
    decision = decide(network, time_limit=2)
    assert decision.verdict is NOT_INJECTIVE
    pair = decision.collision
    assert pair is not None
    assert sum(a != b for a, b in zip(pair.x, pair.other, strict=True)) <= 27
    assert decision.certificate is not None
    check(decision.certificate, network)
