"""Exit codes: what a shell script sees."""

import errno
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from monic.errors import ContradictionError
from tests.cli.files import (
    ACASXU,
    command,
    environment,
    hard,
    identity,
    injective,
    monic,
    three_layers,
)


def test_decide_injective(tmp_path: Path) -> None:
    done = monic("decide", injective(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "INJECTIVE" in done.stdout
    assert done.stderr == ""


def test_decide_not_injective(tmp_path: Path) -> None:
    done = monic("decide", identity(tmp_path))
    assert done.returncode == 1, done.stderr
    assert "NOT_INJECTIVE" in done.stdout
    assert "exactly equal outputs (checked over the rationals)" in done.stdout


@pytest.mark.parametrize("limit", ["--nodes=5", "--time-limit=0.5"])
def test_decide_undecided(tmp_path: Path, limit: str) -> None:
    done = monic("decide", hard(tmp_path), limit)
    assert done.returncode == 3, done.stderr
    assert "UNDECIDED" in done.stdout


def test_the_domain_of_bare_weights_is_that_of_the_layer(tmp_path: Path) -> None:
    done = monic("decide", identity(tmp_path), "--domain", "orthant")
    assert done.returncode == 0, done.stderr
    assert "orthant" in done.stdout


def test_a_domain_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "box.npz", lower=np.ones(2), upper=np.full(2, 2.0))
    done = monic("decide", identity(tmp_path), "--domain", tmp_path / "box.npz")
    assert done.returncode == 0, done.stderr


def test_bare_weights_tell_about_the_worst_layer(tmp_path: Path) -> None:
    done = monic("decide", three_layers(tmp_path))
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1].startswith("The layers: NOT_INJECTIVE")


def test_one_layer_of_bare_weights(tmp_path: Path) -> None:
    assert monic("decide", three_layers(tmp_path), "--layer", "../x").returncode == 0


def test_a_device_for_the_search(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    np.savez(tmp_path / "wide.npz", weight=np.random.default_rng(0).standard_normal((120, 30)))
    for device, code in (("cpu", 1), ("no such device", 2)):
        done = monic("decide", tmp_path / "wide.npz", "--device", device, "--method", "falsify")
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


def test_one_layer_of_a_network() -> None:
    name = monic("show", ACASXU).stdout.splitlines()[2].split()[0]
    done = monic("decide", ACASXU, "--layer", name, "--time-limit", 60)
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.splitlines()[-1].startswith("The layer: ")


WRONG = [
    ["decide"],
    ["decide", "no-such-file.onnx"],
    ["decide", ACASXU, "--domain", "torus"],
    ["decide", ACASXU, "--domain", "box:1,1"],
    ["decide", ACASXU, "--domain", "ball:-1"],
    ["decide", ACASXU, "--layer", "no such layer"],
    ["decide", ACASXU, "--time-limit", "-1"],
    ["decide", ACASXU, "--time-limit", "nan"],
    ["decide", ACASXU, "--nodes", "0"],
    ["decide", ACASXU, "--workers", "0"],
    ["decide", ACASXU, "--method", "guess"],
    ["decide", ACASXU, "--assume", "the-best"],
    ["show", "no-such-file.npz"],
    ["check", "no-such-proof", ACASXU],
    ["check", ACASXU, ACASXU],
    ["prove", ACASXU],
]


@pytest.mark.parametrize("arguments", WRONG, ids=lambda words: " ".join(map(str, words[::2])))
def test_wrong_usage_and_unreadable_files(arguments: list[object]) -> None:
    done = monic(*arguments)
    assert done.returncode == 2, done.stdout
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x07garbage")
    done = monic("decide", tmp_path / "broken.onnx")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("monic: error: ")


def test_an_unknown_exception_has_a_code_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monic.cli import asking

    def broken(path: str, **_: object) -> None:
        raise IndexError("a mistake in monic")

    model = injective(tmp_path)
    monkeypatch.setattr(asking, "load", broken)
    monkeypatch.setattr("monic.io.load", broken)
    monkeypatch.setattr("monic.checking.claim", lambda *_, **__: broken(""))
    for words in (
        ("decide", model),
        ("bound", model),
        ("show", model),
        ("check", model, model),
        ("invert", model, model, "-o", tmp_path / "x.npy"),
    ):
        done = monic(*words)
        assert done.returncode == 70, words
        assert done.stdout == ""
        assert done.stderr.startswith("Traceback")
        assert "IndexError: a mistake in monic" in done.stderr
        assert done.stderr.endswith("report it with the traceback.\n")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError("Unable to allocate 71 PiB"), 2, "Expected enough memory"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "Expected enough room"),
        (KeyboardInterrupt(), 130, "monic: interrupted"),
        (RecursionError("too deep"), 70, "this is a bug"),
        (ContradictionError("kappa above L"), 70, "this is a bug"),
        (PermissionError(errno.EACCES, "Permission denied"), 70, "this is a bug"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_ends_a_command(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    words: str,
) -> None:
    from monic.cli import asking

    def end(path: str, **_: object) -> None:
        raise error

    monkeypatch.setattr(asking, "load", end)
    done = monic("decide", injective(tmp_path), "--json")
    assert done.returncode == code
    assert words in done.stderr
    value = json.loads(done.stdout)
    assert (value["kind"], value["exit_code"]) == ("error", code)
    assert value["error"] == type(error).__name__


@pytest.mark.parametrize(
    "arguments",
    [*WRONG[:-6], ["random", "0"], ["bound", "no-such-file.npy"]],
)
def test_errors_under_json_are_json(arguments: list[object]) -> None:
    done = monic(*arguments, "--json")
    assert done.returncode == 2, done.stderr
    value = json.loads(done.stdout)
    assert value["kind"] == "error"
    assert value["exit_code"] == 2
    assert value["message"]


def test_a_reader_that_goes_away_is_no_verdict(tmp_path: Path) -> None:
    model = three_layers(tmp_path)
    process = subprocess.Popen(
        command("decide", model),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd=tmp_path,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=100) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_an_answer_that_cannot_be_written_is_no_verdict(tmp_path: Path) -> None:
    for more in ([], ["--json"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                command("decide", identity(tmp_path), *more),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(),
                cwd=tmp_path,
                timeout=100,
            )
        assert done.returncode == 2, done.stderr
        assert "room on the disk" in done.stderr


class TestCheck:
    @pytest.fixture
    def proof(self, tmp_path: Path) -> Path:
        assert monic("decide", injective(tmp_path), "--certificates", tmp_path).returncode == 0
        [path] = tmp_path.glob("*.monic")
        return path

    def test_valid(self, proof: Path) -> None:
        done = monic("check", proof, proof.parent / "injective.npz")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("VALID. ")
        assert "is injective" in done.stdout

    def test_other_weights(self, proof: Path, tmp_path: Path) -> None:
        done = monic("check", proof, identity(tmp_path))
        assert done.returncode == 1, done.stderr
        assert done.stdout == ""
        assert done.stderr.startswith("monic: invalid: ")

    def test_malformed(self, proof: Path) -> None:
        proof.write_bytes(proof.read_bytes()[:-20])
        done = monic("check", proof, proof.parent / "injective.npz")
        assert done.returncode == 2, done.stdout
        assert done.stderr.startswith("monic: error: ")

    def test_unreadable_model(self, proof: Path, tmp_path: Path) -> None:
        (tmp_path / "broken.npz").write_bytes(b"PK")
        assert monic("check", proof, tmp_path / "broken.npz").returncode == 2
        assert monic("check", proof, tmp_path / "missing.npz").returncode == 2


@pytest.mark.parametrize("option", ["--memory=1K", "--work=10"])
def test_a_check_over_its_budget(tmp_path: Path, option: str) -> None:
    model = injective(tmp_path)
    assert monic("decide", model, "--certificates", tmp_path / "proofs").returncode == 0
    (proof,) = (tmp_path / "proofs").glob("*.monic")
    assert monic("check", proof, model, "--memory=512M", "--work=1e9").returncode == 0
    done = monic("check", proof, model, option)
    assert done.returncode == 6
    assert option.partition("=")[0] in done.stderr
    assert done.stdout == ""
