"""Bombs stay within 512 MB and the work that they are given, or are refused before they go off."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.monic_checker.bombs import BOMBS, PEAK

ROOT = Path(__file__).parents[2]

#: What is not refused for its size: it is quick now, or wrong for another reason.
OUTCOMES = {
    "orthant": "valid",
    "table as rows": "MalformedProof",
    "rank of a singular matrix of long numbers": "InvalidProof",
    "long numbers in a tree": "InvalidProof",
    "longer numbers in a tree": "MalformedProof",
    "spectrum of 2^12": "valid",
    "header of texts": "MalformedProof",
    "Fortran order": "InvalidProof",
    "members of an archive": "InvalidProof",
    "strided views": "InvalidProof",
    "doubled names": "UnreadableModel",
    "dimensions": "UnreadableModel",
    "selected": "InvalidProof",
}


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "tests.monic_checker.bombs"]
    paths = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    result = subprocess.run(command, cwd=ROOT, env=paths, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {line["name"]: line for line in lines}


@pytest.mark.thorough
@pytest.mark.parametrize("name", BOMBS)
def test_bomb(name: str, found: dict[str, dict[str, Any]]) -> None:
    assert found[name]["outcome"] == OUTCOMES.get(name, "OverBudget"), found[name]
    assert found[name]["peak"] <= PEAK
