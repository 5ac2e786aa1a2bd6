"""Affine changes of the input that lose nothing: shifts, scales without zeros, permutations.

Networks take off a mean and divide by a deviation before their first convolution. A layer
f(x) = g(T x + t) with T invertible is one-to-one on R^n if and only if g is, so that filters are
looked at as filters of y = T x + t.
"""

from collections.abc import Sequence
from fractions import Fraction

from monic.model import AffineMap, ChannelScale, ChannelShift, Input, Scale, Shift
from monic.model.array import exact
from monic.model.channels import numbers_of
from monic.model.convolution import ConvolutionMap
from monic.model.wiring import Select

__all__ = ["changed_input", "undone"]


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
    changes = base.steps()
    if isinstance(base, Input) or not all(map(_loses_nothing, changes)):
        return None
    return base


def undone(base: AffineMap | None, vector: Sequence[int]) -> tuple[Fraction, ...]:
    """Returns d with T d = vector for the linear part T of a change of the input; T = I for None.

    Example:
        >>> y = ChannelScale([0.5, 4.0], Select([2, 3, 0, 1], Input(4)))
        >>> [str(t) for t in undone(y, (1, 0, 2, 0))]
        ['1/2', '0', '2', '0']
    """
    numbers = [Fraction(entry) for entry in vector]
    for step in reversed([] if base is None else base.steps()):
        if isinstance(step, Scale | ChannelScale):
            scales = [exact(scale) for scale in numbers_of(step).tolist()]
            scales *= len(numbers) // len(scales)
            numbers = [t / scale for t, scale in zip(numbers, scales, strict=True)]
        elif isinstance(step, Select):
            earlier = dict(zip(step.places, numbers, strict=True))
            numbers = [earlier[place] for place in range(len(numbers))]
    return tuple(numbers)


def _loses_nothing(step: AffineMap) -> bool:
    if isinstance(step, Scale | ChannelScale):
        return bool(step.vector.all())
    if isinstance(step, Select):
        return sorted(step.places) == list(range(step.of.out_dim))
    return isinstance(step, Input | Shift | ChannelShift)
