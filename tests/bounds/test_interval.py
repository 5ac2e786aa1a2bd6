"""Outward rounding and exact enclosures of singular values."""

from fractions import Fraction
from math import inf, nan, nextafter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic.bounds import singular
from monic.bounds.interval import Interval, root_above, root_below
from monic.bounds.inverse_lipschitz import Pair
from monic.bounds.result import Bounds, NetworkBounds
from monic.bounds.singular import gram_of_rows, largest, smallest
from monic.decision.result import Collision
from monic.errors import ContradictionError

POSITIVE = st.fractions(min_value=Fraction(1, 10**30), max_value=10**30)


@given(POSITIVE)
def test_roots_are_outward_and_tight(square: Fraction) -> None:
    low, high = root_below(square), root_above(square)
    assert Fraction(low) ** 2 <= square <= Fraction(high) ** 2
    assert high <= nextafter(low, inf)
    assert Fraction(nextafter(low, inf)) ** 2 > square


@pytest.mark.parametrize("exponent", [-2100, -1000, 0, 1000, 2040])
def test_roots_of_extreme_numbers(exponent: int) -> None:
    square = Fraction(2) ** exponent
    assert Fraction(root_below(square)) ** 2 <= square
    assert root_above(square) == inf or Fraction(root_above(square)) ** 2 >= square


def test_products_are_outward() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b = rng.random(2)
        exact = Fraction(a) * Fraction(b)
        product = Interval(a, a).times(Interval(b, b))
        assert product.lower <= exact <= product.upper
        assert product.upper - product.lower <= 4 * np.spacing(a * b)


@given(st.lists(st.lists(st.integers(-9, 9), min_size=2, max_size=2), min_size=1, max_size=5))
def test_two_columns_by_the_quadratic_formula(rows: list[list[int]]) -> None:
    """Of A^T A = [p q; q r] the eigenvalues are ((p + r) -+ sqrt((p - r)^2 + 4 q^2)) / 2."""
    p, q, r = (sum(row[i] * row[j] for row in rows) for i, j in ((0, 0), (0, 1), (1, 1)))
    root = Fraction((p - r) ** 2 + 4 * q * q)
    gram = gram_of_rows(rows, 1, 2)
    least, greatest = smallest(gram), largest(gram)
    # s^2 <= (p + r - sqrt(root)) / 2 if and only if (p + r - 2 s^2)^2 >= root and p + r >= 2 s^2
    for end, inside in ((least.lower, True), (nextafter(least.upper, inf), False)):
        rest = p + r - 2 * Fraction(end) ** 2
        assert (rest >= 0 and rest * rest >= root) is inside
    for end, inside in ((greatest.upper, True), (nextafter(greatest.lower, 0.0), False)):
        rest = 2 * Fraction(end) ** 2 - (p + r)
        if end > 0:
            assert (rest >= 0 and rest * rest >= root) is inside


@pytest.mark.parametrize("n", [1, 3, 8, 20])
def test_against_numpy(n: int) -> None:
    table = np.random.default_rng(n).integers(-(2**50), 2**50, (2 * n, n))
    values = np.linalg.svd(table / 2.0**50, compute_uv=False)
    gram = gram_of_rows(table.tolist(), Fraction(1, 1 << 50), n)
    for found, value in ((smallest(gram), values[-1]), (largest(gram), values[0])):
        assert found.upper == nextafter(found.lower, inf)
        assert found.lower == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("n", [1, 5, 12])
def test_the_road_for_high_dimensions(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its intervals hold those of the exact road, and are not much wider."""
    table = np.random.default_rng(n).integers(-(2**50), 2**50, (2 * n, n))
    gram = gram_of_rows(table.tolist(), Fraction(1, 1 << 50), n)
    exact = smallest(gram), largest(gram)
    monkeypatch.setattr(singular, "EXACT", 0)
    for tight, loose in zip(exact, (smallest(gram), largest(gram)), strict=True):
        assert loose.lower <= tight.upper
        assert loose.upper >= tight.lower
        assert loose.lower == pytest.approx(loose.upper, rel=1e-9)


def test_high_dimensions_with_dependent_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(singular, "EXACT", 0)
    found = smallest(gram_of_rows([[1, 1], [2, 2]], 1, 2))
    assert found.lower == 0.0
    assert found.upper < 1e-6


def test_nearly_dependent_columns() -> None:
    """sigma_min is 2^-40 times about 0.7, where floats of the Gram matrix see nothing."""
    rows = [[1 << 40, 1 << 40], [0, 1]]
    found = smallest(gram_of_rows(rows, Fraction(1, 1 << 40), 2))
    assert found.lower == pytest.approx(2.0**-40 / np.sqrt(2), rel=1e-9)
    assert found.upper == nextafter(found.lower, inf)


def test_ends_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(AssertionError):
        Interval(2.0, 1.0)


class TestContradictions:
    """What cannot be true is no answer: nothing that contradicts itself can be constructed."""

    half, one = Interval(0.5, 0.5), Interval(1.0, 1.0)

    def bounds(self, **changed: object) -> Bounds:
        right: dict[str, Any] = {
            "inverse_lipschitz": self.half,
            "lipschitz": self.one,
            "smallest_singular": self.half,
            "frame": Interval(0.5, 1.0),
            "papers": 0.1,
            "method": "test",
        }
        return Bounds(**(right | changed))

    @pytest.mark.parametrize(("lower", "upper"), [(2.0, 1.0), (nan, 1.0), (0.0, nan)])
    def test_intervals_are_in_order(self, lower: float, upper: float) -> None:
        with pytest.raises(ContradictionError, match="mistake in monic"):
            Interval(lower, upper)

    @pytest.mark.parametrize(
        "changed",
        [
            {"lipschitz": Interval(0.1, 0.4)},
            {"smallest_singular": Interval(0.1, 0.4)},
            {"smallest_singular": Interval(1.5, 1.6), "frame": Interval(0.5, 2.0)},
            {"frame": Interval(0.1, 0.2)},
            {"smallest_singular": Interval(0.8, 0.9)},
            {"pair": Pair(x=(Fraction(0),), other=(Fraction(1),), ratio=0.4)},
            {"collision": Collision(x=(Fraction(0),), other=(Fraction(1),))},
        ],
    )
    def test_numbers_of_a_layer_agree(self, changed: dict[str, object]) -> None:
        assert self.bounds().inverse_lipschitz == self.half
        with pytest.raises(ContradictionError, match="report"):
            self.bounds(**changed)

    def test_numbers_of_a_network_agree(self) -> None:
        pair = Pair(x=(Fraction(0),), other=(Fraction(1),), ratio=0.4)
        right: dict[str, Any] = {"stages": (), "samples": 0, "seed": 0, "lipschitz": self.one}
        NetworkBounds(inverse_lipschitz=self.half, pair=None, **right)
        with pytest.raises(ContradictionError, match="pair"):
            NetworkBounds(inverse_lipschitz=self.half, pair=pair, **right)
        with pytest.raises(ContradictionError, match="Lipschitz"):
            NetworkBounds(inverse_lipschitz=Interval(2.0, 2.0), pair=None, **right)
