"""The example scripts run as a user runs them, print what their page says, and draw."""

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import monic

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples"
QUICK = {
    "wedges.py": (),
    "digits.py": ("--epochs", "2"),
    "manifold_density.py": ("--steps", "60", "--samples", "300"),
}


def run(script: str, *options: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    places = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, str(FOLDER / script), *options],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places), "PYTHONUTF8": "1"},
    )


Finished = Callable[[str], tuple[subprocess.CompletedProcess[str], Path]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One run of each script, each in an empty folder, when it is first asked for."""

    @cache
    def once(script: str) -> tuple[subprocess.CompletedProcess[str], Path]:
        for package in ("matplotlib",) if script == "wedges.py" else ("torch", "sklearn"):
            pytest.importorskip(package)
        folder = tmp_path_factory.mktemp("example")
        done = run(script, *QUICK[script], cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done, folder

    return once


def page(script: str) -> str:
    """What examples/README.md says that a script prints."""
    text = (FOLDER / "README.md").read_text("utf-8")
    found = re.search(rf"```console\n\$ python examples/{script}\n(.*?)```", text, re.S)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("script", QUICK)
def test_what_is_printed_is_on_the_page(script: str, finished: Finished) -> None:
    done, _ = finished(script)
    assert "Warning" not in done.stderr

    def words(text: str) -> str:
        number = re.compile(r"(?<![\w^-])-?\d[-+.e\d]*%?(?= |$|\))", re.M)
        return text if script == "wedges.py" else number.sub("NUMBER", text)

    assert words(done.stdout) == words(page(script))


@pytest.mark.parametrize("script", QUICK)
def test_the_picture_is_one_and_alone(script: str, finished: Finished) -> None:
    from matplotlib import image

    done, folder = finished(script)
    drawn = folder / Path(script).with_suffix(".png").name
    assert done.stdout.endswith(f"drawn: {drawn.name}\n")
    assert list(folder.iterdir()) == [drawn]  # no file under another name is left
    pixels = image.imread(drawn)
    assert min(pixels.shape[:2]) > 300
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20


def test_the_digits_come_back_and_the_proofs_are_valid(finished: Finished) -> None:
    done, _ = finished("digits.py")
    error = re.search(r"largest relative error (\S+)", done.stdout)
    assert error is not None
    assert float(error[1]) < 1e-4
    assert done.stdout.count("the proof: valid") == 2
    apart = re.search(r"pixels differ by up to (\S+)\n.*up to (\S+)\)", done.stdout)
    assert apart is not None
    assert float(apart[1]) > 100 * float(apart[2])


def test_the_density_has_mass_one(finished: Finished) -> None:
    done, _ = finished("manifold_density.py")
    mass = re.search(r"measured by chords: (\S+)", done.stdout)
    assert mass is not None
    assert abs(float(mass[1]) - 1) < 0.02


@pytest.fixture(scope="module")
def wedges() -> Any:
    """The script as a module."""
    pytest.importorskip("matplotlib")
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module("wedges")
    finally:
        sys.path.remove(str(FOLDER))


@pytest.mark.parametrize("seed", range(30))
def test_wedges_are_a_second_road_to_the_verdict(wedges: Any, seed: int) -> None:
    """Small whole numbers: parallel rows, opposite rows and zero rows are frequent."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(-2, 3, (int(rng.integers(1, 9)), 2)).astype(np.float64)
    weight[0] = (1, seed % 3)
    cut = wedges.wedges([tuple(map(Fraction, row)) for row in weight.tolist()])
    verdict = monic.decide(monic.ReLULayer(weight)).verdict
    assert (verdict is monic.Verdict.INJECTIVE) == all(w.spans for w in cut)
    lines = {tuple(np.sign(row[row != 0][0]) * row / np.gcd(*row.astype(int)))
             for row in weight if row.any()}  # fmt: skip
    assert len(cut) == 2 * len(lines)
    for w in cut:  # the signs inside are those at the middle, by floats that are exact here
        inside = np.array([float(t) for t in w.middle])
        assert w.active == tuple(np.flatnonzero(weight @ inside >= 0) + 1)


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        ("digits.py", ("--epochs", "0"), "Expected a whole number above 0"),
        ("manifold_density.py", ("--samples", "ten"), "Expected a whole number above 0"),
        ("wedges.py", ("--out", "README.md"), "Expected a folder"),
        ("wedges.py", ("nothing.npy",), "Expected a model file"),
        ("wedges.py", ("examples/acasxu_1_1.onnx",), "Expected a file of weights"),
        ("wedges.py", ("--bright",), "unrecognized arguments"),
    ],
)
def test_wrong_arguments(script: str, options: tuple[str, ...], message: str) -> None:
    if script != "wedges.py":
        pytest.importorskip("torch")
        pytest.importorskip("sklearn")
    done = run(script, *options)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    "arrays",
    [
        {"weight": np.ones((4, 3))},
        {"weight": np.zeros((4, 2))},
        {"weight": np.ones((4, 2)), "bias": np.ones(4)},
    ],
)
def test_layers_without_wedges_are_refused(arrays: dict[str, Any], tmp_path: Path) -> None:
    np.savez(tmp_path / "layer.npz", **arrays)
    done = run("wedges.py", "layer.npz", cwd=tmp_path)
    assert done.returncode == 2
    assert "Expected weights of shape (m, 2), not all 0, without bias" in done.stderr
    assert not list(tmp_path.glob("*.png"))
