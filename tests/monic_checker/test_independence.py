"""The checker owes nothing to the prover: the standard library and flint are all it imports."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
FILES = sorted((SOURCE / "monic_checker").glob("**/*.py"))
ALLOWED = sys.stdlib_module_names | {"flint", "monic_checker"}

#: Nothing that runs code from data, or that reaches out, has a place in a checker.
FORBIDDEN = {"ctypes", "importlib", "marshal", "pickle", "shelve", "socket", "subprocess"}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            names.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Name):
            assert node.id not in ("__import__", "eval", "exec"), f"{path.name} uses {node.id}"
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports(path: Path) -> None:
    assert imported(path) <= ALLOWED
    assert not imported(path) & FORBIDDEN


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_are_short_and_check_without_assert(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 220
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(text)))


def test_it_runs_with_nothing_else_loaded() -> None:
    code = (
        "import sys, monic_checker; "
        "loaded = {name.split('.')[0] for name in sys.modules}; "
        "print(sorted(loaded & {'monic', 'numpy', 'scipy', 'numba', 'onnx', 'torch'}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(SOURCE)},
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_examples_in_docstrings(path: Path) -> None:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    name = ".".join(parts).removesuffix(".__init__")
    flags = doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(importlib.import_module(name), optionflags=flags).failed == 0
