"""monic alone: under an assumption, with two workers, its memory, its checker, its nodes."""

from dataclasses import dataclass
from math import comb
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from deciding.asking import Outcome, Program
from deciding.instances import Instance, Size, weight
from deciding.rendering import seconds, table

__all__ = ["Report", "general_position", "nodes", "resources", "workers"]

GENERAL_POSITION_SIZES: tuple[Size, ...] = ((12, 96), (16, 160), (16, 320), (20, 400))
WORKERS_SIZE: Size = (12, 96)
RESOURCE_SIZES: tuple[Size, ...] = ((10, 100), (12, 96))
#: m = ratio n: the count should not depend on it.
NODE_RATIOS = (10, 30)


@dataclass(frozen=True, slots=True)
class Report:
    """A table, and the same as plain values.

    Arguments:
        text: For a page.
        data: For a JSON file.
        is_sound: Whether every answer was there and every proof accepted.
    """

    text: str
    data: list[dict[str, Any]]
    is_sound: bool = True


def general_position(seeds: int, cap: float, folder: Path) -> Report:
    """Times packing, which assumes general position, and the checker on its first proof."""
    data, sound = [], True
    with Program("monic_packing") as monic, Program("checker") as checker:
        for size in GENERAL_POSITION_SIZES:
            model, proof = folder / "weight.npy", folder / "layer.proof"
            outcomes: list[Outcome] = []
            for seed in range(seeds):
                _save(model, size, seed)
                task = {"weight": str(model), "question": "general-position"}
                outcomes.append(monic.ask({**task, "proof": str(proof)}, cap))
                if outcomes[-1].state != "done":
                    break  # other seeds would take as long
                if seed == 0:
                    checked = checker.ask({"weight": str(model), "proof": str(proof)}, cap)
                    sound &= checked.state != "failed"
            row = _row(size, outcomes)
            row["checker"] = _shown(checked) if outcomes[0].state == "done" else "–"
            sound &= all(outcome.state != "failed" for outcome in outcomes)
            data.append(row)
    return Report(_table(data), data, sound)


def workers(cap: float, folder: Path) -> Report:
    """Times one worker and two, the processes started before."""
    model = folder / "weight.npy"
    _save(model, WORKERS_SIZE, 0)
    small = folder / "small.npy"
    _save(small, (8, 48), 0)
    data, found = [], []
    with Program("workers") as monic:
        for count in (1, 2):
            monic.ask({"weight": str(small), "workers": count}, cap)
            found.append(monic.ask({"weight": str(model), "workers": count}, cap))
            data.append({"workers": str(count), **_row(WORKERS_SIZE, found[-1:])})
    one, two = found
    is_timed = one.state == two.state == "done"
    text = _table(data)
    if is_timed:
        text += f"\n\nTwo workers are {one.seconds / two.seconds:.2f} times as fast as one."
    same = not is_timed or one.facts["nodes"] == two.facts["nodes"]
    return Report(text, data, same and all(outcome.state != "failed" for outcome in found))


def resources(cap: float, folder: Path) -> Report:
    """Measures peak memory, the size of proofs, and the checker, each in a fresh process."""
    data, sound = [], True
    for size in RESOURCE_SIZES:
        model, proof = folder / "weight.npy", folder / "layer.proof"
        _save(model, size, 0)
        with Program("monic_branching") as monic:
            task = {"weight": str(model), "question": "exact", "proof": str(proof)}
            found = monic.ask(task, cap)
        row = _row(size, [found])
        sound &= found.state != "failed"
        if found.state == "done":
            with Program("checker") as checker:
                checked = checker.ask({"weight": str(model), "proof": str(proof)}, cap)
            sound &= checked.state != "failed"
            row |= {
                "peak MB": f"{found.facts['peak_mb']:.0f}",
                "proof MB": f"{found.facts['proof_bytes'] / 1e6:.2f}",
                "checker": _shown(checked),
                "checker's peak MB": f"{checked.facts.get('peak_mb', float('nan')):.0f}",
            }
        data.append(row)
    return Report(_table(data), data, sound)


def nodes(largest: int, seeds: int, cap: float, folder: Path) -> Report:
    """Counts nodes on Gaussian layers beside C(2n, n − 1) and the published bound."""
    data, sound = [], True
    with Program("monic_branching") as monic:
        for n in range(3, largest + 1):
            row: dict[str, str] = {"n": str(n)}
            for ratio in NODE_RATIOS:
                counts = []
                for seed in range(seeds):
                    model = folder / "weight.npy"
                    _save(model, (n, ratio * n), seed)
                    found = monic.ask({"weight": str(model), "question": "exact"}, cap)
                    sound &= found.state != "failed"
                    if found.verdict == "INJECTIVE":  # others end early
                        counts.append(found.facts["nodes"])
                row[f"nodes, m = {ratio}n"] = f"{median(counts):.0f}" if counts else "–"
            row["C(2n, n−1)"] = str(comb(2 * n, n - 1))
            row["((n+1)^n − 1)/n"] = str(((n + 1) ** n - 1) // n)
            data.append(row)
    return Report(_table(data), data, sound)


def _save(path: Path, size: Size, seed: int) -> None:
    np.save(path, weight(Instance("gaussian", size, seed)))


def _row(size: Size, outcomes: list[Outcome]) -> dict[str, str]:
    n, m = size
    verdicts = sorted({outcome.verdict or outcome.state for outcome in outcomes})
    is_bound = any(outcome.state == "time-out" for outcome in outcomes)
    counts = [outcome.facts["nodes"] for outcome in outcomes if outcome.state == "done"]
    time = seconds(median(outcome.seconds for outcome in outcomes))
    return {
        "n×m": f"{n}×{m}",
        "seeds": str(len(outcomes)),
        "verdict": ", ".join(verdicts),
        "seconds": f"> {time}" if is_bound else time,
        "nodes": f"{median(counts):.0f}" if counts else "–",
    }


def _shown(outcome: Outcome) -> str:
    if outcome.state == "failed":
        return f"FAILED: {outcome.message}"
    mark = "> " if outcome.state == "time-out" else ""
    return mark + seconds(outcome.seconds)


def _table(data: list[dict[str, str]]) -> str:
    header = list(dict.fromkeys(key for row in data for key in row))
    return table(header, [[row.get(key, "–") for key in header] for row in data])
