"""`monic decide` and `monic check` on files of torch."""

import json
from pathlib import Path

import torch

from tests.cli.files import PAIRED, monic


def _saved(folder: Path) -> Path:
    state = {"net.0.weight": torch.tensor(PAIRED), "net.0.bias": torch.zeros(4)}
    torch.save({"epoch": 1, "state_dict": state}, folder / "weights.pt")
    return folder / "weights.pt"


def test_decide_and_check(tmp_path: Path) -> None:
    path = _saved(tmp_path)
    done = monic("decide", path, "--json", "--certificates", tmp_path / "proofs")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [layer["name"] for layer in answer["layers"]] == ["net.0"]
    (proof,) = (tmp_path / "proofs").iterdir()
    checked = monic("check", proof, path)
    assert checked.returncode == 0, checked.stderr
    assert "'net.0.weight' (float32 [4, 2]" in checked.stdout

    torch.save({"net.0.weight": torch.ones(4, 2)}, path)
    other = monic("check", proof, path)
    assert other.returncode == 1
    assert "other weights" in other.stderr


def test_files_with_code(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 3), tmp_path / "module.pt")
    done = monic("decide", tmp_path / "module.pt")
    assert done.returncode == 2
    assert done.stderr.startswith("monic: error: Expected weights only in 'module.pt'")
    assert "Traceback" not in done.stderr
