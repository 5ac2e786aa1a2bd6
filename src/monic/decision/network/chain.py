"""The part of a network that is piecewise linear, as exact integer matrices and as floats."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import Any

import numpy as np
from flint import fmpz, fmpz_mat

from monic.model import Activation, AffineMap, Domain, Network
from monic.model.affine import ExactAffine

__all__ = ["Chain", "Floats", "Layer", "Point", "is_small", "linear_part"]

Point = tuple[Fraction, ...]

#: Larger matrices of integers take too long for a search; their layers are decided alone.
ENTRIES = 1 << 21
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Layer:
    """One stage: x -> (weight x + bias) 2^exponent, followed by a ReLU or by nothing."""

    map: ExactAffine
    relu: bool

    @property
    def out_dim(self) -> int:
        """The number of outputs."""
        return int(self.map.weight.nrows())

    @cached_property
    def weight(self) -> Floats:
        """W, rounded to float64."""
        return _floats(self.map.weight, self.map)

    @cached_property
    def bias(self) -> Floats:
        """b, rounded to float64."""
        return _floats(self.map.bias, self.map)[:, 0]

    def after(self, inner: ExactAffine) -> ExactAffine:
        """Returns the affine map of the stage after another one, exactly."""
        return inner.then(self.map)


@dataclass(frozen=True)
class Chain:
    """Affine maps and ReLUs in turn, on a domain of the first one's input.

    A collision of a chain is one of every network that begins with it and goes on, after its
    last affine map, with a one-to-one activation or as it likes after a ReLU.

    Arguments:
        layers: The stages in order.
        domain: The domain of the input.
        dim: The dimension of the input.
    """

    layers: tuple[Layer, ...]
    domain: Domain
    dim: int

    def prefix(self, length: int) -> "Chain":
        """Returns the chain of the first stages."""
        return Chain(self.layers[:length], self.domain, self.dim)

    @property
    def out_dim(self) -> int:
        """The number of outputs."""
        return self.layers[-1].out_dim

    def traces(self, x: Sequence[Fraction]) -> list[Point]:
        """Returns what every stage gives before its activation, exactly."""
        unit = lcm(*(t.denominator for t in x))
        numbers = fmpz_mat(len(x), 1, [int(t * unit) for t in x])
        power, found = 0, []
        for layer in self.layers:
            # the value is numbers 2^power / unit
            if power > 0:
                numbers, power = numbers * (1 << power), 0
            numbers = layer.map.weight * numbers + layer.map.bias * (unit << -power)
            power, unit = power + layer.map.power, unit * layer.map.divisor
            found.append(_point(numbers, power, unit))
            if layer.relu:
                numbers = fmpz_mat(layer.out_dim, 1, [max(v, fmpz(0)) for v in numbers.entries()])
        return found

    def outputs(self, x: Sequence[Fraction]) -> Point:
        """Returns the output at a rational point, exactly."""
        last = self.traces(x)[-1]
        return tuple(max(v, Fraction(0)) for v in last) if self.layers[-1].relu else last

    def collide(self, x: Sequence[Fraction], other: Sequence[Fraction]) -> bool:
        """Whether two different points of the domain have equal outputs, exactly."""
        if tuple(x) == tuple(other):
            return False
        if not (self.domain.contains(x) and self.domain.contains(other)):
            return False
        return self.outputs(x) == self.outputs(other)

    def forward(self, points: Floats) -> list[Floats]:
        """Returns what every stage gives before its activation, in floats; points are rows."""
        found, value = [], points
        for layer in self.layers:
            value = value @ layer.weight.T + layer.bias
            found.append(value)
            if layer.relu:
                value = np.maximum(value, 0.0)
        return found

    def slope(self, traces: Sequence[Floats]) -> Floats:
        """Returns the local linear map in floats, given the traces of one point."""
        matrix = np.eye(self.dim)
        for layer, trace in zip(self.layers, traces, strict=True):
            matrix = layer.weight @ matrix
            if layer.relu:
                matrix = matrix * (trace.reshape(-1, 1) > 0)
        return matrix

    @property
    def is_finite(self) -> bool:
        """Whether float64 holds all weights."""
        return all(
            np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()
            for layer in self.layers
        )


def linear_part(network: Network) -> Chain | None:
    """Returns the stages up to the first smooth activation, or None where they are too large.

    The last stage of the chain stands for its affine map alone when a one-to-one activation
    follows, since that changes no collision.
    """
    layers: list[Layer] = []
    for stage in network.stages:
        if not is_small(stage.map):
            break
        layers.append(Layer(stage.map.exact(), stage.activation is Activation.RELU))
        if stage.activation not in (Activation.RELU, Activation.IDENTITY):
            break
    return Chain(tuple(layers), network.domain, network.in_dim) if layers else None


def is_small(value: AffineMap) -> bool:
    """Whether a map's exact matrices are small enough to be written down for a search."""
    return max(step.out_dim for step in value.steps()) * value.in_dim <= ENTRIES


def _point(numbers: fmpz_mat, power: int, unit: int) -> Point:
    scale = Fraction(2) ** power / unit
    return tuple(int(v) * scale for v in numbers.entries())


def _floats(matrix: fmpz_mat, unit: ExactAffine) -> Floats:
    """Returns an integer matrix in the unit of a map, each entry rounded once or twice."""
    shape = (int(matrix.nrows()), int(matrix.ncols()))
    entries = [_float(int(entry), unit.power) for entry in matrix.entries()]
    return np.array(entries, dtype=np.float64).reshape(shape) / float(unit.divisor)


def _float(number: int, exponent: int) -> float:
    spare = max(number.bit_length() - 64, 0)  # int to float fails beyond 1e308
    try:
        return float(np.ldexp(float(number >> spare), exponent + spare))
    except OverflowError:
        return float("inf")
