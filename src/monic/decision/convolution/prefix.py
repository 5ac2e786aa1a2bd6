"""Affine changes of the input that lose nothing: shifts, scales without zeros, permutations.

Networks take off a mean and divide by a deviation before their first convolution. A layer
f(x) = g(T x + t) with T invertible is one-to-one on R^n if and only if g is, so that filters are
looked at as filters of y = T x + t.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf

import numpy as np

from monic.model import (
    AffineMap,
    Box,
    ChannelScale,
    ChannelShift,
    Domain,
    Input,
    Orthant,
    Quotient,
    Scale,
    Shift,
    WholeSpace,
)
from monic.model.array import exact
from monic.model.channels import numbers_of
from monic.model.convolution import ConvolutionMap
from monic.model.grid import IntArray
from monic.model.wiring import FloatArray, Select

__all__ = [
    "ScaledPlaces",
    "before",
    "changed_input",
    "is_invertible",
    "permuted_domain",
    "scaled_places",
    "undone",
]


def changed_input(value: AffineMap) -> AffineMap | None:
    """Returns the one change of the input that all convolutions of a map are applied to, or None.

    None means as well that they are applied to the input itself.

    Example:
        >>> from monic.model import Convolution, Geometry
        >>> y = ChannelScale([0.5, 4.0], Input(6))
        >>> changed_input(Convolution([[[1.0], [2.0]]], y, Geometry((2, 3)))) is y
        True
    """
    found = {id(step.of): step.of for step in value.steps() if isinstance(step, ConvolutionMap)}
    if len(found) != 1:
        return None
    (base,) = found.values()
    if isinstance(base, Input) or not is_invertible(base):
        return None
    return base


def is_invertible(value: AffineMap) -> bool:
    """Whether a map is made of shifts, scales without zeros and permutations, one on the other.

    Example:
        >>> is_invertible(ChannelScale([0.5, 0.0], Input(2)))
        False
    """
    return all(map(_loses_nothing, value.steps()))


@dataclass(frozen=True, slots=True, eq=False)
class ScaledPlaces:
    """A change of the input in floats: y_k = scales_k x_(places_k) + shifts_k.

    Arguments:
        places: A permutation.
        scales: Numbers other than 0.
        shifts: As many.
        error: A bound of the relative errors of the scales, and of those of the shifts relative
            to `reach`; infinite where scales are near the ends of float64.
        reach: Sums of the absolute values that shifts are made of.
    """

    places: IntArray
    scales: FloatArray
    shifts: FloatArray
    error: float
    reach: FloatArray


def scaled_places(base: AffineMap) -> ScaledPlaces:
    """Returns an invertible change of the input in floats.

    Example:
        >>> y = ChannelScale([0.5, 4.0], Select([2, 3, 0, 1], Input(4)))
        >>> found = scaled_places(y)
        >>> found.places.tolist(), found.scales.tolist()
        ([2, 3, 0, 1], [0.5, 0.5, 4.0, 4.0])
    """
    size = base.in_dim
    places, scales = np.arange(size), np.ones(size)
    shifts, reach = np.zeros(size), np.zeros(size)
    for step in base.steps():
        if isinstance(step, Select):
            chosen = list(step.places)
            places, scales = places[chosen], scales[chosen]
            shifts, reach = shifts[chosen], reach[chosen]
        elif isinstance(step, Scale | ChannelScale | Quotient | Shift | ChannelShift):
            numbers = numbers_of(step).reshape(-1).astype(np.float64)
            numbers = np.repeat(numbers, size // numbers.size)
            if isinstance(step, Shift | ChannelShift):
                shifts = shifts - numbers if step.negative else shifts + numbers
                reach = reach + np.abs(numbers)
            elif isinstance(step, Quotient):
                scales, shifts, reach = scales / numbers, shifts / numbers, reach / np.abs(numbers)
            else:
                scales, shifts, reach = scales * numbers, shifts * numbers, reach * np.abs(numbers)
    # a step rounds its numbers and what it makes of others, both by at most 2^-53
    count = sum(not isinstance(step, Input | Select) for step in base.steps())
    sizes = np.abs(scales)
    usual = sizes.min() > 2.0**-900 and sizes.max() < 2.0**900
    error = count * 2.0**-52 if usual else inf
    return ScaledPlaces(places, scales, shifts, error, reach)


def undone(base: AffineMap | None, vector: Sequence[int]) -> tuple[Fraction, ...]:
    """Returns d with T d = vector for the linear part T of a change of the input; T = I for None.

    Example:
        >>> y = ChannelScale([0.5, 4.0], Select([2, 3, 0, 1], Input(4)))
        >>> [str(t) for t in undone(y, (1, 0, 2, 0))]
        ['1/2', '0', '2', '0']
    """
    numbers = [Fraction(entry) for entry in vector]
    for step in reversed([] if base is None else base.steps()):
        numbers = _undone(step, numbers)
    return tuple(numbers)


def _undone(step: AffineMap, numbers: list[Fraction]) -> list[Fraction]:
    """Returns what the linear part of one step makes the numbers of."""
    if isinstance(step, Scale | ChannelScale | Quotient):
        scales = [exact(scale) for scale in numbers_of(step).tolist()]
        if isinstance(step, Quotient):
            scales = [1 / scale for scale in scales]
        scales *= len(numbers) // len(scales)
        return [t / scale for t, scale in zip(numbers, scales, strict=True)]
    if isinstance(step, Select):
        earlier = dict(zip(step.places, numbers, strict=True))
        return [earlier[place] for place in range(len(numbers))]
    return numbers


def before(base: AffineMap | None, point: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """Returns x with T x + t = point for a change of the input; the point itself for None.

    Example:
        >>> y = Shift([1.0, 2.0], ChannelScale([0.5], Input(2)))
        >>> [str(t) for t in before(y, (Fraction(2), Fraction(2)))]
        ['2', '0']
    """
    if base is None:
        return tuple(point)
    numbers = list(point)
    for step in reversed(base.steps()):
        if isinstance(step, Shift | ChannelShift):
            shifts = [exact(shift) for shift in numbers_of(step).tolist()]
            shifts *= len(numbers) // len(shifts)
            sign = -1 if step.negative else 1
            numbers = [t - sign * s for t, s in zip(numbers, shifts, strict=True)]
        else:
            numbers = _undone(step, numbers)
    return tuple(numbers)


def permuted_domain(base: AffineMap | None, domain: Domain) -> Domain | None:
    """Returns where a changed input lies; None where that is no whole space, orthant or box.

    Example:
        >>> permuted_domain(Select([1, 0], Input(2)), Box([0.0, 1.0], [2.0, 3.0])).lower.tolist()
        [1.0, 0.0]
    """
    if isinstance(domain, WholeSpace):
        return domain
    steps = [] if base is None else base.steps()
    if not all(isinstance(step, Input | Select) for step in steps):
        return None
    if isinstance(domain, Box):
        lower, upper = domain.lower, domain.upper
        for step in steps:
            if isinstance(step, Select):
                lower, upper = lower[list(step.places)], upper[list(step.places)]
        return Box(lower, upper)
    return domain if isinstance(domain, Orthant) else None


def _loses_nothing(step: AffineMap) -> bool:
    if isinstance(step, Scale | ChannelScale):
        return bool(step.vector.all())
    if isinstance(step, Select):
        return sorted(step.places) == list(range(step.of.out_dim))
    return isinstance(step, Input | Shift | ChannelShift | Quotient)
