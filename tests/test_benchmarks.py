"""The benchmarks run; their programs agree, and they can tell when these do not."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "decide.py"
PHASE_CURVE = ROOT / "benchmarks" / "phase_curve.py"
ONE_LAYER = ("--seeds", "1", "--families", "gaussian", "--sections", "comparison")


def run(
    *options: str, path: tuple[Path, ...] = (), script: Path = SCRIPT
) -> subprocess.CompletedProcess[str]:
    places = [*map(str, path), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, str(script), *options],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places), "PYTHONUTF8": "1"},
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A tiny run with every peer that is installed."""
    file = tmp_path_factory.mktemp("benchmark") / "results.json"
    sections = "comparison,nodes"
    done = run("--sizes", "3x15", "--seeds", "1", "--sections", sections, "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "## disagreements: 0\n" in done.stdout
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def verdicts(results: dict[str, Any], family: str) -> dict[str, str]:
    runs = [r for r in results["comparison"]["runs"] if r["instance"]["family"] == family]
    assert all(r["outcome"]["state"] == "done" for r in runs)
    return {r["program"]: r["outcome"]["facts"]["verdict"] for r in runs}


@pytest.mark.parametrize("family", ["gaussian", "integer", "paired-dyadic"])
def test_programs_agree(results: dict[str, Any], family: str) -> None:
    found = verdicts(results, family)
    assert found.pop("checker")  # the claim, after the proof was accepted
    assert {"monic_branching", "z3", "highs", "published", "chamber"} <= set(found)
    assert set(found.values()) == {"INJECTIVE"}


def test_only_exact_programs_see_rounding(results: dict[str, Any]) -> None:
    found = verdicts(results, "paired-random")
    assert found["monic_branching"] == found["z3"] == "NOT_INJECTIVE"
    assert found["highs"] == found["published"] == found["chamber"] == "INJECTIVE"
    assert results["comparison"]["findings"]


def test_nodes_stand_beside_the_bound(results: dict[str, Any]) -> None:
    (row,) = results["nodes"]
    assert (row["n"], row["C(2n, n−1)"], row["((n+1)^n − 1)/n"]) == ("3", "15", "21")
    assert 3 <= int(row["nodes, m = 30n"]) <= 15


def test_a_peer_that_is_wrong_is_reported(tmp_path: Path) -> None:
    """An impostor of z3, earlier on the path, finds every formula satisfiable."""
    import z3  # the real one lies behind

    source = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "z3", {z3.__file__!r}, submodule_search_locations={list(z3.__path__)!r})
module = importlib.util.module_from_spec(spec)
sys.modules["z3"] = module
spec.loader.exec_module(module)
module.Solver.check = lambda *_: module.sat
"""
    (tmp_path / "z3.py").write_text(source)
    done = run(*ONE_LAYER, "--sizes", "3x15", "--peers", "z3", path=(tmp_path,))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "monic says INJECTIVE" in done.stdout
    assert "z3 says NOT_INJECTIVE" in done.stdout


@pytest.mark.slow
def test_a_slow_peer_is_a_bound(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    slow = ("--sizes", "10x70", "--peers", "highs", "--cap", "2")
    done = run(*ONE_LAYER, *slow, "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    runs = json.loads(file.read_text("utf-8"))["comparison"]["runs"]
    assert {r["program"]: r["outcome"]["state"] for r in runs}["highs"] == "time-out"
    assert "> 2.00" in done.stdout


@pytest.mark.parametrize("option", [("--sizes", "8x"), ("--peers", "gurobi"), ("--seeds", "0")])
def test_wrong_options_are_refused(option: tuple[str, str]) -> None:
    done = run(*option)
    assert done.returncode == 2
    assert "Expected" in done.stderr


@pytest.mark.slow
def test_the_phase_curve_is_drawn_by_one_command(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    drawn = tmp_path / "curve.png"
    small = ("--seeds", "1", "--measurements", "10", "32", "--images", "2", "--epochs", "1")
    done = run("--plot", str(drawn), *small, script=PHASE_CURVE)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("   ")]
    assert [row[0] for row in rows] == ["m", "10", "32"] * 2
    layerwise = re.search(r"32 .* layerwise: (\S+)", done.stdout)
    assert layerwise is not None
    assert float(layerwise[1]) < 1e-12
    assert list(tmp_path.iterdir()) == [drawn]
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_a_phase_curve_of_nothing_is_refused() -> None:
    pytest.importorskip("sklearn")
    done = run("--seeds", "0", script=PHASE_CURVE)
    assert done.returncode == 2
    assert "Expected numbers above 0" in done.stderr


def test_checking_is_compared_between_source_trees() -> None:
    tree = ROOT / "tests" / "certificates" / "valid" / "tree-on-box.monic"
    options = ("--tree", str(tree), "--rounds", "1", "--runs", "1")
    script, src = ROOT / "benchmarks" / "checker.py", str(ROOT / "src")
    done = run(src, src, *options, script=script)
    assert done.returncode == 0, done.stderr
    names, *rows = [line.split() for line in done.stdout.splitlines()]
    assert names[0] == "proofs"
    assert [row[0] for row in rows] == ["corpus", "tree"]
    assert int(rows[0][1]) == len(list(tree.parent.glob("*.monic")))
    assert all(float(number) > 0 for row in rows for number in row[2:])
    assert run("nowhere", src, *options, script=script).returncode != 0
