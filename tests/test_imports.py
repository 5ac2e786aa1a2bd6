"""Who may import whom, and what `import monic` costs."""

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import monic

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src"
HEAVY = ("flint", "highspy", "loky", "numba", "numpy", "onnx", "rich", "scipy", "torch", "typer")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(SOURCES), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
    )


def imported(file: Path) -> set[str]:
    """The top-level packages that a file imports anywhere, in functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names.add((node.module or "").split(".")[0])
    return names


def test_contracts() -> None:
    """The contracts are written in pyproject.toml."""
    done = python(
        "-c", "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_checker_imports_the_standard_library_and_flint() -> None:
    files = sorted((SOURCES / "monic_checker").rglob("*.py"))
    assert files
    for file in files:
        foreign = imported(file) - set(sys.stdlib_module_names) - {"monic_checker", "flint"}
        assert not foreign, f"{file}: {foreign}"


def test_importing_monic_loads_nothing_heavy() -> None:
    code = f"import sys, monic; print(*sorted(set({HEAVY}) & set(sys.modules)))"
    done = python("-c", code)
    assert done.stdout.split() == [], done.stderr


def test_layers_need_no_numba_and_no_onnx() -> None:
    code = (
        "import sys, monic; monic.ReLULayer([[1.0]]); "
        "print(*sorted({'numba', 'onnx', 'scipy', 'torch'} & set(sys.modules)))"
    )
    assert python("-c", code).stdout.split() == []


def test_importing_monic_is_quick() -> None:
    python("-c", "import monic")  # compiles
    times = []
    for _ in range(3):
        start = time.perf_counter()
        assert python("-c", "import monic").returncode == 0
        times.append(time.perf_counter() - start)
    assert min(times) < 0.7, "seconds, the start of Python included"


def test_help_needs_no_engine() -> None:
    code = (
        "import sys; sys.argv = ['monic', 'decide', '--help']\n"
        "from monic.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*sorted({'flint', 'numpy', 'numba'} & set(sys.modules)))"
    )
    assert python("-c", code).stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("name", monic.__all__)
def test_every_public_name_loads(name: str) -> None:
    assert getattr(monic, name) is not None
    assert name in dir(monic)


@pytest.mark.thorough
def test_packages_are_reached_through_monic() -> None:
    code = (
        "import monic; print(monic.bounds.bound is monic.bound, "
        "monic.decision.decide is monic.decide, monic.inversion.invert is monic.invert, "
        "monic.model.ReLULayer is monic.ReLULayer, "
        "monic.nn.InjectiveLinear.__name__, monic.random.__name__)"
    )
    done = python("-c", code)
    assert done.stdout.split() == ["True"] * 4 + ["InjectiveLinear", "monic.random"], done.stderr


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'verify'"):
        _ = getattr(monic, "verify")  # noqa: B009 - mypy knows that it does not exist


def test_the_version_is_known() -> None:
    assert monic.__version__
