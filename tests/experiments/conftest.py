"""Puts the scripts on the path, and makes small runs."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "experiments" / "gan"))

from config import Config, read  # noqa: E402

DIGITS = ROOT / "experiments" / "gan" / "configs" / "digits.toml"


@pytest.fixture
def config() -> Config:
    """The digits with fewer channels, batches and samples."""
    whole = read(DIGITS)
    return replace(
        whole,
        data=replace(whole.data, limit=64),
        model=replace(whole.model, latent=4, channels=(16, 8, 4), critic=(8, 16), inference=(16,)),
        train=replace(whole.train, epochs=2, batch=16, rate=0.01),
        evaluate=replace(
            whole.evaluate, codes=100, samples=50, sets=2, classifier_epochs=1, decide_seconds=2.0
        ),
    )
