"""The command runs from end to end, and again from what it kept."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import features
from config import Config, ExperimentError
from data import load
from evaluate import picture
from study import layer_table, table

ROOT = Path(__file__).parents[2]
GAN = ROOT / "experiments" / "gan"
TINY = (
    ("limit = 0", "limit = 64"),
    ("latent = 16", "latent = 4"),
    ("[32, 16, 8]", "[16, 8, 4]"),
    ("epochs = 24", "epochs = 1"),
    ("codes = 10000", "codes = 100"),
    ("samples = 1797", "samples = 50"),
    ("sets = 5", "sets = 2"),
    ("classifier_epochs = 30", "classifier_epochs = 1"),
    ("decide_seconds = 5.0", "decide_seconds = 1.0"),
)


def study(*options: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, str(GAN / "study.py"), *options],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_the_study_runs_and_goes_on(tmp_path: Path) -> None:
    text = (GAN / "configs" / "digits.toml").read_text("utf-8")
    for old, new in TINY:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "tiny.toml").write_text(text, "utf-8")
    asked = (str(tmp_path / "tiny.toml"), "--seeds", "1", "--out", str(tmp_path / "out"))
    done = study(*asked)
    assert done.returncode == 0, done.stderr
    for words in ("| injective |", "| regular |", "W2^2 of codes", "| whole | | UNDECIDED |"):
        assert words in done.stdout
    with Image.open(tmp_path / "out" / "samples-0.png") as image:
        assert image.width > 300
    found = json.loads((tmp_path / "out" / "study.json").read_text("utf-8"))
    numbers = found["arms"]["injective"][0]["numbers"]
    assert 0 < numbers["W2^2 of the true codes"][0] < numbers["W2^2 of codes"][0] <= 8
    assert table(found["arms"]) in done.stdout
    assert layer_table(found["arms"]) in done.stdout
    written = (tmp_path / "out" / "regular-0" / "results.json").stat().st_mtime_ns
    again = study(*asked)
    assert again.stdout == done.stdout
    assert (tmp_path / "out" / "regular-0" / "results.json").stat().st_mtime_ns == written


@pytest.mark.thorough
def test_mistakes_end_the_study_with_a_sentence(tmp_path: Path) -> None:
    done = study(str(tmp_path / "none.toml"))
    assert done.returncode == 1
    assert done.stderr.startswith("study: Expected a TOML file.")
    done = study(str(GAN / "configs" / "digits.toml"), "--seeds", "0")
    assert done.returncode == 1
    assert "one seed or more" in done.stderr


def test_offline_features_are_named_for_what_they_are(config: Config) -> None:
    images, labels = load(config.data)
    found = features.available(images, labels, config)
    assert next(iter(found)) == "pixels"
    assert list(found)[1].startswith("a classifier, ")
    assert [tuple(through(images).shape) for through in found.values()] == [(64, 64), (64, 32)]
    assert list(features.available(images, None, config)) == ["pixels"]


def test_fid_without_its_libraries_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    with pytest.raises(ExperimentError, match="pip install torchmetrics"):
        features.inception(torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 8))


def test_pictures_in_colors(tmp_path: Path) -> None:
    picture({"a": torch.rand(48, 3, 8, 8), "b": torch.rand(5, 3, 8, 8)}, tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert image.format == "PNG"
