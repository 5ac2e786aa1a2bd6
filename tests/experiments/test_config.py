"""Configurations are read whole or refused with what to change."""

from pathlib import Path

import pytest

from config import ExperimentError, parse, read

CONFIGS = Path(__file__).parents[2] / "experiments" / "gan" / "configs"
TEXT = (CONFIGS / "digits.toml").read_text("utf-8")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda p: p.stem)
def test_the_configurations_are_read(path: Path) -> None:
    model = read(path).model
    assert model.channels[0] > model.channels[-1] > 0


def test_the_papers_architecture_has_the_papers_numbers() -> None:
    paper = read(CONFIGS / "paper.toml")
    assert (paper.data.size, paper.data.colors, paper.model.latent) == (64, 3, 256)
    assert paper.model.channels == (1024, 512, 256, 128)
    assert paper.model.critic == (128, 256, 512, 1024)
    assert paper.model.inference == (512, 256)
    train = paper.train
    assert (train.epochs, train.batch, train.rate) == (40, 64, 1e-4)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rate = 1e-3", "learning_rate = 1e-3", "learning_rate"),
        ("rate = 1e-3", "", "missed ['rate']"),
        ("epochs = 24", "epochs = 40.0", "Expected int"),
        ("epochs = 24", "epochs = true", "Expected int"),
        ("epochs = 24", "epochs = 0", "counts >= 1"),
        ("[32, 16, 8]", "32", "Expected a list"),
        ("[32, 16, 8]", "[32, '16', 8]", "Expected int"),
        ("[32, 16, 8]", "[32, 16, 16]", "channels that halve"),
        ("[32, 16, 8]", "[32, 16]", "size = 4"),
        ("kernel = 3", "kernel = 4", "odd kernel"),
        ('biases = "paper"', 'biases = "none"', "biases of"),
        ("colors = 1", "colors = 4", "colors = 1 or 3"),
        ("critic = [16, 32]", "critic = [16, 16, 16, 16]", "critic layers that fit"),
        ("[evaluate]", "[measure]", "unknown ['measure']"),
        ("[train]", "[train", "Expected a TOML file"),
    ],
)
def test_mistakes_are_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in TEXT
    path = tmp_path / "wrong.toml"
    path.write_text(TEXT.replace(old, new), "utf-8")
    with pytest.raises(ExperimentError) as caught:
        read(path)
    assert said in str(caught.value)


def test_a_section_is_a_table() -> None:
    with pytest.raises(ExperimentError, match="Expected a section"):
        parse(dict.fromkeys(("data", "model", "train", "evaluate"), 1), "here")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"none\.toml"):
        read(tmp_path / "none.toml")
