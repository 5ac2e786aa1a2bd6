"""Some hundred changed files for every reader; `python -m tests.fuzz` reads as many as asked."""

import pytest

from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS

#: Readers that import much, or call a slow library, read fewer.
_CASES = {"monic-onnx": 60, "monic-pt": 100}


@pytest.mark.parametrize("name", TARGETS)
def test_only_documented_errors_come_out(name: str) -> None:
    cases = _CASES.get(name, 200)
    found = run(TARGETS[name], cases, seed=1)
    assert sum(found.values()) == cases
    assert len(found) > 1, "some files are refused, and others read or refused otherwise"
