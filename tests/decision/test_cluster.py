"""A real dask cluster of two worker processes, one of them killed half way."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import monic
from monic import Execution, ReLULayer
from monic.cli.cluster import ClusterError, cluster
from tests.cli.files import monic as command
from tests.decision.agreement import INJECTIVE

pytestmark = pytest.mark.thorough

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def local() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as two:
        yield two


def gaussian(m: int, n: int) -> ReLULayer:
    return ReLULayer(np.random.default_rng(0).standard_normal((m, n)))


def proof(layer: ReLULayer, **options: Any) -> bytes:
    decision = monic.decide(layer, method="branching", **options)
    assert decision.verdict is INJECTIVE
    assert decision.certificate is not None
    return decision.certificate.to_bytes()


def test_the_same_proof(local: Any) -> None:
    layer = gaussian(100, 10)
    with cluster(local.scheduler_address, Execution()) as execution:
        assert execution.workers == 2
        assert proof(layer, execution=execution) == proof(layer)


def test_the_command(local: Any, tmp_path: Path) -> None:
    weight = np.random.default_rng(0).standard_normal((100, 10))
    np.savez(tmp_path / "layer.npz", weight=weight)
    done = command(
        *("decide", tmp_path / "layer.npz", "--cluster", local.scheduler_address),
        *("--certificates", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    [written] = tmp_path.glob("*.monic")
    assert written.read_bytes() == proof(gaussian(100, 10))


def test_one_worker_is_killed_half_way(local: Any) -> None:
    layer = gaussian(96, 12)
    killed: list[int] = []

    def kill() -> None:
        time.sleep(0.4)
        with distributed.Client(local.scheduler_address, set_as_default=False) as client:
            killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    with cluster(local.scheduler_address, Execution()) as execution:
        thread.start()
        found = proof(layer, execution=execution)
        thread.join()
    assert killed
    assert found == proof(layer)


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monic.cli.cluster.PATIENCE", 1)
    with (
        pytest.raises(ClusterError, match="dask scheduler at"),
        cluster("tcp://127.0.0.1:9", Execution()),
    ):
        pass


def test_no_address_changes_nothing() -> None:
    with cluster(None, Execution(workers=2)) as execution:
        assert execution == Execution(workers=2)
