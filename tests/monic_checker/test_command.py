"""The command: exit codes, what it prints, and its help."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from monic_checker.__main__ import main
from tests.monic_checker.examples import SPEC_EXAMPLE


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    path = tmp_path / "layer.proof"
    path.write_bytes(SPEC_EXAMPLE)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "weight.npy"
    np.save(path, np.array([[1.0], [-1.0]]))
    return path


def test_valid(proof: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(proof), str(model)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("VALID. Checked: x -> ReLU(W x + b), from R^1 to R^2, is injective")
    assert err == ""


def test_other_weights(proof: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(model, np.array([[1.0], [-2.0]]))
    assert main([str(proof), str(model)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("INVALID: subject.arrays[0]: the model has no float64 array")


def test_an_invalid_step(proof: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proof.write_bytes(SPEC_EXAMPLE[:-1] + b"\x02")
    assert main([str(proof), str(model)]) == 1
    assert "INVALID: node 0: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "data", [b"", b"monic-proof 2\n", SPEC_EXAMPLE[:-1], SPEC_EXAMPLE + b"\0"]
)
def test_malformed(
    proof: Path, model: Path, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    proof.write_bytes(data)
    assert main([str(proof), str(model)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("MALFORMED or unreadable: ")


def test_unreadable(proof: Path, model: Path, tmp_path: Path) -> None:
    assert main([str(tmp_path / "absent"), str(model)]) == 2
    assert main([str(tmp_path), str(model)]) == 2
    assert main([str(proof), str(tmp_path / "absent.npy")]) == 2
    assert main([str(proof), str(proof)]) == 2
    model.write_bytes(b"")
    assert main([str(proof), str(model)]) == 2


def test_several_models(proof: Path, model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.npy"
    np.save(other, np.ones(3))
    assert main([str(proof), str(other), str(model)]) == 0


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for words in ("PROOF MODEL [MODEL ...]", "exact arithmetic", "SHA-256", "exit codes", "  2  "):
        assert words in text


def test_missing_arguments_are_a_usage_error() -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2


def test_the_module_runs(proof: Path, model: Path) -> None:
    command = [sys.executable, "-m", "monic_checker", str(proof), str(model)]
    source = Path(__file__).parents[2] / "src"
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(source)}
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("option", [["--memory", "100"], ["--work", "10"]])
def test_over_budget(
    proof: Path, model: Path, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    assert main([*option, str(proof), str(model)]) == 6
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("OVER BUDGET: ")
    assert f"Raise {option[0]} " in err


def test_a_budget_that_is_enough(proof: Path, model: Path) -> None:
    assert main(["--memory", "1MiB", "--work", "1e8", str(proof), str(model)]) == 0


@pytest.mark.parametrize("amount", ["", "-1", "1X", "1e", "0x10", "1e999"])
def test_amounts_that_are_none(proof: Path, model: Path, amount: str) -> None:
    with pytest.raises(SystemExit):
        main([f"--memory={amount}", str(proof), str(model)])
