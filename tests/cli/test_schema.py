"""Everything that --json prints is valid by the schema in the package."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import monic as library
from monic.report.document import schema
from monic.report.domains import FULL, domain_value
from tests.cli.files import ACASXU, hard, identity, monic, three_layers

validator: Any = pytest.importorskip("jsonschema").Draft202012Validator


def valid(text: str, kind: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(text)
    validator.check_schema(schema())
    problems = [
        f"{list(e.path)}: {e.message[:200]}" for e in validator(schema()).iter_errors(value)
    ]
    [same] = [ref for ref in schema()["oneOf"] if ref["$ref"].endswith(f"/{kind}")]
    closer = validator({**schema(), "oneOf": [same]}).iter_errors(value)
    detail = [f"{list(e.path)}: {e.message[:200]}" for outer in closer for e in outer.context]
    assert not problems, detail or problems
    assert value["kind"] == kind
    assert value["version"] == library.__version__
    return value


def test_decisions(tmp_path: Path) -> None:
    asked = ("--time-limit", 20, "--seed", 3, "--assume", "general-position", "--json")
    value = valid(monic("decide", identity(tmp_path), *asked).stdout, "decision")
    assert value["limits"] == {"seconds": 20.0, "nodes": None}
    assert value["seed"] == 3
    assert value["assumptions"] == ["general-position"]
    assert value["method"] == "auto"
    assert value["domain"] is None  # layers of bare weights have their own
    assert value["layers"][0]["where"]["entry"] == {"kind": "whole"}
    valid(monic("decide", three_layers(tmp_path), "--json").stdout, "decision")
    valid(monic("decide", hard(tmp_path), "--nodes", 5, "--json").stdout, "decision")


def test_the_domain_is_told_with_its_bounds(tmp_path: Path) -> None:
    np.savez(tmp_path / "box.npz", lower=[-0.5, -np.inf], upper=[0.25, 3.0])
    asked = ("--domain", tmp_path / "box.npz", "--layer", "identity", "--json")
    value = valid(monic("decide", identity(tmp_path), *asked).stdout, "decision")
    where = value["domain"]
    entry = {"kind": "box", "lower": ["-1/2", None], "upper": ["1/4", "3"]}
    assert where["entry"] == entry
    assert (where["dim"], where["words"]) == (2, "box of 2")
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    assert where["sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_long_domains_are_told_by_their_digest() -> None:
    boxes = [library.Box(np.zeros(FULL), np.full(FULL, size)) for size in (1.0, 1.0, 2.0)]
    first, same, other = (domain_value(box, FULL) for box in boxes)
    assert first["entry"] is None
    assert first == same
    assert first["sha256"] != other["sha256"]


@pytest.mark.thorough
def test_networks_and_bounds() -> None:
    asked = ("--domain", "box:-1,1", "--time-limit", 1, "--json")
    value = valid(monic("decide", ACASXU, *asked).stdout, "decision")
    assert value["domain"]["entry"]["lower"] == ["-1"] * 5
    assert value["layers"][1]["where"]["entry"]["kind"] == "box"
    value = valid(monic("bound", ACASXU, *asked, "--seed", 2).stdout, "bounds")
    assert (value["seed"], value["limits"], value["gap"]) == (2, {"seconds": 1.0}, 0.01)


def test_fibres_studies_and_repairs(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.array([[1.0, 2.0], [1.0, -2.0]]))
    asked = ("--at", tmp_path / "rows.npz", "--layer", "identity", "--json")
    valid(monic("decide", identity(tmp_path), *asked).stdout, "fibres")
    valid(monic("random", 2, "--samples", 5, "--json").stdout, "random")
    out = tmp_path / "out.npz"
    valid(monic("repair", identity(tmp_path), "-o", out, "--json").stdout, "repair")


def test_errors() -> None:
    value = valid(monic("decide", "no-such-file.npy", "--json").stdout, "error")
    assert (value["error"], value["exit_code"]) == ("UnreadableModel", 2)


def test_a_schema_that_takes_everything_would_be_none() -> None:
    name = "monic-json 1"
    wrongs: list[Any] = [{}, [], {"schema": name}, {"kind": "error", "schema": name}]
    assert not any(validator(schema()).is_valid(wrong) for wrong in wrongs)
