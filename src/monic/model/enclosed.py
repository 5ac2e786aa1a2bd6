"""Affine maps in float64, step by step, with bounds of the rounding errors.

Nothing is multiplied out, so that memory is proportional to the values and the weights. A step
y -> W y + v with n products an entry, carried out in floats on values that are off by at most e,
gives values that are off by at most

    |W| (gamma |y| + e) + gamma |fl(W y + v)|,   gamma = 2 (n + 8) u,

in any order of summation and with or without fused operations (Section 3.1 of [Higham, 2002]),
rounding of 64-bit integers and fractions to float64 included. Bounds are computed in floats, and
widened by what that costs.
"""

from dataclasses import dataclass

import numpy as np

from monic.model.affine import AffineMap, FloatArray, Input

__all__ = ["TINY", "UNIT", "Enclosed", "affine", "floor", "growth"]

#: Half the distance from 1 to the next float64: the relative error of one operation.
UNIT = 2.0**-53

#: More than what underflow can do to one entry of a step, far less than anything of interest.
TINY = 2.0**-960


@dataclass(frozen=True, slots=True, eq=False)
class Enclosed:
    """Floats, and how far each may be from the exact number; infinite where nothing is known.

    Arguments:
        value: Of any shape.
        error: Of the same shape, not negative.

    Example:
        >>> Enclosed.exactly(np.array([0.5])).error.tolist()
        [0.0]
    """

    value: FloatArray
    error: FloatArray

    @classmethod
    def exactly(cls, value: FloatArray) -> "Enclosed":
        """Returns floats that are the numbers themselves."""
        return cls(value, np.zeros_like(value))

    def known(self) -> "Enclosed":
        """Returns the same, with infinite errors where the floats or their errors are none."""
        is_known = np.isfinite(self.value) & ~np.isnan(self.error)
        return Enclosed(self.value, np.where(is_known, self.error, np.inf))


def growth(terms: int, unit: float = UNIT) -> float:
    """Returns gamma for sums of that many products; 0 where numbers are only moved.

    Example:
        >>> growth(0), growth(2) == 20 * UNIT
        (0.0, True)
    """
    return 2 * (terms + 8) * unit if terms else 0.0


def floor(unit: float) -> float:
    """Returns more than what underflow does to an entry, in formats with that unit roundoff.

    Example:
        >>> floor(UNIT) == TINY, floor(2.0**-24) > 2.0**-126
        (True, True)
    """
    if unit < 2.0**-40:
        return TINY
    return 2.0**-110 if unit < 2.0**-15 else 2.0**-10


def affine(map: AffineMap, start: Enclosed, unit: float = UNIT) -> Enclosed:
    """Returns W x + b for enclosed x, one point a column.

    Arguments:
        map: The affine map.
        start: x, of shape (n, k).
        unit: The unit roundoff that errors are bounded for; the values are those of float64. With
            the sum of two unit roundoffs the bounds hold for the difference of two evaluations,
            given that for their inputs.

    Example:
        >>> from monic.model.affine import Product
        >>> third = affine(Product([[1.0, 0.1]]), Enclosed.exactly(np.array([[1.0], [3.0]])))
        >>> bool(0 < third.error[0, 0] < 1e-14)
        True
    """
    known: dict[int, Enclosed] = {}
    steps = map.steps()
    last_use = {id(part): k for k, step in enumerate(steps) for part in step.parts()}
    with np.errstate(all="ignore"):  # what overflows leaves infinities and NaN: nothing known
        for k, step in enumerate(steps):
            if isinstance(step, Input):
                known[id(step)] = start
                continue
            parts = step.parts()
            known[id(step)] = _stepped(step, [known[id(part)] for part in parts], unit)
            for part in {id(part) for part in parts}:
                if last_use[part] == k:
                    del known[part]
    return known[id(map)]


def _stepped(step: AffineMap, parts: list[Enclosed], unit: float) -> Enclosed:
    value = step.act(*(part.value for part in parts))
    gamma = growth(step.terms, unit)
    sizes = [
        part.error if not gamma else gamma * np.abs(part.value) + part.error for part in parts
    ]
    error = step.act(*sizes, absolute=True)
    if gamma:
        error = (error + gamma * np.abs(value)) * (1 + 2 * growth(step.terms)) + floor(unit)
    return Enclosed(value, error).known()
