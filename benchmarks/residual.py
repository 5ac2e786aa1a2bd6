"""Residual blocks x + W_k ReLU(... W_1 x) as networks: seconds to decide and to check, and how.

python benchmarks/residual.py [NORM]
"""

import sys
import time
from itertools import pairwise

import numpy as np

from monic import Activation, Network, Stage, check, decide
from monic.model import AffineMap, Concat, Input, Linear, Select, Sum

#: Inputs, hidden numbers, maps of a branch, and blocks.
SIZES = ((8, 16, 2, 2), (32, 64, 3, 2), (64, 128, 2, 2), (128, 256, 2, 1), (256, 256, 2, 1))

#: Seconds for each stage, and for the search for two inputs.
LIMIT = 5.0


def network(size: tuple[int, int, int, int], norm: float) -> Network:
    """Random blocks whose matrices have a given spectral norm."""
    n, hidden, depth, blocks = size
    rng = np.random.default_rng(0)
    stages: list[Stage] = []
    for block in range(blocks):
        state: AffineMap = Input(n)
        keep = inner = state
        widths = [n, *[hidden] * (depth - 1), n]
        for k, (columns, rows) in enumerate(pairwise(widths)):
            weight = rng.standard_normal((rows, columns))
            value = Linear(weight * (norm / np.linalg.norm(weight, 2)), inner)
            name = f"block {block}/{k}"
            if k + 1 == depth:
                stages.append(Stage(name, Sum((keep, value)), Activation.IDENTITY))
                break
            stages.append(Stage(name, Concat((keep, value)), carried=n))
            state = Input(n + rows)
            keep, inner = Select(range(n), state), Select(range(n, n + rows), state)
    return Network(stages)


def main(norm: float) -> None:
    """Prints one row a network."""
    for size in SIZES:
        asked = network(size, norm)
        started = time.monotonic()
        found = decide(asked, time_limit=LIMIT)
        seconds = time.monotonic() - started
        alone = sum(stage.decision.statistics.seconds for stage in found.stages)
        checked = 0.0
        if found.certificate is not None:
            started = time.monotonic()
            check(found.certificate, asked)
            checked = time.monotonic() - started
        print(
            f"{'x'.join(map(str, size)):14} {found.verdict.name:10} {seconds:7.1f} s "
            f"({alone:.1f} s for stages alone), checked in {checked:.1f} s  {found.reason[-70:]}"
        )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.8)
