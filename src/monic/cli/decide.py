"""`monic decide`: asks the engine about a file and prints what it answered."""

import math
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from monic.cli.asking import Request
    from monic.model import Network

__all__ = ["decide"]


class Method(StrEnum):
    """How a layer may be decided."""

    AUTO = "auto"
    STRUCTURE = "structure"
    FALSIFY = "falsify"
    PACKING = "packing"
    BRANCHING = "branching"


class Assumption(StrEnum):
    """What a verdict may rest on, when the user asks for it."""

    GENERAL_POSITION = "general-position"


def _number(value: float | None) -> float | None:
    if value is not None and math.isnan(value):  # NaN passes every comparison with a bound
        raise typer.BadParameter("Expected a number of seconds. Got NaN.")
    return value


def decide(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="ONNX, .npy, .npz or .safetensors.")
    ],
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Decide this layer alone.")
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(
            metavar="DOMAIN",
            help="whole, orthant, box:lo,hi, ball:r, FILE.npz or FILE.vnnlib: of the network's "
            "input; of the layer's with --layer or bare weights.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.npz",
            help="Ask at the inputs in this file, one a row: which others have the same output?",
        ),
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(min=0, metavar="S", callback=_number, help="Seconds, for each layer."),
    ] = None,
    nodes: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Nodes of the search, for each layer.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes on this machine.")
    ] = 1,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A dask scheduler, such as tcp://host:8786."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE",
            help="A torch device for the floating-point search, such as cuda; numpy otherwise.",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(min=0, help="Seed of the floating-point search; no verdict depends on it."),
    ] = 0,
    method: Annotated[Method, typer.Option(help="How to decide.")] = Method.AUTO,
    assume: Annotated[
        list[Assumption] | None,
        typer.Option(
            metavar="NAME",
            help="What a verdict may rest on, such as general-position; it then says so. "
            "May be repeated.",
        ),
    ] = None,
    certificates: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write one proof a layer into this folder.")
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Go on from the checkpoint of an unfinished run."),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Where an unfinished run leaves its checkpoint; by default the file it was "
            "resumed from, or MODEL.checkpoint in the current folder.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the last line only, and no progress.")
    ] = False,
) -> None:
    """Decide whether the layers of a file, and the network, are injective.

    Example: monic decide network.onnx --domain box:-1,1 --certificates proofs

    Exit code: 0 injective; 1 not injective; 3 undecided; 2 usage or unreadable; 130 interrupted.
    It tells about the network when the file holds one, about the layer with --layer, and about
    the worst layer of a file of bare weights.
    """
    # One parameter an option: typer reads the signature.
    from monic.cli.asking import Request, ask, questions
    from monic.cli.cluster import cluster as workers_of
    from monic.cli.console import stdout
    from monic.decision.approach import Approach
    from monic.decision.checkpoint import load_checkpoints
    from monic.decision.result import Execution, Limits

    asked = questions(model, layer, domain)
    with workers_of(cluster, Execution(workers=workers, device=device, seed=seed)) as execution:
        approach = Approach(
            method=method.value,
            assume=tuple(assumption.value for assumption in assume or ()),
            limits=Limits(seconds=time_limit, nodes=nodes),
            execution=execution,
            resume={} if resume is None else load_checkpoints(resume),
        )
        request = Request(
            model=model,
            approach=approach,
            certificates=certificates,
            checkpoint=checkpoint or resume or f"{Path(model).name}.checkpoint",
            silent=json or quiet,
        )
        if at is not None:
            _at(request, asked[1], at, as_json=json, brief=quiet)
        answer, code = ask(request, *asked)
    if json:
        from monic.report.json import as_json

        typer.echo(as_json(answer))
    else:
        from monic.report.table import print_answer

        print_answer(answer, stdout(), brief=quiet)
    raise typer.Exit(code)


def _at(
    request: "Request", chains: "Sequence[Network]", file: str, *, as_json: bool, brief: bool
) -> NoReturn:
    """Prints the fibres of the rows of a file, and ends the command."""
    from monic.cli.at import ask_at
    from monic.cli.console import stdout
    from monic.report.fibres import fibres_as_json, print_fibres

    fibres, code = ask_at(chains, file, request.approach)
    if as_json:
        typer.echo(fibres_as_json(request.model, fibres))
    else:
        print_fibres(fibres, stdout(), brief=brief)
    raise typer.Exit(code)
