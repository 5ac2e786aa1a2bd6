"""`monic check`: hands a proof and a model file to the independent checker."""

from typing import Annotated

import typer

from monic.cli.codes import CheckCode
from monic.cli.options import amount
from monic.errors import InvalidProof, OverBudget

__all__ = ["check"]


def check(
    proof: Annotated[
        str, typer.Argument(metavar="PROOF", help="A certificate, such as 01-fc1.monic.")
    ],
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="The file with the weights that it speaks about."),
    ],
    require_graph: Annotated[
        bool,
        typer.Option(
            "--require-graph",
            help="Exit with 5 unless the proof was compared with the graph of MODEL.",
        ),
    ] = False,
    memory: Annotated[
        int | None,
        typer.Option(
            parser=amount,
            metavar="BYTES",
            help="Memory the check may take, such as 512M. "
            "Default: 384 MiB and 24 times the size of the model.",
        ),
    ] = None,
    work: Annotated[
        int | None,
        typer.Option(
            parser=amount,
            metavar="UNITS",
            help="Work the check may take, such as 1e12; a unit is about a nanosecond. "
            "Default: 1e11.",
        ),
    ] = None,
) -> None:
    """Check a proof about a model file, with the independent checker.

    Example: monic check proofs/01-fc1.monic network.onnx

    The graph of an ONNX file is carried out exactly at some points and compared with what the
    proof is about; the answer says at how many, or why not.

    Exit code: 0 valid; 1 invalid, or about other weights or another graph; 2 malformed or
    unreadable; 5 not compared with a graph under --require-graph; 6 more memory or work needed
    than allowed.
    """
    from monic.checking import claim
    from monic.report.text import printable

    try:
        found = claim(proof, model, memory=memory, work=work)
    except InvalidProof as error:
        typer.echo(f"monic: invalid: {printable(str(error), 2000)}", err=True)
        raise typer.Exit(CheckCode.INVALID) from None
    except OverBudget as error:
        typer.echo(f"monic: over budget: {printable(str(error), 2000)}", err=True)
        raise typer.Exit(CheckCode.OVER_BUDGET) from None
    typer.echo(f"VALID. {found.sentence()}")
    lacks = require_graph and not found.has_graph
    raise typer.Exit(CheckCode.NO_GRAPH if lacks else CheckCode.VALID)
