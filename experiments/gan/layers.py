"""What monic says about the layers of a generator, after its export to ONNX."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import monic
from config import Config
from monic.nn import InjectiveConvTranspose2d, export

FILE = "generator.onnx"


def decided(generator: nn.Sequential, config: Config, folder: Path) -> dict[str, Any]:
    """Writes the generator to an ONNX file, and returns the exact verdicts about that file.

    Verdicts are proved; sigma_min is computed in floats. Where a pair of latent codes with the
    same image was found and confirmed exactly, it is returned as well.
    """
    path = folder / FILE
    export(generator.cpu(), torch.zeros(2, config.model.latent, 1, 1), path)
    network = monic.load(path)
    assert isinstance(network, monic.Network), "an ONNX file holds a network"
    answer = monic.decide(network, time_limit=config.evaluate.decide_seconds)
    sigmas = smallest_singular_values(generator, config)
    stages = [
        {
            "name": stage.name,
            "shape": list(stage.shape),
            "domain": stage.domain,
            "activation": stage.activation,
            "verdict": stage.decision.verdict.name,
            "reason": stage.decision.reason,
            "sigma_min": sigma,
        }
        for stage, sigma in zip(answer.stages, sigmas, strict=True)
    ]
    found: dict[str, Any] = {"verdict": answer.verdict.name, "reason": answer.reason}
    found["layers"] = stages
    if answer.collision is not None:
        found["collision"] = [
            [float(v) for v in code] for code in (answer.collision.x, answer.collision.other)
        ]
    return found


def smallest_singular_values(generator: nn.Sequential, config: Config) -> list[float | None]:
    """Returns sigma_min of each linear map, of [C] for pairs; None where it would take too long.

    A map to fewer dimensions has none but 0.
    """
    found: list[float | None] = []
    shape = (config.model.latent, 1, 1)
    for module in generator:
        if isinstance(module, (InjectiveConvTranspose2d, nn.ConvTranspose2d)):
            found.append(_smallest(module, shape, config.evaluate.largest_svd))
        with torch.no_grad():
            shape = tuple(module(torch.zeros(1, *shape)).shape[1:])
    return found


def _smallest(module: nn.Module, shape: tuple[int, ...], largest: int) -> float | None:
    size = int(np.prod(shape))
    if size > largest:
        return None
    units = torch.eye(size).reshape(size, *shape)
    with torch.no_grad():
        columns = torch.cat([_linear(module, part) for part in units.split(256)])
    if columns.shape[1] < size:
        return 0.0
    return float(torch.linalg.svdvals(columns.double())[-1])


def _linear(module: nn.Module, x: Tensor) -> Tensor:
    if isinstance(module, InjectiveConvTranspose2d):
        return module.linear(x, module.basis, None).flatten(1)
    moved: Tensor = module(x) - module(torch.zeros_like(x[:1]))  # without the bias
    return moved.flatten(1)
