"""Studies in files: what was saved comes back, and files that are none are refused."""

from pathlib import Path

import pytest

from monic.errors import UnreadableCheckpoint
from monic.random import Needed, Question
from monic.random.study import Study, load_study, save_study

FULL = Study(
    "signs", "orthant", 7, ("general-position",), {3: {0: Needed(5, 9), 2: Needed(9, 10)}}
)


def test_a_study_comes_back(tmp_path: Path) -> None:
    save_study(tmp_path / "x.json", FULL)
    asked = Study("signs", "orthant", 7, ("general-position",))
    assert load_study(tmp_path / "x.json", asked) == FULL


def test_what_lies_behind_a_gap_is_no_sample() -> None:
    """Slow samples are missing when a study stops, and quick ones behind them would mislead."""
    assert FULL.curve(Question(3), 3).needed == (Needed(5, 9),)
    assert FULL.curve(Question(2), 3).needed == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [("ensemble", "gaussian"), ("domain", "whole"), ("seed", 8), ("assume", ())],
)
def test_another_question_is_refused(tmp_path: Path, name: str, value: object) -> None:
    save_study(tmp_path / "x.json", FULL)
    asked = Study("signs", "orthant", 7, ("general-position",))
    setattr(asked, name, value)
    with pytest.raises(UnreadableCheckpoint, match=f"study with {name}"):
        load_study(tmp_path / "x.json", asked)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"format": "monic-random 2"}',
        '{"format": "monic-random 1", "needed": []}',
        '{"format": "monic-random 1", "needed": {"x": {}}}',
        '{"format": "monic-random 1", "needed": {"2": {"0": [5, 5]}}}',
        '{"format": "monic-random 1", "needed": {"2": {"0": [5, true]}}}',
        '{"format": "monic-random 1", "needed": {"2": {"0": ["5", 6]}}}',
        '{"format": "monic-random 1", "needed": {"2": {"-1": [5, 6]}}}',
        '{"format": "monic-random 1", "needed": {"2": {"0": [5, 6]}}}',
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UnreadableCheckpoint, match="Expected a study"):
        load_study(tmp_path / "x.json", Study())


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableCheckpoint, match="Cannot read"):
        load_study(tmp_path / "none.json", Study())
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableCheckpoint, match="Cannot read"):
        load_study(tmp_path / "x.json", Study())
