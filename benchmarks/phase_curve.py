"""Compressed sensing of digits: measurements against recovery error, with two generators.

Two decoders of the same widths, 8 -> 16 -> 32 -> 64 pixels, are trained on the digits of
scikit-learn as halves of autoencoders, with equal seeds, steps and encoders:

* injective: `InjectiveLinear`, z = B x + b and then ReLU(z, -s^2 z), twice, then an affine map;
* regular: an affine map and a ReLU, twice, then an affine map.

A seed says which digits are held out, where training starts, and what is measured; printed and
drawn are medians over the seeds with the least and the most. For m Gaussian measurements of 20
test images, `monic.inversion.recover` searches for latent codes.
The image is the decoder's own G(z) (can the code be found at all?) or the real digit (does the
prior help?). Where m >= 32 the injective decoder is inverted layer by layer as well: A joined with
the last affine map is then one-to-one.

Run: python benchmarks/phase_curve.py [--plot phase_curve.png] [--seeds 5]; --help has more
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

from monic.inversion import recover
from monic.inversion.search import Search
from monic.nn import InjectiveLinear, InjectiveSequential

LATENT, WIDTHS, PIXELS = 8, (16, 32), 64
MEASUREMENTS = (4, 8, 10, 12, 14, 16, 20, 24, 32, 48)
SEARCH = Search(restarts=8, steps=300, rate=0.1, polish=50)
RECOVERED = 0.01  # a relative error below this counts as recovered


@dataclass(frozen=True)
class Study:
    """How much is done for each seed: the defaults give the figures in docs/inversion.md."""

    measurements: Sequence[int] = MEASUREMENTS
    images: int = 20
    epochs: int = 100


def decoder(kind: str, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    if kind == "injective":
        return InjectiveSequential(
            InjectiveLinear(LATENT, WIDTHS[0]),
            InjectiveLinear(WIDTHS[0], WIDTHS[1]),
            torch.nn.Linear(WIDTHS[1], PIXELS),
        ).double()
    return torch.nn.Sequential(
        *(torch.nn.Linear(LATENT, WIDTHS[0]), torch.nn.ReLU()),
        *(torch.nn.Linear(WIDTHS[0], WIDTHS[1]), torch.nn.ReLU()),
        torch.nn.Linear(WIDTHS[1], PIXELS),
    ).double()


def trained(kind: str, images: torch.Tensor, epochs: int, seed: int) -> tuple[Any, Any]:
    """Returns a decoder and its encoder, trained as an autoencoder with codes near N(0, 1)."""
    model = decoder(kind, seed)
    torch.manual_seed(seed)
    encoder = torch.nn.Sequential(
        torch.nn.Linear(PIXELS, 128), torch.nn.ReLU(), torch.nn.Linear(128, LATENT)
    ).double()
    weights = [*model.parameters(), *encoder.parameters()]
    optimiser = torch.optim.Adam(weights, lr=2e-3)
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for batch in images[torch.randperm(len(images), generator=order)].split(64):
            codes = encoder(batch)
            loss = (model(codes) - batch).square().sum(dim=1).mean()
            loss = loss + 1e-2 * codes.square().sum(dim=1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return model.requires_grad_(False), encoder.requires_grad_(False)


def relative_errors(found: torch.Tensor, truth: torch.Tensor) -> np.ndarray:
    return ((found - truth).norm(dim=1) / truth.norm(dim=1)).numpy()


def split(held_out: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the digits to train on, and those to measure."""
    images = torch.as_tensor(load_digits().data / 16.0)
    order = np.random.default_rng(seed).permutation(len(images))
    return images[order[held_out:]], images[order[:held_out]]


def curve(kind: str, study: Study, seed: int) -> dict[str, list[float]]:
    """Returns the columns of the table for one decoder, one entry for each m."""
    train, test = split(study.images, seed)
    model, encoder = trained(kind, train, study.epochs, seed)
    own = model(encoder(test))
    fit = float((own - test).square().sum(dim=1).mean())
    columns: dict[str, list[float]] = {"fit": [fit], "own": [], "recovered": [], "real": []}
    columns["layerwise"] = []
    for m in study.measurements:
        matrix = np.random.default_rng((seed, m)).standard_normal((m, PIXELS)) / m**0.5
        there = torch.as_tensor(matrix)
        errors = []
        for image in (own, test):
            found = recover(model, matrix, image @ there.T, latent_shape=(LATENT,), search=SEARCH)
            errors.append(relative_errors(found.signal, image))
        columns["own"].append(float(np.median(errors[0])))
        columns["recovered"].append(float((errors[0] < RECOVERED).mean()))
        columns["real"].append(float(np.median(errors[1])))
        exact = np.nan
        if kind == "injective" and m >= WIDTHS[1]:
            found = recover(
                model, matrix, own @ there.T, method="layerwise", latent_shape=(LATENT,)
            )
            exact = float(np.median(relative_errors(found.signal, own)))
        columns["layerwise"].append(exact)
    return columns


def table(kind: str, measurements: Sequence[int], curves: list[dict[str, list[float]]]) -> None:
    """Prints medians over the seeds, with the least and the most."""
    fits = [columns["fit"][0] for columns in curves]
    print(f"{kind}: mean squared error of the autoencoder on test digits {spread(fits, '.2f')}")
    print("    m   own images: median error     recovered            real digits: median error")
    for k, m in enumerate(measurements):
        own, share, real, exact = (
            [columns[name][k] for columns in curves]
            for name in ("own", "recovered", "real", "layerwise")
        )
        layerwise = "" if np.isnan(exact[0]) else f"   layerwise: {spread(exact, '.0e')}"
        print(
            f"  {m:3d}   {spread(own, '.0e'):27}  {spread(share, '.0%'):18}   "
            f"{spread(real, '.2f')}{layerwise}"
        )


def spread(values: list[float], form: str) -> str:
    low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
    return f"{middle:{form}} [{low:{form}}, {high:{form}}]"


def plot(
    path: Path, measurements: Sequence[int], curves: dict[str, list[dict[str, list[float]]]]
) -> None:
    """Draws medians over the seeds as lines and their ranges as bands."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), constrained_layout=True)
    for kind, some in curves.items():
        for axis, name in zip(axes, ("recovered", "real"), strict=True):
            values = np.array([columns[name] for columns in some])
            (line,) = axis.plot(measurements, np.median(values, axis=0), marker="o", label=kind)
            axis.fill_between(
                measurements,
                values.min(axis=0),
                values.max(axis=0),
                color=line.get_color(),
                alpha=0.2,
            )
    axes[0].set(xlabel="measurements", ylabel="share of own images recovered", ylim=(0, 1.02))
    axes[1].set(xlabel="measurements", ylabel="median relative error, real digits", ylim=(0, None))
    axes[0].legend(loc="lower right")
    figure.suptitle(f"Medians over {len(next(iter(curves.values())))} seeds; bands: least to most")
    rough = path.with_name(f".{path.name}.rough")  # no half-written picture is left
    figure.savefig(rough, format="png", dpi=150)
    rough.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--plot", type=Path, help="where to write the figure, a PNG")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, ... are run")
    parser.add_argument("--measurements", type=int, nargs="+", default=MEASUREMENTS)
    parser.add_argument("--images", type=int, default=Study.images, help="held out, and measured")
    parser.add_argument("--epochs", type=int, default=Study.epochs, help="of training")
    options = parser.parse_args()
    study = Study(options.measurements, options.images, options.epochs)
    if min(options.seeds, study.images, study.epochs, *study.measurements) < 1:
        parser.error("Expected numbers above 0.")
    torch.set_num_threads(1)
    start = time.perf_counter()
    curves: dict[str, list[dict[str, list[float]]]] = {"injective": [], "regular": []}
    for seed in range(options.seeds):
        for kind, some in curves.items():
            some.append(curve(kind, study, seed))
        print(f"seed {seed}: {time.perf_counter() - start:.0f} s so far", flush=True)
    for kind, some in curves.items():
        table(kind, study.measurements, some)
    if options.plot:
        plot(options.plot, study.measurements, curves)


if __name__ == "__main__":
    main()
