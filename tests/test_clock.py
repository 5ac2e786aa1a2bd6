"""The clock of time limits: still while kernels compile, like any other clock otherwise."""

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import pytest
from numba.core.compiler_lock import global_compiler_lock
from rich.console import Console

import monic.clock
from monic.clock import go_on, monotonic, stand_still, watching
from monic.geometry.compiled import COMPILED
from monic.report.progress import ProgressLine

#: A layer whose search takes much longer than its limit, so that the time is all used.
LONG = """
import numpy as np
from monic import ReLULayer, decide
decision = decide(ReLULayer(np.random.default_rng(0).standard_normal((160, 16))), time_limit=2)
print(decision.verdict.name, decision.statistics.seconds, decision.statistics.nodes)
"""


def compile_anew() -> float:
    """Compiles a kernel that no cache holds; returns the seconds that it took."""

    @numba.njit(**{**COMPILED, "cache": False})  # type: ignore[untyped-decorator]
    def mixed(x: float) -> float:
        total = 0.0
        for i in range(100):
            total += x * i if i % 3 else x - i
        return total

    began = time.monotonic()
    assert mixed(1.0) == mixed.py_func(1.0)
    return time.monotonic() - began


def test_it_goes_like_any_other() -> None:
    began, other = monotonic(), time.monotonic()
    time.sleep(0.2)
    assert monotonic() - began == pytest.approx(time.monotonic() - other, abs=0.01)


def test_compiling_takes_no_time() -> None:
    began = monotonic()
    taken = compile_anew()
    assert monotonic() - began < taken / 2


def test_stops_lie_inside_each_other() -> None:
    stand_still()
    try:
        began = monotonic()
        stand_still()
        time.sleep(0.02)
        go_on()
        assert monotonic() == began
    finally:
        go_on()
    assert monotonic() - began < 0.02


def in_another_thread(work: Callable[[], float]) -> float:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_it_goes_on_for_other_threads() -> None:
    def waited() -> float:
        began = monotonic()
        time.sleep(0.02)
        return monotonic() - began

    stand_still()
    try:
        began = monotonic()
        assert in_another_thread(waited) >= 0.019
        assert monotonic() == began
    finally:
        go_on()


def test_watchers_hear_of_their_own_thread_alone() -> None:
    seen: list[float] = []
    with watching(lambda: seen.append(monotonic())):
        in_another_thread(compile_anew)
        assert not seen
        compile_anew()
    assert seen


def test_waiting_for_another_thread_that_compiles_takes_no_time() -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with global_compiler_lock:
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    began, other = monotonic(), time.monotonic()
    threading.Timer(0.5, done.set).start()
    compile_anew()
    thread.join()
    assert time.monotonic() - other - (monotonic() - began) >= 0.45  # it stood still


def test_watchers_are_called_once_a_stop_and_not_afterwards() -> None:
    seen: list[float] = []
    with watching(lambda: seen.append(monotonic())):
        compile_anew()
        first = len(seen)
        assert first
        compile_anew()
        assert len(seen) == 2 * first
    compile_anew()
    assert len(seen) == 2 * first


def test_a_watcher_that_raises_leaves_the_clock_running() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with watching(interrupt), pytest.raises(KeyboardInterrupt):
        compile_anew()
    began = monotonic()
    time.sleep(0.01)
    assert monotonic() - began >= 0.009


def test_the_progress_line_tells_at_once() -> None:
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=120)
    with ProgressLine(console=console) as line:
        line.begin("fc1", 1, 2)
        compile_anew()
    assert "1/2 fc1: compiling, which happens once and counts against no limit" in drawn.getvalue()


@pytest.mark.slow
def test_the_first_call_on_a_machine_has_the_time_of_all_others(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    spent = []
    for _ in range(2):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", LONG],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        )
        wall = time.monotonic() - began
        verdict, seconds, nodes = done.stdout.split()
        assert verdict == "UNDECIDED"
        assert 2 <= float(seconds) < 4
        assert int(nodes) > 1000
        spent.append(wall)
    assert spent[0] > spent[1] + 3  # it was compiled in the first


def test_limits_are_read_from_no_other_clock() -> None:
    sources = Path(monic.clock.__file__).parent
    for package in ("bounds", "decision", "geometry", "inversion", "nn", "random"):
        for file in (sources / package).rglob("*.py"):
            assert "from time import" not in file.read_text("utf-8"), file
            assert "import time\n" not in file.read_text("utf-8"), file
