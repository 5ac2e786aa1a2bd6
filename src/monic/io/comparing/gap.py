"""Two evaluations side by side: how far they may be apart, and where they are apart too far.

Both start at the same point. A bound of their difference is carried from stage to stage, as one of
rounding errors is, with the sum of both unit roundoffs. At a landmark the difference is measured:
if it is within the bound, the bound is reset to it, so that it does not grow with the depth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from monic.io.comparing.evaluator import Deadline
from monic.io.comparing.landmark import Landmark
from monic.model import Network
from monic.model.affine import FloatArray
from monic.model.array import Array
from monic.model.enclosed import UNIT, Enclosed, affine
from monic.model.evaluation import enclosed

__all__ = ["Closeness", "Parting", "Track"]


class Parting(Exception):
    """Raised where two evaluations are farther apart than rounding errors explain.

    Arguments:
        name: The tensor.
        difference: How far they are apart.
        bound: How far they may be.
    """

    def __init__(self, name: str, difference: float, bound: float) -> None:
        super().__init__(f"{name!r} differs by {difference:.3g}, more than {bound:.3g}")
        self.name, self.difference, self.bound = name, difference, bound


@dataclass(frozen=True, slots=True)
class Closeness:
    """How near two evaluations came, where both are known.

    Arguments:
        largest: The largest difference in parts of its bound.
        width: How wide the bounds of the outputs are: the median, in parts of the largest output.
    """

    largest: float
    width: float


class Track:
    """A network and its landmarks, along which evaluations are compared.

    Arguments:
        network: The network.
        landmarks: The tensors known in it.
        output: The tensor that it gives.
    """

    def __init__(self, network: Network, landmarks: Sequence[Landmark], output: str) -> None:
        self.network, self.output = network, output
        self.landmarks = landmarks

    @cached_property
    def resets(self) -> Mapping[int, list[tuple[str, Array]]]:
        """The tensors that only move numbers of a stage, and where these stand there."""
        found: dict[int, list[tuple[str, Array]]] = {}
        for mark in self.landmarks:
            places = mark.places() if 0 < mark.stages < len(self.network.stages) else None
            if places is not None:
                found.setdefault(mark.stages, []).append((mark.name, places))
        return found

    @property
    def names(self) -> list[str]:
        """The tensors that are compared on the way, and the output."""
        marks = [name for group in self.resets.values() for name, _ in group]
        return list(dict.fromkeys([*marks, self.output]))

    def walk(
        self, x: FloatArray, others: Mapping[str, FloatArray], unit: float, deadline: Deadline
    ) -> Closeness | None:
        """Compares the network with other values at points, given as columns.

        Returns how near they are; None where some output overflows, so that nothing is known.

        Arguments:
            x: The points.
            others: The tensors' values, in the same form.
            unit: The unit roundoff of the other evaluation.
            deadline: When to give up.

        Raises:
            Parting: where they part.
            Unevaluated: when no time is left.
        """
        state, largest = Enclosed.exactly(x), 0.0
        for count, stage in enumerate(self.network.stages, 1):
            deadline.check()
            state = enclosed(stage, state, UNIT + unit)
            marks = [m for m in self.resets.get(count, ()) if m[0] in others]
            for name, places in marks:
                part = Enclosed(state.value[places], state.error[places])
                largest = max(largest, _measured(name, part, others[name]))
            for name, places in marks:
                state = _kept(state, places, others[name], UNIT + unit)
        last = others[self.output]
        if not (np.isfinite(state.error).all() and np.isfinite(last).all()):
            return None
        top = float(np.abs(state.value).max())
        width = float(np.median(state.error)) / top if top else 0.0
        return Closeness(max(largest, _measured(self.output, state, last)), width)

    def first(
        self, x: FloatArray, others: Mapping[str, FloatArray], unit: float
    ) -> Parting | None:
        """Returns where the evaluations part first, among all landmarks in order."""
        state, states = Enclosed.exactly(x), list[Enclosed]()
        for count, stage in enumerate(self.network.stages, 1):
            states.append(state)
            state = enclosed(stage, state, UNIT + unit)
            for name, places in self.resets.get(count, ()):
                if name in others:
                    state = _kept(state, places, others[name], UNIT + unit)
        states.append(state)
        for mark in self.landmarks:
            if mark.name not in others:
                continue
            try:
                found = affine(mark.map, states[mark.stages], UNIT + unit)
                _measured(mark.name, found, others[mark.name])
            except Parting as parting:
                return parting
        return None


def _measured(name: str, ours: Enclosed, other: FloatArray) -> float:
    """Returns the largest difference in parts of its bound, where both values are known.

    Raises:
        Parting: where one exceeds its bound.
    """
    with np.errstate(all="ignore"):
        gap = np.abs(ours.value - other)
        known = np.isfinite(ours.error) & np.isfinite(other)
        beyond = known & (gap > ours.error)
        if beyond.any():
            excess = np.where(beyond, gap - ours.error, -1.0)
            worst = np.unravel_index(int(excess.argmax()), excess.shape)
            raise Parting(name, float(gap[worst]), float(ours.error[worst]))
        ratios = np.where(known & (gap > 0), gap / ours.error, 0.0)
    return float(ratios.max(initial=0.0))


def _kept(state: Enclosed, places: Array, other: FloatArray, unit: float) -> Enclosed:
    """Returns the state with measured differences as bounds, where they are smaller.

    Sixteen of them, so that numbers that only move on are not at their bound.
    """
    with np.errstate(all="ignore"):
        value = state.value[places]
        gap = 16 * np.abs(value - other) + unit * np.abs(value)
    error = state.error.copy()
    error[places] = np.where(gap <= error[places], gap, error[places])
    return Enclosed(state.value, error)
