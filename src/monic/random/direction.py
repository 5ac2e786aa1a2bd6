"""The papers' experiment: one direction, minus the mean of the rows, tried on random layers."""

from fractions import Fraction

import numpy as np

from monic.decision.signs import active_rows
from monic.model import ReLULayer
from monic.random.ensembles import Ensemble, drawn
from monic.random.estimate import ProbabilityEstimate, insist_on_sample
from monic.random.interval import clopper_pearson

__all__ = ["estimate_by_direction"]


def estimate_by_direction(
    rows: int,
    columns: int,
    *,
    samples: int = 1000,
    ensemble: str | Ensemble = "gaussian",
    seed: int = 0,
    confidence: float = 0.95,
) -> ProbabilityEstimate:
    """Returns how many random layers are proved not injective by one direction alone.

    The direction is minus the mean of the normalised rows. Where fewer than n rows are active, the
    layer is not injective; where n or more are, nothing is known. So only the upper end of the
    interval says something about the probability that a layer is injective. For Gaussian layers
    the share changes from 1 to 0 near m = 3.4028 n (`single_direction`), far below the number of
    rows that is needed.

    References:
        Globally Injective ReLU Networks (Puthawala et al., 2020), preprint, Figure 2.

    Arguments:
        rows: m.
        columns: n.
        samples: The sample size.
        ensemble: A name in `ENSEMBLES`, or a callable.
        seed: The samples are those of `Question` with this seed.
        confidence: Of the interval.

    Raises:
        LayerError: when a number is out of range.

    Example:
        >>> [estimate_by_direction(m, 20, samples=50).not_injective for m in (50, 68, 90)]
        [50, 25, 1]
    """
    insist_on_sample(samples, confidence)
    failed = 0
    for index in range(samples):
        matrix = drawn(ensemble, (rows, columns), (seed, columns, index))
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        direction = -(matrix / np.where(lengths > 0, lengths, 1.0)).mean(axis=0)
        point = [Fraction(float(number)) for number in direction]
        failed += len(active_rows(ReLULayer(matrix).map, point)) < columns
    return ProbabilityEstimate(
        rows=rows,
        columns=columns,
        injective=0,
        not_injective=failed,
        samples=samples,
        seed=seed,
        confidence=confidence,
        interval=clopper_pearson((0, samples - failed), samples, confidence),
    )
