"""The first steps of a refinement where data have much noise, as cheaply as they can be had.

The misfit is then far above the rounding of single precision, which takes half the time; and a
matrix that is right up to a factor makes each step shrink what is left by that factor. So a whole
batch shares the metric of the last stages, see `normal`. A sample has settled when one more step
could lower |y - f(x)|^2 by a share of `SETTLED` only; what does not get there is left to `refine`.
"""

from dataclasses import replace

import numpy as np

from monic.inversion.chain import Chain
from monic.inversion.normal import mean_metric, products, stages_before_metric
from monic.inversion.scaling import lengths
from monic.model.array import Array

__all__ = ["approach", "in_single"]

#: Residuals below this, relative to |y|, are not told from rounding well enough.
NOISY = 1e-3
#: The share of |y - f(x)|^2 that one more step may be expected to gain in the end.
SETTLED = 1e-7
#: Each step has to gain less than this share of what the one before gained.
SHRINKING = 0.9
#: Where steps across kinks gain nothing, so much of it is not worth other matrices.
KINK = 1e-3
STEPS = 12
#: The smallest batch for which a mean metric is worth its price.
BATCH = 48
#: So many samples are taken for it.
SAMPLES = 64
#: How many numbers the largest stage gives at a time: as much as fits in a fast cache.
CHUNK = 1 << 17
RIDGE = 1e-6
#: Normal matrices of larger condition number, in the norm of Frobenius, are left to `refine`.
CONDITION = 1e4
#: Weights and data beyond these sizes are not taken to single precision.
LEAST, MOST = 1e-8, 1e8


def approach(chain: Chain, x: Array, y: Array) -> tuple[Array, Array]:
    """Returns latent codes of shape (N, n) inside the domain, and which of them have settled.

    Arguments:
        chain: The model.
        x: Codes to start from.
        y: Data of shape (N, m).
    """
    x, settled = x.copy(), np.zeros(len(x), dtype=bool)
    quick = in_single(chain) if len(x) >= BATCH else None
    first = stages_before_metric(quick) if quick is not None else 0
    if quick is None or not first or not LEAST < np.abs(y).max(initial=0.0) < MOST:
        return x, settled
    size = max(1, CHUNK // max(stage.floats.shape[0] for stage in chain.stages))
    metric: Array | None = None
    for k in range(0, len(x), size):
        part = np.arange(k, min(k + size, len(x)))
        data = y[part].astype(np.float32)
        value, slopes = quick.linearised(x[part].astype(np.float32))
        left = data - value
        noisy = lengths(left) > NOISY * lengths(data)
        if not noisy.any():
            continue
        part, data, left = part[noisy], data[noisy], left[noisy]
        slopes = [slope[noisy] for slope in slopes]
        if metric is None:
            metric = mean_metric(quick.stages[first:], [s[:SAMPLES] for s in slopes[first:]])
        inverse, good = _inverses(quick, slopes, first, metric)
        if good.all():
            x[part], settled[part] = _descend(quick, (x[part], data), (left, slopes), inverse)
        elif good.any():
            part, start = part[good], (left[good], [slope[good] for slope in slopes])
            found = _descend(quick, (x[part], data[good]), start, inverse[good])
            x[part], settled[part] = found
    return x, settled


def _inverses(chain: Chain, slopes: list[Array], first: int, metric: Array) -> tuple[Array, Array]:
    """Returns inverse normal matrices, and which of them single precision can tell."""
    count, size = len(slopes[0]), chain.in_dim
    product, scale = products(chain.stages[:first], slopes, (count, size), np.float32)
    image = (product.reshape(count * size, -1) @ metric).reshape(product.shape)
    normal = (image @ product.transpose(0, 2, 1)).astype(np.float64)
    level = np.trace(normal, axis1=1, axis2=2) / size
    normal += (RIDGE * np.maximum(level, np.finfo(float).tiny))[:, None, None] * np.eye(size)
    inverse = np.linalg.inv(normal)
    sizes = [np.einsum("ijk,ijk->i", matrix, matrix) for matrix in (normal, inverse)]
    return inverse / scale**2, sizes[0] * sizes[1] < CONDITION**2


def _descend(
    chain: Chain, both: tuple[Array, Array], start: tuple[Array, list[Array]], inverse: Array
) -> tuple[Array, Array]:
    """Returns better codes, and which have settled.

    Steps are those of the inverses, corrected by what the last step did to the gradient: the
    formula of Broyden, Fletcher, Goldfarb and Shanno with a memory of one step.
    """
    (x, y), (left, slopes) = both, start
    settled, open_ = np.zeros(len(x), dtype=bool), np.arange(len(x))
    square, gain = np.einsum("ij,ij->i", left, left), np.full(len(x), np.inf)
    gradient = chain.pull(slopes, left)
    moved, change = np.zeros_like(x), np.zeros_like(gradient)
    for _ in range(STEPS):
        step = _secant(inverse[open_], gradient, moved, change)
        before, gain = gain, np.einsum("ij,ij->i", gradient, step) / square
        slow = ~((gain >= 0) & (gain <= SHRINKING * before))
        settled[open_] = (gain >= 0) & (gain <= np.where(slow, KINK, SETTLED))
        going = ~settled[open_] & ~slow
        open_, gain, step = open_[going], gain[going], step[going]
        if not open_.size:
            break
        new = chain.stages[0].region.inside(x[open_] + step)
        value, slopes = chain.linearised(new.astype(np.float32))
        left = y[open_] - value
        after = np.einsum("ij,ij->i", left, left)
        worse = after > square[going] * (1 + 1e-5)  # up to rounding
        settled[open_[worse]] = gain[worse] <= KINK
        better, old = ~worse, gradient[going]
        if worse.any():
            open_, gain, left, after = open_[better], gain[better], left[better], after[better]
            new, old, slopes = new[better], old[better], [slope[better] for slope in slopes]
        gradient, square = chain.pull(slopes, left), after
        moved, change, x[open_] = new - x[open_], old - gradient, new
    return x, settled


def _secant(inverse: Array, gradient: Array, moved: Array, change: Array) -> Array:
    """Returns steps for gradients, by inverses made to map the last change to the last step."""
    curve = np.einsum("ij,ij->i", moved, change)
    sizes = np.einsum("ij,ij->i", moved, moved) * np.einsum("ij,ij->i", change, change)
    share = np.where(curve > 1e-6 * np.sqrt(sizes), 1 / np.where(curve > 0, curve, 1.0), 0.0)
    first = share * np.einsum("ij,ij->i", moved, gradient)
    step = (inverse @ (gradient - first[:, None] * change)[:, :, None])[:, :, 0]
    step += (first - share * np.einsum("ij,ij->i", change, step))[:, None] * moved
    return np.asarray(step)


def in_single(chain: Chain) -> Chain | None:
    """Returns a model in single precision, or None where its numbers do not allow that."""
    if chain.has_norms:
        return None
    stages = []
    for stage in chain.stages:
        floats = stage.floats.in_single()
        if floats is None or floats.matrix is None:
            return None
        size = max(np.abs(floats.matrix).max(initial=0.0), np.abs(floats.bias).max(initial=0.0))
        if not LEAST < size < MOST:
            return None
        stages.append(replace(stage, floats=floats))
    return Chain(tuple(stages))
