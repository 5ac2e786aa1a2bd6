"""The answer to an inversion: a latent code, and how far its output is from the data."""

from dataclasses import dataclass

import numpy as np

from monic.errors import InversionError
from monic.model.array import Array

__all__ = ["DistanceBounds", "Inversion"]


@dataclass(frozen=True, slots=True)
class DistanceBounds:
    """Proved bounds of distances; for a batch, arrays with one entry a sample.

    `monic.Interval` is one exact comparison of one number; these are as many as there are samples.

    Raises:
        InversionError: when some lower bound is not below its upper bound.

    Example:
        >>> DistanceBounds(0.0, 0.5).width
        0.5
    """

    lower: float | Array
    upper: float | Array

    def __post_init__(self) -> None:
        if not np.all(np.asarray(self.lower) <= np.asarray(self.upper)):
            raise InversionError(
                f"Expected lower <= upper in an interval. Got {self.lower} and {self.upper}."
            )

    @property
    def width(self) -> float | Array:
        """Upper minus lower bound, in floats."""
        return self.upper - self.lower

    def __contains__(self, number: float) -> bool:
        return bool(np.all((self.lower <= number) & (number <= self.upper)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inversion:
    """What `invert` answers; every distance is Euclidean, whatever norm was fitted.

    Data of shape (..., m) have answers of shape (...); for data of shape (m,) they are floats.

    Arguments:
        latent: The latent code x of shape (..., n), in float64 and inside the domain.
        residual: |y - f(x)|, computed in floats.
        distance_to_range: Proved bounds of the distance from y to the range of f. The upper one
            is |y - f(x)| rounded up; both are 0 where y = f(x) exactly.
        error_bound: With `noise`, a proved bound of |x - x'| for every x' in the domain with
            |y - f(x')| <= noise, and infinity where no positive inverse Lipschitz constant is
            known; without `noise`, None.
    """

    latent: Array
    residual: float | Array
    distance_to_range: DistanceBounds
    error_bound: float | Array | None = None

    @property
    def is_exact(self) -> bool | Array:
        """Whether y = f(latent) was confirmed over the rationals."""
        zero = np.asarray(self.distance_to_range.upper) == 0.0
        return bool(zero) if zero.ndim == 0 else zero
