"""`monic random`: the table, the JSON object, the file that it goes on with, and the picture."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.files import command, environment, monic


def test_the_table_says_what_is_exact_and_what_is_estimated() -> None:
    done = monic("random", 2, 3, "--samples", 20)
    assert done.returncode == 0, done.stderr
    assert "n = 2: rows" in done.stdout
    assert "exact" in done.stdout
    assert (
        "shares are estimates, with 95% intervals of Clopper and Pearson (seed 0)" in done.stdout
    )
    assert done.stderr == ""


@pytest.mark.thorough
def test_json_agrees_with_the_library() -> None:
    from monic.random import Question, estimate_rows_needed

    done = monic("random", 2, "--samples", 20, "--seed", 4, "--workers", 2, "--json")
    (value,) = json.loads(done.stdout)["curves"]
    found = estimate_rows_needed(Question(2, seed=4), samples=20)
    assert value["median_rows"] == found.median
    assert value["sufficient_rows"] == 16
    for one in value["probabilities"]:
        ours = found.probability(one["rows"])
        assert (one["injective"], one["not_injective"]) == (ours.injective, ours.not_injective)
        assert one["interval"] == [ours.interval.lower, ours.interval.upper]


def test_a_file_is_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "study.json"
    assert monic("random", 2, "--samples", 5, "-o", file).returncode == 0
    first = json.loads(file.read_text())
    assert set(first["needed"]["2"]) == set("01234")
    first["needed"]["2"]["0"] = [100, 101]  # so that it shows where the answer comes from
    file.write_text(json.dumps(first))
    done = monic("random", 2, 3, "--samples", 8, "-o", file, "--json")
    assert json.loads(done.stdout)["curves"][0]["probabilities"][-1]["rows"] == 101
    second = json.loads(file.read_text())
    assert {n: len(known) for n, known in second["needed"].items()} == {"2": 8, "3": 8}
    other = monic("random", 2, "--samples", 8, "-o", file, "--seed", 1)
    assert other.returncode == 2
    assert "Expected a study with seed 1" in other.stderr
    assert json.loads(file.read_text()) == second


def test_limits_are_said_by_the_exit_code_and_closed_by_a_second_run(tmp_path: Path) -> None:
    file = tmp_path / "study.json"
    hasty = monic("random", 5, "--samples", 3, "--nodes", 2, "-o", file, "--json")
    assert hasty.returncode == 3, hasty.stderr
    assert json.loads(hasty.stdout)["curves"][0]["undecided"] > 0
    patient = monic("random", 5, "--samples", 3, "-o", file, "--json")
    assert patient.returncode == 0
    assert json.loads(patient.stdout)["curves"][0]["undecided"] == 0


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_pictures(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"x.{ending}"
    done = monic("random", 2, 3, "--samples", 6, "--plot", file)
    assert done.returncode == 0, done.stderr
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert file.read_bytes().startswith(start)
    assert file.stat().st_size > 5000
    assert list(tmp_path.iterdir()) == [file]


def test_other_laws_and_domains() -> None:
    done = monic(
        "random", 2, "--samples", 6, "--ensemble", "signs", "--domain", "orthant", "--json"
    )
    (value,) = json.loads(done.stdout)["curves"]
    assert (value["ensemble"], value["domain"]) == ("signs", "orthant")
    assert value["sufficient_rows"] is None  # what is proved is about laws with a density, on R^n


def test_assumptions_are_written_beside_the_figures() -> None:
    asked = ("--samples", 4, "--assume", "general-position")
    done = monic("random", 3, *asked)
    assert "assumed: general-position" in done.stdout
    (value,) = json.loads(monic("random", 3, *asked, "--json").stdout)["curves"]
    assert value["assume"] == ["general-position"]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("0",),
        ("two",),
        ("2", "--samples", "0"),
        ("2", "--confidence", "1"),
        ("2", "--ensemble", "normal"),
        ("2", "--domain", "sphere"),
        ("2", "--plot", "picture.gif"),
    ],
)
def test_usage_errors_come_before_the_work(arguments: tuple[str, ...]) -> None:
    start = time.monotonic()
    done = monic("random", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert time.monotonic() - start < 60


def test_a_picture_that_cannot_be_written_costs_no_sample(tmp_path: Path) -> None:
    done = monic("random", 2, "--samples", 4, "--plot", tmp_path / "nowhere" / "x.png")
    assert "n = 2: rows" in done.stdout
    assert done.returncode == 2
    assert "Cannot write" in done.stderr


def has_the_first(file: Path) -> bool:
    """Whether matrix 0 is answered: workers may answer others before it, which do not count."""
    return file.exists() and "0" in json.loads(file.read_text())["needed"]["2"]


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_the_samples(tmp_path: Path, workers: int) -> None:
    file = tmp_path / "study.json"
    options = ("--samples", 100_000, "-o", file, "--json", "--workers", workers)
    process = subprocess.Popen(
        command("random", 2, *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=tmp_path,
    )
    try:
        end = time.monotonic() + 120
        while not has_the_first(file) and time.monotonic() < end:
            time.sleep(0.2)  # it is written every three seconds
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    (value,) = json.loads(out)["curves"]
    assert 0 < value["samples"] <= len(json.loads(file.read_text())["needed"]["2"])
