"""Measures one trained arm: how well codes are inferred, how good samples are, what is proved.

* W2^2 between N(0, I) and the Gaussian fitted to the inferred codes I(G(z)), as in the papers;
* Frechet distances of samples in features that work offline, and FID where the user has it;
* the exact verdicts of monic about the layers, from the exported file.

Run: python experiments/gan/evaluate.py experiments/gan/configs/digits.toml --arm injective
(after train.py with the same arguments).
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import data
import features
import model
from config import ExperimentError, read
from distance import frechet_distance, to_standard_normal
from layers import decided
from monic.errors import MonicError
from monic.writing import replacing
from train import FILE, Run, command_line, with_device

RESULTS = "results.json"
_PART = 500  # images that are made at once
_SETS = 1 << 40  # seeds of sample sets begin here, beyond those of training


def measured(
    run: Run, images: Tensor, offline: dict[str, features.Features], inception: bool = False
) -> dict[str, Any]:
    """Returns all that is measured of a run, as JSON holds it.

    A number is [mean, standard deviation] over the sample sets, as in the papers' Table 1.
    """
    asked = run.config.evaluate
    found: dict[str, list[Any]] = {}
    for index in range(asked.sets):
        for name, value in _one_set(run, index).items():
            found.setdefault(name, []).append(value)
        samples = sampled(run, asked.samples, _SETS + index)
        for name, through in offline.items():
            value = frechet_distance(_through(through, images), _through(through, samples))
            found.setdefault(f"Frechet distance ({name})", []).append(value)
        if inception:
            for name, value in features.inception(images, samples).items():
                found.setdefault(name, []).append(value)
    numbers = {name: [float(np.mean(v)), float(np.std(v))] for name, v in found.items()}
    return {"numbers": numbers, "monic": decided(run.generator, run.config, run.folder)}


def _one_set(run: Run, index: int) -> dict[str, float]:
    """Returns what one set of codes says about inference."""
    z = _codes(run, run.config.evaluate.codes, _SETS + (1 << 20) + index)
    with torch.no_grad():
        parts = [run.inference(run.generator(part.to(run.device))) for part in z.split(_PART)]
    inferred, true = torch.cat(parts).cpu().double().numpy(), z.flatten(1).double().numpy()
    return {
        "W2^2 of codes": to_standard_normal(inferred),
        "W2^2 of the true codes": to_standard_normal(true),
        "mean square of I(G(z)) - z": float(((inferred - true) ** 2).mean()),
    }


def _codes(run: Run, count: int, seed: int) -> Tensor:
    return model.codes(count, run.config.model.latent, torch.Generator().manual_seed(seed))


def sampled(run: Run, count: int, seed: int) -> Tensor:
    """Returns images G(z) on the CPU, for codes that depend on the seed alone."""
    z = _codes(run, count, seed)
    with torch.no_grad():
        return torch.cat([run.generator(p.to(run.device)).cpu() for p in z.split(_PART)])


def _through(through: Callable[[Tensor], Tensor], images: Tensor) -> Any:
    with torch.no_grad():
        return torch.cat([through(part) for part in images.split(_PART)]).double().numpy()


def write(path: Path, found: Any) -> None:
    """Writes JSON, whole or not at all."""
    with replacing(path) as stream:
        stream.write((json.dumps(found, indent=1) + "\n").encode())


def picture(rows: dict[str, Tensor], path: Path, across: int = 12) -> None:
    """Writes a PNG: for each name a grid of images, 4 rows of `across`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(across / 2, 2.4 * len(rows)), layout="constrained")
    for axes, (name, images) in zip(figure.subplots(len(rows), 1), rows.items(), strict=True):
        shown = torch.nn.functional.pad(images[: 4 * across], (1, 1, 1, 1), value=1.0)
        grid = torch.cat([torch.cat(list(line), 2) for line in shown.split(across)], 1)
        axes.imshow(grid.permute(1, 2, 0).squeeze(2), cmap="gray", vmin=0, vmax=1)
        axes.set_title(name, fontsize=10)
        axes.set_axis_off()
    with replacing(path) as stream:
        FigureCanvasAgg(figure).print_png(stream)


def main() -> None:
    """Reads the command line, measures, writes results.json beside the checkpoint."""
    parser = command_line(__doc__)
    parser.add_argument("--inception", action="store_true", help="FID and IS by torchmetrics")
    asked = parser.parse_args()
    try:
        config = with_device(read(asked.config), asked.device)
        images, labels = data.load(config.data)
        run = Run(config, asked.arm, asked.seed, asked.out / f"{asked.arm}-{asked.seed}")
        run.resume()
        if not run.done:
            raise ExperimentError(f"Expected {run.folder / FILE}. Got none: run train.py first.")
        offline = features.available(images, labels, config)
        found = measured(run, images, offline, asked.inception)
    except MonicError as error:
        sys.exit(f"evaluate: {error}")
    write(run.folder / RESULTS, found)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
