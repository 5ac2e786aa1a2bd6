"""Times of sigma* to 1%, kappa of small layers by pairs of cells, and convolutions.

monic's lower bound for kappa stands beside the papers'. Run it with one thread, or a part of it:
OMP_NUM_THREADS=1 python benchmarks/bounds.py [cells|pairs|convolutions] [SEEDS or LAYERS]
"""

import platform
import sys
import time

import numpy as np

from monic.bounds import bound
from monic.bounds.frame import FrameSearch
from monic.bounds.subject import Subject
from monic.model import (
    Ball,
    Box,
    Concat,
    Convolution,
    Geometry,
    Input,
    Orthant,
    ReLULayer,
    Scale,
    TransposedConvolution,
    WholeSpace,
)

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


def cells(seeds: int) -> None:
    """sigma* of Gaussian layers to 1%."""
    print(" | ".join(HEADS))
    for n, m, asked in SIZES:
        for seed in range(seeds):
            print(" | ".join(row(n, m, asked, seed)), flush=True)


def small_layer(rng: np.random.Generator) -> ReLULayer:
    """n = 2 or 3, at most 12 rows; one in three has small integers; biases and domains."""
    n = int(rng.integers(2, 4))
    m = int(rng.integers(2 * n, 13))
    weight = rng.standard_normal((m, n))
    if rng.random() < 1 / 3:
        weight = rng.integers(-2, 3, (m, n)).astype(np.float64)
    bias = np.abs(rng.standard_normal(m)) if rng.random() < 0.5 else None
    lower = rng.uniform(-2, 0, n)
    domains = (
        WholeSpace(),
        Orthant(),
        Box(lower, lower + rng.uniform(0.5, 3, n)),
        Ball(float(rng.uniform(0.5, 2)), rng.uniform(-1, 1, n)),
    )
    return ReLULayer(weight, bias, domains[int(rng.integers(4))])


def pairs(count: int) -> None:
    """How narrow kappa's interval is, of layers that are one-to-one, and what it was without."""
    rng = np.random.default_rng(0)
    gaps: list[tuple[float, float, float]] = []
    while len(gaps) < count:
        layer = small_layer(rng)
        began = time.perf_counter()
        found = bound(layer)
        if found.inverse_lipschitz.upper > 0 and found.method != "exact formula":
            kappa, sigma = found.inverse_lipschitz, found.smallest_singular
            before = 1 - sigma.lower / 2**0.5 / kappa.upper
            gaps.append((kappa.gap, before, time.perf_counter() - began))
    now, before, seconds = (np.array(column) for column in zip(*gaps, strict=True))
    for name, gap in (("sigma*/sqrt(2) and the best pair", before), ("pairs of cells", now)):
        shares = " | ".join(f"{(gap <= end + 1e-4).sum()}" for end in (0.01, 0.05, 0.1, 0.3))
        print(f"{name} | {shares}")
    print(f"seconds a layer: median {np.median(seconds):.2f}, largest {seconds.max():.2f}")


def convolutions() -> None:
    """Layers [C; -C] of a generator, and one with circular padding."""
    rng = np.random.default_rng(0)
    up = Geometry((64, 8, 8), stride=2, padding=1)
    flat = Geometry((16, 16, 16), padding=1)
    around = Geometry((16, 16, 16), padding=1, mode="circular")
    steps = (
        TransposedConvolution(rng.standard_normal((64, 32, 4, 4)) / 16, Input(4096), up),
        Convolution(rng.standard_normal((64, 16, 3, 3)) / 12, Input(4096), flat),
        Convolution(rng.standard_normal((64, 16, 3, 3)) / 12, Input(4096), around),
    )
    print("layer | inputs | outputs | kappa | Lipschitz | seconds")
    for step in steps:
        layer = ReLULayer(Concat((step, Scale(np.array([-1.0]), step))))
        began = time.perf_counter()
        found = bound(layer)
        kappa, stretch = found.inverse_lipschitz, found.lipschitz
        print(
            f"{type(step).__name__}, {step.geometry.mode} | {step.in_dim} | {layer.shape[0]} | "
            f"[{kappa.lower:.6f}, {kappa.upper:.6f}] | "
            f"[{stretch.lower:.4f}, {stretch.upper:.4f}] | {time.perf_counter() - began:.0f}",
            flush=True,
        )


def main(part: str, count: int | None) -> None:
    bound(ReLULayer(np.vstack([np.eye(2), -np.eye(2)])))  # compiles, or loads what is compiled
    print(f"Python {platform.python_version()}, numpy {np.__version__}, one thread")
    if part in ("cells", "all"):
        cells(2 if count is None else count)
    if part in ("pairs", "all"):
        pairs(500 if count is None else count)
    if part in ("convolutions", "all"):
        convolutions()


if __name__ == "__main__":
    main(
        sys.argv[1] if len(sys.argv) > 1 else "all",
        int(sys.argv[2]) if len(sys.argv) > 2 else None,
    )
