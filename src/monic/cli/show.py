"""`monic show`: what a model file holds, and the digests by which proofs speak of it."""

from typing import TYPE_CHECKING, Annotated

import typer

from monic.cli import options
from monic.cli.options import Model

if TYPE_CHECKING:
    from monic.model import Network, ReLULayer

__all__ = ["show"]


def show(
    model: Model,
    subject_digest: Annotated[
        bool,
        typer.Option(
            "--subject-digest",
            help="Print the digests by which proofs speak of it: of a network on a domain and of "
            "each layer, or of what a proof file is about.",
        ),
    ] = False,
    domain: options.Domain = None,
    memory: options.Memory = None,
) -> None:
    """Show the layers of a model file: shapes, expansivity, activations.

    Example: monic show network.onnx; monic show --subject-digest proofs/01-fc1.monic
    """
    if subject_digest:
        _print_digests(model, domain, memory)
        return
    if domain is not None:
        raise typer.BadParameter("Expected --subject-digest beside it.", param_hint="--domain")
    from rich.text import Text

    from monic.cli.console import stdout
    from monic.io import load
    from monic.report.table import empty_table, ratio
    from monic.report.text import printable, sentence

    table = empty_table()
    table.add_column("layer", overflow="fold")
    table.add_column("shape", justify="right", no_wrap=True)
    table.add_column("m/n", justify="right", no_wrap=True)
    table.add_column("activation")
    loaded = load(model, memory=memory)
    for name, shape, activation in _layers(loaded):
        size = f"{shape[0]}×{shape[1]}"
        table.add_row(Text(printable(name)), size, ratio(shape), activation)
    stdout().print(table)
    if not isinstance(loaded, dict) and loaded.reading is not None:
        stdout().print(Text(f"\n{sentence(loaded.reading.describe())}"), soft_wrap=True)


def _layers(model: "Network | dict[str, ReLULayer]") -> list[tuple[str, tuple[int, int], str]]:
    if isinstance(model, dict):
        return [(name, layer.shape, "ReLU") for name, layer in model.items()]
    return [
        (stage.name, (stage.out_dim, stage.map.in_dim), stage.describe()) for stage in model.stages
    ]


def _print_digests(model: str, domain: str | None, memory: int | None) -> None:
    """One line a subject: the digest, and what it is of."""
    from monic.certificate import digest_of_proof, is_proof, network_subject, stage_subject
    from monic.certificate import subject_digest as digest
    from monic.cli.asking import questions
    from monic.decision.network import range_superset
    from monic.report.answer import Question
    from monic.report.text import printable

    if is_proof(model):
        typer.echo(digest_of_proof(model))
        return
    question, chains = questions(model, None, domain, memory=memory)
    for chain in chains:
        if question is Question.NETWORK:
            typer.echo(f"{digest(network_subject(chain))}  the network")
        where = chain.domain
        for stage in chain.stages:
            typer.echo(f"{digest(stage_subject(stage, where))}  {printable(stage.name)}")
            where = range_superset(stage, where)
