"""How far falsification goes on Gaussian layers: found of tried, and seconds.

    python benchmarks/falsify.py                           # the table of docs/falsify.md
    python benchmarks/falsify.py --inputs 1000 --ratios 5 --tries 5
    python benchmarks/falsify.py --limit 20 --ratios 6.2 6.4 --projections
    python benchmarks/falsify.py --inputs 4096 --ratios 4 --tries 1 --float32

Instance k of a row is numpy.random.default_rng(k).standard_normal((m, n)), and k is also the seed
of the search. Every point found has been confirmed exactly; the time is that of `falsify`, with
the confirmation, and without the making of the instance. m = round(ratio n).
"""

import argparse
from statistics import median
from time import perf_counter

import numpy as np

import monic.decision.falsify as falsifying
from monic import Execution, Limits, ReLULayer
from monic.decision.falsify import falsify
from monic.decision.problem import Problem

RATIOS = (3.4, 4.5, 5.0, 5.5, 5.7, 6.0, 6.2, 6.4)


def once(m: int, n: int, seed: int, options: argparse.Namespace) -> tuple[bool, float]:
    kind = np.float32 if options.float32 else np.float64
    weight = np.random.default_rng(seed).standard_normal((m, n), dtype=kind)
    problem = Problem(ReLULayer(weight))
    execution = Execution(seed=seed, device=options.device)
    started = perf_counter()
    found = falsify(problem, limits=Limits(seconds=options.limit), execution=execution)
    spent = perf_counter() - started
    assert found is None or len(found.active) < n
    return found is not None, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=100, help="n")
    parser.add_argument("--ratios", type=float, nargs="+", default=RATIOS, help="m/n")
    parser.add_argument("--tries", type=int, default=20, help="instances, seeds 0, 1, ...")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each instance")
    parser.add_argument("--device", default=None, help="a torch device")
    parser.add_argument("--projections", action="store_true", help="no swaps, to compare with")
    parser.add_argument("--float32", action="store_true", help="float32 weights")
    options = parser.parse_args()
    if options.projections:
        falsifying.SWAPPED = 0
    once(40, 10, 0, options)  # loads what is loaded late
    print("     n    m/n    found   median s      max s")
    for ratio in options.ratios:
        m = round(ratio * options.inputs)
        runs = [once(m, options.inputs, seed, options) for seed in range(options.tries)]
        found, times = sum(hit for hit, _ in runs), [spent for _, spent in runs]
        score = f"{found}/{options.tries}"
        line = f"{options.inputs:6d} {ratio:6.2f} {score:>8s}"
        print(f"{line} {median(times):10.3f} {max(times):10.3f}", flush=True)


if __name__ == "__main__":
    main()
