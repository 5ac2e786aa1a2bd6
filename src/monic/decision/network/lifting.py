"""From a collision of an inner layer to a collision of the network: both points reached exactly.

Going back through a stage means: find v with w_i.v + b_i = u_i where u_i is not cut off by a
ReLU (u_i / s_i under a leaky one), and w_i.v + b_i <= 0 where u_i = 0 after one, inside what the
stage before can give.
"""

from collections.abc import Sequence
from fractions import Fraction

from monic.decision.network.chain import Chain, Layer, Point
from monic.geometry.feasible import feasible_point

__all__ = ["lifted", "reached"]

Condition = tuple[Sequence[Fraction], Fraction]


def lifted(chain: Chain, length: int, pair: tuple[Point, Point]) -> tuple[Point, Point] | None:
    """Returns inputs of a chain that its first stages send to two colliding points, or None.

    Arguments:
        chain: The chain.
        length: The number of stages before the layer with the collision.
        pair: The two inputs of that layer.
    """
    before = chain.prefix(length)
    first = reached(before, pair[0])
    second = None if first is None else reached(before, pair[1])
    if first is None or second is None:
        return None
    return (first, second) if chain.collide(first, second) else None


def reached(chain: Chain, value: Point) -> Point | None:
    """Returns an input in the domain with exactly this output, or None when none was found."""
    wanted: Point | None = value
    for k in reversed(range(len(chain.layers))):
        if wanted is None:
            return None
        wanted = _before(chain, k, wanted)
    if wanted is None or not chain.domain.contains(wanted):
        return None
    return wanted if chain.outputs(wanted) == tuple(value) else None


def _before(chain: Chain, k: int, value: Point) -> Point | None:
    layer = chain.layers[k]
    conditions = _conditions(layer, value)
    if conditions is None:
        return None
    equal, below = conditions
    size = int(layer.map.weight.ncols())
    if k == 0:
        below += list(chain.domain.half_spaces(size))
    else:
        unit = [Fraction(0)] * size
        cut = [j for j, slope in enumerate(chain.layers[k - 1].slopes) if slope == 0]
        below += [([*unit[:j], Fraction(-1), *unit[j + 1 :]], Fraction(0)) for j in cut]
    return feasible_point(equal, below, size)


def _conditions(layer: Layer, value: Point) -> tuple[list[Condition], list[Condition]] | None:
    """Returns what must hold before the activation; None where the value is no output of it."""
    scale = layer.map.scale
    equal: list[Condition] = []
    below: list[Condition] = []
    rows, biases = layer.map.weight.tolist(), layer.map.bias.entries()
    for row, bias, number, slope in zip(rows, biases, value, layer.slopes, strict=True):
        if slope == 0 and number < 0:
            return None
        before = number / slope if number < 0 else number
        condition = [int(a) * scale for a in row], before - int(bias) * scale
        (below if slope == 0 and number == 0 else equal).append(condition)
    return equal, below
