"""`monic check`: hands a proof and a model file to the independent checker."""

from typing import Annotated

import typer

from monic.cli.codes import CheckCode
from monic.errors import InvalidProof

__all__ = ["check"]


def check(
    proof: Annotated[
        str, typer.Argument(metavar="PROOF", help="A certificate, such as 01-fc1.monic.")
    ],
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="The file with the weights that it speaks about."),
    ],
) -> None:
    """Check a proof about a model file, with the independent checker.

    Example: monic check proofs/01-fc1.monic network.onnx

    Exit code: 0 valid; 1 invalid, or about other weights; 2 malformed or unreadable.
    """
    from monic.checking import claim
    from monic.report.text import printable

    try:
        typer.echo(f"VALID. {claim(proof, model)}")
    except InvalidProof as error:
        typer.echo(f"monic: invalid: {printable(str(error), 2000)}", err=True)
        raise typer.Exit(CheckCode.INVALID) from None
    raise typer.Exit(CheckCode.VALID)
