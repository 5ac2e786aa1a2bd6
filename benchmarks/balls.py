"""Gaussian layers with biases on the unit ball: monic, with its proof, beside SCIP.

    python benchmarks/balls.py                     # the table of docs/results.md
    python benchmarks/balls.py --inputs 4,6 --cap 10

Instance k is numpy.random.default_rng(k): W = standard_normal((m, n)), b = standard_normal(m) / 2,
on |x| < 1. SCIP is asked the easier question whether n rows are active at every x, as a
mixed-integer program with one quadratic constraint, in floats: y_i is 1 where w_i.x + b_i may be
>= -10^-6. A size is not asked about again once SCIP ran out of time. The exit code is 1 when
verdicts differ.
"""

import argparse
import sys
from collections import Counter
from statistics import median
from time import perf_counter

import numpy as np

import monic


def instance(m: int, n: int, seed: int) -> monic.ReLULayer:
    """One layer."""
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((m, n))
    return monic.ReLULayer(weight, rng.standard_normal(m) / 2, monic.Ball(1.0))


def scip(layer: monic.ReLULayer, cap: float) -> str:
    """SCIP's verdict, or UNDECIDED."""
    from pyscipopt import Model, quicksum

    model, (_, n) = Model(), layer.shape
    assert layer.weight is not None, "instances are made of a matrix"
    assert layer.bias is not None, "and a bias"
    model.hideOutput()
    model.setParam("limits/time", cap)
    x = [model.addVar(lb=-1.0, ub=1.0) for _ in range(n)]
    model.addCons(quicksum(t * t for t in x) <= 1.0)
    flags = []
    for row, offset in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True):
        flag = model.addVar(vtype="B")
        most = float(np.linalg.norm(row)) + abs(offset) + 1e-6
        value = quicksum(w * t for w, t in zip(row, x, strict=True)) + offset
        model.addCons(value <= -1e-6 + most * flag)
        flags.append(flag)
    model.addCons(quicksum(flags) <= n - 1)
    model.optimize()
    return {"infeasible": "INJECTIVE", "optimal": "NOT_INJECTIVE"}.get(
        model.getStatus(), "UNDECIDED"
    )


def row(m: int, n: int, options: argparse.Namespace, ask_scip: bool) -> tuple[bool, bool]:
    """Prints one size; returns whether SCIP kept up, and whether verdicts agree."""
    verdicts: Counter[str] = Counter()
    facts, peer, agreed = [], [], True
    for seed in range(options.seeds):
        layer = instance(m, n, seed)
        begin = perf_counter()
        decision = monic.decide(layer, method="branching", time_limit=options.long_cap)
        spent = perf_counter() - begin
        verdicts[decision.verdict.name] += 1
        size = len(decision.certificate.to_bytes()) if decision.certificate else 0
        begin = perf_counter()
        if decision.certificate is not None:
            monic.check(decision.certificate, layer)
        checked = perf_counter() - begin
        facts.append((spent, decision.statistics.nodes, size / 1000, checked))
        if ask_scip:
            begin = perf_counter()
            answer = scip(layer, options.cap)
            peer.append(perf_counter() - begin)
            ask_scip = answer != "UNDECIDED"
            agreed &= answer in ("UNDECIDED", decision.verdict.name)
    seconds, nodes, kilobytes, checks = (median(column) for column in zip(*facts, strict=True))
    bound = ("" if ask_scip else "> ") + f"{median(peer):.3g}" if peer else "-"
    score = f"{verdicts['INJECTIVE']}/{options.seeds}"
    print(
        f"{n:3d} {m:5d} {score:>9s} {seconds:9.3f} {nodes:9.0f} {kilobytes:9.1f} {checks:8.2f} "
        f"{bound:>8s}",
        flush=True,
    )
    return ask_scip, agreed


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", default="4,6,8,10,12", help="n, separated by commas")
    parser.add_argument("--seeds", type=int, default=5, help="instances of each size")
    parser.add_argument("--cap", type=float, default=30.0, help="seconds for SCIP, each")
    parser.add_argument("--long-cap", type=float, default=300.0, help="seconds for monic, each")
    options = parser.parse_args()
    monic.decide(instance(12, 2, 0), method="branching")  # loads and compiles
    print("  n     m injective   seconds     nodes  proof kB    check    SCIP s")
    asked = agreed = True
    for n in map(int, options.inputs.split(",")):
        for ratio in (6, 10):
            asked, same = row(ratio * n, n, options, asked)
            agreed &= same
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main())
