"""A network on a slice x + D t of its inputs, exactly, step by step: no matrix is written out.

Around t = 0 every piecewise-linear stage is one affine map of t, so that a few columns D pass
through networks whose dense matrices would not fit into memory.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm, prod

import numpy as np
from flint import fmpz, fmpz_mat

from monic.clock import monotonic
from monic.decision.network.chain import Point, bent
from monic.decision.network.region import Region, rows_of
from monic.model import AffineMap, Input, Stage
from monic.model.affine import ExactAffine
from monic.model.array import dyadic
from monic.model.convolution import ConvolutionMap
from monic.model.taps import Taps

#: Entries of the matrix of what some output positions read.
PIECE = 1 << 18

__all__ = ["LateError", "image", "slice_region"]


class LateError(Exception):
    """Raised when the time is over."""


def slice_region(
    stages: Sequence[Stage], x: Point, ways: Sequence[int], until: float | None = None
) -> Region | None:
    """Returns the region of t = 0 where t moves some coordinates of x; None on a wall.

    Arguments:
        stages: Piecewise-linear stages; the last one counts before its activation.
        x: The input at t = 0.
        ways: The coordinates of x that t moves, one for each entry of t.
        until: When to give up, on the monotonic clock.

    Raises:
        LateError: when the time is over.
        LayerError: when a stage has slopes that are not known.
    """
    inner, walls = _start(x, ways), []
    for k, stage in enumerate(stages):
        inner = _applied(stage.map, inner, until)
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


def image(stages: Sequence[Stage], x: Point, until: float | None = None) -> Point:
    """Returns what the last stage gives before its activation, exactly.

    Raises:
        LateError: when the time is over.
    """
    inner = _start(x, [0])
    for k, stage in enumerate(stages):
        inner = _applied(stage.map, inner, until)
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


def _insist_on_time(until: float | None) -> None:
    if until is not None and monotonic() > until:
        raise LateError


def _applied(value: AffineMap, inner: ExactAffine, until: float | None) -> ExactAffine:
    """Returns an affine map of t after which another one follows."""
    known: dict[int, ExactAffine] = {}
    for step in value.steps():
        _insist_on_time(until)
        parts = [known[id(part)] for part in step.parts()]
        if isinstance(step, Input):
            known[id(step)] = inner
        elif isinstance(step, ConvolutionMap):
            known[id(step)] = _convolved(step, parts[0], until)
        else:
            known[id(step)] = step.evaluate(*parts)
    return known[id(value)]


def _convolved(step: ConvolutionMap, inner: ExactAffine, until: float | None) -> ExactAffine:
    """Returns a convolution of a map's columns, a few output positions at a time."""
    integers, exponent = dyadic(step.taps.kernel)
    flat, taps = integers.entries(), step.taps
    table = [[*row, b] for row, b in zip(inner.weight.tolist(), inner.bias.entries(), strict=True)]
    length, inside, size = len(table[0]), prod(taps.shape[1:]), prod(taps.kernel.shape[2:])
    each, width = taps.kernel.shape[0] // taps.groups, taps.kernel.shape[1]
    places, zero = list(np.ndindex(*taps.out_shape[1:])), [fmpz(0)] * length
    found: list[list[fmpz]] = [[] for _ in range(step.out_dim)]
    count = max(1, PIECE // (width * size * length))
    for group in range(taps.groups):
        start = group * each * width * size
        weights = fmpz_mat(each, width * size, flat[start : start + each * width * size])
        for first in range(0, len(places), count):
            _insist_on_time(until)
            reads = [_by_tap(taps, place) for place in places[first : first + count]]
            picked = [
                entry
                for channel in range(group * width, (group + 1) * width)
                for tap in range(size)
                for read in reads
                for entry in (table[channel * inside + read[tap]] if tap in read else zero)
            ]
            wide = fmpz_mat(width * size, len(reads) * length, picked)
            for number, row in enumerate((weights * wide).tolist(), start=group * each):
                for k in range(len(reads)):
                    part = row[k * length : (k + 1) * length]
                    found[number * len(places) + first + k] = part
    column = fmpz_mat(len(found), 1, [row[-1] for row in found])
    weight = fmpz_mat([row[:-1] for row in found])
    return replace(inner, weight=weight, bias=column, power=inner.power + exponent)


def _by_tap(taps: Taps, place: tuple[int, ...]) -> dict[int, int]:
    """Returns the input position that each tap reads at an output position."""
    sources, used = taps.reads(place)
    return dict(zip(used.tolist(), sources.tolist(), strict=True))
