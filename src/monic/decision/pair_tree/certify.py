"""From multipliers in floats to exact ones that show that a node is dead."""

from collections.abc import Iterator, Mapping
from math import gcd, lcm

from flint import fmpq

from monic.decision.pair_tree.node import Node
from monic.decision.pair_tree.program import Program
from monic.decision.pair_tree.rows import Multipliers, is_dead

__all__ = ["certified", "integral"]

#: Multipliers are rounded to so many bits, the first that are enough.
BITS = (6, 10, 14, 20, 28, 40)


def certified(program: Program, node: Node, floats: Mapping[int, float]) -> Multipliers | None:
    """Returns integers near floats (up to a factor) that show that a node is dead, or None."""
    for multipliers in _roundings(floats):
        if is_dead(program, node, multipliers):
            return multipliers
    return None


def integral(weights: Mapping[int, fmpq]) -> Multipliers:
    """Returns the positive multiple of rationals that are integers without a common factor."""
    live = sorted((row, weight) for row, weight in weights.items() if weight != 0)
    unit = lcm(*(int(weight.q) for _, weight in live))
    found = [(row, int(weight.p) * (unit // int(weight.q))) for row, weight in live]
    divisor = gcd(*(weight for _, weight in found)) or 1
    return [(row, weight // divisor) for row, weight in found]


def _roundings(floats: Mapping[int, float]) -> Iterator[Multipliers]:
    top = max(map(abs, floats.values()), default=0.0)
    if not 0 < top < float("inf"):
        return
    for bits in BITS:
        scale = 2.0**bits / top
        pairs = ((row, round(weight * scale)) for row, weight in sorted(floats.items()))
        yield [(row, weight) for row, weight in pairs if weight]
