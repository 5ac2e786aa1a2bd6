"""`monic show`: what a model file holds."""

from typing import TYPE_CHECKING

from monic.cli.options import Model

if TYPE_CHECKING:
    from monic.model import Network, ReLULayer

__all__ = ["show"]


def show(
    model: Model,
) -> None:
    """Show the layers of a model file: shapes, expansivity, activations.

    Example: monic show network.onnx
    """
    from rich.text import Text

    from monic.cli.console import stdout
    from monic.io import load
    from monic.report.table import empty_table, ratio
    from monic.report.text import printable

    table = empty_table()
    table.add_column("layer", overflow="fold")
    table.add_column("shape", justify="right", no_wrap=True)
    table.add_column("m/n", justify="right", no_wrap=True)
    table.add_column("activation")
    for name, shape, activation in _layers(load(model)):
        size = f"{shape[0]}×{shape[1]}"
        table.add_row(Text(printable(name)), size, ratio(shape), activation)
    stdout().print(table)


def _layers(model: "Network | dict[str, ReLULayer]") -> list[tuple[str, tuple[int, int], str]]:
    if isinstance(model, dict):
        return [(name, layer.shape, "ReLU") for name, layer in model.items()]
    return [
        (stage.name, (stage.out_dim, stage.map.in_dim), stage.describe()) for stage in model.stages
    ]
