"""Where compiled code is kept: also where neither the sources nor a home can be written to."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

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


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def garble(file: Path) -> None:
    file.write_bytes(b"\x80\x05garbage" + file.read_bytes()[9:])


class TestDamagedCaches:
    """A kernel of the tests' own, so that compiling it takes a moment."""

    @pytest.fixture
    def cached(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(compiled._CONFIG, "CACHE_DIR", str(tmp_path))
        assert not self.was_kept()
        assert self.was_kept()
        return tmp_path

    @staticmethod
    def was_kept() -> bool:
        """Asks a kernel as a new process does; returns whether it came from the cache."""

        @compiled.njit(**{**compiled.COMPILED, "cache": True})
        def more(x: int) -> int:
            return 2 * x + 1

        assert more(3) == 7
        return bool(more.stats.cache_hits)

    @pytest.mark.parametrize("damage", [truncate, empty, garble])
    @pytest.mark.parametrize("kind", ["*.nbi", "*.nbc", "*"])
    def test_they_are_compiled_again(
        self, cached: Path, damage: Callable[[Path], None], kind: str
    ) -> None:
        files = [file for file in cached.rglob(kind) if file.is_file()]
        assert files
        for file in files:
            damage(file)
        assert not self.was_kept()
        assert self.was_kept()

    def test_a_full_disk_costs_no_answer(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> NoReturn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(compiled._CONFIG, "CACHE_DIR", str(tmp_path))
        monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_data", full)
        assert not self.was_kept()
        assert not list(tmp_path.rglob("*.nbc"))
