"""Where compiled code is kept: also where neither the sources nor a home can be written to."""

import os
from pathlib import Path

import pytest

from monic.geometry import compiled


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(compiled._CONFIG, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    return tmp_path


def refuse(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    real = compiled._is_writable
    monkeypatch.setattr(
        compiled, "_is_writable", lambda f: not any(w in str(f) for w in words) and real(f)
    )


def test_beside_the_sources(config: Path) -> None:
    assert compiled._find_cache()
    assert compiled._CONFIG.CACHE_DIR == ""


def test_in_the_home(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "__pycache__")
    assert compiled._find_cache()
    assert compiled._CONFIG.CACHE_DIR == ""
    assert (config / "home" / "numba").is_dir()


def test_in_a_folder_of_its_own(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "__pycache__", "numba")
    assert compiled._find_cache()
    folder = Path(compiled._CONFIG.CACHE_DIR)
    assert folder.parent == config
    assert folder.stat().st_mode & 0o077 == 0


def test_somebody_elses_folder_is_not_used(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "__pycache__", "numba")
    monkeypatch.setattr(os, "getuid", lambda: 12_345)
    (config / "monic-compiled-12345").mkdir()  # made by another user
    assert not compiled._find_cache()
    assert compiled._CONFIG.CACHE_DIR == ""


def test_nowhere(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "")
    assert not compiled._find_cache()
