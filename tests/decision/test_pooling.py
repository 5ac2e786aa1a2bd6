"""Pooling by norms: against brute force over small integer points, and by laws."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic import decide
from monic.decision import PoolingDecision, decide_pooling
from monic.errors import LayerError
from monic.model import (
    Concat,
    Input,
    Linear,
    NormPooling,
    Orthant,
    Product,
    ReLULayer,
    Scale,
    Select,
    Shift,
    Stage,
    Sum,
)
from monic.model.array import Array
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, UNDECIDED
from tests.reference import rank

INF = float("inf")


def confirmed(pooling: NormPooling) -> PoolingDecision:
    """The decision, with its collision evaluated in fractions of its own."""
    decision = decide_pooling(pooling)
    assert (decision.collision is not None) == (decision.verdict is NOT_INJECTIVE)
    if decision.collision is not None:
        x, other = decision.collision.x, decision.collision.other
        assert x not in (other, tuple(-t for t in other))
        assert slow(pooling, x) == slow(pooling, other)
    return decision


def slow(pooling: NormPooling, x: Sequence[Fraction]) -> list[Fraction]:
    weight = np.asarray(pooling.weight)
    found = []
    for part in np.split(weight, pooling.groups):
        values = []
        for row in part.tolist():
            products = [Fraction(a) * t for a, t in zip(row, x, strict=True)]
            values.append(abs(sum(products, Fraction(0))))
        square = sum((v * v for v in values), Fraction(0))
        total = sum(values, Fraction(0)) if pooling.p == 1 else max(values)
        found.append(square if pooling.p == 2 else total)
    return found


def has_complement_property(rows: Array) -> bool:
    """By its definition."""
    table = [tuple(map(Fraction, row)) for row in rows.tolist()]
    n, places = rows.shape[1], range(len(table))
    for size in range(len(table) + 1):
        for part in combinations(places, size):
            inside = [table[i] for i in part]
            outside = [table[i] for i in places if i not in part]
            if max(rank(inside) if inside else 0, rank(outside) if outside else 0) < n:
                return False
    return True


@pytest.mark.parametrize("seed", range(40))
def test_moduli_by_the_complement_property(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4))
    rows = rng.integers(-2, 3, (int(rng.integers(1, 7)), n)).astype(float)
    p = float(rng.choice([1.0, 2.0, INF]))
    expected = INJECTIVE if has_complement_property(rows) else NOT_INJECTIVE
    assert confirmed(NormPooling(rows, len(rows), p)).verdict is expected


@pytest.mark.parametrize("n", [2, 3, 4])
def test_generic_moduli_need_2n_minus_1_rows(n: int) -> None:
    rows = np.random.default_rng(n).standard_normal((2 * n - 1, n))
    assert confirmed(NormPooling(rows, 2 * n - 1)).verdict is INJECTIVE
    assert confirmed(NormPooling(rows[:-1], 2 * n - 2)).verdict is NOT_INJECTIVE


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("p", [1.0, 2.0, INF])
def test_groups_against_small_integer_points(p: float, seed: int) -> None:
    """Where INJECTIVE is said, no two points of a grid collide; collisions are confirmed."""
    rng = np.random.default_rng(seed)
    size, n = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    groups = int(rng.integers(1, 8))
    rows = rng.integers(-2, 3, (groups * size, n)).astype(float)
    pooling = NormPooling(rows, groups, p)
    if confirmed(pooling).verdict is not INJECTIVE:
        return
    seen: dict[tuple[Fraction, ...], tuple[int, ...]] = {}
    for x in product(range(-3, 4), repeat=n):
        output = pooling.powers([Fraction(t) for t in x])
        other = seen.setdefault(output, x)
        assert x in (other, tuple(-t for t in other))


@pytest.mark.parametrize("p", [1.0, 2.0, INF])
def test_too_few_groups_always_lose(p: float) -> None:
    rows = np.random.default_rng(0).standard_normal((6, 4))
    assert confirmed(NormPooling(rows, 3, p)).verdict is NOT_INJECTIVE


def test_squares_that_span_all_symmetric_matrices() -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((12, 3))
    decision = confirmed(NormPooling(rows, 6, 2))
    assert decision.verdict is INJECTIVE
    assert "span all symmetric" in decision.reason
    assert confirmed(NormPooling(rng.standard_normal((10, 3)), 5, 2)).verdict is UNDECIDED
    # beyond the number of groups whose divisions are gone through
    many = rng.standard_normal((20, 3))
    assert confirmed(NormPooling(many, 20, 1)).verdict is INJECTIVE


@given(st.integers(0, 1000))
def test_an_invertible_change_of_x_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(-2, 3, (4, 2)).astype(float)
    change = np.array([[1.0, float(rng.integers(-3, 4))], [0.0, 2.0]])
    groups = int(rng.choice([1, 2, 4]))
    first = decide_pooling(NormPooling(rows, groups))
    second = decide_pooling(NormPooling(Product(rows, change), groups))
    assert first.verdict is second.verdict


def test_bad_questions() -> None:
    with pytest.raises(LayerError, match="divides the 3 rows"):
        NormPooling(np.eye(3), 2)
    with pytest.raises(LayerError, match="p = 1, 2 or infinity"):
        NormPooling(np.eye(3), 3, 3)
    with pytest.raises(LayerError, match="with a bias"):
        NormPooling(Shift(np.ones(3), Linear(np.eye(3), Input(3))), 3)
    with pytest.raises(TypeError, match="three outcomes"):
        bool(decide_pooling(NormPooling(np.eye(2), 2)))


def test_a_large_maximum_is_decided_without_its_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """4,096 maxima of two: as floats the matrix of the layer alone would take 0.8 GB."""

    def refuse(self: object) -> None:
        raise AssertionError("the matrix was written out")

    monkeypatch.setattr("monic.model.affine.AffineMap.exact", refuse)
    n = 8192
    x = Input(n)
    even, odd = Select(range(0, n, 2), x), Select(range(1, n, 2), x)
    gap = Sum((odd, Scale(np.array([-1.0]), even)))
    layer = Stage("gap", Concat((even, gap)), carried=n // 2).layer_map()
    decision = decide(ReLULayer(layer, domain=Orthant()))
    assert decision.verdict is NOT_INJECTIVE
    assert decision.method == "counting"
