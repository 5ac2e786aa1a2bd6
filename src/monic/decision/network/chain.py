"""The part of a network that is piecewise linear, as exact integer matrices and as floats."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import Any

import numpy as np
from flint import fmpz, fmpz_mat

from monic.clock import insist
from monic.model import AffineMap, Domain, Network
from monic.model.affine import ExactAffine

__all__ = [
    *("Chain", "Floats", "Layer", "Point", "bent"),
    *("floats", "integers", "is_small", "linear_part"),
]

Point = tuple[Fraction, ...]

#: Larger matrices of integers take too long for a search; their layers are decided alone.
ENTRIES = 1 << 21
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Layer:
    """One stage: an affine map u, then u_i -> max(u_i, 0) + s_i min(u_i, 0).

    Arguments:
        map: The affine map.
        slopes: s, a rational for every output: 0 for a ReLU, 1 for a number that is carried.
    """

    map: ExactAffine
    slopes: Point

    @property
    def out_dim(self) -> int:
        """The number of outputs."""
        return int(self.map.weight.nrows())

    @cached_property
    def kinks(self) -> list[int]:
        """The outputs that are not affine in u: those with s_i != 1."""
        return [i for i, slope in enumerate(self.slopes) if slope != 1]

    @cached_property
    def float_slopes(self) -> Floats:
        """s, rounded to float64."""
        return np.array([float(slope) for slope in self.slopes])

    def value(self, u: Sequence[Fraction]) -> Point:
        """Returns what the activation gives, exactly."""
        return tuple(t if t > 0 else s * t for s, t in zip(self.slopes, u, strict=True))

    def float_value(self, u: Floats) -> Floats:
        """Returns what the activation gives in floats; points are rows."""
        return np.where(u > 0, u, self.float_slopes * u) if self.kinks else u

    def bent(self, u: Sequence[Fraction], local: ExactAffine) -> ExactAffine:
        """Returns the affine map after the activation near a point; see `bent`."""
        return bent(self.slopes, u, local)

    @cached_property
    def weight(self) -> Floats:
        """W, rounded to float64."""
        return floats(self.map.weight, self.map)

    @cached_property
    def bias(self) -> Floats:
        """b, rounded to float64."""
        return floats(self.map.bias, self.map)[:, 0]

    def after(self, inner: ExactAffine) -> ExactAffine:
        """Returns the affine map of the stage after another one, exactly."""
        return inner.then(self.map)


@dataclass(frozen=True)
class Chain:
    """Affine maps and piecewise-linear activations in turn, on a domain of the first one's input.

    A collision of a chain is one of every network that begins with it and goes on, after its
    last affine map, with a one-to-one activation or as it likes after a piecewise-linear one.

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
            insist()
            # the value is numbers 2^power / unit
            if power > 0:
                numbers, power = numbers * (1 << power), 0
            numbers = layer.map.weight * numbers + layer.map.bias * (unit << -power)
            power, unit = power + layer.map.power, unit * layer.map.divisor
            found.append(_point(numbers, power, unit))
            numbers, power = _activated(layer, numbers, power)
        return found

    def outputs(self, x: Sequence[Fraction]) -> Point:
        """Returns the output at a rational point, exactly."""
        return self.layers[-1].value(self.traces(x)[-1])

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
            value = layer.float_value(value)
        return found

    def slope(self, traces: Sequence[Floats]) -> Floats:
        """Returns the local linear map in floats, given the traces of one point."""
        matrix = np.eye(self.dim)
        for layer, trace in zip(self.layers, traces, strict=True):
            matrix = layer.weight @ matrix
            if layer.kinks:
                matrix = matrix * np.where(trace > 0, 1.0, layer.float_slopes).reshape(-1, 1)
        return matrix

    @property
    def is_finite(self) -> bool:
        """Whether float64 holds all weights."""
        return all(
            np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()
            for layer in self.layers
        )


def bent(slopes: Point, u: Sequence[Fraction], local: ExactAffine) -> ExactAffine:
    """Returns the affine map after an activation near a point.

    Arguments:
        slopes: The slopes below 0.
        u: What comes before the activation at the point.
        local: The affine map there, before the activation.
    """
    factors, power = integers(
        [Fraction(1) if t > 0 else s for s, t in zip(slopes, u, strict=True)]
    )
    rows = [
        [factor * entry for entry in row]
        for factor, row in zip(factors, local.weight.tolist(), strict=True)
    ]
    bias = [f * b for f, b in zip(factors, local.bias.entries(), strict=True)]
    columns = fmpz_mat(len(bias), 1, bias)
    return replace(local, weight=fmpz_mat(rows), bias=columns, power=local.power + power)


def linear_part(network: Network) -> Chain | None:
    """Returns the stages up to the first smooth activation, or None where they are too large.

    The last stage of the chain stands for its affine map alone when a one-to-one activation
    follows whose slopes are not known, since that changes no collision.
    """
    layers: list[Layer] = []
    for stage in network.stages:
        if not is_small(stage.map):
            break
        slopes = stage.slopes()
        layers.append(Layer(stage.map.exact(), slopes or (Fraction(1),) * stage.map.out_dim))
        if slopes is None:
            break
    return Chain(tuple(layers), network.domain, network.in_dim) if layers else None


def is_small(value: AffineMap) -> bool:
    """Whether a map's exact matrices are small enough to be written down for a search."""
    return max(step.out_dim for step in value.steps()) * value.in_dim <= ENTRIES


def _activated(layer: Layer, numbers: fmpz_mat, power: int) -> tuple[fmpz_mat, int]:
    if not layer.kinks:
        return numbers, power
    entries = numbers.entries()
    factors, more = integers(
        [Fraction(1) if v > 0 else s for s, v in zip(layer.slopes, entries, strict=True)]
    )
    bent = [factor * v for factor, v in zip(factors, entries, strict=True)]
    return fmpz_mat(layer.out_dim, 1, bent), power + more


def integers(slopes: Sequence[Fraction]) -> tuple[list[fmpz], int]:
    """Returns integers z and a power with z_i 2^power the slopes, which are floats."""
    power = 1 - max(slope.denominator.bit_length() for slope in slopes)
    unit = 1 << -power
    return [fmpz(slope.numerator * (unit // slope.denominator)) for slope in slopes], power


def _point(numbers: fmpz_mat, power: int, unit: int) -> Point:
    scale = Fraction(2) ** power / unit
    return tuple(int(v) * scale for v in numbers.entries())


def floats(matrix: fmpz_mat, unit: ExactAffine) -> Floats:
    """Returns an integer matrix in the unit of a map, each entry rounded once or twice."""
    shape = (int(matrix.nrows()), int(matrix.ncols()))
    entries = [_float(int(entry), unit.power) if entry else 0.0 for entry in matrix.entries()]
    return np.array(entries, dtype=np.float64).reshape(shape) / float(unit.divisor)


def _float(number: int, exponent: int) -> float:
    spare = max(number.bit_length() - 64, 0)  # int to float fails beyond 1e308
    try:
        return float(np.ldexp(float(number >> spare), exponent + spare))
    except OverflowError:
        return float("inf")
