"""`monic decide`: asks the engine about a file and prints what it answered."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from monic.cli import options

if TYPE_CHECKING:
    from monic.cli.asking import Request
    from monic.model import Network

__all__ = ["decide"]


def decide(
    model: options.Model,
    layer: options.Layer = None,
    domain: options.Domain = None,
    at: options.At = None,
    time_limit: options.TimeLimit = None,
    nodes: options.Nodes = None,
    workers: options.Workers = 1,
    cluster: options.Cluster = None,
    device: options.Device = None,
    seed: options.Seed = 0,
    method: Annotated[options.Method, typer.Option(help="How to decide.")] = options.Method.AUTO,
    assume: options.Assume = None,
    certificates: options.Certificates = None,
    require_proofs: options.RequireProofs = False,
    resume: options.Resume = None,
    checkpoint: options.Checkpoint = None,
    memory: options.Memory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    details: options.Details = False,
) -> None:
    """Decide whether the layers of a file, and the network, are injective.

    Example: monic decide network.onnx --domain box:-1,1 --certificates proofs

    Exit code: 0 injective; 1 not injective; 3 undecided; 2 usage or unreadable; 4 a proof that was
    wanted is missing; 130 interrupted; 143 terminated.
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

    if require_proofs and certificates is None:
        raise typer.BadParameter(
            "Expected a folder for proofs, --certificates DIR, beside it. Got none.",
            param_hint="--require-proofs",
        )
    asked = questions(model, layer, domain, time_limit, memory)
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
            require_proofs=require_proofs,
        )
        if at is not None:
            _at(request, asked[1], at, as_json=json, brief=quiet)
        answer, code = ask(request, *asked)
    if json:
        from monic.report.json import as_json

        typer.echo(as_json(answer))
    else:
        from monic.report.table import print_answer

        print_answer(answer, stdout(), brief=quiet, details=details)
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
