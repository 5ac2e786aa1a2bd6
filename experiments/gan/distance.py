"""Distances between Gaussians, in closed form, and between sets of images by way of them."""

from typing import Any

import numpy as np

from config import ExperimentError

Array = Any  # of numpy


def gaussian(points: Array) -> tuple[Array, Array]:
    """Returns mean and covariance (unbiased) of the rows of an array (count, d).

    Raises:
        ExperimentError: for fewer than 2 rows, or numbers that are not finite.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or len(points) < 2 or not np.isfinite(points).all():
        raise ExperimentError(
            f"Expected two finite points or more, as rows. Got an array {points.shape}."
        )
    return points.mean(0), np.atleast_2d(np.cov(points, rowvar=False))


def squared_w2(first: tuple[Array, Array], second: tuple[Array, Array]) -> float:
    """Returns the squared Wasserstein-2 distance of two Gaussians (mean, covariance).

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2). The trace of the root is that of
    (S1^1/2 S2 S1^1/2)^1/2, which is symmetric and not negative: both roots are taken by
    eigenvalues, and nothing complex or ill-defined comes up where covariances are singular.

    Example:
        >>> squared_w2((np.zeros(1), np.eye(1)), (np.ones(1), 4 * np.eye(1)))
        2.0
    """
    (m1, s1), (m2, s2) = first, second
    root = _root(s1)
    middle = np.linalg.eigvalsh(root @ s2 @ root)
    cross = np.sqrt(np.maximum(middle, 0)).sum()
    value = float(((m1 - m2) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * cross)
    return max(value, 0.0)  # rounding may leave less than nothing


def _root(covariance: Array) -> Array:
    """Returns the symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def to_standard_normal(codes: Array) -> float:
    """Returns the squared W2 between N(0, I) and the Gaussian fitted to inferred codes.

    This is the last column of the papers' Table 1, for codes = I(G(z)).
    """
    size = np.asarray(codes).shape[1]
    return squared_w2((np.zeros(size), np.eye(size)), gaussian(codes))


def frechet_distance(first: Array, second: Array) -> float:
    """Returns the squared W2 between Gaussians fitted to the features of two sets of images.

    With the features of Inception it is FID; with others it is a number of its own, to be
    compared with numbers from the same features and the same count of images only.
    """
    return squared_w2(gaussian(first), gaussian(second))
