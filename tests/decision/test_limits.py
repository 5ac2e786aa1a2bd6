"""UNDECIDED names its limit, and bad questions are refused in words."""

import re
from typing import NoReturn

import numpy as np
import pytest

import monic
from monic import Box, DomainError, LayerError, Limits, Polyhedron, ReLULayer
from monic.decision import layer as layer_module
from monic.errors import OutOfTime, TooLarge
from monic.model import Convolution, Geometry, Input, Linear, TransposedConvolution
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, UNDECIDED


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


class TestLimitsAreOutcomes:
    """Whatever runs into a limit of size, time or memory is UNDECIDED, with the reason."""

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (OutOfTime("the time limit of 3 s was hit; raise time_limit"), "limit of 3 s"),
            (MemoryError("Unable to allocate 71 PiB"), "memory of this machine.*71 PiB"),
            (MemoryError(), "memory of this machine was not enough"),
            (TooLarge("Expected at most 5 entries. Got 6."), "at most 5 entries"),
        ],
    )
    @pytest.mark.parametrize("way", ["structure", "falsify", "branching"])
    def test_of_a_layer(
        self,
        long: ReLULayer,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        reason: str,
        way: str,
    ) -> None:
        def hit(*_: object) -> NoReturn:
            raise error

        for name in ("structure", "falsify", "branching") if way == "structure" else (way,):
            monkeypatch.setitem(layer_module._WAYS, name, hit)
        if way != "structure":
            monkeypatch.setitem(layer_module._WAYS, "structure", lambda *_: None)
            monkeypatch.setitem(layer_module._WAYS, "falsify", lambda *_: None)
            monkeypatch.setitem(layer_module._WAYS, way, hit)
        decision = monic.decide(long, method=way)
        assert decision.verdict is UNDECIDED
        assert re.search(reason, decision.reason)
        network = monic.Network([monic.Stage("fc", long.map)])
        whole = monic.decide(network, method=way)
        assert whole.verdict is UNDECIDED
        assert re.search(reason, whole.reason)

    def test_another_way_may_need_no_matrix(
        self, long: ReLULayer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def hit(*_: object) -> NoReturn:
            raise TooLarge("Expected at most 5 entries. Got 6.")

        monkeypatch.setitem(layer_module._WAYS, "structure", hit)
        assert monic.decide(long).verdict is not UNDECIDED

    def test_of_an_affine_stage_and_of_the_search_behind_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def hit(*_: object, **__: object) -> NoReturn:
            raise OutOfTime("the time limit of 3 s was hit; raise time_limit")

        rows = np.random.default_rng(0).standard_normal((3, 2))
        stages = [
            monic.Stage("a", ReLULayer(rows).map, monic.Activation.TANH),
            monic.Stage("b", ReLULayer(rows.T).map),
        ]
        monkeypatch.setattr("monic.decision.network.rules.decide_affine", hit)
        monkeypatch.setattr("monic.decision.network.rules.search", hit)
        monkeypatch.setattr("monic.decision.network.rules.spans", hit)
        found = monic.decide(monic.Network(stages))
        assert found.verdict is UNDECIDED
        assert "'a' is undecided: the time limit of 3 s" in found.reason
        assert "the search for a collision ended" in found.reason

    @pytest.mark.thorough
    def test_of_exact_eliminations_that_cannot_be_stopped(self) -> None:
        factors = [np.random.default_rng(0).standard_normal(s) for s in ((300, 250), (250, 280))]
        network = monic.Network([monic.Stage("a", monic.Product(*factors), monic.Activation.TANH)])
        found = monic.decide(network, time_limit=2)
        assert found.verdict is UNDECIDED
        assert "time limit of 2 s" in found.stages[0].decision.reason


def test_convolutions_behind_few_inputs_are_decided() -> None:
    """65 channels: as a matrix, the convolution alone has more than 2^23 entries."""
    rng = np.random.default_rng(0)
    code = Linear(rng.standard_normal((2048, 5)).astype(np.float32), Input(5))
    kernel = rng.standard_normal((128, 65, 4, 4)).astype(np.float32)
    geometry = Geometry((128, 4, 4), stride=2, padding=1)
    up = monic.Stage("up", TransposedConvolution(kernel, code, geometry))
    assert monic.decide(monic.Network([up])).verdict is INJECTIVE


@pytest.mark.thorough
def test_a_large_convolution_before_a_narrow_layer() -> None:
    """What is beyond any matrix is UNDECIDED by itself; that 10 numbers are left decides."""
    rng = np.random.default_rng(0)
    wide = Convolution(
        rng.standard_normal((16, 3, 3, 3)), Input(3072), Geometry((3, 32, 32), padding=1)
    )
    last = Linear(rng.standard_normal((10, 16384)), Input(16384))
    network = monic.Network(
        [monic.Stage("c", wide), monic.Stage("l", last, monic.Activation.IDENTITY)]
    )
    found = monic.decide(network, time_limit=5)
    assert found.verdict is NOT_INJECTIVE
    assert "10 numbers" in found.reason
