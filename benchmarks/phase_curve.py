"""Compressed sensing of digits: measurements against recovery error, with two generators.

Two decoders of the same widths, 8 -> 16 -> 32 -> 64 pixels, are trained on the digits of
scikit-learn as halves of autoencoders, with equal seeds, steps and encoders:

* injective: y = B x + c, then ReLU(y, -s^2 y), twice, then an affine map;
* regular: an affine map and a ReLU, twice, then an affine map.

A seed says which digits are held out, where training starts, and what is measured; printed and
drawn are medians over the seeds with the least and the most. For m Gaussian measurements of 20
test images, `monic.inversion.recover` searches for latent codes.
The image is the decoder's own G(z) (can the code be found at all?) or the real digit (does the
prior help?). Where m >= 32 the injective decoder is inverted layer by layer as well: A joined with
the last affine map is then one-to-one.

Run: python benchmarks/phase_curve.py [--plot phase_curve.png] [--seeds 5]
"""

import argparse
import time
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

from monic.inversion import recover
from monic.inversion.search import Search
from monic.model import Activation, Concat, Input, Linear, Network, Scale, Shift, Stage

LATENT, WIDTHS, PIXELS = 8, (16, 32), 64
MEASUREMENTS = (4, 8, 10, 12, 14, 16, 20, 24, 32, 48)
IMAGES, EPOCHS = 20, 100
SEARCH = Search(restarts=8, steps=300, rate=0.1, polish=50)
RECOVERED = 0.01  # a relative error below this counts as recovered


class Paired(torch.nn.Module):
    """ReLU(y, -s^2 y) with y = B x + c, B square: injective as long as B is invertible."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.basis = torch.nn.Linear(n, n)
        torch.nn.init.orthogonal_(self.basis.weight, gain=2**0.5)
        self.scale = torch.nn.Parameter(torch.ones(n))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.basis(x)
        return torch.cat([y, -self.scale.square() * y], dim=-1).relu()

    def stage(self, name: str) -> Stage:
        """The same layer, as monic reads it."""
        weight, bias = self.basis.weight.detach().numpy(), self.basis.bias.detach().numpy()
        half = Shift(bias, Linear(weight, Input(weight.shape[1])))
        return Stage(name, Concat((half, Scale(-self.scale.detach().square().numpy(), half))))


def decoder(kind: str, seed: int) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    if kind == "injective":
        hidden: list[torch.nn.Module] = [Paired(LATENT), Paired(WIDTHS[0])]
    else:
        hidden = [
            *(torch.nn.Linear(LATENT, WIDTHS[0]), torch.nn.ReLU()),
            *(torch.nn.Linear(WIDTHS[0], WIDTHS[1]), torch.nn.ReLU()),
        ]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(WIDTHS[1], PIXELS)).double()


def as_network(model: torch.nn.Sequential) -> Network:
    """The injective decoder as a network of monic."""
    last = model[-1]
    image = Shift(
        last.bias.detach().numpy(), Linear(last.weight.detach().numpy(), Input(WIDTHS[1]))
    )
    stages = [layer.stage(f"layer {k}") for k, layer in enumerate(model[:-1])]
    return Network([*stages, Stage("image", image, Activation.IDENTITY)])


def trained(kind: str, images: torch.Tensor, seed: int) -> tuple[torch.nn.Sequential, Any]:
    """Returns a decoder and its encoder, trained as an autoencoder with codes near N(0, 1)."""
    model = decoder(kind, seed)
    torch.manual_seed(seed)
    encoder = torch.nn.Sequential(
        torch.nn.Linear(PIXELS, 128), torch.nn.ReLU(), torch.nn.Linear(128, LATENT)
    ).double()
    weights = [*model.parameters(), *encoder.parameters()]
    optimiser = torch.optim.Adam(weights, lr=2e-3)
    order = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
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


def split(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the digits to train on, and those to measure."""
    images = torch.as_tensor(load_digits().data / 16.0)
    order = np.random.default_rng(seed).permutation(len(images))
    return images[order[IMAGES:]], images[order[:IMAGES]]


def curve(kind: str, seed: int) -> dict[str, list[float]]:
    """Returns the columns of the table for one decoder, one entry for each m."""
    train, test = split(seed)
    model, encoder = trained(kind, train, seed)
    own = model(encoder(test))
    fit = float((own - test).square().sum(dim=1).mean())
    columns: dict[str, list[float]] = {"fit": [fit], "own": [], "recovered": [], "real": []}
    columns["layerwise"] = []
    for m in MEASUREMENTS:
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
            solved = recover(
                as_network(model), matrix, (own @ there.T).numpy(), method="layerwise"
            )
            exact = float(np.median(relative_errors(torch.as_tensor(solved.signal), own)))
        columns["layerwise"].append(exact)
    return columns


def table(kind: str, curves: list[dict[str, list[float]]]) -> None:
    """Prints medians over the seeds, with the least and the most."""
    fits = [columns["fit"][0] for columns in curves]
    print(f"{kind}: mean squared error of the autoencoder on test digits {spread(fits, '.2f')}")
    print("    m   own images: median error     recovered            real digits: median error")
    for k, m in enumerate(MEASUREMENTS):
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


def plot(path: str, curves: dict[str, list[dict[str, list[float]]]]) -> None:
    """Draws medians over the seeds as lines and their ranges as bands."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), constrained_layout=True)
    for kind, some in curves.items():
        for axis, name in zip(axes, ("recovered", "real"), strict=True):
            values = np.array([columns[name] for columns in some])
            (line,) = axis.plot(MEASUREMENTS, np.median(values, axis=0), marker="o", label=kind)
            axis.fill_between(
                MEASUREMENTS,
                values.min(axis=0),
                values.max(axis=0),
                color=line.get_color(),
                alpha=0.2,
            )
    axes[0].set(xlabel="measurements", ylabel="share of own images recovered", ylim=(0, 1.02))
    axes[1].set(xlabel="measurements", ylabel="median relative error, real digits", ylim=(0, None))
    axes[0].legend(loc="lower right")
    figure.suptitle(f"Medians over {len(next(iter(curves.values())))} seeds; bands: least to most")
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--plot", help="where to write the figure")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, ... are run")
    options = parser.parse_args()
    torch.set_num_threads(1)
    start = time.perf_counter()
    curves: dict[str, list[dict[str, list[float]]]] = {"injective": [], "regular": []}
    for seed in range(options.seeds):
        for kind, some in curves.items():
            some.append(curve(kind, seed))
        print(f"seed {seed}: {time.perf_counter() - start:.0f} s so far", flush=True)
    for kind, some in curves.items():
        table(kind, some)
    if options.plot:
        plot(options.plot, curves)


if __name__ == "__main__":
    main()
