"""One process, two local workers and two workers of a dask cluster on one layer, in one run.

    python benchmarks/workers.py

Everything is started and compiled before; each figure is the median of five decisions, proof
included, and all proofs are compared byte for byte.
"""

import statistics
import time

import numpy as np

import monic
from monic.cli.cluster import cluster

SIZE = (96, 12)  # (m, n)
REPEATS = 5


def timed(layer: monic.ReLULayer, execution: monic.Execution) -> tuple[float, bytes]:
    """The median seconds, after one decision that starts what there is to start."""
    seconds, proof = [], b""
    for _ in range(REPEATS + 1):
        begin = time.perf_counter()
        decision = monic.decide(layer, method="branching", execution=execution)
        seconds.append(time.perf_counter() - begin)
        assert decision.certificate is not None, decision.reason
        proof = decision.certificate.to_bytes()
    return statistics.median(seconds[1:]), proof


def main() -> None:
    """Prints seconds and ratios."""
    from distributed import LocalCluster

    layer = monic.ReLULayer(np.random.default_rng(0).standard_normal(SIZE))
    one, proof = timed(layer, monic.Execution())
    two, second = timed(layer, monic.Execution(workers=2))
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as started,
        cluster(started.scheduler_address, monic.Execution()) as execution,
    ):
        dask, third = timed(layer, execution)
    assert proof == second == third, "proofs do not depend on who searched"
    print(f"one process {one:.2f} s; two workers {two:.2f} s, {one / two:.2f} times as fast;")
    print(f"two dask workers {dask:.2f} s, {dask / two:.2f} times as long as two local workers;")
    print("all three proofs are the same, byte for byte")


if __name__ == "__main__":
    main()
