"""Runs mutants: each in a fork of one pytest process whose tests are collected already.

A first round measures which tests run which lines, and how long they take. A mutant is then put
into the functions that exist (their code objects are exchanged), and the tests that run its line
are asked, the quickest first, until one fails. A child that needs too long counts as killed.
"""

import ast
import functools
import gc
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType

import coverage
import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.mutation.mutants import Mutant, mutants

__all__ = ["Outcome", "Plan", "Runner"]

SOURCE = Path(__file__).parents[2] / "src" / "monic_checker"
#: CPU seconds for the tests of one mutant, beyond twice what they need without it.
_GRACE = 5


@dataclass(frozen=True)
class Plan:
    """Which mutants are run: modules, how many of them, and the seed of the choice."""

    modules: tuple[str, ...]
    sample: int | None
    seed: int
    seconds: float

    def mutants(self) -> list[Mutant]:
        found = [m for name in self.modules for m in mutants(name, SOURCE / f"{name}.py")]
        random.Random(self.seed).shuffle(found)
        return found[: self.sample]


@dataclass
class Outcome:
    """What became of the mutants; those that no test notices survive."""

    killed: int = 0
    slow: int = 0
    skipped: int = 0
    survivors: list[Mutant] = field(default_factory=list)


class Runner:
    """A pytest plugin that takes the place of the loop over the tests."""

    def __init__(self, plan: Plan, report: Callable[[str], None]) -> None:
        self.plan = plan
        self.report = report
        self.outcome = Outcome()
        self.costs: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        settings.register_profile(
            "mutation", database=None, derandomize=True, deadline=None,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        settings.load_profile("mutation")
        lines = self._measured(session)
        items = {item.nodeid: item for item in session.items}
        end = time.monotonic() + self.plan.seconds
        for mutant in self.plan.mutants():
            if time.monotonic() > end:
                self.report("out of time")
                break
            names = lines.get((mutant.module, mutant.line), set())
            chosen = sorted(names, key=lambda name: (self.costs[name], name))
            self._judge(mutant, session, [items[name] for name in chosen])
        return True

    def _measured(self, session: pytest.Session) -> dict[tuple[str, int], set[str]]:
        """Returns which tests run a line; none of them may fail before anything is changed."""
        names = [str(SOURCE / f"{name}.py") for name in self.plan.modules]
        measure = coverage.Coverage(data_file=None, config_file=False, include=names)
        measure.start()
        for item in session.items:
            measure.switch_context(item.nodeid)
            start = time.process_time()
            _run(item)
            self.costs[item.nodeid] = time.process_time() - start
        measure.stop()
        if session.testsfailed:
            raise pytest.UsageError(f"{session.testsfailed} tests fail without any mutant")
        data = measure.get_data()
        return {
            (name, line): set(contexts) & set(self.costs)
            for name, path in zip(self.plan.modules, names, strict=True)
            for line, contexts in data.contexts_by_lineno(path).items()
        }

    def _judge(self, mutant: Mutant, session: pytest.Session, items: list[pytest.Item]) -> None:
        exchanged = _exchanged(mutant)
        if exchanged is None:
            self.outcome.skipped += 1
            return
        limit = _GRACE + 2 * sum(self.costs[item.nodeid] for item in items)
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            _child(exchanged, session, items, int(limit) + 1)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            self.outcome.slow += 1
        elif os.WEXITSTATUS(status) == 0:
            self.outcome.survivors.append(mutant)
            self.report(f"survives {len(items)} tests: {mutant}")
            return
        self.outcome.killed += 1


def _run(item: pytest.Item) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


def _child(
    exchanged: list[tuple[FunctionType, CodeType]],
    session: pytest.Session,
    items: list[pytest.Item],
    limit: int,
) -> None:
    """Runs the tests with the mutant in place and leaves: 0 if none fails, 1 otherwise."""
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        for function, changed in exchanged:
            function.__code__ = changed
        for cached in gc.get_objects():
            if isinstance(cached, functools._lru_cache_wrapper):
                cached.cache_clear()
        code = int(any(_fails(session, item) for item in items))
    finally:
        os._exit(code)


def _fails(session: pytest.Session, item: pytest.Item) -> bool:
    _run(item)
    return session.testsfailed > 0


def _exchanged(mutant: Mutant) -> list[tuple[FunctionType, CodeType]] | None:
    """Returns the functions that the mutant changes, and their new code; None if that fails."""
    path = str(SOURCE / f"{mutant.module}.py")
    tree = ast.fix_missing_locations(mutant.tree)
    new = dict(_codes(compile(tree, path, "exec")))
    pairs = []
    for function in _live(path):
        code = function.__code__
        changed = new.get((code.co_qualname, code.co_firstlineno))
        if changed is None or len(changed.co_freevars) != len(code.co_freevars):
            continue
        if code.co_qualname == mutant.function:
            pairs.append((function, changed))
    return pairs or None


def _codes(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield (constant.co_qualname, constant.co_firstlineno), constant
            yield from _codes(constant)


def _live(path: str) -> list[FunctionType]:
    found = (f for f in gc.get_objects() if isinstance(f, FunctionType))
    return [f for f in found if f.__code__.co_filename == path]
