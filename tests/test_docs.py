"""Every example in the documents runs: python blocks as doctests, shell lines against gold.

Two kinds of shell examples are run, those whose command is one of ours:

* the lines with "$ " in a console block, each followed by its output;
* the text block after a comment `<!-- output: COMMAND -->`.

A python block after a comment `<!-- needs: MODULE -->` runs where that module can be imported.

Seconds at the end of a row, and the numbers of a point that was found, are scrubbed. With
MONIC_UPDATE_DOCS=1 the outputs are written into the documents instead of compared.
"""

import doctest
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from glob import glob
from pathlib import Path

import pytest

from tests.cli.files import environment, monic

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "examples" / "README.md",
]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
UPDATE = os.environ.get("MONIC_UPDATE_DOCS") == "1"

FENCE = re.compile(
    r"(?P<mark><!-- output: (?P<command>.+?) -->\n)?(<!-- needs: (?P<needs>\w+) -->\n)?"
    r"```(?P<kind>\w+)\n(?P<text>.*?)```",
    re.S,
)
SCRUBS = (
    (re.compile(r" +\d+\.\d\d$", re.M), " SECONDS"),
    # which point a search in floats comes to depends on the machine; that it is one does not
    (re.compile(r"(x     =|other =|network gives) \(.*?\)"), r"\1 POINT"),
    (re.compile(r"(differ by|margin|at the point found,) [-+.e\d]+", re.I), r"\1 NUMBER"),
    (re.compile(r"[ ─]{2,}"), "  "),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run a page in, with the examples beside."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scrubbed(text: str) -> list[str]:
    for pattern, word in SCRUBS:
        text = pattern.sub(word, text)
    return [line.strip() for line in text.strip().splitlines()]


def run(command: str) -> str:
    words = [found for word in shlex.split(command) for found in (sorted(glob(word)) or [word])]
    if words[0] == "monic":
        done = monic(*words[1:], cwd=Path.cwd(), columns=110)
    else:
        done = subprocess.run(
            [sys.executable, *words[1:]],
            capture_output=True,
            text=True,
            timeout=240,
            env=environment(columns=110),
        )
    assert done.returncode in (0, 1, 3), done.stderr
    return done.stdout


def is_ours(command: str) -> bool:
    return command.startswith(("monic ", "python -m monic"))


def ids(pages: list[Path]) -> list[str]:
    return [page.relative_to(ROOT).as_posix() for page in pages]


def is_there(module: str | None) -> bool:
    """Whether what a block needs can be imported, with what it imports itself."""
    try:
        return module is None or importlib.import_module(module) is not None
    except ImportError:
        return False


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_python_blocks(page: Path, folder: Path) -> None:
    blocks = [m for m in FENCE.finditer(page.read_text("utf-8")) if m["kind"] == "python"]
    source = "\n".join(match["text"] for match in blocks if is_there(match["needs"]))
    test = doctest.DocTestParser().get_doctest(source, {}, page.name, str(page), 0)
    failures: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=failures.append)
    assert not failures, "".join(failures)


def renewed(match: re.Match[str]) -> str:
    """Returns a block with the outputs that its commands have now."""
    mark, kind, text = match["mark"] or "", match["kind"], match["text"]
    if mark:
        return f"{mark}```{kind}\n{run(match['command']).strip()}\n```"
    if kind != "console":
        return match[0]
    return f"```{kind}\n{''.join(console(text))}```"


def console(text: str) -> Iterator[str]:
    """Yields the commands of a console block, each with its present output if it is ours."""
    for part in re.split(r"^(?=\$ )", text, flags=re.M):
        command = part.removeprefix("$ ").partition("\n")[0]
        yield (
            f"$ {command}\n{run(command)}" if part.startswith("$ ") and is_ours(command) else part
        )


def lines_without_padding(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_shell_blocks(page: Path, folder: Path) -> None:
    text = page.read_text("utf-8")
    now = FENCE.sub(lambda match: lines_without_padding(renewed(match)), text)
    if UPDATE:
        page.write_text(now, "utf-8")
    assert UPDATE or scrubbed(now) == scrubbed(text), "run MONIC_UPDATE_DOCS=1 and look"


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    targets = re.findall(r"\]\(([^)#\s]+?)(?:#[\w-]+)?\)", text)
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not missing


def test_every_error_has_a_paragraph() -> None:
    import monic.errors

    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.M)
    names = set(monic.errors.__all__) - {"MonicError"}
    assert names <= set(headings)
