"""The largest bias: closed cases, the decision on both sides, and the polytope estimate."""

import numpy as np
import pytest

from monic import check
from monic.bounds.maximal_bias import estimate_polytope_bias, maximal_bias
from monic.decision import decide
from monic.errors import DomainError, LayerError
from monic.model import Ball, Box, ReLULayer, Shift, WholeSpace
from monic.model.domain import Domain

SQUARE = ReLULayer([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


def verdict(layer: ReLULayer, t: float, domain: Domain) -> str:
    moved = Shift(np.array([t]), layer.map, negative=True)
    return decide(ReLULayer(moved, domain=domain)).verdict.name


@pytest.mark.parametrize("domain", [Ball(1.0), Box(-np.ones(2), np.ones(2))])
def test_of_pairs_one_row_is_active_up_to_zero(domain: Domain) -> None:
    found = maximal_bias(SQUARE, domain, width=1e-4)
    assert found.interval.contains(0.0)
    assert found.interval.upper - found.interval.lower <= 1e-3
    assert found.polytope == 0.0


def test_away_from_the_origin() -> None:
    """On [1, 2]^2 the rows of I are active while t <= 1, and all others are not needed."""
    found = maximal_bias(ReLULayer(np.eye(2)), Box(np.ones(2), 2 * np.ones(2)), width=1e-5)
    assert found.interval.contains(1.0)
    assert found.interval.upper - found.interval.lower <= 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_the_ends_are_decided(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layer = ReLULayer(rng.standard_normal((14, 2)), rng.standard_normal(14) * 0.1)
    for domain in (Ball(1.0), Box(-np.ones(2), np.ones(2))):
        found = maximal_bias(layer, domain, width=0.01)
        assert found.limit is None
        assert verdict(layer, found.interval.lower, domain) == "INJECTIVE"
        assert verdict(layer, found.interval.upper, domain) == "NOT_INJECTIVE"
        for certificate in (found.at_least, found.at_most):
            assert certificate is not None
            check(certificate, layer)
        if found.polytope is not None:  # sufficient, so never above what is proved impossible
            assert found.polytope <= found.interval.upper
            assert verdict(layer, found.polytope - 1e-9, domain) == "INJECTIVE"


def test_the_polytope_estimate_of_a_triangle() -> None:
    """Rows 120 degrees apart: on the cone of two of them each is at least -1/2."""
    angles = np.arange(3) * 2 * np.pi / 3
    layer = ReLULayer(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert estimate_polytope_bias(layer, Ball(2.0)) == pytest.approx(-1.0, abs=1e-9)
    assert maximal_bias(layer, Ball(2.0)).interval.contains(-1.0)


def test_without_zero_inside_there_is_no_estimate() -> None:
    assert estimate_polytope_bias(ReLULayer(np.eye(2)), Ball(1.0)) is None
    assert estimate_polytope_bias(ReLULayer(np.eye(2)), Box(np.ones(2), 2 * np.ones(2))) is None


@pytest.mark.parametrize("seed", range(4))
def test_balls_elsewhere_and_boxes_are_moved_to_the_origin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight, bias = rng.standard_normal((12, 2)), 0.3 * rng.standard_normal(12)
    center = rng.standard_normal(2)
    layer, moved = ReLULayer(weight, bias), ReLULayer(weight, bias + weight @ center)
    found = estimate_polytope_bias(layer, Ball(0.7, center))
    assert found is not None
    assert found == pytest.approx(estimate_polytope_bias(moved, Ball(0.7)))
    assert verdict(layer, found - 1e-9, Ball(0.7, center)) == "INJECTIVE"
    half = np.array([0.3, 0.6])
    box = Box(center - half, center + half)
    around = Ball(float(np.linalg.norm(half)), center)
    found = estimate_polytope_bias(layer, box)
    assert found == pytest.approx(estimate_polytope_bias(layer, around))
    assert found is not None
    assert verdict(layer, found - 1e-9, box) == "INJECTIVE"


def test_a_time_limit() -> None:
    layer = ReLULayer(np.random.default_rng(0).standard_normal((30, 4)))
    found = maximal_bias(layer, Ball(1.0), time_limit=0.0)
    assert found.limit is not None
    assert "raise time_limit" in found.limit


def test_refusals() -> None:
    with pytest.raises(DomainError, match="ball, or a box with finite bounds"):
        maximal_bias(SQUARE, WholeSpace())
    with pytest.raises(DomainError, match="finite bounds"):
        maximal_bias(SQUARE, Box(np.zeros(2), np.array([np.inf, 1.0])))
    with pytest.raises(LayerError, match="between 0 and 1"):
        maximal_bias(SQUARE, Ball(1.0), width=0.0)
    with pytest.raises(LayerError, match="rows that span"):
        maximal_bias(ReLULayer([[1.0, 0.0]]), Ball(1.0))
