"""Norms on the command line: assumptions, remarks, and proofs that need the model file only."""

import json
from pathlib import Path

import numpy as np

from tests.cli.files import monic
from tests.io.graphs import model, node, save

SQUARE = np.diag([1.0, 2.0, 3.0, -1.0]).astype(np.float32)


def normed(tmp_path: Path) -> Path:
    """A matrix, a layer norm, and its gamma and beta."""
    arrays = {"w": SQUARE, "g": np.full(4, 0.5, np.float32), "b": np.ones(4, np.float32)}
    nodes = [
        node("MatMul", ["x", "w"], ["h"], name="fc"),
        node("LayerNormalization", ["h", "g", "b"], ["y"], name="norm"),
    ]
    return save(tmp_path / "normed.onnx", model(nodes, arrays, (1, 4)))


def test_a_layer_norm_with_and_without_its_statistics(tmp_path: Path) -> None:
    path = normed(tmp_path)
    done = monic("decide", path, "--certificates", tmp_path / "lost")
    assert done.returncode == 1, done.stderr
    done = monic("decide", path, "--assume", "statistics", "--certificates", tmp_path / "given")
    assert done.returncode == 0, done.stderr
    assert "The network: INJECTIVE (assuming statistics)" in done.stdout
    for folder, words in (("lost", "not injective"), ("given", "Assumption: statistics")):
        for proof in (tmp_path / folder).iterdir():
            checked = monic("check", proof, path)
            assert checked.returncode == 0, checked.stderr
        assert words in monic("check", tmp_path / folder / "00-network.monic", path).stdout


def test_a_batch_norm_needs_no_file_but_the_model(tmp_path: Path) -> None:
    arrays = {
        "w": np.vstack([SQUARE, -SQUARE]).T.copy(),
        "g": np.linspace(0.5, 1.5, 8).astype(np.float32),
        "v": np.linspace(1.0, 3.0, 8).astype(np.float32),
        **{name: np.zeros(8, np.float32) for name in ("b", "m")},
    }
    nodes = [
        node("MatMul", ["x", "w"], ["h"], name="fc"),
        node("BatchNormalization", ["h", "g", "b", "m", "v"], ["n"], name="norm"),
        node("Relu", ["n"], ["y"]),
    ]
    path = save(tmp_path / "folded.onnx", model(nodes, arrays, (1, 4)))
    done = monic("decide", path, "--json", "--certificates", tmp_path / "proofs")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert "rounded to float64" in answer["reason"]
    checked = monic("check", answer["certificate"], path)
    assert checked.returncode == 0, checked.stderr
    assert "each rounded to 53 bits" in checked.stdout
    other = save(tmp_path / "other.onnx", model(nodes, arrays | {"v": arrays["v"] * 2}, (1, 4)))
    assert monic("check", answer["certificate"], other).returncode == 1


def test_a_norm_that_gives_out_its_deviation(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["h"], name="fc"),
        node("ReduceMean", ["h", "last"], ["m"]),
        node("Sub", ["h", "m"], ["c"]),
        node("Mul", ["c", "c"], ["q"]),
        node("ReduceMean", ["q", "last"], ["v"]),
        node("Add", ["v", "e"], ["s"]),
        node("Sqrt", ["s"], ["d"]),
        node("Div", ["c", "d"], ["z"], name="norm"),
        node("Concat", ["z", "m", "d"], ["y"], axis=-1),
    ]
    for epsilon in (0.25, 0.0):
        arrays = {"w": SQUARE, "last": np.array([-1]), "e": np.array(epsilon, np.float32)}
        path = save(tmp_path / "giving.onnx", model(nodes, arrays, (1, 4), opset=18))
        done = monic("decide", path, "--json", "--certificates", tmp_path / "proofs")
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer["layers"][0]["shape"] == [6, 4]
        checked = monic("check", answer["certificate"], path)
        assert checked.returncode == 0, checked.stderr
        assert "augmented-normalization of 1 groups" in checked.stdout
        for words in (answer["reason"], checked.stdout):
            assert ("zero" in words or "is 0" in words) == (epsilon == 0)
        shown = monic("show", path).stdout
        assert "normalisation and deviations" in shown
        assert "6×4" in shown
        assert monic("bound", path, "--time-limit", 5).returncode == 0
        hidden = SQUARE.T @ np.array([1.0, 2.0, 3.0, 5.0])
        centred = hidden - hidden.mean()
        deviation = np.sqrt((centred**2).mean() + epsilon)
        np.save(tmp_path / "y.npy", [*centred / deviation, hidden.mean(), deviation])
        done = monic("invert", path, tmp_path / "y.npy", "-o", tmp_path / "x.npy")
        assert done.returncode == 0, done.stderr
        np.testing.assert_allclose(np.load(tmp_path / "x.npy"), [1, 2, 3, 5], rtol=1e-5)
