"""Decide, and believe nothing: proofs go to the checker, collisions are evaluated here."""

from typing import Any

import monic
from monic import Decision, ReLULayer, Verdict
from tests.reference import question, rank, relu

__all__ = ["INJECTIVE", "NOT_INJECTIVE", "UNDECIDED", "decided"]

INJECTIVE, NOT_INJECTIVE, UNDECIDED = Verdict


def decided(layer: ReLULayer, **options: Any) -> Decision:
    """Returns a decision that is not UNDECIDED, after looking at all that it came with."""
    decision: Decision = monic.decide(layer, **options)
    assert decision.verdict is not UNDECIDED, decision.reason
    assert decision.assumption is None
    assert decision.certificate is not None
    monic.check(decision.certificate, layer)
    if decision.verdict is NOT_INJECTIVE:
        _look_at_the_collision(decision, layer)
    else:
        assert decision.collision is None
        assert decision.point is None
    return decision


def _look_at_the_collision(decision: Decision, layer: ReLULayer) -> None:
    asked = question(layer)
    assert decision.collision or decision.point
    if decision.collision is not None:
        x, other = decision.collision.x, decision.collision.other
        assert x != other
        assert relu(asked.rows, asked.bias, x) == relu(asked.rows, asked.bias, other)
        for point in (x, other):
            assert layer.domain.contains(point)
            assert all(_dot(a, point) <= c for a, c in asked.sides)
            if asked.ball is not None:
                away = [t - c for t, c in zip(point, asked.ball[0], strict=True)]
                assert _dot(away, away) <= asked.ball[1] ** 2
    if decision.point is not None:
        x = decision.point
        assert asked.holds(x, [])
        pairs = zip(asked.rows, asked.bias, strict=True)
        assert rank([w for w, b in pairs if _dot(w, x) + b >= 0]) < asked.dim


def _dot(a: Any, b: Any) -> Any:
    return sum(s * t for s, t in zip(a, b, strict=True))
