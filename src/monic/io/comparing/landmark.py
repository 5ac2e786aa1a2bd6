"""Landmarks: tensors of a graph or module whose places in the network are known."""

from dataclasses import dataclass

import numpy as np

from monic.model.affine import AffineMap, Input
from monic.model.array import Array

__all__ = ["Landmark"]


@dataclass(frozen=True, slots=True, eq=False)
class Landmark:
    """A tensor as an affine map of the numbers after so many stages of a network.

    Arguments:
        name: The tensor's name.
        stages: How many stages come before.
        place: The map from what these give to the place that the tensor starts at.
        own: The map from there to the tensor, for one example.
    """

    name: str
    stages: int
    place: AffineMap
    own: AffineMap

    @property
    def map(self) -> AffineMap:
        """The map from the numbers after the stages to the tensor."""
        return self.place if isinstance(self.own, Input) else self.own.compose(self.place)

    def places(self) -> Array | None:
        """Returns where its numbers stand among those of the stage, or None if they are others."""
        steps = (*self.place.steps(), *self.own.steps())
        if any(step.terms for step in steps):
            return None
        return _moved(self.own, _moved(self.place, np.arange(self.place.in_dim)))


def _moved(map: AffineMap, numbers: Array) -> Array:
    """Returns numbers where a map that only moves them puts them."""
    known: dict[int, Array] = {}
    for step in map.steps():
        parts = [known[id(part)] for part in step.parts()]
        known[id(step)] = step.act(*parts) if parts else numbers
    return known[id(map)]
