"""Two colliding inputs of a network as a result: with their floats and their certificate."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from monic.certificate import network_collision_certificate
from monic.decision.network.chain import Chain, Point
from monic.decision.result import (
    Collision,
    FloatPair,
    NetworkDecision,
    StageDecision,
    Verdict,
)
from monic.model import Network

__all__ = ["as_collision", "not_injective"]


def as_collision(chain: Chain, x: Point, other: Point) -> Collision:
    """Returns a collision with the float64 points next to it and what they give."""
    assert chain.collide(x, other), "a collision is confirmed exactly before it is reported"
    return Collision(x=x, other=other, floats=_floats(chain, x, other))


def not_injective(
    network: Network, stages: Sequence[StageDecision], collision: Collision, reason: str
) -> NetworkDecision:
    """Returns the decision that a collision of a network proves."""
    return NetworkDecision(
        verdict=Verdict.NOT_INJECTIVE,
        reason=reason,
        stages=tuple(stages),
        collision=collision,
        certificate=network_collision_certificate(network, collision.x, collision.other),
    )


def _floats(chain: Chain, x: Point, other: Point) -> FloatPair | None:
    try:
        points = tuple(map(float, x)), tuple(map(float, other))
    except OverflowError:
        return None
    exact = [chain.outputs([Fraction(t) for t in point]) for point in points]
    difference = max(abs(a - b) for a, b in zip(*exact, strict=True))
    outputs = None
    if chain.is_finite:
        last = chain.layers[-1].float_value(chain.forward(np.array(points))[-1])
        outputs = tuple(last[0].tolist()), tuple(last[1].tolist())
    return FloatPair(x=points[0], other=points[1], difference=difference, outputs=outputs)
