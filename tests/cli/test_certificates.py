"""Certificate files: safe names, and folders that cannot be written to."""

import errno
import json
import os
import re
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic.certificate import Certificate
from monic.report.files import certificate_name
from tests.cli.files import hard, injective, monic, three_layers

NAMES = {
    "../x": "01-x.monic",
    "/fc/Gemm": "01-fc_Gemm.monic",
    "": "01-layer.monic",
    "CON": "01-CON.monic",
    ".": "01-layer.monic",
    ".hidden": "01-hidden.monic",
    "a" * 300: f"01-{'a' * 80}.monic",
    "schön/層": "01-sch_n.monic",
    "層": "01-layer.monic",
    "a\x00b\nc": "01-a_b_c.monic",
    "C:\\x": "01-C_x.monic",
    "features.0.weight": "01-features.0.weight.monic",
}


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:20]))
def test_names(name: str) -> None:
    assert certificate_name(1, name) == NAMES[name]


@given(st.integers(1, 10**6), st.text(max_size=300))
def test_names_are_safe_whatever_the_layer_is_called(number: int, name: str) -> None:
    file = certificate_name(number, name)
    assert re.fullmatch(r"[0-9]{2,}-[A-Za-z0-9._-]+\.monic", file)
    assert len(file) <= 100
    assert Path(file).name == file


@given(st.text(max_size=20), st.text(max_size=20), st.integers(1, 200), st.integers(1, 200))
def test_numbers_make_names_unique(one: str, other: str, first: int, second: int) -> None:
    if first != second:
        assert certificate_name(first, one).lower() != certificate_name(second, other).lower()


def test_one_file_a_layer_inside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "proofs"
    assert monic("decide", three_layers(tmp_path), "--certificates", folder).returncode == 1
    assert len(list(folder.iterdir())) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "three.safetensors"]


@pytest.mark.parametrize("inside", ["file", "file/below"])
def test_a_folder_that_cannot_be_made(tmp_path: Path, inside: str) -> None:
    (tmp_path / "file").write_text("no folder")
    folder = tmp_path / inside
    done = monic("decide", injective(tmp_path), "--certificates", folder, "--json")
    assert done.returncode == 4, done.stderr
    value = json.loads(done.stdout)
    assert value["verdict"] == "INJECTIVE"
    assert value["layers"][0]["certificate"] is None
    assert "Cannot" in done.stderr
    assert str(folder) in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "proofs"
    folder.mkdir(mode=0o555)
    done = monic("decide", injective(tmp_path), "--certificates", folder)
    assert done.returncode == 4
    assert done.stderr.startswith("monic: Cannot write the certificate")
    assert "INJECTIVE" in done.stdout


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC])
def test_errors_while_writing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
) -> None:
    from monic.cli import main

    def full(self: Certificate, path: Path) -> NoReturn:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Certificate, "save", full)
    arguments = ["monic", "decide", str(injective(tmp_path)), "--certificates", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 4
    printed = capsys.readouterr()
    assert "INJECTIVE" in printed.out
    assert os.strerror(code) in printed.err
    assert errno.errorcode[code] in printed.err


def test_a_checkpoint_that_cannot_be_written(tmp_path: Path) -> None:
    target = tmp_path / "no such folder" / "x.checkpoint"
    done = monic("decide", hard(tmp_path), "--nodes", 50, "--checkpoint", target)
    assert done.returncode == 3
    assert "UNDECIDED" in done.stdout
    assert done.stderr.startswith(f"monic: Cannot write the checkpoint {target}: No such file")


@pytest.mark.thorough
def test_an_unfinished_run_says_how_to_go_on(tmp_path: Path) -> None:
    model, target = hard(tmp_path), tmp_path / "x.checkpoint"
    done = monic("decide", model, "--nodes", 50, "--checkpoint", target)
    assert f"monic decide {model} --resume {target}" in done.stderr
    again = monic("decide", model, "--nodes", 90, "--resume", target)
    assert again.returncode == 3
    wrong = monic("decide", injective(tmp_path), "--method", "branching", "--resume", target)
    assert wrong.returncode == 2
    assert "another layer" in wrong.stderr


def test_proofs_may_be_required(tmp_path: Path) -> None:
    model, folder = three_layers(tmp_path), tmp_path / "proofs"
    asked = ("decide", model, "--require-proofs")
    assert monic(*asked).returncode == 2  # nowhere to write them to
    assert monic(*asked, "--certificates", folder).returncode == 1
    undecided = monic("decide", hard(tmp_path), *asked[2:], "--certificates", folder, "--nodes", 5)
    assert undecided.returncode == 3


def test_a_verdict_without_proof_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from monic.decision import layer

    found = layer._injective_by_pairs
    monkeypatch.setattr(
        layer, "_injective_by_pairs", lambda p: replace(found(p), certificate=None)
    )
    asked = ("decide", injective(tmp_path), "--certificates", tmp_path / "proofs")
    assert monic(*asked).returncode == 0
    done = monic(*asked, "--require-proofs")
    assert done.returncode == 4
    assert done.stderr == "monic: No proof was written about injective\n"
    assert "INJECTIVE" in done.stdout
