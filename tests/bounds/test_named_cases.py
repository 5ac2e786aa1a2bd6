"""Layers whose constants are known: [I; -I], [B; -DB], and the papers' examples."""

from fractions import Fraction
from math import inf, nextafter

import numpy as np
import pytest

import monic
from monic.bounds import asked, bound
from monic.bounds.compare import compare
from monic.bounds.inverse_lipschitz import paired, ratio_at
from monic.bounds.subject import Subject
from monic.model import Box, Concat, Input, Linear, ReLULayer, Scale, Shift
from tests.bounds.dense import least_ratio

SQUARE = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]  # (111)


def is_root_of_half(low: float, high: float) -> bool:
    return Fraction(low) ** 2 <= Fraction(1, 2) <= Fraction(high) ** 2


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_identity_twice(n: int) -> None:
    found = bound(ReLULayer(np.vstack([np.eye(n), -np.eye(n)])))
    kappa = found.inverse_lipschitz
    assert is_root_of_half(kappa.lower, kappa.upper)
    assert kappa.upper <= nextafter(nextafter(kappa.lower, inf), inf)
    assert found.smallest_singular.contains(1)
    assert found.lipschitz.contains(1)
    assert found.pair is not None
    assert found.pair.ratio <= kappa.upper * (1 + 1e-9)


def paired_layer(
    seed: int, *, rows: int | None = None, slack: float = 0.0, bias: bool = False
) -> tuple[ReLULayer, np.ndarray, np.ndarray]:
    """[B; -DB] as an exact expression, with thresholds that coincide but for the slack."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    count = n if rows is None else n + rows
    basis = rng.standard_normal((count, n))
    diagonal = 2.0 ** rng.uniform(-2, 2, count)
    inner = Linear(basis, Input(n))
    moved = Shift(rng.standard_normal(count), inner) if bias else inner
    second = Scale(-diagonal, moved)
    both = Concat((moved, Shift(np.full(count, slack), second) if slack else second))
    return ReLULayer(both), basis, diagonal


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("bias", [False, True])
def test_the_exact_formula_agrees_with_the_search(seed: int, bias: bool) -> None:
    layer, basis, diagonal = paired_layer(seed, bias=bias)
    found = bound(layer)
    assert found.method == "exact formula"
    kappa, stretch = found.inverse_lipschitz, found.lipschitz
    weights = diagonal / np.sqrt(1 + diagonal**2)
    expected = np.linalg.svd(weights[:, None] * basis, compute_uv=False)[-1]
    assert kappa.lower == pytest.approx(expected, rel=1e-9)
    assert kappa.upper == nextafter(kappa.lower, inf)
    assert found.pair is not None
    assert kappa.lower <= found.pair.ratio <= kappa.upper * (1 + 1e-6)
    greatest = np.linalg.svd(np.maximum(1, diagonal)[:, None] * basis, compute_uv=False)[0]
    assert stretch.lower == pytest.approx(greatest, rel=1e-9)


def formula(basis: np.ndarray, diagonal: np.ndarray) -> float:
    weights = diagonal / np.sqrt(1 + diagonal**2)
    return float(np.linalg.svd(weights[:, None] * basis, compute_uv=False)[-1])


def test_a_tall_basis_is_only_bounded() -> None:
    """The third pair cannot be crossed in the best place together with the first two."""
    basis = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    diagonal = np.array([1.0, 0.25, 4.0])
    layer = ReLULayer(np.vstack([basis, -diagonal[:, None] * basis]))
    found = bound(layer)
    least = least_ratio(layer, np.random.default_rng(0))
    by_pairs = paired(Subject(layer))
    assert by_pairs is not None
    assert by_pairs.smallest.lower == pytest.approx(formula(basis, diagonal), rel=1e-9)
    assert least > 1.02 * formula(basis, diagonal)
    assert found.method == "pairs of cells"
    assert found.inverse_lipschitz.lower > 1.01 * formula(basis, diagonal)
    assert found.inverse_lipschitz.upper == pytest.approx(least, rel=1e-3)


def test_overlapping_thresholds_change_the_lipschitz_constant() -> None:
    """Where both rows of a pair are active, lengths grow by sqrt(1 + d^2), not by max(1, d)."""
    found = bound(ReLULayer([[1.0], [-1.0]], [1.0, -0.5]))
    assert found.method == "exact formula"
    assert is_root_of_half(found.inverse_lipschitz.lower, found.inverse_lipschitz.upper)
    assert Fraction(found.lipschitz.lower) ** 2 <= 2 <= Fraction(found.lipschitz.upper) ** 2


@pytest.mark.parametrize("seed", range(3))
def test_overlapping_thresholds_keep_kappa_on_the_whole_space(seed: int) -> None:
    """It is an infimum then: far pairs come as close to it as one likes, and none attains it."""
    layer, basis, diagonal = paired_layer(seed, slack=1.0)
    found = bound(layer)
    assert found.method == "exact formula"
    assert found.inverse_lipschitz.lower == pytest.approx(formula(basis, diagonal), rel=1e-9)
    assert found.pair is not None
    assert found.pair.ratio > found.inverse_lipschitz.upper


def test_on_a_box_the_formula_is_only_a_bound() -> None:
    layer = ReLULayer([[1.0], [-1.0]], [1.0, 1.0], Box(np.array([-2.0]), np.array([2.0])))
    found = bound(layer)
    by_pairs = paired(Subject(layer))
    assert by_pairs is not None
    assert is_root_of_half(by_pairs.smallest.lower, 0.7072)
    assert found.inverse_lipschitz.lower >= 0.99
    assert found.inverse_lipschitz.upper == 1.0


def test_duplicates_count() -> None:
    """A row given twice weighs sqrt 2."""
    once = bound(ReLULayer(SQUARE)).smallest_singular
    twice = bound(ReLULayer([*SQUARE, *SQUARE])).smallest_singular
    assert twice.contains(once.upper * np.sqrt(2))
    assert not twice.contains(once.upper)


def test_zero_rows_do_not() -> None:
    zero = [[0.0, 0.0]]
    kappa = bound(ReLULayer([*SQUARE, *zero], [0.0] * 4 + [3.0])).inverse_lipschitz
    assert is_root_of_half(kappa.lower, kappa.upper)


class TestExamplesOfAppendixE:
    """(109) to (115) of the preprint of [Puthawala et al., 2022]."""

    def note(self, layer: ReLULayer) -> str:
        return compare(layer, bound(layer))[-1].note

    def test_109_has_a0_above_zero_and_is_not_one_to_one(self) -> None:
        layer = ReLULayer([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
        found = bound(layer)
        assert found.inverse_lipschitz.lower == found.inverse_lipschitz.upper == 0.0
        assert found.collision is not None
        assert found.collision.x != found.collision.other
        assert ratio_at(Subject(layer), found.collision.x, found.collision.other) == 0.0
        claim = compare(layer, found)[-1]
        assert claim.lower == pytest.approx(1.0)
        assert "refuted" in claim.note

    def test_110_has_no_a0_and_is_one_to_one(self) -> None:
        layer = ReLULayer([*SQUARE, [0.0, 0.0]])
        assert bound(layer).inverse_lipschitz.lower > 0.7
        assert "not defined" in self.note(layer)

    def test_111_to_115(self) -> None:
        layer = ReLULayer(SQUARE)
        x = (Fraction(1), Fraction(1))
        other = (Fraction(-1), Fraction(1))
        ratio = ratio_at(Subject(layer), x, other)  # 1 over sqrt 2, after both are scaled
        assert is_root_of_half(nextafter(ratio, 0.0), ratio)
        found = bound(layer)
        claims = compare(layer, found)
        assert claims[-1].lower is not None
        assert claims[-1].lower == pytest.approx(1.0)
        assert claims[-1].lower > ratio
        assert "refuted" in claims[-1].note
        papers = claims[1].lower  # 1 over sqrt 8, up to the gap
        assert papers is not None
        assert 0.99 / np.sqrt(8) <= papers * (1 + 1e-12) <= 1 / np.sqrt(8) * (1 + 1e-12)
        assert papers < ratio

    def test_a0_is_not_always_refuted(self) -> None:
        layer = ReLULayer(np.random.default_rng(5).standard_normal((8, 2)))
        assert "not refuted" in self.note(layer)


def test_the_comparison_is_about_root_m() -> None:
    layer = ReLULayer(np.random.default_rng(0).standard_normal((50, 5)))
    found = bound(layer)
    factor = found.inverse_lipschitz.lower / found.papers
    assert factor == pytest.approx(np.sqrt(50), rel=0.01)


def test_the_front_door() -> None:
    assert monic.bound is bound
    with pytest.raises(monic.LayerError, match="gap between 0 and 1"):
        bound(ReLULayer(SQUARE), gap=1.5)
    with pytest.raises(monic.LayerError, match="0 seconds or more"):
        bound(ReLULayer(SQUARE), time_limit=-1.0)
    with pytest.raises(monic.LayerError, match="Expected a ReLULayer"):
        bound([[1.0]])  # type: ignore[call-overload]
    empty = monic.Polyhedron(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.zeros(2))
    with pytest.raises(monic.DomainError, match="interior"):
        bound(ReLULayer(SQUARE, domain=empty))


@pytest.mark.thorough
def test_a_limit_says_so_where_pairs_were_cut_short() -> None:
    """sigma* has its gap soon; kappa's pairs then use up the time, and that is said."""
    layer = ReLULayer(np.random.default_rng(0).standard_normal((24, 4)))
    found = bound(layer, time_limit=2.0)
    assert found.inverse_lipschitz.gap > 0.01
    assert found.limit is not None
    assert "time limit of 2 s" in found.limit


def test_shares_of_the_time_add_up_to_the_whole_call(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(asked, "monotonic", lambda: now[0])
    whole = asked.Asked.now(gap=0.1, time_limit=8.0, seed=0, progress=None, evidence=True)
    assert whole.share(0.25).left == 2.0
    assert whole.search.left == pytest.approx(5.6)
    now[0] = 104.0
    assert whole.share(0.5).left == 2.0
    now[0] = 110.0
    assert whole.is_late
    assert whole.share(0.5).left == 0.0
    assert asked.Asked().share(0.5).left is None
