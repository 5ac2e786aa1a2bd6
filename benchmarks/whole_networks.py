"""Networks that go down in dimension, decided as a whole: nodes, CPU seconds, bytes of proofs.

python benchmarks/whole_networks.py [--widths 2-16-5,3-24-7] [--seeds 5] [--limit 120] [--whole]

Gaussian weights, biases 0.5 N(0, 1), on [-1, 1]^n, or on all of R^n with --whole. Each seed is
decided by `monic.decide` on one core, and its proof is checked by monic_checker.
"""

import argparse
import re
import statistics
import time
from itertools import pairwise

import numpy as np

from monic import Activation, Box, Network, Stage, Verdict, check, decide
from monic.model import Input, Linear, Shift

WIDTHS = "2-16-5,2-24-5,2-32-5,3-16-7,3-24-7,2-12-12-5,2-16-16-5,2-8-8-8-5,4-24-9"


def network(widths: list[int], seed: int, *, whole: bool) -> Network:
    """The network of a seed."""
    rng = np.random.default_rng(seed)
    stages = []
    for k, (columns, rows) in enumerate(pairwise(widths)):
        value = Linear(rng.standard_normal((rows, columns)), Input(columns))
        shifted = Shift(0.5 * rng.standard_normal(rows), value)
        last = k + 2 == len(widths)
        stages.append(Stage(f"fc{k}", shifted, Activation.IDENTITY if last else Activation.RELU))
    n = widths[0]
    return Network(stages, None if whole else Box(-np.ones(n), np.ones(n)))


def measured(asked: Network, limit: float) -> tuple[str, int, float, float, int]:
    """The verdict, the nodes, CPU seconds to decide and to check, and the bytes of the proof."""
    began = time.process_time()
    found = decide(asked, time_limit=limit)
    seconds = time.process_time() - began
    nodes = re.search(r"(?:tree of|after) ([0-9,]+) node", found.reason)
    checked, size = 0.0, 0
    if found.certificate is not None:
        began = time.process_time()
        check(found.certificate, asked)
        checked = time.process_time() - began
        size = len(found.certificate.to_bytes())
    count = int(nodes[1].replace(",", "")) if nodes else 0
    verdict = found.verdict.name if found.verdict is not Verdict.UNDECIDED else "open"
    return verdict, count, seconds, checked, size


def main() -> None:
    """Prints a row for each network, and the medians of each list of widths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", default=WIDTHS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=120.0)
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    measured(network([1, 2, 2], 0, whole=False), 5.0)  # kernels are compiled once
    print(f"{'widths':12} seed  verdict         nodes  decided  checked    bytes")
    for name in options.widths.split(","):
        rows = []
        for seed in range(options.seeds):
            asked = network([int(w) for w in name.split("-")], seed, whole=options.whole)
            rows.append(measured(asked, options.limit))
            verdict, nodes, seconds, checked, size = rows[-1]
            line = f"{nodes:8,} {seconds:7.1f}s {checked:7.1f}s {size:8,}"
            print(f"{name:12} {seed:4}  {verdict:13} {line}", flush=True)
        medians = [statistics.median(row[k] for row in rows) for k in (1, 2)]
        print(f"{name:12} median: {medians[0]:,.0f} nodes, {medians[1]:.1f} s", flush=True)


if __name__ == "__main__":
    main()
