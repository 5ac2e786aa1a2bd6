"""UNDECIDED names its limit, and bad questions are refused in words."""

import re

import numpy as np
import pytest

import monic
from monic import Box, DomainError, LayerError, Limits, Polyhedron, ReLULayer
from tests.decision.agreement import NOT_INJECTIVE, UNDECIDED


@pytest.fixture(scope="module")
def long() -> ReLULayer:
    """A layer whose decision takes seconds."""
    return ReLULayer(np.random.default_rng(0).standard_normal((100, 10)))


def test_a_time_limit_leaves_it_undecided(long: ReLULayer) -> None:
    wide = ReLULayer(np.random.default_rng(0).standard_normal((160, 16)))
    decision = monic.decide(wide, time_limit=0.2)
    assert decision.verdict is UNDECIDED
    assert decision.certificate is None
    assert decision.collision is None
    assert re.search(r"time_limit|second", decision.reason)
    assert decision.statistics.seconds < 2


def test_a_node_limit_leaves_it_undecided(long: ReLULayer) -> None:
    decision = monic.decide(long, limits=Limits(nodes=50))
    assert decision.verdict is UNDECIDED
    assert decision.certificate is None
    assert "50" in decision.reason
    assert "nodes" in decision.reason
    assert decision.statistics.nodes <= 51


def test_structure_alone_may_not_know(long: ReLULayer) -> None:
    decision = monic.decide(long, method="structure")
    assert decision.verdict is UNDECIDED
    assert "branching" in decision.reason


def test_a_decision_is_not_true_or_false() -> None:
    with pytest.raises(TypeError, match="three outcomes"):
        bool(monic.decide(ReLULayer([[1.0], [-1.0]])))


def test_nan_is_refused() -> None:
    with pytest.raises(LayerError, match="NaN"):
        ReLULayer([[1.0, np.nan]])
    with pytest.raises(LayerError, match="infinity"):
        ReLULayer([[1.0]], [np.inf])


def test_shapes_are_compared() -> None:
    with pytest.raises(LayerError, match="2 dimensions"):
        ReLULayer([1.0, 2.0])
    with pytest.raises(LayerError, match="3"):
        ReLULayer([[1.0], [2.0]], [1.0, 2.0, 3.0])


def test_a_thin_box_is_refused() -> None:
    with pytest.raises(DomainError, match="lower < upper"):
        Box(np.array([0.0, 1.0]), np.array([1.0, 1.0]))


@pytest.mark.parametrize("method", ["auto", "structure", "branching"])
@pytest.mark.parametrize(
    "domain",
    [
        Polyhedron(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.0, 0.0])),
        Polyhedron(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.0, -1.0])),
        Polyhedron(np.array([[0.1, 0.7], [-0.1, -0.7]]), np.array([5e-324, -5e-324])),
    ],
    ids=["a line", "empty", "a line by rounding"],
)
def test_a_polyhedron_without_interior_is_refused(domain: Polyhedron, method: str) -> None:
    with pytest.raises(DomainError, match="interior"):
        monic.decide(
            ReLULayer([[1.0, 2.0], [0.0, 1.0], [-1.0, 1.0]], domain=domain), method=method
        )


def test_an_unknown_method_is_refused(long: ReLULayer) -> None:
    with pytest.raises((ValueError, TypeError), match="branching"):
        monic.decide(long, method="magic")


def test_bad_limits_are_refused(long: ReLULayer) -> None:
    for options in (
        {"time_limit": -1.0},
        {"time_limit": float("nan")},
        {"limits": Limits(nodes=-1)},
    ):
        with pytest.raises((ValueError, TypeError)):
            monic.decide(long, **options)


def test_something_else_than_a_layer_is_refused() -> None:
    with pytest.raises((TypeError, LayerError), match="ReLULayer"):
        monic.decide(np.eye(2))  # type: ignore[call-overload]


@pytest.mark.thorough
def test_dependent_rows_in_many_dimensions_cost_little() -> None:
    """The rank alone took a minute; its proof is one vector of the kernel, of long numbers."""
    rows = np.random.default_rng(0).standard_normal((170, 256))
    layer = ReLULayer(np.vstack([rows, -rows]))
    decision = monic.decide(layer, method="structure", time_limit=20)
    assert decision.verdict is NOT_INJECTIVE
    assert decision.certificate is not None
    monic.check(decision.certificate, layer)
    assert decision.statistics.seconds < 20
