"""`monic random`: how many rows random layers need to be injective."""

from typing import TYPE_CHECKING, Annotated

import typer

from monic.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monic.random import RowsNeeded

__all__ = ["random"]

Columns = Annotated[
    list[int], typer.Argument(metavar="N...", min=1, help="Numbers of columns, such as 2 3 4.")
]
Samples = Annotated[int, typer.Option(min=1, metavar="K", help="Samples for each N.")]
Ensemble = Annotated[options.EnsembleName, typer.Option(help="The law of the matrices.")]
Confidence = Annotated[
    float, typer.Option(metavar="P", callback=options.share, help="Of the intervals.")
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE.json",
        help="Keep the samples here; if the file is there already, go on with it.",
    ),
]
Plot = Annotated[
    str | None,
    typer.Option(metavar="FILE.png", help="Draw the probabilities (.png, .svg or .pdf)."),
]


def random(
    columns: Columns,
    samples: Samples = 200,
    ensemble: Ensemble = options.EnsembleName.GAUSSIAN,
    domain: options.Domain = None,
    time_limit: options.TimeLimit = None,
    nodes: options.Nodes = None,
    workers: options.Workers = 1,
    cluster: options.Cluster = None,
    seed: options.Seed = 0,
    assume: options.Assume = None,
    confidence: Confidence = 0.95,
    output: Output = None,
    plot: Plot = None,
    json: options.Json = False,
) -> None:
    """Estimate how many rows random layers need to be injective, deciding each sample exactly.

    For each N, matrices are drawn row by row, and the first number of rows with which ReLU(W x) is
    injective is found by bisection: one sample answers for every number of rows.

    Example: monic random 2 3 4 --samples 1000 --output study.json --plot study.png

    Exit code: 0 all samples are decided; 3 a limit was hit, and intervals are wider; 2 usage or
    unreadable; 130 interrupted: the samples so far are printed, and kept with --output.
    """
    # One parameter an option: typer reads the signature.
    from monic.cli.cluster import cluster as workers_of
    from monic.cli.codes import RandomCode
    from monic.cli.sampling import Sampling, sample
    from monic.decision.result import Execution, Limits

    wish = Sampling(
        columns=tuple(dict.fromkeys(columns)),
        samples=samples,
        ensemble=ensemble.value,
        domain=domain or "whole",
        seed=seed,
        assume=tuple(assumption.value for assumption in assume or ()),
        limits=Limits(seconds=time_limit, nodes=nodes),
        output=output,
        silent=json,
    )
    if plot is not None:
        from monic.report.random_plot import insist_on_picture

        insist_on_picture(plot)  # before the work, not after it
    with workers_of(cluster, Execution(workers=workers)) as execution:
        curves, code = sample(wish, execution)
    _print(curves, confidence, as_json=json)
    if plot is not None and not _drawn(curves, plot, confidence):
        code = RandomCode.TROUBLE
    raise typer.Exit(code)


def _print(curves: "Sequence[RowsNeeded]", confidence: float, *, as_json: bool) -> None:
    from monic.cli.console import stdout
    from monic.report.random import print_random, random_as_json

    if as_json:
        typer.echo(random_as_json(curves, confidence))
    else:
        print_random(curves, stdout(), confidence)


def _drawn(curves: "Sequence[RowsNeeded]", plot: str, confidence: float) -> bool:
    """Draws the picture; where it cannot be written that is said, and the samples are printed."""
    from monic.report.random_plot import plot_random

    try:
        plot_random(curves, plot, confidence)
    except OSError as error:
        typer.echo(f"monic: Cannot write {plot}: {error.strerror or error}", err=True)
        return False
    return True
