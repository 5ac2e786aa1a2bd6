"""The commands put together."""

import io
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from monic.cli.bound import bound
from monic.cli.check import check
from monic.cli.decide import decide
from monic.cli.ending import Stopped, exit_code
from monic.cli.invert import invert
from monic.cli.random import random
from monic.cli.repair import repair
from monic.cli.show import show
from monic.cli.signals import Signals

__all__ = ["app", "main"]


class _Commands(TyperGroup):
    """The commands; an interrupt that none of them answers is told apart from one that is."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:  # typer would end with an exit code, and say nothing
            raise Stopped from stop


app = typer.Typer(
    name="monic",
    cls=_Commands,
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


def main() -> NoReturn:
    """Runs the command line and ends the process with the code that docs/errors.md explains."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name must never be a reason to fail
            stream.reconfigure(errors="replace")
    signals = Signals()
    signals.end(exit_code(app))
