"""The budget of a check: counted from sizes, made in one place, and handed to everything."""

import ast
import inspect
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from monic_checker import OverBudget, budget, check, checker, models
from monic_checker.amount import amount
from monic_checker.budget import Budget
from tests.monic_checker.examples import EXAMPLES

SOURCE = Path(budget.__file__).parent


def test_budgets_are_made_in_one_place() -> None:
    """The comparison with a graph takes a part of that budget, as one of its own."""
    makers = {
        path.name
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Budget"
    }
    assert makers == {"checker.py", "comparison.py"}
    assert all(p.default is p.empty for p in inspect.signature(Budget).parameters.values())


def test_every_reader_of_models_takes_a_budget() -> None:
    for reader in models._READERS.values():
        parameter = inspect.signature(reader).parameters["budget"]
        assert parameter.default is parameter.empty


def test_memory_is_given_back_and_work_is_not() -> None:
    given = Budget(100, 100)
    with given.scope():
        given.hold(60, "a")
        given.work(60, "a")
    lease = given.lease(60, "b")
    with given.scope(), lease:
        given.hold(40, "c")
    assert (given.memory_left, given.work_done) == (100, 60)
    with pytest.raises(OverBudget, match=r"b: .*at most 100 units of work\. Got to 110.*--work"):
        given.work(50, "b")
    with pytest.raises(OverBudget, match=r"c: .*at most 100 bytes of memory\. Got to 101.*--mem"):
        given.hold(101, "c")


def work_of(name: str) -> int:
    """The least work with which an example passes, by bisection."""
    low, high = 0, 10**9
    while high - low > 1:
        middle = (low + high) // 2
        try:
            check(io.BytesIO(EXAMPLES[name].proof), EXAMPLES[name].arrays, work=middle)
            high = middle
        except OverBudget:
            low = middle
    return high


@pytest.mark.parametrize("name", ["tree on box", "composition", "collision"])
def test_enough_is_enough(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `work_done` says is what a check needs, neither more nor less."""
    made = list[Budget]()

    def kept(memory: int, work: int) -> Budget:
        made.append(Budget(memory, work))
        return made[-1]

    needed = work_of(name)
    monkeypatch.setattr(checker, "Budget", kept)
    check(io.BytesIO(EXAMPLES[name].proof), EXAMPLES[name].arrays)
    assert made[0].work_done == needed
    assert made[0].memory_left > 0


def test_work_is_the_same_in_every_process() -> None:
    code = (
        "from tests.monic_checker.test_budget import work_of; "
        "print([work_of(name) for name in ('tree on box', 'composition', 'point')])"
    )
    root = SOURCE.parents[1]
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{root / 'src'}:{root}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4096", 4096),
        ("1k", 1024),
        ("512M", 2**29),
        ("2GiB", 2**31),
        ("1.5e3", 1500),
        ("1TB", 2**40),
    ],
)
def test_amounts(text: str, number: int) -> None:
    assert amount(text) == number
