"""Model files for the tests of the command line, and two ways to run it.

`monic` runs a command in this process: Python, its modules and the compiled kernels are there
already, which saves seconds a command. `monic_process` starts a process of its own, for what only
one shows: signals, a first import, the exit status that a shell sees.
"""

import atexit
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import numpy as np

from monic.cli import main

ROOT = Path(__file__).parents[2]
ACASXU = ROOT / "examples" / "acasxu_1_1.onnx"
PAIRED = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
LONG = (200, 20)

#: Where commands run that say nothing else: unfinished ones leave a checkpoint there.
SOMEWHERE = Path(tempfile.mkdtemp(prefix="monic-tests-"))
atexit.register(shutil.rmtree, SOMEWHERE, ignore_errors=True)


def environment(columns: int = 120) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": str(columns), "PYTHONUTF8": "1"}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "monic", *map(str, arguments)]


def monic_process(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=200,
        cwd=cwd or SOMEWHERE,
        env=environment(),
    )


def monic(
    *arguments: object, cwd: Path | None = None, columns: int = 120
) -> subprocess.CompletedProcess[str]:
    """Runs a command in this process; what it gives is what `monic_process` gives."""
    words = ["monic", *map(str, arguments)]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with (
        chdir(cwd or SOMEWHERE),
        patch.object(sys, "argv", words),
        patch.dict(os.environ, environment(columns)),
        redirect_stdout(out),
        redirect_stderr(err),
        _signals_kept(),
    ):
        code = _exit_code()
    printed = (stream.buffer.getvalue().decode("utf-8") for stream in (out, err))
    return subprocess.CompletedProcess(words, code, *printed)


def _exit_code() -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Whatever a command does with signals, the tests get back theirs."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    kept = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, kept, strict=True):
            signal.signal(number, handler)


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
