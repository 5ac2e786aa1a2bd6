"""Two colliding inputs of a network as a result: with their floats and their certificate."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from monic.certificate import network_collision_certificate
from monic.decision.convolution.floats import FloatMap
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
        collision=replace(collision, floats=_with_outputs(network, collision.floats)),
        certificate=network_collision_certificate(network, collision.x, collision.other),
    )


def _floats(chain: Chain, x: Point, other: Point) -> FloatPair | None:
    try:
        points = tuple(map(float, x)), tuple(map(float, other))
    except OverflowError:
        return None
    exact = [chain.outputs([Fraction(t) for t in point]) for point in points]
    difference = max(abs(a - b) for a, b in zip(*exact, strict=True))
    return FloatPair(x=points[0], other=points[1], difference=difference)


def _with_outputs(network: Network, floats: FloatPair | None) -> FloatPair | None:
    """Returns the pair with what float64 arithmetic gives at both points, where it is finite."""
    if floats is None:
        return None
    first, second = (_float_output(network, x) for x in (floats.x, floats.other))
    outputs = None if first is None or second is None else (first, second)
    return replace(floats, outputs=outputs)


def _float_output(network: Network, x: Sequence[float]) -> tuple[float, ...] | None:
    """Returns the output of the piecewise-linear part, step by step, whatever its size."""
    value = np.array(x)
    with np.errstate(all="ignore"):  # what overflows is no output
        for stage in network.stages:
            value = FloatMap(stage.map).value(value)
            slopes = stage.slopes()
            if slopes is None:
                break
            value = np.where(value > 0, value, np.array(slopes, dtype=np.float64) * value)
    return tuple(value.tolist()) if np.isfinite(value).all() else None
