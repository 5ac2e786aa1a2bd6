"""The whole study: both arms for each seed, a table like the papers' Table 1, a picture.

Ctrl-C keeps what is done: the same command goes on. The table has the median over the seeds, with
the least and the most in brackets.

Run: python experiments/gan/study.py experiments/gan/configs/digits.toml --seeds 3
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from torch import Tensor

import checkpoint
import data
import features
import model
from config import Config, ExperimentError, read
from evaluate import RESULTS, measured, picture, sampled, write
from monic.errors import MonicError
from train import Run, train, with_device

SHOWN = 48  # images of each arm in the picture


def study(config: Config, seeds: int, out: Path, inception: bool) -> dict[str, Any]:
    """Trains and measures both arms for each seed, and returns all results by arm."""
    images, labels = data.load(config.data)
    offline = features.available(images, labels, config)
    found: dict[str, list[Any]] = {arm: [] for arm in model.ARMS}
    for seed in range(seeds):
        shown = {"real": images[:SHOWN]}
        for arm in model.ARMS:
            run = Run(config, arm, seed, out / f"{arm}-{seed}")
            train(run, images)
            found[arm].append(_results(run, images, offline, inception))
            shown[arm] = sampled(run, SHOWN, 0)
        picture(shown, out / f"samples-{seed}.png")
    return {"config": checkpoint.named(config, "", 0)["config"], "seeds": seeds, "arms": found}


def _results(run: Run, images: Tensor, offline: dict[str, Any], inception: bool) -> dict[str, Any]:
    """Returns the results beside the checkpoint, measured now unless they are of this run."""
    path = run.folder / RESULTS
    whose = {
        **checkpoint.named(run.config, run.arm, run.seed),
        "done": run.done,
        "evaluate": {**vars(run.config.evaluate), "features": sorted(offline)},
        "inception": inception,
    }
    try:
        kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if kept["of"] == whose:
            return kept
    except (OSError, ValueError, KeyError, TypeError):
        pass  # there are none, or not of this run: they are measured
    found = {"of": whose, "parameters": model.parameters(run.generator)}
    found |= measured(run, images, offline, inception)
    write(path, found)
    return found


def table(arms: dict[str, list[Any]]) -> str:
    """Returns a table in Markdown: for each arm the median (least to most) of each number."""
    names = list(next(iter(arms.values()))[0]["numbers"])
    lines = [["Type of G", *names, "spread of a set", "parameters"]]
    for arm, runs in arms.items():
        cells = [_span([run["numbers"][name][0] for run in runs]) for name in names]
        spread = max(run["numbers"]["W2^2 of codes"][1] for run in runs)
        lines.append([arm, *cells, f"{spread:.2g}", str(runs[0]["parameters"])])
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def layer_table(arms: dict[str, list[Any]]) -> str:
    """Returns a table in Markdown: each layer's verdicts, and sigma_min over the seeds."""
    lines = ["| Type of G | layer (m, n) | activation | verdict | sigma_min |"]
    lines.append("|---|---|---|---|---|")
    for arm, runs in arms.items():
        for rows in zip(*(run["monic"]["layers"] for run in runs), strict=True):
            verdicts = " ".join(sorted({row["verdict"] for row in rows}))
            sigmas = [row["sigma_min"] for row in rows if row["sigma_min"] is not None]
            sigma = _span(sigmas) if sigmas else "not computed"
            shape = "({}, {})".format(*rows[0]["shape"])
            lines.append(f"| {arm} | {shape} | {rows[0]['activation']} | {verdicts} | {sigma} |")
        verdicts = " ".join(sorted({run["monic"]["verdict"] for run in runs}))
        lines.append(f"| {arm} | whole | | {verdicts} | |")
    return "\n".join(lines)


def _span(values: list[float]) -> str:
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:.3g} ({least:.3g} to {most:.3g})"


def remarks(arms: dict[str, list[Any]]) -> str:
    """Returns what monic says about the wholes, in its own words, and pairs that collide."""
    lines = []
    for arm, runs in arms.items():
        for seed, run in enumerate(runs):
            lines.append(
                f"{arm}, seed {seed}: {run['monic']['verdict']}: {run['monic']['reason']}"
            )
            if "collision" in run["monic"]:
                lines.append(f"  two codes with the same image: {run['monic']['collision']}")
    return "\n".join(lines)


def main() -> None:
    """Reads the command line, runs the study, prints and writes what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--device", help="cpu, cuda, cuda:1, auto; instead of the configuration's")
    parser.add_argument("--inception", action="store_true", help="FID and IS by torchmetrics")
    asked = parser.parse_args()
    try:
        if asked.seeds < 1:
            raise ExperimentError(f"Expected one seed or more. Got --seeds {asked.seeds}.")
        config = with_device(read(asked.config), asked.device)
        asked.out.mkdir(parents=True, exist_ok=True)
        found = study(config, asked.seeds, asked.out, asked.inception)
    except MonicError as error:
        sys.exit(f"study: {error}")
    except KeyboardInterrupt:
        sys.exit("study: interrupted; the same command goes on where it stopped")
    write(asked.out / "study.json", found)
    arms = found["arms"]
    print(table(arms), layer_table(arms), remarks(arms), sep="\n\n")


if __name__ == "__main__":
    main()
