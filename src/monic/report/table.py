"""The table of layers that `monic decide` prints, and the lines below it."""

from collections.abc import Iterator
from fractions import Fraction
from math import isfinite

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monic.decision.result import Collision, Decision, StageDecision, Verdict
from monic.report.answer import Answer, Question
from monic.report.text import SHOWN, differences, point, printable, sentence, short

__all__ = ["closing", "decision_table", "empty_table", "explanations", "print_answer", "ratio"]

_STYLE = {Verdict.INJECTIVE: "green", Verdict.NOT_INJECTIVE: "red", Verdict.UNDECIDED: "yellow"}


def print_answer(
    answer: Answer, console: Console, *, brief: bool = False, details: bool = False
) -> None:
    """Prints the table, the explanations and the verdict; or, in brief, the verdict alone."""
    if not brief:
        console.print(decision_table(answer))
        console.print()
        told = [] if answer.reading is None else [f"{sentence(answer.reading.describe())}"]
        lines = "".join(f"{line}\n" for line in (*explanations(answer, details=details), *told))
        console.print(Text(lines), soft_wrap=True, end="\n" if lines else "")
    console.print(closing(answer), soft_wrap=True)


def decision_table(answer: Answer) -> Table:
    """Returns one row a layer: what was asked, the verdict, how it was proved, the seconds.

    The layers of a network are the branches of a tree whose root is the network.
    """
    table = empty_table()
    table.add_column("layer", overflow="fold")
    table.add_column("in → out", justify="right", no_wrap=True)
    whole = answer.question is Question.NETWORK
    if not whole:
        table.add_column("m/n", justify="right", no_wrap=True)
    table.add_column("domain")
    table.add_column("verdict", no_wrap=True)
    table.add_column("proved by")
    table.add_column("seconds", justify="right", no_wrap=True)
    if whole:
        table.add_row(*_root(answer))
    for number, layer in enumerate(answer.layers, 1):
        name, *sizes = _cells(layer.stage)
        if whole:  # without a space at which rich might break the line
            guide = "└╴" if number == len(answer.layers) else "├╴"
            name, sizes = Text.assemble(guide, name), [sizes[0], *sizes[2:]]
        table.add_row(name, *sizes)
    return table


def _root(answer: Answer) -> tuple[str | Text, ...]:
    """The row of a network as a whole."""
    first, last = answer.layers[0].stage, answer.layers[-1].stage
    sizes = last.shape[0], first.shape[1]
    seconds = sum(layer.stage.decision.statistics.seconds for layer in answer.layers)
    return (
        Text(printable(answer.model.replace("\\", "/").rpartition("/")[2]), style="bold"),
        _sizes(sizes),
        Text(_domain(first)),
        Text(answer.verdict.name, style=_STYLE[answer.verdict]),
        "",
        f"{seconds:.2f}",
    )


def _domain(stage: StageDecision) -> str:
    """The domain without its dimension, which stands beside it; names need the room."""
    return stage.domain.removesuffix(f" of {stage.shape[1]}")


def _sizes(shape: tuple[int, int]) -> str:
    """The dimensions in and out, for a shape (m, n)."""
    return f"{shape[1]} → {shape[0]}"


def empty_table() -> Table:
    """Returns a table in the style of all tables of monic."""
    return Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")


def ratio(shape: tuple[int, int]) -> str:
    """Returns the expansivity m/n of a shape, as a short number.

    Example:
        >>> ratio((50, 5)), ratio((5, 50))
        ('10', '0.1')
    """
    return f"{shape[0] / shape[1]:.3g}"


def explanations(answer: Answer, *, details: bool = False) -> Iterator[str]:
    """Yields lines that explain each layer which was not proved to be injective, or every layer.

    A collision of a network's inner layer is a detail: no input of the network may lead to it.
    """
    for number, layer in enumerate(answer.layers):
        decision = layer.stage.decision
        matters = decision.verdict is Verdict.UNDECIDED or (
            decision.verdict is Verdict.NOT_INJECTIVE and _is_the_answer(answer, number)
        )
        if details or matters:
            yield f"{printable(layer.stage.name)}: {sentence(decision.reason)}"
            yield from (f"    {line}" for line in _evidence(decision))
    if answer.collision is not None:
        yield "Two inputs of the network with the same output:"
        yield from (f"    {line}" for line in _collision_lines(answer.collision))


def _is_the_answer(answer: Answer, number: int) -> bool:
    """Whether what a layer loses is what was asked, or is lost by the network."""
    if answer.question is not Question.NETWORK:
        return True
    lost = answer.verdict is Verdict.NOT_INJECTIVE and answer.collision is None
    return lost and number == 0


def closing(answer: Answer) -> Text:
    """Returns the last line: the verdict that the exit code tells, and its reason."""
    verdict = answer.verdict
    under = f" (assuming {answer.assumption})" if answer.assumption else ""
    subject = answer.question.value
    return Text.assemble(
        f"{subject[0].upper()}{subject[1:]}: ",
        (verdict.name, f"bold {_STYLE[verdict]}"),
        f"{under}. {sentence(answer.reason)}",
    )


def _cells(stage: StageDecision) -> tuple[str | Text, ...]:
    decision = stage.decision
    under = f", assuming {decision.assumption}" if decision.assumption else ""
    return (
        Text(printable(stage.name)),
        _sizes(stage.shape),
        ratio(stage.shape),
        Text(_domain(stage)),
        Text(decision.verdict.name, style=_STYLE[decision.verdict]),
        Text(decision.method + under),
        f"{decision.statistics.seconds:.2f}",
    )


def _evidence(decision: Decision) -> Iterator[str]:
    if decision.collision is not None:
        yield from _collision_lines(decision.collision)
    elif decision.point is not None:
        where = point(decision.point)
        yield f"at x = {where} the active rows do not span: there is a collision next to it"
    if decision.margin is not None:
        level = ", only at the level of rounding" if decision.margin.rounding else ""
        yield f"margin {decision.margin.value:.3g}{level}"


def _collision_lines(collision: Collision) -> Iterator[str]:
    pairs = zip(collision.x, collision.other, strict=True)
    distance = max((abs(a - b) for a, b in pairs), default=Fraction(0))
    yield f"x     = {point(collision.x)}"
    yield f"other = {point(collision.other)}"
    if len(collision.x) > SHOWN:
        yield f"they differ in {differences(collision.x, collision.other)}"
    yield (
        "exactly equal outputs (checked over the rationals); the inputs differ by "
        f"{short(distance)}"
    )
    if collision.floats is not None and collision.floats.difference:
        yield (
            "rounded to float64, the inputs have outputs that differ by "
            f"{short(collision.floats.difference)}"
        )
    if collision.floats is not None and collision.floats.outputs is not None:
        for name, output in zip(("x", "other"), collision.floats.outputs, strict=True):
            numbers = [Fraction(t) for t in output] if all(map(isfinite, output)) else None
            if numbers is not None:
                yield f"in float64 the network gives {point(numbers)} at {name}"
