"""How far a point with few active rows is from being harmless, without writing rows out.

Fewer than n rows may be active. So of the inactive rows the least negative ones may become active
as well, as long as there are fewer than n in all: what counts is how negative the others are.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from math import inf, prod

import numpy as np

from monic.decision.convolution.blocks import Block
from monic.decision.convolution.floats import FloatMap
from monic.decision.result import Margin
from monic.model import Orthant, ReLULayer, WholeSpace
from monic.model.taps import FloatArray, Taps

__all__ = ["counting_margin"]

#: More than all rounding of norms and quotients.
SLACK = 1 + 1e-9


def counting_margin(layer: ReLULayer, found: Sequence[Block], x: Sequence[Fraction]) -> Margin:
    """Returns the margin of a point with fewer than n active rows; its value is rounded down.

    As long as every row changes by less than t |w_i|, relative to |x| <= 1 on cones, fewer than n
    rows are active at x.

    Arguments:
        layer: The layer.
        found: Its blocks.
        x: The point.

    Example:
        >>> from monic.decision.convolution.blocks import blocks
        >>> from monic.model import Convolution, Geometry, Input
        >>> step = Convolution([[[2.0]]], Input(3), Geometry((1, 3)))
        >>> margin = counting_margin(ReLULayer(step), blocks(step), [Fraction(-1)] * 3)
        >>> 0.57 < margin.value < 0.578
        True
    """
    point = np.array([float(t) for t in x])
    sure = FloatMap(layer.map).bounded(point)
    lengths = np.concatenate([_lengths(block) for block in found])
    with np.errstate(divide="ignore", invalid="ignore"):
        depths = -(sure.value + sure.error) / lengths
    depths = np.where(np.isnan(depths), 0.0, depths)
    inactive = np.sort(depths[depths > 0])
    free = layer.map.in_dim - 1 - (layer.map.out_dim - inactive.size)
    assert free >= 0, "the point was found to have fewer than n active rows"
    value = float(inactive[free]) if free < inactive.size else inf
    cone = isinstance(layer.domain, WholeSpace | Orthant)
    if cone and not any(block.bias for block in found):
        value /= float(np.linalg.norm(point)) * SLACK
    return Margin(value=value / SLACK)


def _lengths(block: Block) -> FloatArray:
    """Upper bounds of |w| for the rows of a block."""
    taps = block.step.taps
    length = float(np.linalg.norm(taps.kernel[block.filter].astype(np.float64)))
    bound = abs(float(block.scale)) * length * _overlap(taps) * SLACK
    return np.full(block.positions, bound)


def _overlap(taps: Taps) -> float:
    """The root of how many taps read one entry at most: more than one at reflected borders."""
    most = [
        max(
            int(np.unique(line[line >= 0], return_counts=True)[1].max(initial=1)) for line in table
        )
        for table in taps.tables
    ]
    return math.sqrt(prod(most))
