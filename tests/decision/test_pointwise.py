"""Matrices applied at every position: they merge what one position merges, and cost as much."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import monic
from monic.decision.affine import decide_affine
from monic.model import (
    AffineMap,
    Box,
    ChannelScale,
    ChannelShift,
    Concat,
    Convolution,
    Domain,
    Geometry,
    Input,
    Orthant,
    Polyhedron,
    ReLULayer,
    Scale,
    Select,
    Shift,
    TransposedConvolution,
    WholeSpace,
)
from monic.model.array import Array
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, UNDECIDED, decided

POSITIONS = 2


def _rows_first(n: int, positions: int = POSITIONS) -> list[int]:
    """The order in which channels come first, of tokens one after another."""
    return np.arange(n * positions).reshape(positions, n).T.reshape(-1).tolist()


def _layer(weight: Array, bias: Array, way: str, domain: Domain, positions: int = 2) -> ReLULayer:
    """A matrix at every position: channels first, last, stored transposed, or after a change."""
    m, n = weight.shape
    value: AffineMap = Input(n * positions)
    if way == "rows":
        value = Select(_rows_first(n, positions), value)
    if way == "changed":
        value = Shift(
            np.array([0.5]), ChannelScale(2.0 ** np.arange(n) * (-1) ** np.arange(n), value)
        )
    grid = Geometry((n, positions))
    if way == "transposed":
        value = TransposedConvolution(weight.T.copy(), value, grid)
    else:
        value = Convolution(weight, value, grid)
    value = ChannelShift(bias, value)
    if way == "rows":
        places = np.arange(m * positions).reshape(m, positions).T.reshape(-1).tolist()
        value = Select(places, value)
    return ReLULayer(value, domain=domain)


WAYS = ["channels", "rows", "transposed", "changed"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["whole", "orthant", "box", "polyhedron"])
@pytest.mark.parametrize("seed", range(6))
def test_verdicts_are_those_of_the_whole_matrix(way: str, kind: str, seed: int) -> None:
    rng = np.random.default_rng([seed, len(way), len(kind)])
    n = int(rng.integers(1, 3))
    weight = rng.integers(-2, 3, (int(rng.integers(2, 9)), n)).astype(float)
    bias = rng.integers(-1, 2, len(weight)).astype(float)
    size = n * POSITIONS
    lower = -rng.integers(0, 3, size).astype(float)
    domains: dict[str, Domain] = {
        "whole": WholeSpace(),
        "orthant": Orthant(),
        "box": Box(lower, lower + rng.integers(1, 4, size)),
        "polyhedron": Polyhedron(np.ones((1, size)), np.array([3.0])),
    }
    layer = _layer(weight, bias, way, domains[kind])
    exact = layer.map.exact()
    dense = np.array(exact.weight.tolist(), float) * float(exact.scale)
    shift = np.array(exact.bias.tolist(), float)[:, 0] * float(exact.scale)
    whole = monic.decide(ReLULayer(dense, shift, layer.domain), time_limit=30)
    decision = monic.decide(layer, time_limit=30)
    assert UNDECIDED not in (whole.verdict, decision.verdict)
    assert decided(layer).verdict is whole.verdict


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from(WAYS))
def test_the_number_of_positions_changes_no_verdict(seed: int, positions: int, way: str) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4))
    weight = rng.integers(-1, 2, (int(rng.integers(n, 4 * n + 3)), n)).astype(float)
    bias = rng.integers(-1, 2, len(weight)).astype(float)
    one = monic.decide(ReLULayer(weight, bias))
    assert decided(_layer(weight, bias, way, WholeSpace(), positions)).verdict is one.verdict


@pytest.mark.thorough
def test_a_thousand_tokens_cost_like_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """No matrix of all positions is written out, and the small layer is decided once."""
    rng, asked = np.random.default_rng(0), list[int]()
    first = AffineMap.exact

    def small(self: AffineMap) -> object:
        assert self.in_dim <= 16, "the matrix was written out"
        asked.append(self.in_dim)
        return first(self)

    monkeypatch.setattr(AffineMap, "exact", small)
    for n, m, verdict in ((3, 40, INJECTIVE), (16, 40, NOT_INJECTIVE)):
        weight = rng.standard_normal((m, n)).astype(np.float32)
        layer = _layer(weight, np.zeros(m), "rows", WholeSpace(), 1024)
        decision = monic.decide(layer)
        assert decision.verdict is verdict
        assert decision.certificate is not None
        monic.check(decision.certificate, layer)
    assert 0 < len(asked) < 20


def test_a_collision_moves_one_token() -> None:
    weight = np.random.default_rng(0).standard_normal((12, 4))
    decision = decided(_layer(weight, np.zeros(12), "rows", WholeSpace(), 5))
    assert decision.collision is not None
    moved = [a != b for a, b in zip(decision.collision.x, decision.collision.other, strict=True)]
    tokens = np.array(moved).reshape(5, 4).any(axis=1)
    assert tokens.sum() == 1


def test_a_point_stands_at_every_token_where_a_pair_would_be_long() -> None:
    weight = np.random.default_rng(0).standard_normal((100, 70)).astype(np.float32)
    layer = _layer(weight, np.zeros(100), "rows", Orthant(), 3)
    decision = monic.decide(layer)
    assert decision.verdict is NOT_INJECTIVE
    assert decision.certificate is not None
    assert decision.certificate.header["evidence"]["kind"] == "point"
    assert len(set(zip(*[iter(decision.point or ())] * 70, strict=True))) == 1
    monic.check(decision.certificate, layer)


@pytest.mark.parametrize("way", ["channels", "transposed"])
def test_opposite_rows_of_tokens_are_paired(way: str) -> None:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((8, 8))
    y = _layer(weight, np.ones(8), way, WholeSpace(), 1024).map
    layer = ReLULayer(Concat((y, Scale(np.array([-0.3]), y))))
    decision = monic.decide(layer)
    assert (decision.verdict, decision.method) == (INJECTIVE, "paired filters")
    assert decision.certificate is not None
    assert len(decision.certificate.to_bytes()) < 3000
    monic.check(decision.certificate, layer)


@pytest.mark.parametrize("domain", [WholeSpace(), Orthant(), Box(np.zeros(30), np.ones(30))])
def test_fewer_rows_than_entries_of_a_token(domain: Domain) -> None:
    weight = np.random.default_rng(0).standard_normal((4, 10))
    assert decided(_layer(weight, np.ones(4), "rows", domain, 3)).verdict is NOT_INJECTIVE


def test_tokens_in_boxes_of_their_own() -> None:
    """The same layer is one-to-one for one token, and not for another."""
    low, high = np.array([1.0, -1.0]), np.array([2.0, 1.0])
    layer = _layer(np.ones((1, 1)), np.zeros(1), "channels", Box(low, high))
    decision = decided(layer)
    assert decision.verdict is NOT_INJECTIVE
    assert decision.collision is not None
    assert decision.collision.x[0] == decision.collision.other[0]
    fine = _layer(
        np.ones((1, 1)), np.zeros(1), "channels", Box(low[:1].repeat(2), high[:1].repeat(2))
    )
    assert decided(fine).verdict is INJECTIVE


def test_what_is_open_for_one_token_is_open() -> None:
    weight = np.random.default_rng(0).standard_normal((90, 10))
    layer = _layer(weight, np.zeros(90), "rows", WholeSpace(), 64)
    decision = monic.decide(layer, limits=monic.Limits(nodes=10))
    assert decision.verdict is UNDECIDED
    assert "at every position it is one layer of 90 x 10" in decision.reason


@pytest.mark.thorough
@pytest.mark.parametrize("way", WAYS)
def test_affine_maps_of_tokens(way: str) -> None:
    rng = np.random.default_rng(0)
    for n, m, verdict in ((20, 30, INJECTIVE), (30, 20, NOT_INJECTIVE)):
        value = _layer(rng.standard_normal((m, n)), np.zeros(m), way, WholeSpace(), 60).map
        decision = decide_affine(value, Orthant())
        assert decision.verdict is verdict
        assert decision.certificate is not None
        stage = monic.Stage("s", value, monic.Activation.TANH)
        monic.check(decision.certificate, monic.Network([stage], Orthant()))
        if decision.collision is not None:
            x, other = decision.collision.x, decision.collision.other
            difference = [Fraction(a - b) for a, b in zip(x, other, strict=True)]
            assert any(difference)
            assert min(*x, *other) >= 0


def test_permutations_shifts_and_scales_lose_nothing() -> None:
    rng = np.random.default_rng(0)
    value = Select(
        rng.permutation(5000).tolist(), ChannelScale(np.array([0.1, -3.0]), Input(5000))
    )
    decision = decide_affine(Shift(np.ones(1), value), WholeSpace())
    assert decision.verdict is INJECTIVE
    assert decision.certificate is not None
    assert decision.certificate.header["evidence"] == {"kind": "invertible"}
    monic.check(decision.certificate, ReLULayer(Shift(np.ones(1), value)))
