"""Many workers: the same verdict and the same proof, byte for byte; a dead worker loses little."""

import os
import signal
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import monic
from monic import Execution, Limits, ReLULayer
from monic.decision.crew import Team
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, UNDECIDED
from tests.strategies import misleading_layer


def gaussian(m: int, n: int, seed: int = 0) -> ReLULayer:
    return ReLULayer(np.random.default_rng(seed).standard_normal((m, n)))


def proof(layer: ReLULayer, **options: Any) -> bytes:
    decision = monic.decide(layer, method="branching", **options)
    assert decision.certificate is not None, decision.reason
    return decision.certificate.to_bytes()


@pytest.fixture(scope="module")
def layer() -> ReLULayer:
    return gaussian(100, 10)


@pytest.fixture(scope="module")
def alone(layer: ReLULayer) -> bytes:
    return proof(layer)


@pytest.mark.thorough
def test_two_workers_write_the_same_proof(layer: ReLULayer, alone: bytes) -> None:
    assert proof(layer, workers=2) == alone
    monic.check(monic.decide(layer, workers=2).certificate, layer)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_will_do(kind: Any, layer: ReLULayer, alone: bytes) -> None:
    with kind(2) as executor:
        assert proof(layer, execution=Execution(workers=2, executor=executor)) == alone


class Shuffled(Executor):
    """Runs tasks at once but delivers some results late, in another order."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        value = fn(*args, **kwargs)
        late = time.monotonic_ns() % 3 * 0.02
        threading.Timer(late, future.set_result, [value]).start()
        return future


def test_the_order_of_results_does_not_matter(layer: ReLULayer, alone: bytes) -> None:
    assert proof(layer, execution=Execution(workers=2, executor=Shuffled())) == alone


@pytest.mark.parametrize("seed", range(4))
def test_the_same_point_is_found(seed: int) -> None:
    """Not injective, by a point deep in the tree: the first in the order of the tree counts."""
    layer = gaussian(44, 10, seed)
    one, two = (monic.decide(layer, method="branching", workers=w) for w in (1, 2))
    assert one.verdict is two.verdict is NOT_INJECTIVE
    assert one.point == two.point


def test_repairs_are_the_same() -> None:
    rng = np.random.default_rng(3)
    weight = np.vstack([rng.integers(-1, 2, (60, 9)), np.eye(9), -np.eye(9)]).astype(float)
    layer = ReLULayer(weight)
    one = monic.decide(layer, method="branching")
    two = monic.decide(layer, method="branching", workers=2)
    assert one.statistics.repairs == two.statistics.repairs
    assert one.certificate is not None
    assert two.certificate is not None
    assert one.certificate.to_bytes() == two.certificate.to_bytes()


def test_packings_are_the_same() -> None:
    layer = gaussian(150, 12)
    options: dict[str, Any] = {"method": "packing", "assume": "general-position"}
    one, two = (monic.decide(layer, workers=w, **options) for w in (1, 2))
    assert one.verdict is two.verdict is INJECTIVE
    assert one.certificate is not None
    assert two.certificate is not None
    assert one.certificate.to_bytes() == two.certificate.to_bytes()
    monic.check(one.certificate, layer)


class Deadly(Executor):
    """An executor whose workers die now and then."""

    def __init__(self) -> None:
        self.pool, self.tasks = ProcessPoolExecutor(1), 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.tasks += 1
        if self.tasks in (2, 5):
            self.pool.submit(os._exit, 1)
        try:
            return self.pool.submit(fn, *args, **kwargs)
        except RuntimeError:
            self.pool = ProcessPoolExecutor(1)
            return self.pool.submit(fn, *args, **kwargs)


def test_a_dead_worker_loses_only_its_units(
    layer: ReLULayer, alone: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monic.decision.crew.FIRST", 1)  # many small batches
    executor = Deadly()
    assert proof(layer, execution=Execution(workers=1, executor=executor)) == alone
    assert executor.tasks > 5
    executor.pool.shutdown()


@pytest.mark.thorough
def test_a_dead_local_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = gaussian(100, 11)
    expected = proof(layer)
    killed: list[int] = []
    start = Team.start

    def deadly(team: Team, *arguments: Any) -> None:
        start(team, *arguments)
        workers = list(getattr(team._executor(), "_processes", {}))
        if len(killed) < 2 and workers:
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)

    monkeypatch.setattr(Team, "start", deadly)
    assert proof(layer, workers=2) == expected
    assert killed


@pytest.mark.thorough
def test_time_limits_hold_with_workers() -> None:
    start = time.monotonic()
    decision = monic.decide(gaussian(160, 16), workers=2, time_limit=3.0)
    assert decision.verdict is UNDECIDED
    assert time.monotonic() - start < 40  # workers may compile, beside the limit
    assert "time_limit" in decision.reason


@pytest.mark.thorough
def test_node_limits_hold_with_workers() -> None:
    decision = monic.decide(gaussian(160, 16), workers=2, limits=Limits(nodes=20_000))
    assert decision.verdict is UNDECIDED
    assert "nodes" in decision.reason


def test_small_layers_do_not_mind_workers() -> None:
    layer = misleading_layer(np.random.default_rng(1), domain="box", n=3, bias=True)
    one, two = monic.decide(layer), monic.decide(layer, workers=2)
    assert one.verdict is two.verdict
