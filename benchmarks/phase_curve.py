"""Compressed sensing of digits: measurements against recovery error, with two generators.

Two decoders of the same widths, 8 -> 16 -> 32 -> 64 pixels, are trained on the digits of
scikit-learn as halves of autoencoders, with equal seeds, steps and encoders:

* injective: y = B x + c, then ReLU(y, -s^2 y), twice, then an affine map;
* regular: an affine map and a ReLU, twice, then an affine map.

For m Gaussian measurements of 30 test images, `monic.inversion.recover` searches for latent codes.
The image is the decoder's own G(z) (can the code be found at all?) or the real digit (does the
prior help?). Where m >= 32 the injective decoder is inverted layer by layer as well: A joined with
the last affine map is then one-to-one.

Run: python benchmarks/phase_curve.py [--plot phase_curve.png]
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
MEASUREMENTS = (2, 4, 6, 8, 10, 12, 16, 24, 32, 48, 64)
IMAGES, EPOCHS, SEED = 30, 150, 0
SEARCH = Search(restarts=8, steps=400, rate=0.1, polish=50)
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


def decoder(kind: str) -> torch.nn.Sequential:
    torch.manual_seed(SEED)
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


def trained(kind: str, images: torch.Tensor) -> tuple[torch.nn.Sequential, Any]:
    """Returns a decoder and its encoder, trained as an autoencoder with codes near N(0, 1)."""
    model = decoder(kind)
    torch.manual_seed(SEED)
    encoder = torch.nn.Sequential(
        torch.nn.Linear(PIXELS, 128), torch.nn.ReLU(), torch.nn.Linear(128, LATENT)
    ).double()
    weights = [*model.parameters(), *encoder.parameters()]
    optimiser = torch.optim.Adam(weights, lr=2e-3)
    order = torch.Generator().manual_seed(SEED)
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


def curve(kind: str, train: torch.Tensor, test: torch.Tensor) -> dict[str, list[float]]:
    model, encoder = trained(kind, train)
    own = model(encoder(test))
    fit = float((own - test).square().sum(dim=1).mean())
    print(f"{kind}: mean squared error of the autoencoder on test digits {fit:.2f}")
    print("    m   own images: median error   recovered   real digits: median error   layerwise")
    columns: dict[str, list[float]] = {"own": [], "recovered": [], "real": []}
    for m in MEASUREMENTS:
        matrix = np.random.default_rng(m).standard_normal((m, PIXELS)) / m**0.5
        there = torch.as_tensor(matrix)
        errors = []
        for image in (own, test):
            found = recover(model, matrix, image @ there.T, latent_shape=(LATENT,), search=SEARCH)
            errors.append(relative_errors(found.signal, image))
        layerwise = ""
        if kind == "injective" and m >= WIDTHS[1]:
            exact = recover(as_network(model), matrix, (own @ there.T).numpy(), method="layerwise")
            layerwise = f"{np.median(relative_errors(torch.as_tensor(exact.signal), own)):.1e}"
        columns["own"].append(float(np.median(errors[0])))
        columns["recovered"].append(float((errors[0] < RECOVERED).mean()))
        columns["real"].append(float(np.median(errors[1])))
        print(
            f"  {m:3d}   {columns['own'][-1]:24.1e}   {columns['recovered'][-1]:9.0%}   "
            f"{columns['real'][-1]:25.3f}   {layerwise:>9}",
            flush=True,
        )
    return columns


def plot(path: str, curves: dict[str, dict[str, list[float]]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), constrained_layout=True)
    for kind, columns in curves.items():
        axes[0].plot(MEASUREMENTS, columns["recovered"], marker="o", label=kind)
        axes[1].plot(MEASUREMENTS, columns["real"], marker="o", label=kind)
    axes[0].set(xlabel="measurements", ylabel="share of own images recovered", ylim=(0, 1.02))
    axes[1].set(xlabel="measurements", ylabel="median relative error, real digits", ylim=(0, None))
    axes[0].legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--plot", help="where to write the figure")
    options = parser.parse_args()
    torch.set_num_threads(1)
    images = torch.as_tensor(load_digits().data / 16.0)
    order = np.random.default_rng(SEED).permutation(len(images))
    train, test = images[order[IMAGES:]], images[order[:IMAGES]]
    start = time.perf_counter()
    curves = {kind: curve(kind, train, test) for kind in ("injective", "regular")}
    print(f"{time.perf_counter() - start:.0f} s in all")
    if options.plot:
        plot(options.plot, curves)


if __name__ == "__main__":
    main()
