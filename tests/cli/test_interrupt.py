"""Ctrl-C: what is known is printed, and the rest is UNDECIDED."""

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from tests.cli.files import LONG, PAIRED, command, environment


@pytest.fixture
def slow_second_layer(tmp_path: Path) -> Path:
    from safetensors.numpy import save_file

    path = tmp_path / "slow.safetensors"
    gaussian = np.random.default_rng(0).standard_normal(LONG)
    layers = {"a.weight": np.array(PAIRED), "b.weight": gaussian, "c.weight": gaussian}
    save_file(layers, path)
    return path


def test_partial_results_are_printed(slow_second_layer: Path) -> None:
    folder = slow_second_layer.parent / "proofs"
    process = subprocess.Popen(
        command("decide", slow_second_layer, "--json", "--certificates", folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=slow_second_layer.parent,
    )
    try:
        end = time.monotonic() + 120
        while not list(folder.glob("01-*.monic")) and time.monotonic() < end:
            time.sleep(0.1)  # the first layer is decided
        time.sleep(2)  # the second is not
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    value = json.loads(out)
    assert [layer["verdict"] for layer in value["layers"]] == [
        "INJECTIVE",
        "UNDECIDED",
        "UNDECIDED",
    ]
    assert value["verdict"] == "UNDECIDED"
    assert "nterrupted" in value["reason"]
    assert Path(value["layers"][0]["certificate"]).is_file()
    assert "--resume slow.safetensors.checkpoint" in err
    assert (slow_second_layer.parent / "slow.safetensors.checkpoint").is_file()
