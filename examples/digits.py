"""Digits: an injective network beside a plain one of the same widths.

Both read scikit-learn's digits, 64 pixels -> 128 -> 256 features -> 10 classes, and are trained
alike. The features of the injective one tell every image: `inverse` gives it back, and
`monic.decide` proves from the exported file that no two images have the same features. Of the
plain one it finds two images that have. (They are no digits: at those its local linear map keeps
full rank, so that it tells them from what is near.)

Run: python examples/digits.py [--epochs 20] [--seed 0] [--out FOLDER]
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from torch import Tensor, nn

import monic
import monic.nn
from monic.nn import InjectiveLinear, InjectiveSequential
from shared import options, positive, save

TESTED = 360  # images held out
SHOWN = 8  # of them drawn
SHAPE = {"input_shape": (64,)}  # of one image


def injective_features() -> InjectiveSequential:
    """Returns layers that contain their ReLU, and are one-to-one."""
    return InjectiveSequential(InjectiveLinear(64, 128), InjectiveLinear(128, 256))


def plain_features() -> nn.Sequential:
    """Returns the same widths without a promise."""
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 256), nn.ReLU())


def train(model: nn.Module, images: Tensor, labels: Tensor, epochs: int) -> None:
    """Minimises the cross entropy, with Adam."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    model.requires_grad_(False)


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Returns the share of images that are read correctly."""
    return float((model(images).argmax(1) == labels).double().mean())


def decide(model: monic.Network, weights: object) -> monic.NetworkDecision:
    """Decides exactly, prints the answer, and has the independent checker read its proof."""
    decision = monic.decide(model)
    print(decision)
    monic.check(decision.certificate, weights, **SHAPE if isinstance(weights, nn.Module) else {})
    print("the proof: valid")
    return decision


def exported(features: nn.Module, images: Tensor) -> monic.NetworkDecision:
    """Writes features to an ONNX file, as for other programs, and decides about that file."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "features.onnx"
        monic.nn.export(features, images[:2], file)
        return decide(monic.load(file), file)


def collide(plain: nn.Module) -> tuple[Tensor, Tensor] | None:
    """Returns two images with the same features, if the decision about all images gives such."""
    every_image = monic.Box(-np.ones(64), np.ones(64))
    network = monic.Network(monic.load(plain, **SHAPE).stages, every_image)
    found = decide(network, plain).collision
    if found is None:
        return None
    # exact fractions; these are the nearest floats
    x, other = (torch.tensor([float(t) for t in point]) for point in (found.x, found.other))
    far, gap = (x - other).abs().max(), (plain(x) - plain(other)).abs().max()
    print(f"two images with the same features; pixels differ by up to {far:.2g}")
    print(f"(their nearest floats have features that differ by up to {gap:.0e})")
    return x, other


def draw(test: Tensor, again: Tensor, pair: tuple[Tensor, Tensor] | None) -> Figure:
    """Draws digits, what their features gave back, and two images with the same features."""
    figure = plt.figure(figsize=(9, 5), layout="constrained")
    parts = figure.subfigures(3, 1)
    draw_row(parts[0], "Test digits", test[:SHOWN])
    draw_row(parts[1], "The same from the features of the injective network", again[:SHOWN])
    if pair is not None:
        x, other = pair
        title = "Two images with the very same features in the plain network; black is −c, white c"
        draw_row(parts[2], title, [x, other, x - other], ("x", "x'", "x − x'"))
    return figure


def draw_row(part: Any, title: str, images: Sequence[Tensor], labels: Sequence[str] = ()) -> None:
    """Draws images under a title; each one with a label has a scale of its own."""
    part.suptitle(title, fontsize=10, x=0.01, ha="left")
    for k, image in enumerate(images):
        axes = part.add_subplot(1, SHOWN, k + 1)
        reach = float(image.abs().max()) if labels else 1.0
        axes.imshow(image.reshape(8, 8), cmap="gray", vmin=-reach, vmax=reach)
        if labels:
            axes.set_xlabel(f"{labels[k]}, c = {reach:.2g}", fontsize=8)
        axes.set(xticks=[], yticks=[])


def main() -> None:
    """Trains both, inverts, decides and draws."""
    parser = options(__doc__)
    parser.add_argument("--epochs", type=positive, default=20, help="of training")
    parser.add_argument("--seed", type=int, default=0, help="of the split and of training")
    asked = parser.parse_args()
    digits = load_digits()
    images = torch.tensor(digits.data / 8 - 1, dtype=torch.float32)  # from -1 to 1
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(asked.seed))
    tested, trained = order[:TESTED], order[TESTED:]
    test = images[tested]

    networks = {}
    for name, make in (("injective", injective_features), ("plain", plain_features)):
        torch.manual_seed(asked.seed)
        networks[name] = make()
        model = nn.Sequential(networks[name], nn.Linear(256, 10))
        train(model, images[trained], labels[trained], asked.epochs)
        print(f"{name}: {accuracy(model, test, labels[tested]):.1%} of the test digits are right")

    injective, plain = networks["injective"], networks["plain"]
    again = injective.inverse(injective(test))
    error = ((again - test).norm(dim=1) / test.norm(dim=1)).max()
    print(f"\ninjective: digits from their features, largest relative error {error:.0e}")
    exported(injective, test)

    slopes = torch.func.vmap(torch.func.jacfwd(plain))(test)  # (360, 256, 64)
    rank = int(torch.linalg.matrix_rank(slopes).min())
    print(
        f"\nplain: at test digits its local linear map has rank {rank} at least, of 64, in floats"
    )
    pair = collide(plain)
    save(draw(test, again, pair), asked.out / "digits.png")


if __name__ == "__main__":
    main()
