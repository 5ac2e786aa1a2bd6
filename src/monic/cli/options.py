"""The options that commands share, and those of `monic decide`: one type an option."""

import math
from enum import StrEnum
from typing import Annotated

import typer

__all__ = [
    "Assume",
    "Assumption",
    "At",
    "Certificates",
    "Checkpoint",
    "Cluster",
    "Details",
    "Device",
    "Domain",
    "EnsembleName",
    "Json",
    "Layer",
    "Memory",
    "Method",
    "Model",
    "Nodes",
    "Quiet",
    "RequireProofs",
    "Resume",
    "Seed",
    "TimeLimit",
    "Workers",
    "amount",
    "share",
]


def amount(text: str) -> int:
    """Returns a number of bytes such as 512M."""
    from monic_checker.amount import amount as number  # the help needs no checker

    return number(text)


class Method(StrEnum):
    """How a layer may be decided."""

    AUTO = "auto"
    STRUCTURE = "structure"
    FALSIFY = "falsify"
    PACKING = "packing"
    BRANCHING = "branching"


class EnsembleName(StrEnum):
    """The laws of random matrices; see `monic.random.ENSEMBLES`."""

    GAUSSIAN = "gaussian"
    UNIFORM = "uniform"
    SIGNS = "signs"
    SPARSE = "sparse"


class Assumption(StrEnum):
    """What a verdict may rest on, when the user asks for it."""

    GENERAL_POSITION = "general-position"
    RANDOM_PROJECTIONS = "random-projections"
    STATISTICS = "statistics"


def _number(value: float | None) -> float | None:
    if value is not None and math.isnan(value):  # NaN passes every comparison with a bound
        raise typer.BadParameter("Expected a number of seconds. Got NaN.")
    return value


def share(value: float) -> float:
    """Refuses what is no share: a number above 0 and below 1."""
    if not 0.0 < value < 1.0:
        raise typer.BadParameter(f"Expected a number between 0 and 1, such as 0.01. Got {value}.")
    return value


Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="ONNX, .npy, .npz, .pt or .safetensors.")
]
Layer = Annotated[str | None, typer.Option(metavar="NAME", help="Ask about this layer alone.")]
Domain = Annotated[
    str | None,
    typer.Option(
        metavar="DOMAIN",
        help="whole, orthant, box:lo,hi, ball:r, FILE.npz or FILE.vnnlib: of the network's "
        "input; of the layer's with --layer or bare weights.",
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.npz",
        help="Ask at the inputs in this file, one a row: which others have the same output?",
    ),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(min=0, metavar="S", callback=_number, help="Seconds, for each layer."),
]
Memory = Annotated[
    int | None,
    typer.Option(
        parser=amount,
        metavar="BYTES",
        help="Memory that reading the model may take, such as 512M. Default: 4G.",
    ),
]
Nodes = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Nodes of the search, for each layer.")
]
Workers = Annotated[int, typer.Option(min=1, metavar="N", help="Processes on this machine.")]
Cluster = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="A dask scheduler, such as tcp://host:8786.")
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE",
        help="A torch device for the floating-point search, such as cuda; numpy otherwise.",
    ),
]
Seed = Annotated[
    int, typer.Option(min=0, help="Seed for the heuristic search. Verdicts stay exact.")
]
Assume = Annotated[
    list[Assumption] | None,
    typer.Option(
        metavar="NAME",
        help="Allow the verdict to depend on this assumption (repeatable): general-position, "
        "random-projections or statistics. The verdict and the proof record it.",
    ),
]
Certificates = Annotated[
    str | None, typer.Option(metavar="DIR", help="Write one proof a layer into this folder.")
]
RequireProofs = Annotated[
    bool,
    typer.Option(
        "--require-proofs",
        help="Exit with code 4 when a verdict has no proof in the folder of --certificates.",
    ),
]
Resume = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Resume an unfinished run from its checkpoint."),
]
Checkpoint = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Where an unfinished run leaves its checkpoint; by default the file it was "
        "resumed from, or MODEL.checkpoint in the current folder.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print the last line only, and no progress.")
]

Details = Annotated[
    bool,
    typer.Option("--details", help="Print what was found in every layer, and why."),
]
