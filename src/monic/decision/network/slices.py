"""A network on a slice x + D t of its inputs, exactly, step by step: no matrix is written out.

Around t = 0 every piecewise-linear stage is one affine map of t, so that a few columns D pass
through networks whose dense matrices would not fit into memory.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm

from flint import fmpz, fmpz_mat

from monic.decision.network.chain import Point, bent
from monic.decision.network.region import Region, rows_of
from monic.model import AffineMap, Input, Stage
from monic.model.affine import ExactAffine
from monic.model.array import dyadic
from monic.model.convolution import ConvolutionMap

__all__ = ["image", "slice_region"]


def slice_region(stages: Sequence[Stage], x: Point, ways: Sequence[int]) -> Region | None:
    """Returns the region of t = 0 where t moves some coordinates of x; None on a wall.

    Arguments:
        stages: Piecewise-linear stages; the last one counts before its activation.
        x: The input at t = 0.
        ways: The coordinates of x that t moves, one for each entry of t.

    Raises:
        LayerError: when a stage has slopes that are not known.
    """
    inner, walls = _start(x, ways), []
    for k, stage in enumerate(stages):
        inner = _applied(stage.map, inner)
        if k + 1 == len(stages):
            break
        slopes = stage.slopes()
        assert slopes is not None, "only piecewise-linear stages are followed"
        kinks = [i for i, slope in enumerate(slopes) if slope != 1]
        trace = _values(inner)
        if kinks:
            wall = rows_of(inner, kinks)
            values = tuple(trace[i] for i in kinks)
            if any(
                v == 0 and any(row) for v, row in zip(values, wall.weight.tolist(), strict=True)
            ):
                return None
            walls.append((values, wall))
            inner = bent(slopes, trace, inner)
    return Region((Fraction(0),) * len(ways), inner, walls)


def image(stages: Sequence[Stage], x: Point) -> Point:
    """Returns what the last stage gives before its activation, exactly."""
    inner = _start(x, [0])
    for k, stage in enumerate(stages):
        inner = _applied(stage.map, inner)
        if k + 1 < len(stages):
            slopes = stage.slopes()
            assert slopes is not None, "only piecewise-linear stages are followed"
            inner = bent(slopes, _values(inner), inner)
    return _values(inner)


def _start(x: Point, ways: Sequence[int]) -> ExactAffine:
    """Returns t -> x + D t; x consists of binary fractions."""
    unit = lcm(*(t.denominator for t in x))
    assert unit & (unit - 1) == 0, "inputs of a slice are binary fractions"
    table = fmpz_mat(len(x), len(ways))
    for k, j in enumerate(ways):
        table[j, k] = unit
    return ExactAffine(
        table, fmpz_mat(len(x), 1, [int(t * unit) for t in x]), 1 - unit.bit_length()
    )


def _values(inner: ExactAffine) -> Point:
    scale = inner.scale
    return tuple(int(entry) * scale for entry in inner.bias.entries())


def _applied(value: AffineMap, inner: ExactAffine) -> ExactAffine:
    """Returns an affine map of t after which another one follows."""
    known: dict[int, ExactAffine] = {}
    for step in value.steps():
        parts = [known[id(part)] for part in step.parts()]
        if isinstance(step, Input):
            known[id(step)] = inner
        elif isinstance(step, ConvolutionMap):
            known[id(step)] = _convolved(step, parts[0])
        else:
            known[id(step)] = step.evaluate(*parts)
    return known[id(value)]


def _convolved(step: ConvolutionMap, inner: ExactAffine) -> ExactAffine:
    integers, exponent = dyadic(step.taps.kernel)
    flat, pattern = integers.entries(), step.taps.pattern()
    table = [[*row, b] for row, b in zip(inner.weight.tolist(), inner.bias.entries(), strict=True)]
    width = len(table[0])
    found = [[fmpz(0)] * width for _ in range(step.out_dim)]
    cells = zip(
        pattern.rows.tolist(), pattern.columns.tolist(), pattern.places.tolist(), strict=True
    )
    for i, j, place in cells:
        factor, row, source = flat[place], found[i], table[j]
        for k in range(width):
            row[k] += factor * source[k]
    column = fmpz_mat(len(found), 1, [row[-1] for row in found])
    weight = fmpz_mat([row[:-1] for row in found])
    return replace(inner, weight=weight, bias=column, power=inner.power + exponent)
