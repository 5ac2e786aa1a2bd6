"""From a collision of an inner layer to a collision of the network: both points reached exactly.

Going back through a stage means: find v with w_i.v + b_i = u_i where u_i is not cut off by a
ReLU, and w_i.v + b_i <= 0 where u_i = 0 after one, inside what the stage before can give.
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
    equal, below = _conditions(layer, value)
    size = int(layer.map.weight.ncols())
    if k == 0:
        below += list(chain.domain.half_spaces(size))
    elif chain.layers[k - 1].relu:
        unit = [Fraction(0)] * size
        below += [([*unit[:j], Fraction(-1), *unit[j + 1 :]], Fraction(0)) for j in range(size)]
    return feasible_point(equal, below, size)


def _conditions(layer: Layer, value: Point) -> tuple[list[Condition], list[Condition]]:
    scale = layer.map.scale
    equal: list[Condition] = []
    below: list[Condition] = []
    table = zip(layer.map.weight.tolist(), layer.map.bias.entries(), value, strict=True)
    for row, bias, number in table:
        condition = [int(a) * scale for a in row], number - int(bias) * scale
        (below if layer.relu and number == 0 else equal).append(condition)
    return equal, below
