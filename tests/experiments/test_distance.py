"""The closed form of W2 against other roads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

from config import ExperimentError
from distance import frechet_distance, gaussian, squared_w2, to_standard_normal

Array = Any
SEEDS = pytest.mark.parametrize("seed", range(5))


def covariance(random: np.random.Generator, size: int, rank: int) -> Array:
    factor = random.normal(size=(size, rank))
    return factor @ factor.T


@SEEDS
def test_one_dimension(seed: int) -> None:
    """W2^2 = (m1 - m2)^2 + (sigma1 - sigma2)^2."""
    m1, m2, a, b = np.abs(np.random.default_rng(seed).normal(size=4))
    first, second = (np.array([m1]), np.array([[a * a]])), (np.array([m2]), np.array([[b * b]]))
    assert squared_w2(first, second) == pytest.approx((m1 - m2) ** 2 + (a - b) ** 2)


@SEEDS
def test_commuting_covariances(seed: int) -> None:
    """With common axes it is the sum over the axes."""
    random = np.random.default_rng(seed)
    axes = np.linalg.qr(random.normal(size=(6, 6)))[0]
    a, b = random.uniform(0, 3, (2, 6))
    value = squared_w2(
        (np.zeros(6), axes @ np.diag(a) @ axes.T), (np.zeros(6), axes @ np.diag(b) @ axes.T)
    )
    assert value == pytest.approx(((np.sqrt(a) - np.sqrt(b)) ** 2).sum())


@SEEDS
def test_the_root_of_the_product(seed: int) -> None:
    """As the papers write it, with scipy's root of S1 S2."""
    random = np.random.default_rng(seed)
    m1, m2 = random.normal(size=(2, 5))
    s1, s2 = covariance(random, 5, 5), covariance(random, 5, 5)
    root = scipy.linalg.sqrtm(s1 @ s2)
    expected = ((m1 - m2) ** 2).sum() + np.trace(s1 + s2 - 2 * root).real
    assert squared_w2((m1, s1), (m2, s2)) == pytest.approx(expected)
    assert squared_w2((m2, s2), (m1, s1)) == pytest.approx(expected)


def test_singular_covariances() -> None:
    """On orthogonal lines nothing overlaps: the variances add."""
    s1, s2 = np.diag([4.0, 0.0, 0.0]), np.diag([0.0, 9.0, 0.0])
    assert squared_w2((np.zeros(3), s1), (np.zeros(3), s2)) == pytest.approx(13)


def test_the_optimal_map_pushes_one_to_the_other() -> None:
    """With T = S1^-1/2 (S1^1/2 S2 S1^1/2)^1/2 S1^-1/2 the cost E|x - Tx|^2 is W2^2."""
    random = np.random.default_rng(0)
    s1, s2 = covariance(random, 4, 6), covariance(random, 4, 6)
    root = scipy.linalg.sqrtm(s1)
    inverse = np.linalg.inv(root)
    pushed = inverse @ scipy.linalg.sqrtm(root @ s2 @ root) @ inverse
    assert pushed @ s1 @ pushed.T == pytest.approx(s2)
    left = np.eye(4) - pushed
    cost = np.trace(left @ s1 @ left.T)
    assert squared_w2((np.zeros(4), s1), (np.zeros(4), s2)) == pytest.approx(cost)


def test_samples_are_matched_at_about_the_closed_form() -> None:
    """On independent axes the best matching sorts each axis; what is fitted sees them turned."""
    random = np.random.default_rng(0)
    x = random.normal(size=(100_000, 2))
    y = random.normal(size=(100_000, 2)) * [3, 0.5] + [2, 0]
    matched = ((np.sort(x, 0) - np.sort(y, 0)) ** 2).mean(0).sum()
    axes = np.linalg.qr(random.normal(size=(2, 2)))[0]
    assert frechet_distance(x @ axes, y @ axes) == pytest.approx(matched, rel=0.01)
    assert matched == pytest.approx(4 + 4 + 0.25, rel=0.05)


@SEEDS
def test_a_shift_and_a_rotation(seed: int) -> None:
    """Laws: 0 to itself; a shift adds its square; rotations change nothing."""
    random = np.random.default_rng(seed)
    points = random.normal(size=(50, 4)) @ random.normal(size=(4, 4))
    shift, axes = random.normal(size=4), np.linalg.qr(random.normal(size=(4, 4)))[0]
    other = random.normal(size=(60, 4))
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(points, points + shift) == pytest.approx((shift**2).sum())
    turned = frechet_distance(points @ axes, other @ axes)
    assert frechet_distance(points, other) == pytest.approx(turned)


def test_codes_that_collapse_are_as_far_as_the_dimension() -> None:
    """A constant code 0 is n away from N(0, I), the worst that shrinking can do."""
    assert to_standard_normal(np.zeros((10, 7))) == pytest.approx(7)
    assert to_standard_normal(np.random.default_rng(0).normal(size=(100_000, 3))) < 1e-3


@pytest.mark.parametrize("make", [np.zeros, lambda shape: np.full((5, 2), np.nan)])
def test_bad_points_are_refused(make: Callable[[tuple[int, int]], Array]) -> None:
    with pytest.raises(ExperimentError, match="finite points"):
        gaussian(make((1, 2)))
