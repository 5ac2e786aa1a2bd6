"""Norms on floats: values, inverses, derivatives, and enclosures that hold over the reals.

With s = sqrt(|u|^2 / k + epsilon), a norm takes each group u of k numbers to z = u / s, or to z
and s where it gives out its deviations. Then u = s z; without s, u = z sqrt(epsilon / (1 - |z|^2 /
k)). docs/inversion.md says how far an error may grow on the way back.
"""

from dataclasses import dataclass

import numpy as np

from monic.inversion.activations import Enclosure, FloatActivation
from monic.inversion.rounding import TINY, UNIT, length_above, relative_error
from monic.model import Activation
from monic.model.array import Array
from monic.model.normalization import Normalization

__all__ = ["FloatNorm"]

#: 1 - |z|^2 / k is taken to be at least this: floats cannot tell less from 0.
LEAST = 2.0 * UNIT
#: With epsilon = 0, deviations are taken to be at least this: a direction is kept.
SHORTEST = 2.0**-500


@dataclass(frozen=True, slots=True, eq=False)
class FloatNorm(FloatActivation):
    """A norm of equal groups, behind some numbers that are carried past it.

    Arguments:
        norm: The groups, epsilon, and whether deviations are given out.
        carried: How many first numbers stay as they are.
        width: How many numbers it takes, those that are carried among them.
    """

    norm: Normalization
    carried: int
    width: int

    @property
    def kind(self) -> Activation:  # type: ignore[override]
        return Activation.NORMALIZATION

    @property
    def more(self) -> int:
        return self.norm.more

    @property
    def size(self) -> int:
        """k."""
        return (self.width - self.carried) // self.norm.groups

    def value(self, u: Array) -> Array:
        """Returns the norm; where a group is not defined, with 0 for it."""
        unit, deviation = self._unit(u)
        return self._joined(u, unit, deviation)

    def slopes(self, u: Array) -> Array:
        """Returns u: the derivatives of a norm depend on all of it."""
        return u

    def pulled(self, slopes: Array, v: Array) -> Array:
        unit, deviation = self._unit(slopes)
        given = self._groups(v)
        inner = (unit * given).sum(axis=-1, keepdims=True) / self.size
        back = (given - unit * inner) / _divisor(deviation)
        if self.norm.deviations:
            back += unit * v[:, self.width :, None] / self.size
        return np.hstack([v[:, : self.carried], back.reshape(len(v), -1)])

    def pushed(self, slopes: Array, x: Array) -> Array:
        unit, deviation = self._unit(slopes)
        way = self._groups(x)
        inner = (unit * way).sum(axis=-1) / self.size
        ahead = (way - unit * inner[..., None]) / np.where(deviation > 0, deviation, 1.0)[
            ..., None
        ]
        return self._joined(x, ahead, inner)

    def inverse(self, y: Array, error: Array | float = 0.0) -> Array:
        """Returns u with value(u) = y; for other y, an u of the direction that they have.

        Where |z| is nearer to sqrt(k) than the error, no more is known of the length of u.
        """
        unit = self._groups(y)
        if self.norm.deviations:
            least = max(np.sqrt(self.norm.epsilon), SHORTEST)
            factor = np.maximum(y[:, self.width :], least)
        else:
            told = np.minimum(2.0 * np.asarray(error) / np.sqrt(self.size), 1.0)
            rest = np.maximum(self._rest(unit), told.reshape(-1, 1))
            factor = np.sqrt(self.norm.epsilon / rest)
        return np.hstack([y[:, : self.carried], (unit * factor[..., None]).reshape(len(y), -1)])

    def outside(self, y: Array) -> Array:
        """|z| <= sqrt(k) and s >= sqrt(epsilon)."""
        root = np.sqrt(self.size)
        length = self._lengths(self._groups(y))
        parts = [length * (1 - self._room) - root * (1 + 4 * UNIT)]
        if self.norm.deviations:
            parts.append(np.sqrt(self.norm.epsilon) * (1 - 4 * UNIT) - y[:, self.width :])
        return np.asarray(np.maximum(np.hstack(parts), 0.0) * (1 - 4 * UNIT))

    @property
    def least_stretch(self) -> float:
        """Far out a norm pulls points together without end; `undone` knows where a point is."""
        return 0.0

    def typical_stretch(self, y: Array) -> Array:
        if self.norm.deviations:
            return np.asarray(1.0 / np.hypot(np.sqrt(self.size), y[:, self.width :].max(axis=1)))
        rest = self._rest(self._groups(y)).min(axis=1)
        return np.asarray(np.minimum(rest**1.5 / np.sqrt(self.norm.epsilon), 1.0))

    def enclose(self, before: Enclosure) -> Enclosure:
        """The derivative of z is at most 1/s in norm, and that of s at most 1/sqrt(k)."""
        center, radius, _ = before
        groups, near, root = self._groups(center), self._near(before), np.sqrt(self.size)
        least = self._deviation(groups, -near) * (1 - self._room)
        own = self._room * root + TINY, self._room * self._deviation(groups) + TINY
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            unit = np.where(least > 0, near / least + own[0], np.inf) * (1 + 8 * UNIT)
            deviation = np.where(least > 0, near / root + own[1], np.inf) * (1 + 8 * UNIT)
            each = near * np.hypot(1 / least, 1 / root) + own[0] + own[1]
            each = np.where(least > 0, each, np.inf) * (1 + 16 * UNIT)
        if not self.norm.deviations:
            each = unit
        after = self._joined(radius, np.broadcast_to(unit[..., None], groups.shape), deviation)
        length = length_above(np.hstack([radius[:, : self.carried], each]))
        return self.value(center), after, length

    def undone(self, error: Array, before: Enclosure) -> Array:
        """Returns bounds of |u - u'| from those of |value(u) - value(u')|, for a known u.

        With deviations, u - u' = s (z - z') + (s - s') z' and |z'| <= sqrt(k). Without, the
        inverse has derivatives of at most sqrt(epsilon) (1 - |z|^2 / k)^(-3/2) in norm.

        Arguments:
            error: The bounds, of shape (N,).
            before: What encloses u.
        """
        root = np.sqrt(self.size)
        with np.errstate(all="ignore"):
            most = self._deviation(self._groups(before[0]), self._near(before))
            most = most.max(axis=1) * (1 + self._room)
            if self.norm.deviations:
                grown = np.hypot(root, most) * (1 + 16 * UNIT)
            else:
                # 1 - |z|^2 / k = epsilon / s^2, and |z'| <= |z| + error <= sqrt(k) + error
                rest = self.norm.epsilon / most**2 * (1 - 16 * UNIT) - TINY
                rest -= error * (2 * root + error) / self.size * (1 + 16 * UNIT)
                grown = np.sqrt(self.norm.epsilon) / (rest * np.sqrt(rest)) * (1 + 32 * UNIT)
                grown = np.where(rest > 0, grown, np.inf)
            grown = np.maximum(grown, 1.0 if self.carried else 0.0)
            return np.asarray(np.where(error > 0, error * grown * (1 + 4 * UNIT), 0.0))

    @property
    def _room(self) -> float:
        """More than the relative errors of lengths, deviations, and quotients by them."""
        return relative_error(self.size + 16)

    def _groups(self, values: Array) -> Array:
        """Returns the groups, of shape (N, groups, k), with or without deviations behind them."""
        groups = values[:, self.carried : self.width]
        return np.asarray(groups.reshape(len(values), -1, self.size))

    def _joined(self, values: Array, groups: Array, deviations: Array) -> Array:
        """Returns what is carried of some values, groups, and what belongs to their deviations."""
        parts = [values[:, : self.carried], groups.reshape(len(values), -1)]
        return np.hstack([*parts, deviations] if self.norm.deviations else parts)

    def _lengths(self, groups: Array) -> Array:
        """Returns |u| for each group, whatever its size."""
        top = np.abs(groups).max(axis=-1)
        scale = np.where((top > 0) & np.isfinite(top), top, 1.0)
        with np.errstate(over="ignore"):
            return np.asarray(np.linalg.norm(groups / scale[..., None], axis=-1) * scale)

    def _deviation(self, groups: Array, more: Array | float = 0.0) -> Array:
        """Returns s for groups whose lengths are as much more as is said."""
        length = np.maximum(self._lengths(groups) + more, 0.0)
        return np.asarray(np.hypot(length / np.sqrt(self.size), np.sqrt(self.norm.epsilon)))

    def _unit(self, u: Array) -> tuple[Array, Array]:
        """Returns z and s."""
        groups = self._groups(u)
        deviation = self._deviation(groups)
        return groups / _divisor(deviation), deviation

    def _rest(self, unit: Array) -> Array:
        """Returns 1 - |z|^2 / k, no smaller than can be told from 0."""
        with np.errstate(over="ignore"):
            return np.asarray(np.maximum(1.0 - self._lengths(unit) ** 2 / self.size, LEAST))

    def _near(self, before: Enclosure) -> Array:
        """Returns how far each group may be from its centre, of shape (N, groups)."""
        groups = self._groups(before[1])
        each = length_above(groups.reshape(-1, self.size)).reshape(groups.shape[:2])
        return np.minimum(each, before[2][:, None])


def _divisor(deviation: Array) -> Array:
    """Returns deviations to divide groups by; what is 0 belongs to groups that are."""
    return np.where(deviation > 0, deviation, 1.0)[..., None]
