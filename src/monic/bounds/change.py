"""A change of the input before all filters, as the bounds see it: y = D P x + t.

P is a permutation, which moves no singular values. Where D has one number a channel, it goes into
the kernel; else its least number goes there, and what the others stretch more is kept beside it.
"""

from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np

from monic.decision.convolution.filters import Filters
from monic.decision.convolution.prefix import ScaledPlaces, scaled_places
from monic.model.taps import FloatArray

__all__ = ["Change"]

#: Scales that are rounded more than this leave no bound: `Weighted.kernel` counts on it.
ROUNDED = 2.0**-50


@dataclass(frozen=True, eq=False)
class Change:
    """The change of some filters' input; the identity where there is none.

    Arguments:
        filters: The filters.
    """

    filters: Filters

    @cached_property
    def known(self) -> ScaledPlaces | None:
        """The change in floats; None for none."""
        return None if self.filters.base is None else scaled_places(self.filters.base)

    @cached_property
    def channels(self) -> FloatArray | None:
        """What the kernel is multiplied by, one number a channel; None for none."""
        if self.known is None:
            return None
        table = self._table(self.known)
        if self.is_even:
            return np.ascontiguousarray(table[:, 0])
        return np.full(len(table), np.abs(table).min())

    @cached_property
    def is_even(self) -> bool:
        """Whether D has one number a channel."""
        if self.known is None:
            return True
        table = self._table(self.known)
        return bool((table == table[:, :1]).all())

    @property
    def more(self) -> float:
        """At least the greatest of D over the least where D is not even; infinite if unknown."""
        if self.known is None or (self.is_even and self.is_sure):
            return 1.0
        if not self.is_sure:
            return inf
        sizes = np.abs(self.known.scales)
        return float(sizes.max() / sizes.min()) * (1 + 2.0**-40)

    @property
    def is_sure(self) -> bool:
        """Whether the scales in floats are near enough to the exact ones."""
        return self.known is None or self.known.error <= ROUNDED

    def there(self, x: FloatArray, *, linear: bool = False) -> tuple[FloatArray, FloatArray]:
        """Returns D P x + t in floats, or D P x, and what its rounding is relative to."""
        if self.known is None:
            return x, np.abs(x)
        y = self.known.scales * x[self.known.places]
        if linear:
            return y, np.abs(y)
        return y + self.known.shifts, np.abs(y) + self.known.reach

    def back(self, way: FloatArray) -> FloatArray:
        """Returns v with P v = way: a direction of scaled inputs as one of inputs."""
        if self.known is None:
            return way
        found = np.empty_like(way)
        found[self.known.places] = way
        return found

    def ahead(self, way: FloatArray) -> FloatArray:
        """Returns P way."""
        return way if self.known is None else way[self.known.places]

    def _table(self, known: ScaledPlaces) -> FloatArray:
        channels = self.filters.blocks[0].step.geometry.channels
        return known.scales.reshape(channels, -1)
