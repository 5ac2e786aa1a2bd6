"""Cases with names: from the papers, from their corrections, and the degenerate ones."""

from fractions import Fraction
from math import sqrt

import numpy as np
import pytest

import monic
from monic import (
    Ball,
    Box,
    Domain,
    Network,
    Orthant,
    Polyhedron,
    Product,
    ReLULayer,
    Stage,
    WholeSpace,
)
from monic.model import Activation, Input, Linear, Normalization
from monic.model.array import Array
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, decided
from tests.reference import brute_force, question

TINY, HUGE = 5e-324, 1e308
EYE = np.eye(2)
HALF_LINE = Polyhedron(np.array([[-2]]), np.array([-2]))  # x >= 1
MIDDLE = np.array([1.5])


def _box(lower: object, upper: object) -> Box:
    return Box(np.array(lower, dtype=np.float64), np.array(upper, dtype=np.float64))


#: Name: (weight, bias, domain, is it injective).
CASES: dict[str, tuple[object, object, Domain, bool]] = {
    # the papers
    "lemma 1 is only sufficient": ([[1], [-1]], [1, -0.5], WholeSpace(), True),
    "lemma 1, the bias too low": ([[1], [-1]], [0.25, -0.5], WholeSpace(), False),
    "appendix E (109)": ([[1, 0], [0, 1], [-1, 0]], None, WholeSpace(), False),
    "appendix E (110)": (
        [[1, 2], [3, 5], [-2, -4], [-1.5, -2.5], [0, 0]],
        None,
        WholeSpace(),
        True,
    ),
    "appendix E (111)": (np.vstack([EYE, -EYE]), None, WholeSpace(), True),
    "figure 2, W1": ([[2, 1], [-2, 2], [-1.5, -2], [2, -1]], None, WholeSpace(), False),
    "figure 2, W2": ([[2, 1], [-2, 1], [-2, -1], [2, -1]], None, WholeSpace(), True),
    "remark 2: the identity on the orthant": (np.eye(3), None, Orthant(), True),
    "the identity on the whole space": (np.eye(3), None, WholeSpace(), False),
    "side rows are not excluded rows": ([[1, 0], [0, -1]], None, Orthant(), False),
    "batch norm that flips a row": ([[1], [1]], None, WholeSpace(), False),
    # one dimension
    "n = 1, one row": ([[1]], None, WholeSpace(), False),
    "n = 1, one row on the half-line": ([[1]], None, Orthant(), True),
    "n = 1, one row on a half-line by A x <= c": (
        [[1]],
        [-1],
        Polyhedron(np.array([[-2]]), np.array([-2])),
        True,
    ),
    "n = 1, a gap": ([[1], [-1]], [-1, 0], WholeSpace(), False),
    "n = 1, the gap outside the box": ([[1], [-1]], [-1, 0], _box([1], [np.inf]), True),
    "n = 1, the gap outside the ball": ([[1], [-1]], [-1, 0], Ball(0.5, np.array([1.5])), True),
    "n = 1, the gap just inside the ball": (
        [[1], [-1]],
        [-1, 0],
        Ball(0.75, np.array([1.5])),
        False,
    ),
    "n = 1, zero row": ([[0]], [3], WholeSpace(), False),
    "n = 1, many rows": (
        [[0], [3], [0], [2], [-1], [-5]],
        [0, -9, 1, -1, 0.5, -3],
        Orthant(),
        True,
    ),
    # degenerate rows
    "all rows zero": (np.zeros((5, 2)), None, WholeSpace(), False),
    "all rows zero on a ball": (np.zeros((5, 2)), [1, 2, 3, -1, 0], Ball(1), False),
    "rank deficient": ([[1, 1], [-1, -1], [2, 2], [-3, -3], [0, 0]], [1] * 5, WholeSpace(), False),
    "rank deficient on a box": ([[1, 1], [-1, -1]], None, _box([-1, -1], [1, 1]), False),
    "several duplicates": (np.vstack([EYE, EYE, -EYE, EYE, -EYE]), None, WholeSpace(), True),
    "duplicates do not help": (np.vstack([EYE, EYE, EYE, [[-1, -1]]]), None, WholeSpace(), False),
    "zero rows among the pairs": (
        np.vstack([np.zeros((2, 2)), EYE, np.zeros((1, 2)), -EYE]),
        *(None, WholeSpace(), True),
    ),
    "of parallel rows the larger b / |w| counts": (
        [[1], [2], [-1]],
        [-1, 2, -1],
        WholeSpace(),
        True,
    ),
    "parallel rows, none of them enough": ([[1], [2], [-1]], [-2, -3, 1], WholeSpace(), False),
    "biases just enough": (np.vstack([EYE, -2 * EYE]), [1, -1, -2, 2], WholeSpace(), True),
    "one bias not enough": (np.vstack([EYE, -2 * EYE]), [1, -1, -2, 1], WholeSpace(), False),
    "m = n on a box that keeps all rows active": (EYE, [1, 1], _box([-1, -1], [5, 5]), True),
    "m = n on a box one step larger": (EYE, [1, 1], _box([-1, -1.5], [5, 5]), False),
    "m < n": ([[1, 2, 3], [3, 2, 1]], None, Orthant(), False),
    "a tangent ball": ([[-3, -4], [1, 0], [-1, 0]], [5, 2, 2], Ball(1), True),
    "a ball just larger": (
        *([[-3, -4], [1, 0], [-1, 0]], [5, 2, 2], Ball(float(np.nextafter(1, 2)))),
        False,
    ),
    # subnormal and huge floats
    "subnormal pair": ([[TINY], [-TINY]], None, WholeSpace(), True),
    "subnormal against huge": ([[HUGE], [-TINY]], None, WholeSpace(), True),
    "subnormal rows": (TINY * np.vstack([EYE, -EYE]), None, WholeSpace(), True),
    "subnormal and huge rows": (
        [[HUGE, TINY], [TINY, HUGE], [-HUGE, -TINY], [-TINY, -HUGE]],
        *(None, WholeSpace(), True),
    ),
    "subnormal entries decide": (
        [[1, 0], [0, 1], [-1, TINY], [0, -1]],
        *(None, WholeSpace(), False),
    ),
    "a subnormal gap": ([[1], [-1]], [-TINY, 0], WholeSpace(), False),
    "no subnormal gap": ([[1], [-1]], [-TINY, TINY], WholeSpace(), True),
    "huge biases": ([[1], [-1]], [HUGE, -HUGE], WholeSpace(), True),
    "huge biases, one unit apart": (
        *([[1], [-1]], [HUGE, -float(np.nextafter(HUGE, np.inf))], WholeSpace()),
        False,
    ),
    "a huge box": (EYE, [HUGE, HUGE], _box([-HUGE, -HUGE], [HUGE, HUGE]), True),
    "a tiny ball": (EYE, [1, 1], Ball(TINY), True),
    "a tiny ball about a corner": (EYE, None, Ball(TINY), False),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("method", ["auto", "branching"])
def test_named_cases(name: str, method: str) -> None:
    weight, bias, domain, injective = CASES[name]
    layer = ReLULayer(weight, bias, domain)
    assert brute_force(question(layer)).injective is injective
    assert decided(layer, method=method).verdict is (INJECTIVE if injective else NOT_INJECTIVE)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.int64])
def test_figure_2_in_other_number_formats(dtype: type) -> None:
    weight = 2 * np.array([[2, 1], [-2, 1], [-2, -1], [2, -1]])
    assert decided(ReLULayer(weight.astype(dtype))).verdict is INJECTIVE
    assert decided(ReLULayer(weight[1:].astype(dtype))).verdict is NOT_INJECTIVE


def test_appendix_e_with_a_product() -> None:
    """(110) with D that is no power of two: exact as a product, zero row and all."""
    basis = np.array([[0.1, 0.7], [-1.3, 0.9]])
    outer = np.array([[1, 0], [0, 1], [-0.3, 0], [0, -1.7], [0, 0]])
    layer = ReLULayer(Product(outer, basis))
    assert brute_force(question(layer)).injective
    assert decided(layer).verdict is INJECTIVE


def test_equation_4_is_injective() -> None:
    """ReLU(Id ReLU(W x)): the second layer is not injective on R^4, but on what it is given."""
    weight = np.vstack([EYE, -EYE])
    first = Stage("first", Linear(weight, Input(2)))
    second = Stage("second", Linear(np.eye(4), Input(4)))
    decision = monic.decide(Network([first, second]))
    assert decision.verdict is INJECTIVE
    assert [stage.decision.verdict for stage in decision.stages] == [INJECTIVE, INJECTIVE]
    alone = monic.decide(ReLULayer(np.eye(4)))
    assert alone.verdict is NOT_INJECTIVE


def test_a_failing_first_layer_fails_the_network() -> None:
    first = Stage("first", Linear(EYE, Input(2)))
    second = Stage("second", Linear(np.vstack([EYE, -EYE]), Input(2)))
    decision = monic.decide(Network([first, second]))
    assert decision.verdict is NOT_INJECTIVE
    assert decision.collision is not None
    x, other = decision.collision.x, decision.collision.other
    assert x != other
    zero = Fraction(0)
    assert [max(v, zero) for v in x] == [max(v, zero) for v in other]


def test_a_failing_inner_layer_proves_nothing_about_the_network() -> None:
    first = Stage("first", Linear(np.vstack([EYE, -EYE]), Input(2)))
    inner = np.array(
        [[1, 0, -1, 0], [0, 1, 0, -1], [-1, 0, 1, 0], [0, -1, 0, 1]], dtype=np.float64
    )
    asked = Network([first, Stage("inner", Linear(inner, Input(4)))])
    decision = monic.decide(asked)
    assert decision.stages[1].decision.verdict is NOT_INJECTIVE
    assert decision.verdict is INJECTIVE  # the outputs are those of the first layer again
    assert decision.certificate is not None
    monic.check(decision.certificate, asked)


@pytest.mark.parametrize("activation", [a for a in Activation if a.is_one_to_one])
def test_one_to_one_activations_ask_for_full_column_rank(activation: Activation) -> None:
    for weight, verdict in (([[1, 2], [3, 4]], INJECTIVE), ([[1, 2], [2, 4]], NOT_INJECTIVE)):
        value = Linear(np.array(weight, dtype=np.float64), Input(2))
        norms = Activation.NORMALIZATION, Activation.GIVEN_STATISTICS
        norm = Normalization(1, 1.0) if activation in norms else None
        stage = Stage("only", value, activation, norm=norm)
        assert monic.decide(Network([stage])).verdict is verdict


@pytest.mark.thorough
@pytest.mark.parametrize("m", [6, 8, 10])
def test_gaussian_frequency_in_the_plane(m: int) -> None:
    """n = 2, m >= 4: P(injective) = 1 - m (m - 2) / 2^(m - 1); here within 4 standard errors."""
    draws = 2_000
    rng = np.random.default_rng(m)
    expected = 1 - m * (m - 2) / 2 ** (m - 1)
    injective = 0
    for _ in range(draws):
        layer = ReLULayer(rng.standard_normal((m, 2)))
        injective += monic.decide(layer).verdict is INJECTIVE
    assert abs(injective / draws - expected) < 4 * sqrt(expected * (1 - expected) / draws)


def _shifted(weight: Array) -> ReLULayer:
    return ReLULayer(weight, domain=_box([0.5, 0.5], [1.0, np.inf]))


def test_a_box_that_does_not_hold_the_origin() -> None:
    assert decided(_shifted(EYE)).verdict is INJECTIVE
    assert decided(_shifted(-EYE)).verdict is NOT_INJECTIVE
    assert decided(_shifted(np.array([[1.0, 0.0], [1.0, -1.0]]))).verdict is NOT_INJECTIVE
