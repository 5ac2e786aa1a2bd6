"""Activations on floats: values, inverses, slopes, and enclosures that hold over the reals.

The model keeps the slopes of leaky ReLUs and PReLUs where its file has them, and no others. Those,
and the alphas of ELUs, come from the caller; without them such a stage is refused by name.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from flint import arb, ctx

from monic.errors import InversionError
from monic.inversion.rounding import UNIT, length_above
from monic.model import Activation
from monic.model.array import Array, freeze

__all__ = ["Enclosure", "Entrywise", "FloatActivation", "float_activation"]

#: Centres (N, m), radii (N, m) of their coordinates, and bounds (N,) of the Euclidean distances.
Enclosure = tuple[Array, Array, Array]

_SLOPED = (Activation.LEAKY_RELU, Activation.PRELU, Activation.ELU)
_LEAKY = (Activation.LEAKY_RELU, Activation.PRELU)
#: Open ranges of the bounded ones; that of an ELU begins at -alpha.
_RANGES = {Activation.TANH: (-1.0, 1.0), Activation.SIGMOID: (0.0, 1.0)}


class FloatActivation(ABC):
    """What follows an affine map, on batches of shape (N, m); abstract."""

    __slots__ = ()
    #: Which activation.
    kind: Activation

    @property
    def more(self) -> int:
        """How many more numbers it gives than it takes."""
        return 0

    @abstractmethod
    def value(self, u: Array) -> Array:
        """Returns the activation of u."""

    @abstractmethod
    def slopes(self, u: Array) -> Array:
        """Returns what `pulled` and `pushed` have to know of u, with one row a sample."""

    @abstractmethod
    def pulled(self, slopes: Array, v: Array) -> Array:
        """Returns J^T v for the derivatives J where slopes were taken."""

    @abstractmethod
    def pushed(self, slopes: Array, x: Array) -> Array:
        """Returns J x."""

    @abstractmethod
    def inverse(self, y: Array, error: Array | float = 0.0) -> Array:
        """Returns u with value(u) = y, after moving y into the range where it is not there.

        Arguments:
            y: Of shape (N, m).
            error: How long what is wrong with y may be, of shape (N,), or one for all.
        """

    @abstractmethod
    def outside(self, y: Array) -> Array:
        """Returns how far y is from the range in orthogonal directions, rounded down."""

    @property
    @abstractmethod
    def least_stretch(self) -> float:
        """A lower bound of |value(u) - value(v)| / |u - v| over all u and v."""

    @abstractmethod
    def typical_stretch(self, y: Array) -> Array:
        """Returns a guess of |value(u) - value(v)| / |u - v| near y; thresholds rest on it."""

    @abstractmethod
    def enclose(self, before: Enclosure) -> Enclosure:
        """Returns what holds the values of all reals within the given ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Entrywise(FloatActivation):
    """An activation that acts on each number alone, with its slopes.

    Arguments:
        kind: Which activation.
        slope: The slope below 0 of a leaky ReLU or PReLU, or the alpha of an ELU, a positive
            number or one a unit; 1 where there is none.
    """

    kind: Activation
    slope: Array

    def value(self, u: Array) -> Array:
        if self.kind is Activation.RELU:
            return np.maximum(u, 0.0)
        if self.kind in _LEAKY:
            return np.where(u >= 0, u, self.slope * u)
        if self.kind is Activation.ELU:
            return np.where(u >= 0, u, self.slope * np.expm1(np.minimum(u, 0.0)))
        if self.kind is Activation.TANH:
            return np.tanh(u)
        if self.kind is Activation.SIGMOID:
            small = np.exp(-np.abs(u))
            return np.where(u >= 0, 1.0, small) / (1.0 + small)
        return u

    def slopes(self, u: Array) -> Array:
        """Returns the derivative at u; at a kink, that from the left."""
        if self.kind is Activation.RELU:
            return (u > 0).astype(u.dtype)
        if self.kind in _LEAKY:
            return np.where(u > 0, 1.0, self.slope)
        if self.kind is Activation.ELU:
            return np.where(u > 0, 1.0, self.slope * np.exp(np.minimum(u, 0.0)))
        if self.kind is Activation.TANH:
            return 1.0 - np.tanh(u) ** 2
        if self.kind is Activation.SIGMOID:
            small = np.exp(-np.abs(u))
            return small / (1.0 + small) ** 2
        return np.ones_like(u)

    def pulled(self, slopes: Array, v: Array) -> Array:
        return np.asarray(slopes * v)

    def pushed(self, slopes: Array, x: Array) -> Array:
        return np.asarray(slopes * x)

    def inverse(self, y: Array, error: Array | float = 0.0) -> Array:
        low, high = self.range()
        inner = np.clip(y, np.nextafter(low, high), np.nextafter(high, low))
        if self.kind in _LEAKY:
            return np.where(inner >= 0, inner, inner / self.slope)
        if self.kind is Activation.ELU:
            return np.where(inner >= 0, inner, np.log1p(np.minimum(inner, 0.0) / self.slope))
        if self.kind is Activation.TANH:
            return np.asarray(np.arctanh(inner))
        if self.kind is Activation.SIGMOID:
            return np.asarray(np.log(inner) - np.log1p(-inner))
        return np.asarray(inner)

    def range(self) -> tuple[Array, Array]:
        """Returns (low, high) with values between; the bounds are not attained, save 0 by ReLU."""
        if self.kind is Activation.RELU:
            return np.array(0.0), np.array(np.inf)
        if self.kind is Activation.ELU:
            return -self.slope, np.array(np.inf)
        low, high = _RANGES.get(self.kind, (-np.inf, np.inf))
        return np.array(low), np.array(high)

    def outside(self, y: Array) -> Array:
        low, high = self.range()
        return np.asarray(np.maximum(np.maximum(low - y, y - high), 0.0) * (1 - 4 * UNIT))

    @property
    def least_stretch(self) -> float:
        if self.kind is Activation.IDENTITY:
            return 1.0
        return min(1.0, float(np.min(self.slope))) if self.kind in _LEAKY else 0.0

    def typical_stretch(self, y: Array) -> Array:
        return np.ones(len(y))

    def enclose(self, before: Enclosure) -> Enclosure:
        center, radius, length = before
        value, after = self._spread(center, radius)
        if self.kind not in (Activation.RELU, Activation.IDENTITY):
            return value, after, length_above(after)  # these may stretch, and round once more
        return value, after, np.minimum(length, length_above(after))

    def _spread(self, center: Array, radius: Array) -> tuple[Array, Array]:
        """Returns a centre and radius that enclose the values of all reals within the given ones.

        A ReLU moves no two points apart, and where everything is negative the value is 0 exactly.
        A leaky one stretches by at most max(1, slope), and rounds twice. The others are left to
        ball arithmetic (Arb), since the libraries of floats promise no bound of their errors.
        """
        if self.kind is Activation.RELU:
            return np.maximum(center, 0.0), np.where(center + radius < 0, 0.0, radius)
        if self.kind in _LEAKY:
            steep = np.where(center - radius >= 0, 1.0, np.maximum(1.0, self.slope))
            value = self.value(center)
            return value, (steep * radius + np.abs(value) * 4 * UNIT) * (1 + 8 * UNIT)
        if self.kind is Activation.IDENTITY:
            return center, radius
        return self._by_arb(center, radius)

    def _by_arb(self, center: Array, radius: Array) -> tuple[Array, Array]:
        """Encloses with monotony, one number after the other."""
        slope = np.broadcast_to(self.slope, center.shape)
        value = self.value(center)
        spread = np.empty_like(value)
        precision, ctx.prec = ctx.prec, 80
        try:
            for index in np.ndindex(center.shape):
                ball = arb(float(center[index]), float(radius[index]))
                image = self._arb(ball, arb(float(slope[index])))
                gap = abs(image - arb(float(value[index]))).upper()
                spread[index] = float(gap) * (1 + 8 * UNIT)
        finally:
            ctx.prec = precision
        return value, np.where(np.isnan(spread), np.inf, spread)

    def _arb(self, ball: arb, slope: arb) -> arb:
        ends = [ball.lower(), ball.upper()]
        if self.kind is Activation.TANH:
            return ends[0].tanh().union(ends[1].tanh())
        if self.kind is Activation.SIGMOID:
            return (1 / (1 + (-ends[0]).exp())).union(1 / (1 + (-ends[1]).exp()))
        images = [end if end >= 0 else slope * end.expm1() for end in ends]
        return images[0].union(images[1])


def float_activation(
    name: str, kind: Activation, size: int, slopes: Mapping[str, object]
) -> Entrywise:
    """Returns the activation of the stage with a name, which acts on each number alone.

    Raises:
        InversionError: when its slope is needed and not given, or is none.
    """
    if kind not in _SLOPED:
        return Entrywise(kind, np.array(1.0))
    if name not in slopes:
        raise InversionError(
            f"Expected the slope of the {kind.value} after {name!r}: the model does not keep it, "
            "and it is not guessed. Give its slope below 0 (an ELU's alpha), a positive number "
            f"or {size} of them, as slopes={{{name!r}: ...}}."
        )
    slope = freeze(np.asarray(slopes[name]), f"slope of {name!r}").astype(np.float64)
    if slope.size not in (1, size) or not np.all(slope > 0):
        raise InversionError(
            f"Expected 1 or {size} positive slopes for {name!r}. Got shape {slope.shape} with "
            f"the smallest {np.min(slope, initial=np.inf):g}."
        )
    return Entrywise(kind, slope.reshape(-1) if slope.size > 1 else slope.reshape(()))
