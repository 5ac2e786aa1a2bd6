"""Times of sigma* to 1%, and monic's lower bound for kappa beside the papers'.

Run it with one thread: OMP_NUM_THREADS=1 python benchmarks/bounds.py [SEEDS]
"""

import platform
import sys
import time

import numpy as np

from monic.bounds import bound
from monic.bounds.frame import FrameSearch
from monic.bounds.subject import Subject
from monic.model import ReLULayer

SIZES = ((4, 32, 1), (5, 50, 5), (6, 60, 30), (8, 64, 600), (10, 100, None), (12, 96, None))
HEADS = ("n", "m", "seed", "seconds", "asked", "nodes", "sigma*", "kappa", "papers", "ratio", "√m")


def row(n: int, m: int, asked: int | None, seed: int) -> tuple[str, ...]:
    layer = ReLULayer(np.random.default_rng(seed).standard_normal((m, n)))
    began = time.perf_counter()
    search = FrameSearch(Subject(layer), 0.01)
    search.run(np.random.default_rng(0))
    seconds = time.perf_counter() - began
    found = bound(layer)
    sigma, kappa = search.state().interval, found.inverse_lipschitz
    ratio = kappa.lower / found.papers if found.papers else float("nan")
    return (
        *(str(n), str(m), str(seed), f"{seconds:.2f}", "" if asked is None else str(asked)),
        *(str(search.nodes), f"[{sigma.lower:.4f}, {sigma.upper:.4f}]"),
        *(f"[{kappa.lower:.4f}, {kappa.upper:.4f}]", f"{found.papers:.4f}"),
        *(f"{ratio:.2f}", f"{m**0.5:.2f}"),
    )


def main(seeds: int) -> None:
    bound(ReLULayer(np.vstack([np.eye(2), -np.eye(2)])))  # compiles, or loads what is compiled
    print(f"Python {platform.python_version()}, numpy {np.__version__}, one thread")
    print(" | ".join(HEADS))
    for n, m, asked in SIZES:
        for seed in range(seeds):
            print(" | ".join(row(n, m, asked, seed)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
