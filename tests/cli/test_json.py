"""The JSON object: exactly the keys that are promised, and nothing that JSON cannot hold."""

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from monic.decision.result import (
    Collision,
    Decision,
    Margin,
    StageDecision,
    Statistics,
    Verdict,
)
from monic.report.answer import Answer, LayerAnswer, Question, worst
from monic.report.json import as_json
from tests.cli.files import hard, identity, monic, three_layers

TOP = [
    *("schema", "kind", "version", "model", "sha256", "verdict", "assumption", "reason"),
    *("layers", "collision", "certificate", "reading"),
]
ASKED = ["domain", "method", "assumptions", "limits", "seed"]
LAYER = [
    *(
        "name",
        "kind",
        "in_dim",
        "out_dim",
        "shape",
        "domain",
        "where",
        "verdict",
        "assumption",
        "method",
        "reason",
        "margin",
    ),
    *("seconds", "nodes", "certificate", "collision"),
]


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def parsed(text: str) -> dict[str, Any]:
    value = json.loads(text, parse_constant=refuse)
    assert list(value) in (TOP, TOP + ASKED)
    for layer in value["layers"]:
        assert list(layer) == LAYER
    assert isinstance(value, dict)
    return value


def test_not_injective(tmp_path: Path) -> None:
    path = identity(tmp_path)
    done = monic("decide", path, "--json")
    assert done.returncode == 1, done.stderr
    value = parsed(done.stdout)
    assert value["model"] == str(path)
    assert value["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert value["verdict"] == "NOT_INJECTIVE"
    assert value["assumption"] is None
    [layer] = value["layers"]
    assert layer["shape"] == [2, 2]
    assert layer["domain"] == "whole space"
    assert layer["certificate"] is None
    collision = layer["collision"]
    assert list(collision) == ["x", "other", "exact"]
    assert list(collision["exact"]) == ["x", "other"]
    x, other = (
        [Fraction(number) for number in collision["exact"][name]] for name in ("x", "other")
    )
    assert x != other
    assert [max(t, 0) for t in x] == [max(t, 0) for t in other]
    assert collision["x"] == [float(t) for t in x]


def test_undecided(tmp_path: Path) -> None:
    value = parsed(monic("decide", hard(tmp_path), "--json", "--nodes", 5).stdout)
    assert value["verdict"] == "UNDECIDED"
    assert value["reason"]
    assert value["layers"][0]["collision"] is None


def test_certificates_are_named(tmp_path: Path) -> None:
    path = three_layers(tmp_path)
    done = monic("decide", path, "--json", "--certificates", tmp_path / "proofs")
    layers = parsed(done.stdout)["layers"]
    assert len(layers) == 3
    for layer in layers:
        assert Path(layer["certificate"]).is_file()
        assert monic("check", layer["certificate"], path).returncode == 0


def answer(decision: Decision) -> Answer:
    stage = StageDecision(
        name="\x1b[2Jfc",
        shape=(4, 2),
        domain="whole space",
        activation="ReLU",
        decision=decision,
    )
    return Answer(
        model="model.npz",
        sha256="0" * 64,
        question=Question.LAYER,
        verdict=decision.verdict,
        reason=decision.reason,
        layers=[LayerAnswer(stage=stage)],
    )


def test_numbers_that_json_cannot_hold_are_null() -> None:
    huge = Fraction(10) ** 5000  # more digits than str(int) gives
    decision = Decision(
        verdict=Verdict.NOT_INJECTIVE,
        reason="",
        method="",
        collision=Collision(x=(huge, Fraction(1, 3)), other=(-huge, Fraction(1, 3))),
        margin=Margin(value=np.inf),
        statistics=Statistics(seconds=np.nan),
    )
    [layer] = parsed(as_json(answer(decision)))["layers"]
    assert layer["margin"] is None
    assert layer["seconds"] is None
    assert layer["collision"]["x"] == [None, 1 / 3]
    assert layer["collision"]["exact"]["x"] == ["1" + "0" * 5000, "1/3"]


def test_the_worst_layer() -> None:
    stages = [
        answer(Decision(verdict=verdict, reason="", method="")).layers[0].stage
        for verdict in (Verdict.INJECTIVE, Verdict.UNDECIDED, Verdict.NOT_INJECTIVE)
    ]
    assert worst(stages) is stages[2]
    assert worst(stages[:2]) is stages[1]
    assert worst(stages[:1]) is stages[0]
