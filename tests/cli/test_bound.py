"""`monic bound`: tables, JSON, exit codes, and what an interrupt leaves."""

import hashlib
import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monic.bounds.interval import Interval
from monic.report.bounds import outward
from tests.cli.files import command, environment, hard, identity, injective, monic, three_layers
from tests.io.graphs import model, node, save

LAYER = [
    *("name", "shape", "domain", "activation", "inverse_lipschitz", "smallest_singular"),
    *("lipschitz", "frame", "papers", "method", "limit", "point", "pair", "collision", "nodes"),
    *("seconds", "estimate", "claims", "ends"),
]


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def parsed(text: str) -> dict[str, Any]:
    value = json.loads(text, parse_constant=refuse)
    assert isinstance(value, dict)
    asked = ["domain", "gap", "limits", "seed"]
    head = ["schema", "kind", "version", "model", "sha256"]
    assert list(value) == [*head, *asked, "layers", "network"]
    for layer in value["layers"]:
        assert list(layer) == LAYER
    return value


def test_table_and_comparison(tmp_path: Path) -> None:
    done = monic("bound", injective(tmp_path), "--compare")
    assert done.returncode == 0, done.stderr
    for words in ("[0.707106, 0.707107]", "exact formula", "Puthawala", "Freeman", "refuted"):
        assert words in done.stdout


def test_json_of_a_layer_that_is_not_one_to_one(tmp_path: Path) -> None:
    done = monic("bound", identity(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    [layer] = parsed(done.stdout)["layers"]
    assert layer["inverse_lipschitz"] == [0.0, 0.0]
    assert layer["collision"] is not None


def test_json_names_the_file_and_the_frame(tmp_path: Path) -> None:
    path = injective(tmp_path)
    value = parsed(monic("bound", path, "--json").stdout)
    assert value["sha256"] == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    [layer] = value["layers"]
    assert layer["frame"] == [layer["smallest_singular"][0], layer["lipschitz"][1]]


@pytest.mark.thorough
def test_domains_and_layers(tmp_path: Path) -> None:
    done = monic("bound", identity(tmp_path), "--json", "--domain", "orthant")
    [layer] = parsed(done.stdout)["layers"]
    assert layer["domain"] == "orthant"
    assert layer["smallest_singular"][1] == 1.0
    path = three_layers(tmp_path)
    assert [x["name"] for x in parsed(monic("bound", path, "--json").stdout)["layers"]] != []
    done = monic("bound", path, "--json", "--layer", "CON", "--compare")
    [layer] = parsed(done.stdout)["layers"]
    assert layer["name"] == "CON"
    assert layer["claims"][0]["source"] == "monic"


def test_a_limit_has_its_exit_code(tmp_path: Path) -> None:
    done = monic("bound", hard(tmp_path), "--time-limit", 1, "--json")
    assert done.returncode == 3, done.stderr
    [layer] = parsed(done.stdout)["layers"]
    assert "time limit" in layer["limit"]
    assert layer["inverse_lipschitz"][0] <= layer["inverse_lipschitz"][1]


@pytest.mark.parametrize("options", [["--gap", "2"], ["--gap", "nan"], ["--time-limit", "-1"]])
def test_wrong_options(tmp_path: Path, options: list[str]) -> None:
    done = monic("bound", injective(tmp_path), *options)
    assert done.returncode == 2
    assert done.stdout == ""


def test_help_has_an_example() -> None:
    text = monic("bound", "--help").stdout
    assert "Example: monic bound " in text
    assert "Exit code: 0 " in text


@pytest.mark.thorough
def test_an_interrupt_prints_what_is_known(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("bound", hard(tmp_path), "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        time.sleep(8)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    [layer] = parsed(out)["layers"]
    assert layer["limit"].startswith("interrupted")
    assert np.isfinite(layer["smallest_singular"][1])


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.0, 0.0), "[0, 0]"),
        (Interval(1 / 3, 2 / 3), "[0.333333, 0.666667]"),
        (Interval(1e-9, float("inf")), "[1E-9, inf]"),
    ],
)
def test_intervals_are_printed_outward(interval: Interval, text: str) -> None:
    assert outward(interval) == text


def lossy(folder: Path) -> Path:
    """(x, y) -> ReLU(x, y, -x, -y) -> one number, which cannot tell the plane."""
    arrays = {
        "a": np.hstack([np.eye(2), -np.eye(2)]).astype(np.float32),
        "b": np.array([[1.0], [2.0], [3.0], [5.0]], np.float32),
    }
    nodes = [
        node("MatMul", ["x", "a"], ["h"], name="first"),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "b"], ["y"], name="second"),
    ]
    return Path(save(folder / "lossy.onnx", model(nodes, arrays, (1, 2))))


@pytest.mark.thorough
def test_a_network_that_is_not_one_to_one_reads_zero(tmp_path: Path) -> None:
    path = lossy(tmp_path)
    done = monic("bound", path, "--json", "--time-limit", 20)
    network = parsed(done.stdout)["network"]
    assert network["verdict"] == "NOT_INJECTIVE"
    assert network["inverse_lipschitz"] == [0.0, 0.0]
    assert network["collision"]["x"] != network["collision"]["other"]
    done = monic("bound", path, "--compare", "--time-limit", 20)
    assert "It is not one-to-one:" in done.stdout
    assert "Puthawala" in done.stdout


def test_certificates_of_every_end(tmp_path: Path) -> None:
    path, folder = identity(tmp_path), tmp_path / "proofs"
    done = monic("bound", path, "--certificates", folder, "--json")
    assert done.returncode == 0, done.stderr
    [layer] = parsed(done.stdout)["layers"]
    assert len(layer["ends"]) == 6
    for end in layer["ends"]:
        if end["certificate"] is not None:
            checked = monic("check", end["certificate"], path)
            assert checked.returncode == 0, checked.stderr
    assert [end["certificate"] is None for end in layer["ends"]] == [
        end["relation"] == ">=" and end["end"] == 0.0 for end in layer["ends"]
    ]


def test_each_end_names_its_file(tmp_path: Path) -> None:
    path, folder = three_layers(tmp_path), tmp_path / "proofs"
    done = monic("bound", path, "--certificates", folder)
    assert done.returncode == 0, done.stderr
    files = sorted(file.name for file in folder.iterdir())
    assert files
    for name in files:
        assert str(folder / name) in done.stdout
    assert "kappa >= " in done.stdout


def test_a_folder_that_cannot_be_made_has_its_exit_code(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    done = monic("bound", identity(tmp_path), "--certificates", blocked / "proofs")
    assert done.returncode == 4, done.stderr
    assert "Cannot make the folder" in done.stderr
    assert "not certified by a proof file" in done.stdout
