"""How stable a layer of opposite filters is: the least singular value of their operator.

Full column rank is not stability: strided kernels with a single tap in one phase are of full rank
and all but singular. Verdicts by paired filters come with this number; it is no part of a proof.
"""

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from monic.model.grid import IntArray
from monic.model.taps import FloatArray, Taps

__all__ = ["SigmaEstimate", "estimate_sigma_min"]

#: Operators with more columns are not written out for their singular values.
DENSE = 1024

#: Steps of Lanczos' method for larger ones.
STEPS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class SigmaEstimate:
    """An estimate of the least singular value, by floats.

    Arguments:
        value: The estimate.
        bound: False for the value as floats compute it; true for an upper bound, up to rounding:
            a vector's |C x| / |x|, or what floats cannot tell from 0.
        steps: The steps of Lanczos' method; 0 where the matrix was written out.
        seed: The seed of its first vector.
    """

    value: float
    bound: bool
    steps: int
    seed: int

    def words(self) -> str:
        """Returns the estimate for a sentence."""
        return f"sigma_min {'at most' if self.bound else 'about'} {self.value:.1e}"


def estimate_sigma_min(taps: Taps, filters: IntArray, *, seed: int = 0) -> SigmaEstimate:
    """Returns an estimate of the least singular value of some filters' rows at all positions.

    Arguments:
        taps: The convolution.
        filters: The filters.
        seed: The seed of the first vector, for operators that are not written out.

    Example:
        >>> from monic.model import Convolution, Geometry, Input
        >>> step = Convolution([[[3.0]]], Input(4), Geometry((1, 4)))
        >>> estimate_sigma_min(step.taps, np.array([0])).words()
        'sigma_min about 3.0e+00'
    """
    n = prod(taps.shape)
    if taps.is_pointwise and taps.groups == 1:  # one matrix, at every position
        taps = replace(
            taps,
            tables=(np.zeros((1, 1), dtype=np.int64),) * len(taps.tables),
            shape=(taps.shape[0], *(1,) * len(taps.tables)),
        )
        n = taps.shape[0]
    if n <= DENSE and filters.size * taps.positions <= 8 * DENSE:
        rows = taps.matrix().toarray().reshape(taps.out_shape[0], -1, n)[filters]
        values = np.linalg.svd(rows.reshape(-1, n), compute_uv=False)
        least = float(values[-1]) if values.size == n else 0.0
        noise = float(values[0]) * n * 2.0**-52
        return SigmaEstimate(value=max(least, noise), bound=least < noise, steps=0, seed=seed)
    mask = np.zeros((taps.out_shape[0], 1))
    mask[filters] = 1.0
    x, steps = _lanczos(taps, mask, seed)
    value = float(np.linalg.norm(_masked(taps.apply(x), mask)) / np.linalg.norm(x))
    return SigmaEstimate(value=value, bound=True, steps=steps, seed=seed)


def _masked(y: FloatArray, mask: FloatArray) -> FloatArray:
    return np.asarray((y.reshape(mask.shape[0], -1) * mask).reshape(-1))


def _lanczos(taps: Taps, mask: FloatArray, seed: int) -> tuple[FloatArray, int]:
    """The vector with the least |C x| / |x| in a Krylov space of C^T C, orthogonalised fully."""
    x = np.random.default_rng(seed).standard_normal(prod(taps.shape))
    basis, diagonal, beside = [x / np.linalg.norm(x)], [], []
    for _ in range(STEPS):
        image = taps.adjoint(_masked(taps.apply(basis[-1]), mask))
        diagonal.append(float(image @ basis[-1]))
        for _ in range(2):
            for vector in basis:
                image -= (image @ vector) * vector
        size = float(np.linalg.norm(image))
        if size <= 1e-12 * diagonal[0] or len(diagonal) == STEPS:
            break
        beside.append(size)
        basis.append(image / size)
    table = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    _, vectors = np.linalg.eigh(table)
    return np.asarray(vectors[:, 0] @ np.array(basis)), len(diagonal)
