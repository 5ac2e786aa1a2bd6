"""`monic repair`: writes the exactly paired neighbour of a model, and decides it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from monic.cli import options

__all__ = ["repair"]


class Way(StrEnum):
    """How rows become exactly paired."""

    ENTRIES = "entries"
    POWERS = "powers"
    FACTORED = "factored"


def repair(
    model: options.Model,
    output: Annotated[str, typer.Option("--output", "-o", metavar="OUT", help="Output file.")],
    way: Annotated[
        Way | None,
        typer.Option(
            help="Round entries, round scales to powers of two, or (ONNX) factor scales out into "
            "a product of their own; by default whatever moves least."
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="T",
            help="Rows are pairs up to this relative distance; by default 2^-20, or 16 units in "
            "the last place of coarser formats.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="OUT may be the model itself.")
    ] = False,
    domain: options.Domain = None,
    time_limit: options.TimeLimit = None,
    certificates: options.Certificates = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the exactly paired neighbour of layers that are paired up to rounding.

    The file that was written is read back and decided. Where no layer is paired up to rounding,
    nothing is written, and the model itself is decided.

    Example: monic repair network.onnx -o exact.onnx

    Exit code: that of `monic decide` on the file that was written.
    """
    # One parameter an option: typer reads the signature.
    from monic.cli.asking import Request, ask, questions
    from monic.cli.codes import DecideCode
    from monic.cli.console import stdout
    from monic.decision.approach import Approach
    from monic.decision.result import Limits
    from monic.errors import UnsupportedModel
    from monic.repairing import repair_file
    from monic.report.repair import print_repair, repair_as_json

    layers = repair_file(
        Path(model),
        Path(output),
        way=None if way is None else way.value,
        tolerance=tolerance,
        overwrite=overwrite,
    )
    written = output if any(layer.pairs for layer in layers) else None
    answer, code = None, DecideCode.UNDECIDED
    try:
        request = Request(
            model=written or model,
            approach=Approach(limits=Limits(seconds=time_limit)),
            certificates=certificates,
            checkpoint=f"{Path(output).name}.checkpoint",
            silent=json or quiet,
        )
        answer, code = ask(request, *questions(request.model, None, domain))
    except UnsupportedModel:  # kernels alone: nobody knows the size of their input
        if Path(model).suffix.lower() == ".onnx":
            raise
    if json:
        typer.echo(repair_as_json(model, written, layers, answer))
    else:
        print_repair(written, layers, answer, stdout(), brief=quiet)
    raise typer.Exit(code)
