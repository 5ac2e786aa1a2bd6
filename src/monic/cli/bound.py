"""`monic bound`: asks for certified intervals about a file and prints them."""

import math
from typing import Annotated

import typer

__all__ = ["bound"]


def _share(value: float) -> float:
    if not 0.0 < value < 1.0:
        raise typer.BadParameter(f"Expected a number between 0 and 1, such as 0.01. Got {value}.")
    return value


def _number(value: float | None) -> float | None:
    if value is not None and math.isnan(value):  # NaN passes every comparison with a bound
        raise typer.BadParameter("Expected a number of seconds. Got NaN.")
    return value


def bound(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="ONNX, .npy, .npz or .safetensors.")
    ],
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Bound this layer alone.")
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(
            metavar="DOMAIN",
            help="whole, orthant, box:lo,hi, ball:r, FILE.npz or FILE.vnnlib: of the network's "
            "input; of the layer's with --layer or bare weights.",
        ),
    ] = None,
    gap: Annotated[
        float,
        typer.Option(metavar="G", callback=_share, help="1 - lower/upper at which to stop."),
    ] = 0.01,
    time_limit: Annotated[
        float | None,
        typer.Option(min=0, metavar="S", callback=_number, help="Seconds, for each layer."),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(min=0, help="Seed of the local searches; every interval holds for any."),
    ] = 0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Put the literature's constants beside.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Bound how much the layers of a file, and the network, squeeze and stretch distances.

    Example: monic bound network.onnx --domain box:-1,1 --gap 0.01

    Exit code: 0 the gap was reached; 3 a limit was hit, and intervals are wider; 2 usage or
    unreadable; 130 interrupted, and intervals are wider.
    """
    # One parameter an option: typer reads the signature.
    from monic.cli.bounding import Wish, ask
    from monic.cli.console import stdout

    wish = Wish(gap=gap, time_limit=time_limit, seed=seed, compare=compare, silent=json)
    answer, code = ask(wish, model, layer, domain)
    if json:
        from monic.report.bounds import bounds_json

        typer.echo(bounds_json(answer))
    else:
        from monic.report.bounds import print_bounds

        print_bounds(answer, stdout())
    raise typer.Exit(code)
