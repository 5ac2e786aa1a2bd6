"""Landmarks: tensors of a graph or module whose places in the network are known."""

from dataclasses import dataclass

import numpy as np

from monic.model.affine import AffineMap
from monic.model.array import Array

__all__ = ["Landmark"]


@dataclass(frozen=True, slots=True, eq=False)
class Landmark:
    """A tensor as an affine map of the numbers after so many stages of a network.

    Arguments:
        name: The tensor's name.
        stages: How many stages come before.
        map: The map from what these give, for one example.
    """

    name: str
    stages: int
    map: AffineMap

    def places(self) -> Array | None:
        """Returns where its numbers stand among those of the stage, or None if they are others."""
        if any(step.terms for step in self.map.steps()):
            return None
        known: dict[int, Array] = {}
        for step in self.map.steps():
            parts = [known[id(part)] for part in step.parts()]
            known[id(step)] = np.arange(step.out_dim) if not parts else step.act(*parts)
        return known[id(self.map)]
