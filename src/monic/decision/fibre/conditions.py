"""The conditions under which an input has a given output: for a layer, and inside a region."""

from collections.abc import Sequence

from monic.decision.fibre.polytope import Condition, Polytope
from monic.decision.network.chain import Chain, Layer, Point
from monic.decision.network.region import Region
from monic.model import Ball, Domain
from monic.model.affine import ExactAffine

__all__ = ["layer_polytope", "region_polytope"]


def layer_polytope(layer: Layer, domain: Domain, x: Point, output: Point) -> Polytope:
    """Returns {v in X: w_i.v + b_i = y_i on the active rows, w_i.v + b_i <= 0 on the others}.

    Rows that no ReLU cuts off (carried, or under a leaky one) count as active everywhere.

    Arguments:
        layer: The layer.
        domain: X; it holds x.
        x: The input that is asked about.
        output: What the layer gives there before its activation.
    """
    equal, below = _same_output(layer.map, output, layer.slopes)
    return _on_domain(equal, below, domain, x)


def region_polytope(chain: Chain, around: Region, output: Point) -> Polytope:
    """Returns the inputs of a region, with its walls, that have a given output.

    Arguments:
        chain: The chain.
        around: The region; its point has this output.
        output: What the chain gives after its last stage.
    """
    last = chain.layers[-1]
    cut = {i for i in last.kinks if last.slopes[i] == 0 and output[i] <= 0}
    rows = _rows(around.map)
    equal = [(a, c + output[i]) for i, (a, c) in enumerate(rows) if i not in cut]
    below: list[Condition] = []
    walls = around.walls
    if last.kinks:  # whatever is not cut off there is determined by the output
        ends, walls = _rows(walls[-1][1]), walls[:-1]
        below += [end for i, end in zip(last.kinks, ends, strict=True) if i in cut]
    for values, inner in walls:
        for (a, c), value in zip(_rows(inner), values, strict=True):
            if any(a):
                below.append((a, c) if value <= 0 else (tuple(-t for t in a), -c))
    return _on_domain(equal, below, chain.domain, around.x)


def _same_output(
    value: ExactAffine, output: Point, slopes: Point
) -> tuple[list[Condition], list[Condition]]:
    equal: list[Condition] = []
    below: list[Condition] = []
    for (a, c), number, slope in zip(_rows(value), output, slopes, strict=True):
        if slope == 0 and number <= 0:
            below.append((a, c))
        else:
            equal.append((a, c + number))
    return equal, below


def _rows(value: ExactAffine) -> list[Condition]:
    """Returns w_i.v <= -b_i as conditions."""
    scale = value.scale
    table = zip(value.weight.tolist(), value.bias.entries(), strict=True)
    return [(tuple(int(a) * scale for a in row), -int(bias) * scale) for row, bias in table]


def _on_domain(
    equal: Sequence[Condition], below: Sequence[Condition], domain: Domain, x: Point
) -> Polytope:
    ball = domain if isinstance(domain, Ball) else None
    return Polytope(tuple(equal), (*below, *domain.half_spaces(len(x))), ball)
