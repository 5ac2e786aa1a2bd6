"""What images are compared by: pixels, a small classifier, or the user's own Inception.

FID and the Inception score need weights that are downloaded; where torchmetrics and torch-fidelity
and those weights are, they are reported. The two others work offline, and are never called FID.
"""

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from config import Config, ExperimentError

Features = Callable[[Tensor], Tensor]


def pixels(images: Tensor) -> Tensor:
    """Returns images as vectors; on at most 16 places a side, by areas."""
    if images.shape[-1] > 16:
        images = nn.functional.adaptive_avg_pool2d(images, 16)
    return images.flatten(1)


class Classifier(nn.Module):
    """A small network that tells classes apart; `features` are what its last layer sees."""

    def __init__(self, colors: int, size: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = [colors, 16, 32, 64]
        for inputs, outputs in itertools.pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            if size > 4:
                layers.append(nn.AvgPool2d(2))
                size //= 2
        self.body = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(channels[-1] * size * size, 32), nn.ReLU()
        )
        self.head = nn.Linear(32, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Returns logits."""
        logits: Tensor = self.head(self.body(images))
        return logits


def classifier(images: Tensor, labels: Tensor, config: Config) -> tuple[Classifier, float]:
    """Returns a classifier, trained on 4 of 5 images, and its accuracy on the others.

    It is the same for all arms and seeds: its own seed is 0.
    """
    torch.manual_seed(0)
    order = torch.randperm(len(images))
    kept, held = order[len(order) // 5 :], order[: len(order) // 5]
    network = Classifier(config.data.colors, config.data.size, int(labels.max()) + 1)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(config.evaluate.classifier_epochs):
        for rows in kept[torch.randperm(len(kept))].split(128):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(images[rows]), labels[rows])
            loss.backward()
            optimizer.step()
    network.eval().requires_grad_(False)
    right = torch.cat([network(x).argmax(1) for x in images[held].split(1000)]) == labels[held]
    return network, float(right.float().mean())


def available(images: Tensor, labels: Tensor | None, config: Config) -> dict[str, Features]:
    """Returns the features that work offline, by honest names."""
    found: dict[str, Features] = {"pixels": pixels}
    if labels is not None and config.evaluate.classifier_epochs:
        network, accuracy = classifier(images, labels, config)
        found[f"a classifier, {100 * accuracy:.1f} % right"] = network.body
    return found


def inception(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Returns FID and the Inception score as torchmetrics computes them.

    Raises:
        ExperimentError: when torchmetrics, torch-fidelity or the weights are not there.
    """
    try:
        from torchmetrics.image.fid import FrechetInceptionDistance
        from torchmetrics.image.inception import InceptionScore

        fid: Any = FrechetInceptionDistance(normalize=True)
        score: Any = InceptionScore(normalize=True)
    except Exception as error:  # a download may fail in many ways
        raise ExperimentError(
            "Expected torchmetrics and torch-fidelity with the weights of Inception for FID and "
            f"the Inception score. Got: {error}. Run `python -m pip install torchmetrics "
            "torch-fidelity` where the weights can be downloaded, or leave out --inception."
        ) from None
    for images, is_real in ((real, True), (fake, False)):
        for part in images.split(100):
            part = part.expand(-1, 3, -1, -1)
            fid.update(part, real=is_real)
            if not is_real:
                score.update(part)
    return {"FID": float(fid.compute()), "Inception score": float(score.compute()[0])}
