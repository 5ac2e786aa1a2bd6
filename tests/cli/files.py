"""Model files for the tests of the command line, and a way to run it."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
ACASXU = ROOT / "examples" / "acasxu_1_1.onnx"
PAIRED = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
LONG = (200, 20)

#: Where commands run that say nothing else: unfinished ones leave a checkpoint there.
SOMEWHERE = Path(tempfile.mkdtemp(prefix="monic-tests-"))
atexit.register(shutil.rmtree, SOMEWHERE, ignore_errors=True)


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "120", "PYTHONUTF8": "1"}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "monic", *map(str, arguments)]


def monic(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=200,
        cwd=cwd or SOMEWHERE,
        env=environment(),
    )


def injective(folder: Path) -> Path:
    path = folder / "injective.npz"
    np.savez(path, weight=np.array(PAIRED))
    return path


def identity(folder: Path) -> Path:
    """One-to-one on the orthant, and not on the whole space."""
    path = folder / "identity.npz"
    np.savez(path, weight=np.eye(2), bias=np.zeros(2))
    return path


def hard(folder: Path) -> Path:
    """A Gaussian layer that takes far longer than any test."""
    path = folder / "hard.npz"
    np.savez(path, weight=np.random.default_rng(0).standard_normal(LONG))
    return path


def three_layers(folder: Path) -> Path:
    """Bare weights with hostile names: one-to-one, not one-to-one, one-to-one."""
    from safetensors.numpy import save_file

    path = folder / "three.safetensors"
    layers = {"../x": PAIRED, "/fc/Gemm": [[1.0, 0.0], [0.0, 1.0]], "CON": PAIRED}
    save_file({f"{name}.weight": np.array(rows) for name, rows in layers.items()}, path)
    return path
