"""`monic bound`: asks for certified intervals about a file and prints them."""

from typing import Annotated

import typer

from monic.cli import options

__all__ = ["bound"]


def bound(
    model: options.Model,
    layer: options.Layer = None,
    domain: options.Domain = None,
    gap: Annotated[
        float,
        typer.Option(
            metavar="G", callback=options.share, help="1 - lower/upper at which to stop."
        ),
    ] = 0.01,
    time_limit: options.TimeLimit = None,
    seed: options.Seed = 0,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also print bounds from the literature.")
    ] = False,
    certificates: options.Certificates = None,
    memory: options.Memory = None,
    json: options.Json = False,
) -> None:
    """Bound how much the layers of a file, and the network, squeeze and stretch distances.

    Example: monic bound network.onnx --domain box:-1,1 --certificates proofs

    Exit code: 0 the gap was reached; 3 a limit was hit, and intervals are wider; 2 usage or
    unreadable; 4 a certificate could not be written; 130 interrupted, and intervals are wider.
    """
    # One parameter an option: typer reads the signature.
    from monic.cli.bounding import Wish, ask
    from monic.cli.console import stdout

    wish = Wish(
        gap=gap,
        time_limit=time_limit,
        seed=seed,
        compare=compare,
        silent=json,
        certificates=certificates,
        memory=memory,
    )
    answer, code = ask(wish, model, layer, domain)
    if json:
        from monic.report.bounds import bounds_json

        typer.echo(bounds_json(answer))
    else:
        from monic.report.bounds import print_bounds

        print_bounds(answer, stdout())
    raise typer.Exit(code)
