"""What `monic repair` did to a model, and what is decided about the result."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from monic.decision.repair import LayerRepair
from monic.report.answer import Answer
from monic.report.document import document
from monic.report.json import answer_value
from monic.report.table import empty_table, print_answer
from monic.report.text import printable

__all__ = ["print_repair", "repair_as_json", "repair_table"]

NOTHING = "No layer is paired up to rounding; nothing was written."
UNKNOWN = "No layer has an input of known size, so nothing was decided: ask about the network."


def repair_as_json(
    model: str, output: str | None, layers: Sequence[LayerRepair], answer: Answer | None
) -> str:
    """Returns one line of JSON: the changes, and what `monic decide --json` says of the result."""
    value = {
        "model": model,
        "output": output,
        "layers": [
            {
                "name": layer.name,
                "way": layer.way,
                "pairs": layer.pairs,
                "gaps": layer.gaps,
                "relative": layer.relative,
                "largest": layer.largest,
            }
            for layer in layers
        ],
        "decision": None if answer is None else answer_value(answer),
    }
    return document("repair", value)


def print_repair(
    output: str | None,
    layers: Sequence[LayerRepair],
    answer: Answer | None,
    console: Console,
    *,
    brief: bool = False,
) -> None:
    """Prints one row a layer that changed, where it was written, and the decision about it."""
    if layers and not brief:
        console.print(repair_table(layers))
        console.print()
    written = NOTHING if output is None else f"Written: {printable(output, 2000)}"
    console.print(Text(written), soft_wrap=True)
    if answer is None:
        console.print(Text(UNKNOWN), soft_wrap=True)
    else:
        print_answer(answer, console, brief=brief)


def repair_table(layers: Sequence[LayerRepair]) -> Table:
    """Returns one row a layer: how many pairs were made exact, how, and how far they moved."""
    table = empty_table()
    table.add_column("layer", overflow="fold")
    table.add_column("pairs", justify="right")
    table.add_column("way")
    table.add_column("rows moved (relative)", justify="right")
    table.add_column("entries moved", justify="right")
    table.add_column("left: biases leave a gap", justify="right")
    for layer in layers:
        table.add_row(
            Text(printable(layer.name)),
            str(layer.pairs),
            layer.way,
            f"{layer.relative:.1e}",
            f"{layer.largest:.1e}",
            str(layer.gaps),
        )
    return table
