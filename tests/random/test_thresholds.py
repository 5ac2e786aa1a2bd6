"""The thresholds of large Gaussian layers, by second roads."""

from math import exp, log, pi, sqrt

import numpy as np
import pytest
from scipy.integrate import quad

from monic.random import (
    gordon,
    noninjective_probability_bound,
    single_direction,
    thresholds,
    union_bound,
)


def test_they_are_in_order_and_only_one_is_conjectured() -> None:
    known = thresholds()
    assert [t.ratio for t in known] == sorted(t.ratio for t in known)
    assert [t.name for t in known if t.status == "conjectured"] == ["replica"]


def test_a_single_direction_by_simulation() -> None:
    """At m = c* n, minus the mean of the rows has n active rows, up to fluctuations."""
    rng, n = np.random.default_rng(0), 1500
    matrix = rng.standard_normal((round(single_direction() * n), n))
    active = (matrix @ -matrix.mean(axis=0) >= 0).sum()
    assert abs(active / n - 1) < 0.06


@pytest.mark.parametrize(("shift", "sign"), [(-0.3, 1), (0.3, -1)])
def test_the_union_bound_changes_its_exponent_there(shift: float, sign: int) -> None:
    """The logarithm of the bound's sum grows below the root, and falls above it."""
    from math import comb

    def exponent(n: int) -> float:
        m = round((union_bound() + shift) * n)
        return log(comb(m, n - 1) * sum(comb(m - n, i) for i in range(n))) - (m - n) * log(2)

    assert sign * (exponent(2000) - exponent(1000)) > 0


def test_the_finite_bound_is_trivial_below_and_small_above() -> None:
    n = 400
    assert noninjective_probability_bound(round((union_bound() - 0.3) * n), n) == 1
    assert noninjective_probability_bound(round((union_bound() + 0.3) * n), n) < 1e-4


def test_gordon_by_quadrature() -> None:
    """At the threshold, the largest value over b is 1: here by numerical integration."""

    def normal(t: float) -> float:
        return exp(-t * t / 2) / sqrt(2 * pi)

    def value(b: float) -> float:
        inner, tail = quad(lambda t: t * t * normal(t), 0, b)[0], quad(normal, b, np.inf)[0]
        return float(gordon() * (inner / b**2 + tail) - 1 / b**2)

    assert max(value(b) for b in np.linspace(0.3, 3.0, 541)) == pytest.approx(1.0, abs=1e-4)
