"""`monic invert`: arrays in, arrays out."""

from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest

from tests.cli import files

WEIGHT = np.array([[1.0, 0.5], [0.0, 1.0], [-1.0, -0.5], [0.0, -2.0]])


def monic(*arguments: str) -> CompletedProcess[str]:
    return files.monic("invert", *arguments, cwd=Path.cwd())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("layer.npy", WEIGHT)
    arrays: dict[str, Any] = {"a.weight": WEIGHT, "b.weight": 2 * WEIGHT}
    np.savez("two.npz", **arrays)
    np.save("y.npy", np.maximum(np.array([[1.0, 2.0], [-1.0, 0.5]]) @ WEIGHT.T, 0))
    return tmp_path


def test_codes_and_all_figures(folder: Path) -> None:
    done = monic("layer.npy", "y.npy", "-o", "x.npz", "--noise", "0.1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "2 latent codes of 2 numbers"
    assert "error bound" in done.stdout
    with np.load("x.npz") as found:
        np.testing.assert_allclose(found["latent"], [[1.0, 2.0], [-1.0, 0.5]], atol=1e-12)
        assert sorted(found) == [
            *("distance_lower", "distance_upper", "error_bound", "latent", "residual"),
        ]


@pytest.mark.parametrize("norm", ["l1", "linf"])
def test_codes_alone_in_another_norm(folder: Path, norm: str) -> None:
    done = monic("two.npz", "y.npy", "-o", "x.npy", "--layer", "b", "--norm", norm)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load("x.npy"), [[0.5, 1.0], [-0.5, 0.25]], atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("layer.npy", "none.npy", "-o", "x.npy"), "none.npy"),
        (("none.npy", "y.npy", "-o", "x.npy"), "none.npy"),
        (("layer.npy", "y.npy", "-o", "x.txt"), ".npz"),
        (("two.npz", "y.npy", "-o", "x.npy"), "'a', 'b'"),
        (("two.npz", "y.npy", "-o", "x.npy", "--layer", "c"), "'a', 'b'"),
        (("layer.npy", "layer.npy", "-o", "x.npy"), "(4,)"),
        (("layer.npy", "y.npy", "-o", "no/folder/x.npy"), "no/folder"),
        (("layer.npy", "y.npy", "-o", "x.npy", "--noise", "nan"), "noise"),
    ],
)
def test_refusals(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    done = monic(*arguments)
    assert done.returncode == 2
    assert message in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
