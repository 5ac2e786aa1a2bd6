"""The commands put together, and the one place where errors become exit codes."""

import io
import sys
from typing import Annotated

import typer

from monic.cli.bound import bound
from monic.cli.check import check
from monic.cli.codes import TROUBLE
from monic.cli.decide import decide
from monic.cli.invert import invert
from monic.cli.random import random
from monic.cli.repair import repair
from monic.cli.show import show
from monic.errors import MonicError

__all__ = ["app", "main"]

app = typer.Typer(
    name="monic",
    help="Decides exactly, with proofs, whether ReLU layers and networks are injective.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",  # joins the lines of a paragraph
    pretty_exceptions_enable=False,  # an unknown error keeps Python's own traceback
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(decide)
app.command()(bound)
app.command()(check)
app.command()(invert)
app.command()(random)
app.command()(repair)
app.command()(show)


def _print_version(wanted: bool) -> None:
    if wanted:
        import monic

        typer.echo(f"monic {monic.__version__}")
        raise typer.Exit


def _print_citation(wanted: bool) -> None:
    if wanted:
        import monic
        from monic.report.citation import CITATION

        typer.echo(CITATION % monic.__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    cite: Annotated[
        bool,
        typer.Option("--cite", callback=_print_citation, is_eager=True, help="How to cite monic."),
    ] = False,
) -> None:
    """Decides exactly, with proofs, whether ReLU layers and networks are injective."""


def main() -> None:
    """Runs the command line; an error that monic raises on purpose is one message, exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name must never be a reason to fail
            stream.reconfigure(errors="replace")
    try:
        app()
    except MonicError as error:
        from monic.report.text import printable

        lines = (printable(line, 2000) for line in str(error).splitlines())
        typer.echo("monic: error: " + "\n".join(lines), err=True)
        sys.exit(TROUBLE)
