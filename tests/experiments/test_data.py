"""Images come in the size, the colors and the range that are asked for."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from config import Data, ExperimentError
from data import load


def test_digits() -> None:
    images, labels = load(Data("digits", 8, 1, 0))
    assert images.shape == (1797, 1, 8, 8)
    assert labels is not None
    assert float(images.min()) == 0
    assert float(images.max()) == 1
    assert sorted(set(labels.tolist())) == list(range(10))


def test_an_npz_file(tmp_path: Path) -> None:
    """Areas and means of colors are exact on blocks."""
    x = np.zeros((3, 8, 8, 3), np.uint8)
    x[1, :4, :, 0] = 255
    np.savez(tmp_path / "x.npz", x=x, label=np.array(["b", "a", "b"]))
    images, labels = load(Data(str(tmp_path / "x.npz"), 4, 3, 0))
    assert images.shape == (3, 3, 4, 4)
    assert labels is not None
    assert labels.tolist() == [1, 0, 1]
    assert torch.equal(images[1, 0], torch.tensor([[1.0] * 4] * 2 + [[0.0] * 4] * 2))
    assert float(images[1, 1:].abs().max()) == 0
    gray, _ = load(Data(str(tmp_path / "x.npz"), 4, 1, 2))
    assert gray.shape == (2, 1, 4, 4)
    assert float(gray[1].max()) == pytest.approx(1 / 3)


def test_gray_images_may_be_asked_for_in_colors(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.full((2, 4, 4), 255, np.uint8))
    images, labels = load(Data(str(tmp_path / "x.npz"), 4, 3, 0))
    assert images.shape == (2, 3, 4, 4)
    assert labels is None
    assert float(images.min()) == 1


def test_a_folder(tmp_path: Path) -> None:
    """In the order of names, the middle square of each."""
    wide = np.zeros((8, 16, 3), np.uint8)
    wide[:, 4:12] = 255  # the middle is white
    (tmp_path / "more").mkdir()
    Image.fromarray(wide).save(tmp_path / "more" / "b.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "a.JPG")
    (tmp_path / "notes.txt").write_text("no picture")
    images, labels = load(Data(str(tmp_path), 8, 3, 0))
    assert images.shape == (2, 3, 8, 8)
    assert labels is None
    assert float(images[0].max()) < 0.02
    assert float(images[1].min()) > 0.98


def test_what_holds_no_images_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "y.npz", y=np.zeros(3))
    np.savez(tmp_path / "f.npz", x=np.zeros((3, 4, 4)))
    np.savez(tmp_path / "o.npz", x=np.array([{}, {}], dtype=object))
    (tmp_path / "t.npz").write_bytes((tmp_path / "y.npz").read_bytes()[:30])
    for name in ("y.npz", "f.npz", "o.npz", "t.npz", "none.npz"):
        with pytest.raises(ExperimentError, match="Expected"):
            load(Data(str(tmp_path / name), 4, 1, 0))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExperimentError, match="Got none"):
        load(Data(str(tmp_path / "empty"), 4, 1, 0))
    (tmp_path / "empty" / "x.png").write_bytes(b"no picture")
    with pytest.raises(ExperimentError, match=r"x\.png"):
        load(Data(str(tmp_path / "empty"), 4, 1, 0))
