"""CPU seconds and errors of inverting a 5-layer network, by five methods, from one fixed seed.

The network is R^20 -> R^40 -> ... -> R^640, each layer ReLU([B; -DB] x) with B near orthogonal.

* monic: `Inverter.invert` on all samples at once, with its proved distances and error bounds.
* torch.linalg.lstsq: for each sample and layer, least squares on the rows with y_i > 0 (in the
  presence of noise: y_i above five standard deviations of it).
* linear programs: `norm="linf"` and `norm="l1"`, layer by layer, each sample by itself; on a
  few samples, since they are slow. The time is given per 1,000 samples.
* gradient descent: 1,000 steps of Adam on |y - f(x)|^2 from one random start each, all samples at
  once, with the best of five step lengths.

"monic, all at once" is the median of seven runs; the others run once.

Run: python benchmarks/inversion.py [--samples 1000] [--programs 3]
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from monic.inversion import Inverter
from monic.inversion.search import as_torch
from monic.model import Concat, Input, Linear, Network, Scale, Stage

WIDTH, DEPTH = 20, 5


def network(rng: np.random.Generator) -> Network:
    stages = []
    for k in range(DEPTH):
        n = WIDTH << k
        basis = np.linalg.qr(rng.standard_normal((n, n)))[0]
        basis += 0.3 / n**0.5 * rng.standard_normal((n, n))
        half = Linear(basis, Input(n))
        stages.append(Stage(f"layer {k}", Concat((half, Scale(-rng.uniform(0.5, 2.0, n), half)))))
    return Network(stages)


def by_lstsq(inverter: Inverter, y: np.ndarray, threshold: float) -> np.ndarray:
    weights = [torch.as_tensor(stage.weight) for stage in inverter.chain.stages]
    found = []
    for row in torch.as_tensor(y):
        value, level = row, threshold
        for weight in reversed(weights):
            active = value > level
            value = torch.linalg.lstsq(weight[active], value[active]).solution
            level = max(threshold, 1e-12 * float(value.abs().max()))
        found.append(value)
    return torch.stack(found).numpy()


def by_descent(inverter: Inverter, y: np.ndarray, steps: int) -> np.ndarray:
    target = torch.as_tensor(y)
    forward = as_torch(inverter.chain, target)
    start = torch.randn(len(y), WIDTH, generator=torch.Generator().manual_seed(0))
    x = start.to(torch.float64).requires_grad_()
    optimiser = torch.optim.Adam([x], lr=0.3)  # the best of 0.003, 0.01, 0.03, 0.1, 0.3
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        (forward(x) - target).square().sum().backward()
        optimiser.step()
        schedule.step()
    return x.detach().numpy()


def measured(work: Callable[[], np.ndarray], repeats: int = 1) -> tuple[np.ndarray, float]:
    """CPU seconds on one thread, so that other work on the machine matters little; the median."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        found = work()
        seconds.append(time.process_time() - start)
    return found, float(np.median(seconds))


def report(name: str, found: tuple[np.ndarray, float], x: np.ndarray) -> None:
    latent, seconds = found
    truth = x[: len(latent)]
    errors = np.linalg.norm(latent - truth, axis=1) / np.linalg.norm(truth, axis=1)
    print(
        f"  {name:28} {1000 * seconds / len(latent):10.2f}   {len(latent):7d}   "
        f"{np.median(errors):9.1e}   {errors.max():9.1e}",
        flush=True,
    )


def compare(inverter: Inverter, x: np.ndarray, noise: np.ndarray, programs: int) -> None:
    y = inverter.chain.value(x) + noise
    lengths = np.linalg.norm(noise, axis=1)
    threshold = 5 * float(noise.std())
    print("  method                       s / 1,000   samples   median err     max err")
    size = float(lengths.max())
    answer = inverter.invert(y, noise=size)
    whole = measured(lambda: inverter.invert(y, noise=size).latent, repeats=7)
    report("monic, all at once", whole, x)
    one = min(len(y), 50)
    report(
        "monic, one by one",
        measured(lambda: np.array([inverter.invert(row, noise=size).latent for row in y[:one]])),
        x,
    )
    report("torch.linalg.lstsq", measured(lambda: by_lstsq(inverter, y[:one], threshold)), x)
    truth, better = x[:programs], []
    own = np.linalg.norm(answer.latent[:programs] - truth, axis=1)
    for norm in ("linf", "l1") if programs else ():
        some = y[:programs]
        found = measured(lambda some=some, norm=norm: inverter.invert(some, norm=norm).latent)
        report(f"linear programs, {norm}", found, x)
        better.append(bool(np.all(own < np.linalg.norm(found[0] - truth, axis=1))))
    report("Adam, 1,000 steps", measured(lambda: by_descent(inverter, y, 1000)), x)
    if better:
        print(
            f"  monic is nearer to the truth than both, for each of these samples: {all(better)}"
        )
    bound = np.asarray(answer.error_bound)
    error = np.linalg.norm(answer.latent - x, axis=1)
    print(
        f"  error bound of monic: median {np.median(bound):.2g}; kept by all samples: "
        f"{bool(np.all(error <= bound))}; distance to the range: largest lower bound "
        f"{np.max(answer.distance_to_range.lower):.2g}, largest upper bound "
        f"{np.max(answer.distance_to_range.upper):.2g}; largest noise {lengths.max():.2g}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--programs", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    model = network(rng)
    start = time.process_time()
    inverter = Inverter.of(model)
    print(f"preparing the network, once: {time.process_time() - start:.2f} s")
    x = rng.standard_normal((options.samples, WIDTH))
    y = inverter.chain.value(x)
    for share in (0.0, 0.01):
        # |noise| is the given share of |y|, sample by sample
        noise = rng.standard_normal(y.shape)
        noise *= (
            share * np.linalg.norm(y, axis=1)[:, None] / np.linalg.norm(noise, axis=1)[:, None]
        )
        print(f"noise of {share:.0%}")
        compare(inverter, x, noise, options.programs)


if __name__ == "__main__":
    main()
