"""Ctrl-C, SIGTERM and kill -9: what is known is printed, and what was searched is kept."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from monic.cli import keeping
from monic.decision.checkpoint import Checkpoint, load_checkpoints, save_checkpoints
from tests.cli.files import PAIRED, environment, monic

#: Runs the command with checkpoints ten times a second, and little patience for the second signal.
pytestmark = pytest.mark.thorough

SCRIPT = """
import sys
import monic.decision.checkpoint as checkpoint
checkpoint.PERIOD, checkpoint.SPARE = 0.1, 0.0
from monic.cli import main
main()
"""

NAME = "slow.safetensors.checkpoint"


@pytest.fixture
def slow_second_layer(tmp_path: Path) -> Path:
    from safetensors.numpy import save_file

    path = tmp_path / "slow.safetensors"
    gaussian = np.random.default_rng(0).standard_normal((160, 16))
    layers = {"a.weight": np.array(PAIRED), "b.weight": gaussian, "c.weight": gaussian}
    save_file(layers, path)
    return path


@contextmanager
def searching(model: Path, *more: object) -> Iterator["subprocess.Popen[str]"]:
    """A command that has begun to search the second layer, and has kept a checkpoint."""
    words = ["decide", model, "--json", "--certificates", "proofs", *more]
    words += ["--method", "branching"]  # whatever else is tried keeps nothing
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=model.parent,
    )
    try:
        await_that(lambda: nodes_kept(model) > 0, process)
        yield process
    finally:
        process.kill()
        process.communicate()


def await_that(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 120
    while not condition() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert condition(), process.poll()


def nodes_kept(model: Path) -> int:
    if not (model.parent / NAME).is_file():
        return 0
    second = load_checkpoints(model.parent / NAME).get(1)
    return 0 if second is None else second.statistics.nodes


def goes_on(model: Path) -> None:
    """The checkpoint is whole, and a later run begins where it ends."""
    nodes = nodes_kept(model)
    assert nodes > 0
    done = monic(
        "decide",
        model,
        "--json",
        "--nodes",
        nodes + 50,
        "--resume",
        NAME,
        "--method",
        "branching",
        cwd=model.parent,
    )
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["layers"][1]["nodes"] >= nodes


@pytest.mark.parametrize(
    ("signals", "pause", "code"),
    [
        pytest.param([signal.SIGINT], 0.0, 130, id="once", marks=pytest.mark.slow),
        pytest.param([signal.SIGTERM], 0.0, 143, id="terminated"),
        pytest.param([signal.SIGINT] * 2, 0.0, 130, id="twice", marks=pytest.mark.slow),
        pytest.param([signal.SIGINT] * 3, 0.05, 130, id="three times"),
        pytest.param(
            [signal.SIGTERM, signal.SIGINT], 0.02, 143, id="both", marks=pytest.mark.slow
        ),
    ],
)
def test_what_is_known_is_printed_and_kept(
    slow_second_layer: Path, signals: list[int], pause: float, code: int
) -> None:
    with searching(slow_second_layer) as process:
        for number in signals:
            process.send_signal(number)
            time.sleep(pause)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err
    value = json.loads(out)
    assert [layer["verdict"] for layer in value["layers"]] == [
        "INJECTIVE",
        "UNDECIDED",
        "UNDECIDED",
    ]
    assert value["verdict"] == "UNDECIDED"
    for layer in value["layers"][1:]:
        assert re.search("nterrupted.*--resume", layer["reason"])
        assert "again" not in layer["reason"]
    assert (slow_second_layer.parent / value["layers"][0]["certificate"]).is_file()
    assert err.count(f"--resume {NAME}") == 1
    goes_on(slow_second_layer)


def test_a_killed_process_leaves_its_last_checkpoint(slow_second_layer: Path) -> None:
    with searching(slow_second_layer) as process:
        first = nodes_kept(slow_second_layer)
        await_that(lambda: nodes_kept(slow_second_layer) > first, process)
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    goes_on(slow_second_layer)


def test_an_ignored_interrupt_stays_ignored_and_termination_works(slow_second_layer: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a script
    try:
        with searching(slow_second_layer) as process:
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=60)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.returncode == 143, err
    goes_on(slow_second_layer)


def test_without_a_checkpoint_the_advice_is_to_run_again(
    slow_second_layer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def interrupt(*_: object) -> bool:
        signal.raise_signal(signal.SIGINT)
        return False

    monkeypatch.setattr("monic.cli.keeping.save_checkpoints", full)
    monkeypatch.setattr("monic.decision.layer._not_in_general_position", interrupt)
    done = monic("decide", slow_second_layer, "--json", cwd=slow_second_layer.parent)
    assert done.returncode == 130
    assert done.stderr.count("Cannot write the checkpoint") <= 1
    assert "--resume" not in done.stderr
    reasons = [layer["reason"] for layer in json.loads(done.stdout)["layers"][1:]]
    assert all("run the command again" in reason for reason in reasons)


def test_a_full_disk_while_keeping_costs_no_verdict(
    slow_second_layer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("monic.cli.keeping.save_checkpoints", full)
    monkeypatch.setattr("monic.decision.checkpoint.PERIOD", 0.0)
    monkeypatch.setattr("monic.decision.checkpoint.SPARE", 0.0)
    done = monic("decide", slow_second_layer, "--nodes", 200, cwd=slow_second_layer.parent)
    assert done.returncode == 3
    assert done.stderr.count("Cannot write the checkpoint") == 1
    assert "UNDECIDED" in done.stdout


def test_a_finished_search_leaves_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monic.decision.checkpoint.PERIOD", 0.0)
    monkeypatch.setattr("monic.decision.checkpoint.SPARE", 0.0)
    model, target = tmp_path / "g.npz", tmp_path / "g.npz.checkpoint"
    np.savez(model, weight=np.random.default_rng(0).standard_normal((72, 9)))
    written = counted(monkeypatch)
    assert monic("decide", model, "--method", "branching", cwd=tmp_path).returncode == 0
    assert written
    assert not target.exists()
    target.write_bytes(b"of an earlier run")
    assert monic("decide", model, "--method", "branching", cwd=tmp_path).returncode == 0
    assert target.exists()


def counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is kept from now on."""
    written: list[object] = []

    def save(path: str, checkpoints: Mapping[int, Checkpoint]) -> Path:
        written.append(checkpoints)
        return save_checkpoints(path, checkpoints)

    monkeypatch.setattr(keeping, "save_checkpoints", save)
    return written
