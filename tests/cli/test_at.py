"""`--at`: every row of a data set, the exit code of the worst, and bad files."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.files import identity, monic, three_layers


def rows(folder: Path, table: object, name: str = "rows.npz") -> Path:
    path = folder / name
    np.savez(path, x=np.array(table))
    return path


@pytest.mark.parametrize(
    ("table", "code"), [([[1.0, 2.0], [3.0, 0.5]], 0), ([[1.0, 2.0], [-1.0, -2.0]], 1)]
)
def test_rows(tmp_path: Path, table: list[list[float]], code: int) -> None:
    done = monic("decide", identity(tmp_path), "--at", rows(tmp_path, table))
    assert done.returncode == code, done.stderr
    assert done.stdout.splitlines()[-1].startswith("At 2 inputs: ")
    value = json.loads(
        monic("decide", identity(tmp_path), "--at", rows(tmp_path, table), "--json").stdout
    )
    assert [one["injective"] for one in value["inputs"]] == [True, code == 0]
    assert [one["pieces"][0]["dimension"] for one in value["inputs"]] == [0, 2 * code]
    if code:
        assert value["inputs"][1]["pieces"][0]["width"] == "inf"
        assert value["inputs"][1]["exact"] != ["-1", "-2"]


def test_bad_data_sets(tmp_path: Path) -> None:
    model = identity(tmp_path)
    np.savez(tmp_path / "two.npz", a=np.ones((1, 2)), b=np.ones((1, 2)))
    for path, words in (
        (rows(tmp_path, [[1.0]], "narrow.npz"), "shape (rows, 2)"),
        (rows(tmp_path, [[1.0, np.nan]], "nan.npz"), "finite numbers"),
        (tmp_path / "two.npz", "one array, or one called x"),
        (tmp_path / "none.npz", "FILE.npz that exists"),
        (model.with_suffix(".txt"), "FILE.npz that exists"),
    ):
        done = monic("decide", model, "--at", path)
        assert done.returncode == 2
        assert words in done.stderr.replace("\n", " ").replace("  ", " ")


def test_one_layer_is_asked_about(tmp_path: Path) -> None:
    model = three_layers(tmp_path)
    data = rows(tmp_path, [[1.0, 2.0]])
    assert monic("decide", model, "--at", data).returncode == 2
    assert monic("decide", model, "--layer", "CON", "--at", data).returncode == 0
