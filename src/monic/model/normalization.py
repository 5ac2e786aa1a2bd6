"""What a normalisation does to each group of numbers once their mean is taken off.

Layer, instance and group norm are y = x - mean(x), then y -> y / sqrt(|y|^2 / k + epsilon) on each
group of k numbers, then gamma and beta; RMS norm is the same without the mean. With epsilon > 0
the second step is one-to-one, so that exactly the mean is lost (docs/normalization.md). With
epsilon = 0 it is defined where no group is zero, and loses the scale of each group as well, unless
the deviations sqrt(|y|^2 / k + epsilon) are given out beside it: a value times its deviation is y.
The first is the step `Centre` of a map, and the last belong to the next map.
"""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from monic.errors import LayerError
from monic.model.affine import AffineMap, Concat
from monic.model.mean import Centre
from monic.model.wiring import FloatArray

__all__ = ["Normalization", "uncentred"]


@dataclass(frozen=True, slots=True)
class Normalization:
    """The map y -> y / sqrt(|y|^2 / k + epsilon) on equal groups of k neighbours.

    With epsilon > 0 it is one-to-one on R^k: it keeps the direction of y, and
    t / sqrt(t^2 / k + epsilon) grows with the length t. With epsilon = 0 it is defined for y != 0,
    and only the direction is left.

    With `deviations` it gives the deviation d = sqrt(|y|^2 / k + epsilon) of each group as well,
    behind all values: (y / d, d). That is one-to-one wherever it is defined, since y = (y / d) d.

    Arguments:
        groups: How many groups there are.
        epsilon: A number >= 0.
        deviations: Whether the deviation of each group is given out, too.

    Raises:
        LayerError: when there is no group, or epsilon is negative or not finite.

    Example:
        >>> Normalization(1, 0.5).apply(np.array([1.0, -1.0])).round(3).tolist()
        [0.816, -0.816]
        >>> Normalization(1, 0.0, deviations=True).apply(np.array([3.0, -3.0])).tolist()
        [1.0, -1.0, 3.0]
    """

    groups: int
    epsilon: float
    deviations: bool = False

    def __post_init__(self) -> None:
        if self.groups < 1 or not 0 <= self.epsilon < float("inf"):
            raise LayerError(
                "Expected at least one group, and an epsilon that is finite and not negative. Got "
                f"{self.groups} and {self.epsilon!r}."
            )

    @property
    def more(self) -> int:
        """How many more numbers it gives than it takes: one for each group, or none."""
        return self.groups if self.deviations else 0

    def apply(self, y: FloatArray) -> FloatArray:
        """Returns the map in floats; the numbers lie along the last axis.

        With epsilon = 0 the values of a group that is zero are nan.
        """
        split = y.reshape(*y.shape[:-1], self.groups, -1)
        deviation = np.sqrt(np.mean(split**2, axis=-1, keepdims=True) + self.epsilon)
        with np.errstate(invalid="ignore"):
            values = np.asarray(split / deviation).reshape(y.shape)
        return np.concatenate([values, deviation[..., 0]], axis=-1) if self.deviations else values


def uncentred(value: AffineMap, carried: int = 0) -> AffineMap:
    """Returns a map without the centring at its end: given the means, nothing is lost there.

    Arguments:
        value: The map before a norm.
        carried: How many of its first numbers are carried past the norm; they stay as they are.

    Example:
        >>> from monic.model.affine import Input
        >>> type(uncentred(Centre(1, Input(3)))).__name__
        'Input'
    """
    if isinstance(value, Centre):
        return value.of
    if not isinstance(value, Concat):
        return value
    ends = accumulate(branch.out_dim for branch in value.branches)
    pairs = list(zip(value.branches, ends, strict=True))
    return Concat(
        tuple(
            branch.of if isinstance(branch, Centre) and end - branch.out_dim >= carried else branch
            for branch, end in pairs
        )
    )
