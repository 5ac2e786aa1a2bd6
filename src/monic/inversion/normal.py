"""Normal matrices J^T J of a model, exact for each sample or with one metric for a whole batch.

With J = S_L W_L ... S_1 W_1, slopes S_k on diagonals, J^T J = P^T G P for the product P of the
first stages and the metric G = (S_L W_L ...)^T (S_L W_L ...) of the others. The mean of S A S
over samples is the product of A with the mean of s s^T, entry by entry. So a mean metric is had
from the last stage to the first, as if the slopes of different stages were independent.
"""

import numpy as np

from monic.inversion.chain import Chain, FloatStage
from monic.inversion.scaling import as_slice, unit
from monic.model.array import Array

__all__ = ["Format", "mean_metric", "normal_matrices", "products", "stages_before_metric"]

Format = type[np.float32] | type[np.float64]

#: What normal matrices with a mean metric may cost, in evaluations of the model.
EVALUATIONS = 3.0


def normal_matrices(chain: Chain, slopes: list[Array], kind: Format) -> tuple[Array, float]:
    """Returns J^T J for each sample, of shape (N, n, n), and what J was divided by.

    Rows in pairs are multiples of each other: one of the two is computed.
    """
    last, slope = chain.stages[-1], slopes[-1]
    product, scale = products(chain.stages[:-1], slopes, (len(slope), chain.in_dim), kind)
    inner, factors, step = _images(last, slope, product, kind)
    weights: Array = np.sum([factor**2 for factor in factors], axis=0)
    normal: Array = (inner * weights[:, None]) @ inner.transpose(0, 2, 1)
    return normal.astype(np.float64), scale * step


def products(
    stages: tuple[FloatStage, ...], slopes: list[Array], shape: tuple[int, int], kind: Format
) -> tuple[Array, float]:
    """Returns the transposed Jacobians (samples, n, units) after some stages, and their divisor.

    Arguments:
        stages: The first stages of a model.
        slopes: Of these stages, and perhaps of more.
        shape: How many samples there are, and n.
        kind: The number format to compute in.
    """
    count, size = shape
    product: Array = np.broadcast_to(np.eye(size, dtype=kind), (count, size, size))
    scale = 1.0
    for stage, slope in zip(stages, slopes, strict=False):
        inner, factors, step = _images(stage, slope, product, kind)
        product = np.empty((count, size, stage.floats.shape[0]), dtype=kind)
        for place, factor in zip(_halved(stage)[0], factors, strict=True):
            np.multiply(inner, factor[:, None], out=product[:, :, place])
        scale *= step
    return product, scale


def _images(
    stage: FloatStage, slope: Array, product: Array, kind: Format
) -> tuple[Array, list[Array], float]:
    """Returns products with the rows to compute, what gives the rows from these, and a divisor."""
    rows, ratio = _halved(stage)
    step = unit(stage.weight)
    basis: Array = (stage.weight[rows[0]] / step).astype(kind)
    count, size = product.shape[:2]
    inner: Array = (product.reshape(count * size, -1) @ basis.T).reshape(count, size, -1)
    factors: list[Array] = [slope[:, rows[0]].astype(kind)]
    if len(rows) == 2:
        factors.append((slope[:, rows[1]] * -ratio).astype(kind))
    return inner, factors, step


def mean_metric(stages: tuple[FloatStage, ...], slopes: list[Array]) -> Array:
    """Returns the mean of the metrics of some last stages, of shape (units, units).

    Arguments:
        stages: The stages.
        slopes: Of these stages, each of shape (N, m).
    """
    metric: Array | None = None
    for stage, slope in zip(reversed(stages), reversed(slopes), strict=True):
        weight = stage.weight
        if metric is None:
            metric = weight.T @ (np.mean(slope**2, axis=0)[:, None] * weight)
        else:
            metric = weight.T @ ((metric * (slope.T @ slope / len(slope))) @ weight)
    assert metric is not None, "the last stage is never among the first ones"
    return metric


def stages_before_metric(chain: Chain) -> int:
    """Returns how many first stages go into each sample's own matrix, as many as costs allow."""
    sizes = [_products_of(stage) for stage in chain.stages]
    allowed = 2 * EVALUATIONS * sum(sizes) / chain.in_dim
    fit = [
        k
        for k in range(len(sizes))
        if sum(sizes[:k]) + chain.stages[k].floats.shape[1] ** 2 <= allowed
    ]
    return max(fit, default=0)


def _products_of(stage: FloatStage) -> int:
    rows, columns = stage.floats.shape
    return rows * columns // len(_halved(stage)[0])


def _halved(stage: FloatStage) -> tuple[tuple[slice | Array, ...], Array]:
    """Returns the rows to compute, those that are multiples of them, and -1 times the factors."""
    if stage.pairs is None or not stage.pairs.is_whole:
        return (slice(None),), np.zeros(0)
    return (as_slice(stage.pairs.first), as_slice(stage.pairs.second)), stage.pairs.ratio
