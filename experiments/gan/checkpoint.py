"""Where training has come: tensors in a safetensors file, numbers as JSON in its header.

All randomness of a batch is drawn from its number and the seed, so no state of a generator is
kept: weights, the averages of Adam and the number of batches done are all there is.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from config import Config
from monic.errors import UnreadableCheckpoint
from monic.writing import replacing

#: The key of the numbers in the file's metadata.
KEY = "monic.experiments.gan"
_AVERAGES = ("step", "exp_avg", "exp_avg_sq")


def named(config: Config, arm: str, seed: int) -> dict[str, Any]:
    """Returns what a checkpoint belongs to, as JSON holds it; not where and how often it runs."""
    table = json.loads(json.dumps(asdict(config)))
    for key in ("device", "save_every"):
        del table["train"][key]
    del table["evaluate"]
    return {"arm": arm, "seed": seed, "config": table}


def save(path: Path, whose: dict[str, Any], done: int, parts: dict[str, Any]) -> None:
    """Writes networks and optimizers; an older file is replaced at the very end."""
    from safetensors.torch import save as packed

    text = json.dumps({**whose, "done": done}, sort_keys=True)
    tensors = {k: t.detach().cpu().contiguous().clone() for k, t in _tensors(parts).items()}
    with replacing(path) as stream:
        stream.write(packed(tensors, metadata={KEY: text}))


def load(path: Path, whose: dict[str, Any], parts: dict[str, Any]) -> int:
    """Fills networks and optimizers, and returns how many batches were done.

    Raises:
        UnreadableCheckpoint: when the file is damaged, or about another run.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            numbers = json.loads((file.metadata() or {}).get(KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise UnreadableCheckpoint(f"Expected a checkpoint. Got {path}: {error}.") from None
    done = numbers.pop("done", None) if isinstance(numbers, dict) else None
    if numbers != whose or type(done) is not int or done < 0:
        raise UnreadableCheckpoint(
            f"Expected a checkpoint of the same arm, seed and configuration. Got {path}, which is "
            "of another run: choose another folder, or remove it."
        )
    _fill(path, parts, tensors)
    return done


def _tensors(parts: dict[str, Any]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, part in parts.items():
        if isinstance(part, nn.Module):
            found |= {f"{name}.{key}": value for key, value in part.state_dict().items()}
            continue
        for index, state in part.state_dict()["state"].items():
            found |= {f"{name}.{index}.{key}": state[key] for key in _AVERAGES}
    return found


def _fill(path: Path, parts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    expected = {key: tuple(t.shape) for key, t in _tensors(parts).items()}
    got = {key: tuple(t.shape) for key, t in tensors.items()}
    if expected != got or not all(bool(t.isfinite().all()) for t in tensors.values()):
        wrong = sorted(k for k in expected | got if expected.get(k) != got.get(k))
        raise UnreadableCheckpoint(
            f"Expected finite tensors of the run's shapes in {path}. Got others at {wrong[:5]}."
        )
    for name, part in parts.items():
        own = {k[len(name) + 1 :]: t for k, t in tensors.items() if k.startswith(f"{name}.")}
        if isinstance(part, nn.Module):
            part.load_state_dict(own)
            continue
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in own.items():
            index, what = key.split(".")
            state.setdefault(int(index), {})[what] = tensor
        part.load_state_dict({**part.state_dict(), "state": state})
