"""One number for each channel: biases and scales of convolutions, without repeating them."""

from dataclasses import dataclass, field

import numpy as np

from monic.errors import LayerError
from monic.model.affine import AffineMap, ExactAffine, FloatArray, Scale, Shift, beside
from monic.model.array import Array, freeze
from monic.model.quotient import Quotient

__all__ = ["ChannelScale", "ChannelShift", "numbers_of"]


@dataclass(frozen=True, slots=True, eq=False)
class ChannelShift(AffineMap):
    """The step y -> y + v, or y - v, with one number for each channel of y.

    Arguments:
        vector: v, of any shape; its size must divide that of y, whose channels come one after
            another.
        of: The step before.
        negative: Whether v is subtracted.

    Raises:
        LayerError: when y does not fall into as many channels.

    Example:
        >>> from monic.model.affine import Input
        >>> ChannelShift([1.0, 2.0], Input(4)).exact().bias.entries()
        [1, 1, 2, 2]
    """

    vector: Array
    of: AffineMap
    negative: bool = False
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    terms: int = field(init=False, default=2)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vector", _per_channel(self.vector, "bias", self.of.out_dim))
        object.__setattr__(self, "in_dim", self.of.in_dim)
        object.__setattr__(self, "out_dim", self.of.out_dim)

    def parts(self) -> tuple[AffineMap, ...]:
        return (self.of,)

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        if absolute:
            return parts[0]
        vector = beside(self.vector, parts[0])
        return parts[0] - vector if self.negative else parts[0] + vector

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        return Shift(_spread(self.vector, self.out_dim), self.of, self.negative).evaluate(*parts)

    def after(self, *parts: AffineMap) -> AffineMap:
        return ChannelShift(self.vector, parts[0], self.negative)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelScale(AffineMap):
    """The step y -> diag(v) y with one number for each channel of y.

    Arguments:
        vector: v, of any shape; its size must divide that of y.
        of: The step before.

    Raises:
        LayerError: when y does not fall into as many channels.

    Example:
        >>> from monic.model.affine import Input
        >>> ChannelScale([1.0, -2.0], Input(4)).exact().weight.tolist()[2]
        [0, 0, -2, 0]
    """

    vector: Array
    of: AffineMap
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    terms: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vector", _per_channel(self.vector, "scale", self.of.out_dim))
        object.__setattr__(self, "in_dim", self.of.in_dim)
        object.__setattr__(self, "out_dim", self.of.out_dim)

    def parts(self) -> tuple[AffineMap, ...]:
        return (self.of,)

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        vector = beside(self.vector, parts[0])
        return parts[0] * (np.abs(vector) if absolute else vector)

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        return Scale(_spread(self.vector, self.out_dim), self.of).evaluate(*parts)

    def after(self, *parts: AffineMap) -> AffineMap:
        return ChannelScale(self.vector, parts[0])


def numbers_of(step: Shift | Scale | ChannelShift | ChannelScale | Quotient) -> Array:
    """Returns the numbers that a step adds, multiplies or divides by: one, or one an output.

    Example:
        >>> from monic.model.affine import Input
        >>> numbers_of(ChannelScale([1.0, -2.0], Input(4))).tolist()
        [1.0, 1.0, -2.0, -2.0]
    """
    if step.vector.size == 1:
        return step.vector.reshape(-1)
    return _spread(step.vector, step.out_dim)


def _per_channel(vector: object, name: str, size: int) -> Array:
    frozen = freeze(vector, name)
    if frozen.size < 1 or size % frozen.size:
        raise LayerError(
            f"Expected a {name} of one number for each channel of {size} values. Got shape "
            f"{frozen.shape}."
        )
    return frozen


def _spread(vector: Array, size: int) -> Array:
    return np.repeat(vector.reshape(-1), size // vector.size)
