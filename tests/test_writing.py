"""Files are whole or not there, and the umask says who reads them."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import monic
from monic import Limits, ReLULayer
from monic.writing import replacing


@pytest.fixture(params=[0o077, 0o022, 0o002], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_certificates_and_checkpoints_respect_the_umask(tmp_path: Path, umask: int) -> None:
    paired = monic.decide(ReLULayer([[1.0], [-1.0]]))
    assert paired.certificate is not None
    assert mode(paired.certificate.save(tmp_path / "proof.monic")) == 0o666 & ~umask
    layer = ReLULayer(np.random.default_rng(0).standard_normal((72, 9)))
    stopped = monic.decide(layer, limits=Limits(nodes=20), method="branching")
    assert mode(monic.save_checkpoint(tmp_path / "x.checkpoint", stopped)) == 0o666 & ~umask


def test_an_error_leaves_the_older_file_alone(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"older")

    def write() -> None:
        with replacing(target) as stream:
            stream.write(b"newer")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_bytes() == b"older"


def test_no_other_file_is_taken_or_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monic.writing.secrets.token_hex", lambda size: "same")
    other = tmp_path / ".file.same"
    other.write_bytes(b"of somebody else")
    with pytest.raises(FileExistsError), replacing(tmp_path / "file"):
        raise AssertionError("not reached")
    assert other.read_bytes() == b"of somebody else"
