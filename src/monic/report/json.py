"""An answer as one JSON object, for programs."""

import math
from fractions import Fraction

from monic.decision.result import Collision
from monic.model.comparison import Comparison
from monic.report.answer import Answer, Conditions, LayerAnswer
from monic.report.document import document
from monic.report.domains import domain_value
from monic.report.text import float_or_none, rational

__all__ = ["answer_value", "as_json"]


def as_json(answer: Answer) -> str:
    """Returns the answer as one line of JSON.

    Numbers that JSON cannot hold (NaN, infinities, rationals beyond float64) are null; the
    exact points stand beside the rounded ones.
    """
    return document("decision", answer_value(answer))


def answer_value(answer: Answer) -> dict[str, object]:
    """Returns the answer as what JSON holds."""
    return {
        "model": answer.model,
        "sha256": answer.sha256,
        "verdict": answer.verdict.name,
        "assumption": answer.assumption,
        "reason": answer.reason,
        "layers": [_layer(layer) for layer in answer.layers],
        "collision": None if answer.collision is None else _collision(answer.collision),
        "certificate": answer.certificate,
        "reading": None if answer.reading is None else _reading(answer.reading),
        **_conditions(answer.conditions),
    }


def _conditions(asked: Conditions | None) -> dict[str, object]:
    if asked is None:
        return {}
    return {
        "domain": None if asked.domain is None else domain_value(*asked.domain),
        "method": asked.method,
        "assumptions": list(asked.assumptions),
        "limits": {"seconds": asked.limits.seconds, "nodes": asked.limits.nodes},
        "seed": asked.seed,
    }


def _reading(reading: Comparison) -> dict[str, object]:
    return {
        "against": reading.against,
        "points": reading.points,
        "largest": reading.largest,
        "reason": reading.reason,
    }


def _layer(layer: LayerAnswer) -> dict[str, object]:
    stage, decision = layer.stage, layer.stage.decision
    return {
        "name": stage.name,
        "kind": stage.kind,
        "in_dim": stage.shape[1],
        "out_dim": stage.shape[0],
        "shape": list(stage.shape),
        "domain": stage.domain,
        "where": None if stage.where is None else domain_value(stage.where, stage.shape[1]),
        "verdict": decision.verdict.name,
        "assumption": decision.assumption,
        "method": decision.method,
        "reason": decision.reason,
        "margin": None if decision.margin is None else _finite(decision.margin.value),
        "seconds": _finite(decision.statistics.seconds),
        "nodes": decision.statistics.nodes,
        "certificate": layer.certificate,
        "collision": None if decision.collision is None else _collision(decision.collision),
    }


def _collision(collision: Collision) -> dict[str, object]:
    pairs = {"x": collision.x, "other": collision.other}
    rounded: dict[str, object] = {name: [*map(float_or_none, p)] for name, p in pairs.items()}
    value = {**rounded, "exact": {name: _exact(p) for name, p in pairs.items()}}
    if collision.floats is not None and collision.floats.outputs is not None:
        value["outputs"] = [[*map(_finite, output)] for output in collision.floats.outputs]
    return value


def _exact(coordinates: tuple[Fraction, ...]) -> list[str]:
    return [rational(number) for number in coordinates]


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
