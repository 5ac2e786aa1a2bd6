"""Corollary 3: almost surely one-to-one, said on request only, and never against a collision."""

from fractions import Fraction

import numpy as np
import pytest

from monic import Activation, Decision, Network, Product, Stage, check, decide
from monic.decision.network import with_projections
from monic.decision.pair_tree import program
from monic.errors import LayerError
from monic.model import AffineMap, Concat, Convolution, Geometry, Input, Linear, Scale, Shift
from monic.model.array import Array
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE

NAMES = ("random-projections",)


def opposite(basis: Array) -> AffineMap:
    y = Linear(basis, Input(basis.shape[1]))
    return Concat((y, Scale(np.array([-1.0]), y)))


def network(n: int, between: int, seed: int = 0) -> Network:
    """Injective, a Gaussian matrix into `between` dimensions, injective again."""
    rng = np.random.default_rng(seed)
    wide = np.vstack([np.eye(n), rng.standard_normal((2 * n + 2, n))])
    drawn = Linear(rng.standard_normal((between, 2 * wide.shape[0])), Input(2 * wide.shape[0]))
    shifted = Shift(rng.standard_normal(between), drawn)
    after = Linear(np.eye(between), shifted)
    deep = Concat((after, Scale(np.array([-2.0]), after)))
    return Network([Stage("wide", opposite(wide)), Stage("deep", deep)])


@pytest.mark.thorough
@pytest.mark.parametrize("n", [1, 2, 3])
def test_only_on_request_and_from_2n_plus_1_dimensions_on(n: int) -> None:
    enough = network(n, 2 * n + 1)
    assert decide(enough, time_limit=1).assumption is None
    decision = decide(enough, assume=NAMES, time_limit=1)
    assert decision.verdict is INJECTIVE
    assert decision.assumption == "random-projections"
    assert "almost surely" in decision.reason
    assert [stage.name for stage in decision.stages] == ["wide", "deep (projection)", "deep"]
    assert [stage.decision.assumption for stage in decision.stages] == [None, *NAMES, None]
    assert decision.certificate is not None
    check(decision.certificate, enough)
    fewer = decide(network(n, 2 * n), assume=NAMES, time_limit=1)
    assert fewer.assumption is None


def test_several_assumptions_at_once() -> None:
    rng = np.random.default_rng(1)
    first = Stage("first", Linear(rng.standard_normal((9, 2)), Input(2)))
    drawn = Stage("drawn", Linear(rng.standard_normal((5, 9)), Input(9)), Activation.TANH)
    both = ["general-position", "random-projections"]
    asked = Network([first, drawn])
    decision = decide(asked, assume=both, time_limit=30)
    assert decision.verdict is INJECTIVE
    assert decision.assumption == "general-position and random-projections"
    assert decision.certificate is not None
    check(decision.certificate, asked)
    alone = decide(asked, assume=both[:1], time_limit=1)  # of this matrix, or nothing
    assert alone.verdict is not NOT_INJECTIVE
    assert "random-projections" not in (alone.assumption or "")


@pytest.mark.parametrize("assume", ["random", ("random-projections", "luck"), ["statistic"]])
def test_unknown_assumptions_are_errors(assume: object) -> None:
    with pytest.raises(LayerError, match="assumptions among"):
        decide(network(1, 3), assume=assume)  # type: ignore[call-overload]


def test_a_collision_refutes_the_assumption() -> None:
    """The matrix has full rank and merges the images of 1 and -1."""
    rays = Stage("rays", Linear(np.array([[1.0], [-1.0], [2.0], [-2.0]]), Input(1)))
    rows = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [2.0, 0.0, -1.0, 0.0]])
    asked = Network([rays, Stage("drawn", Linear(rows, Input(4)), Activation.IDENTITY)])
    decision = decide(asked, assume=NAMES, time_limit=5)
    assert decision.verdict is NOT_INJECTIVE
    assert decision.assumption is None
    assert decision.certificate is not None
    check(decision.certificate, asked)


def test_a_relu_right_after_the_matrix_is_a_layer_like_any_other() -> None:
    rng = np.random.default_rng(2)
    wide = Stage("wide", opposite(rng.standard_normal((4, 2))))
    cut = Stage("cut", Linear(rng.standard_normal((5, 8)), Input(8)))
    decision = decide(Network([wide, cut]), assume=NAMES, time_limit=1)
    assert decision.verdict is not INJECTIVE
    assert len(decision.stages) == 2


@pytest.mark.parametrize("kind", ["dependent", "tied"])
def test_matrices_that_are_plainly_not_random(kind: str) -> None:
    rng = np.random.default_rng(3)
    drawn = rng.standard_normal((5, 8))
    if kind == "dependent":
        drawn[4] = drawn[3]
    stages = [Stage("wide", opposite(rng.standard_normal((4, 2))))]
    stages.append(Stage("drawn", Linear(drawn, Input(8)), Activation.IDENTITY))
    if kind == "tied":
        stages.append(Stage("back", Linear(drawn, Input(5), transposed=True), Activation.TANH))
    decision = decide(Network(stages), assume=NAMES, time_limit=1)
    assert decision.assumption is None


def test_nothing_follows_after_a_layer_that_is_not_proved() -> None:
    rng = np.random.default_rng(4)
    flat = Stage("flat", Linear(rng.standard_normal((8, 2)), Shift(np.ones(2), Input(2))))
    rest = network(2, 5).stages[1]
    asked = Network([flat, Stage("mix", Linear(np.eye(16, 8), Input(8))), rest])
    decision = decide(asked, assume=NAMES, time_limit=1)
    assert decision.verdict is not INJECTIVE


def test_a_convolution_is_not_covered_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "UNITS", 0)  # too large for a tree over pairs
    rng = np.random.default_rng(5)
    wide = Stage("wide", opposite(rng.standard_normal((8, 1))))
    step = Convolution(rng.standard_normal((1, 2, 2)), Input(16), Geometry((2, 8)))
    asked = Network([wide, Stage("last", step, Activation.SIGMOID)])
    decision = decide(asked, assume=NAMES, time_limit=1)
    assert decision.verdict is not INJECTIVE
    assert decision.verdict is NOT_INJECTIVE or "Corollary 3" in decision.reason


@pytest.mark.parametrize("seed", range(10))
def test_splitting_does_not_change_the_function(seed: int) -> None:
    rng = np.random.default_rng(seed)
    asked = network(2, 5, seed)
    split = with_projections(asked)
    x = tuple(Fraction(int(t)) for t in rng.integers(-5, 6, 2))
    assert outputs(asked, x) == outputs(split, x)
    assert len(split.stages) == 3


def outputs(asked: Network, x: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    from monic.decision.network.chain import linear_part

    chain = linear_part(asked)
    assert chain is not None
    return chain.outputs(x)


def test_layers_alone_never_carry_the_assumption() -> None:
    from monic import ReLULayer

    decision = decide(ReLULayer(Product(np.eye(5, 8))), assume=NAMES)
    assert isinstance(decision, Decision)
    assert decision.verdict is NOT_INJECTIVE
    assert decision.assumption is None
