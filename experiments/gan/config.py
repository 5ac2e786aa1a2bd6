"""What a run is: every number of it, read from a TOML file and refused where it is wrong."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from monic.errors import MonicError

BIASES = ("paper", "both", "neither")
STARTS = ("own", "shared")


class ExperimentError(MonicError, ValueError):
    """Raised when a configuration, a data set or an option of the experiments is unusable."""


@dataclass(frozen=True)
class Data:
    """Which images: "digits", an .npz file or a folder; `limit` 0 takes all of them."""

    source: str
    size: int
    colors: int
    limit: int


@dataclass(frozen=True)
class Model:
    """The networks of both arms.

    Arguments:
        latent: Entries of the latent code z.
        base: The side of the first grid, which is the kernel of the first layer.
        channels: Those of the first layer, and of each doubling layer after it (half as many).
        kernel: Taps a side of the doubling layers and of the last one.
        last_stride: 2 when the last layer doubles the grid, too, else 1.
        slope: Of the leaky ReLUs.
        biases: "paper" gives them to the regular doubling layers only, "both" and "neither" do
            the same for the two arms.
        start: "own" starts the regular arm as torch does, "shared" where the injective one starts.
        critic: Channels of the critic and of the inference network, but for the last layer.
        inference: Widths of the dense layers of the inference network, but for the last one.
    """

    latent: int
    base: int
    channels: tuple[int, ...]
    kernel: int
    last_stride: int
    slope: float
    biases: str
    start: str
    critic: tuple[int, ...]
    inference: tuple[int, ...]


@dataclass(frozen=True)
class Train:
    """The training; `critic_steps` batches train the critic for each one of the generator."""

    epochs: int
    batch: int
    rate: float
    beta1: float
    beta2: float
    penalty: float
    critic_steps: int
    device: str
    save_every: int


@dataclass(frozen=True)
class Evaluate:
    """What is measured: `sets` sets of `samples` images, and Gaussians from `codes` codes."""

    codes: int
    samples: int
    sets: int
    classifier_epochs: int
    decide_seconds: float
    largest_svd: int


@dataclass(frozen=True)
class Config:
    """A run but for its arm and its seed."""

    data: Data
    model: Model
    train: Train
    evaluate: Evaluate


def read(path: str | Path) -> Config:
    """Returns the configuration in a TOML file.

    Raises:
        ExperimentError: when it cannot be read, or a key is unknown, missing or of a wrong type.
    """
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ExperimentError(f"Expected a TOML file. Got {path}: {error}.") from None
    return parse(table, str(path))


def parse(table: dict[str, Any], name: str) -> Config:
    """Returns the configuration that a table holds; see `read`."""
    _insist_on_keys(table, [f.name for f in fields(Config)], name)
    parts = {
        key: _section(kind, table[key], f"{name}: [{key}]") for key, kind in _SECTIONS.items()
    }
    config = Config(**parts)
    _insist_on_sense(config, name)
    return config


_SECTIONS: dict[str, Any] = {"data": Data, "model": Model, "train": Train, "evaluate": Evaluate}


def _section(kind: Any, table: Any, name: str) -> Any:
    if not isinstance(table, dict):
        raise ExperimentError(f"Expected a section in {name}. Got {table!r}.")
    types = get_type_hints(kind)
    _insist_on_keys(table, list(types), name)
    return kind(**{key: _value(table[key], types[key], f"{name} {key}") for key in types})


def _insist_on_keys(table: dict[str, Any], known: list[str], name: str) -> None:
    unknown, missing = sorted(set(table) - set(known)), sorted(set(known) - set(table))
    if unknown or missing:
        raise ExperimentError(
            f"Expected the keys {known} in {name}. Got the unknown {unknown}, and missed "
            f"{missing}: rename or add them."
        )


def _value(value: Any, kind: Any, name: str) -> Any:
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ExperimentError(f"Expected a list for {name}. Got {value!r}.")
        return tuple(_value(entry, get_args(kind)[0], name) for entry in value)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:  # True is no int here
        raise ExperimentError(f"Expected {kind.__name__} for {name}. Got {value!r}.")
    return value


def _insist_on_sense(config: Config, name: str) -> None:
    data, model, train = config.data, config.model, config.train
    made = model.base * 2 ** (len(model.channels) - 1) * model.last_stride
    halves = all(2 * b == a for a, b in zip(model.channels, model.channels[1:], strict=False))
    wrong = [
        (not model.channels or not halves or min(model.channels) < 2, "channels that halve"),
        (model.last_stride not in (1, 2), "a last_stride of 1 or 2"),
        (model.kernel < 2, "a kernel of 2 taps or more"),
        (model.last_stride == 1 and model.kernel % 2 == 0, "an odd kernel with last_stride = 1"),
        (made != data.size, f"size = {made}, which the generator makes"),
        (model.biases not in BIASES, f"biases of {BIASES}"),
        (model.start not in STARTS, f"a start of {STARTS}"),
        (data.colors not in (1, 3), "colors = 1 or 3"),
        (not model.critic or data.size % 2 ** len(model.critic), "critic layers that fit"),
        (min(train.epochs, train.batch, train.critic_steps, train.save_every) < 1, "counts >= 1"),
        (config.evaluate.codes <= model.latent, "more codes than latent entries"),
        (config.evaluate.sets < 1 or config.evaluate.samples < 2, "sets >= 1, samples >= 2"),
    ]
    for bad, expected in wrong:
        if bad:
            raise ExperimentError(f"Expected {expected} in {name}. Got {config}.")
