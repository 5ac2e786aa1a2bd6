"""What `monic decide --at` says about every row of a data set: as a table, and as JSON."""

from collections.abc import Sequence
from fractions import Fraction
from math import inf

from rich.console import Console
from rich.table import Table

from monic.decision.fibre import Fibre, Piece
from monic.report.document import document
from monic.report.table import empty_table
from monic.report.text import float_or_none, rational, sentence, short

__all__ = ["fibres_as_json", "fibres_closing", "fibres_table", "print_fibres"]

_WORDS = {True: "injective", False: "not injective", None: "undecided"}


def print_fibres(fibres: Sequence[Fibre], console: Console, *, brief: bool = False) -> None:
    """Prints one row an input, and how many there are of each kind; or, in brief, only these."""
    if not brief:
        console.print(fibres_table(fibres))
        console.print()
    console.print(fibres_closing(fibres), soft_wrap=True)


def fibres_table(fibres: Sequence[Fibre]) -> Table:
    """Returns one row an input: the verdict there, the dimension and width of its fibre."""
    table = empty_table()
    table.add_column("row", justify="right")
    table.add_column("at this input")
    table.add_column("regions", justify="right")
    table.add_column("dimension", justify="right")
    table.add_column("width", justify="right")
    table.add_column("why", overflow="fold")
    for number, found in enumerate(fibres):
        pieces = found.pieces
        table.add_row(
            str(number),
            _WORDS[found.injective],
            str(len(pieces)),
            str(max(piece.dimension for piece in pieces)),
            _widest(pieces),
            sentence(found.reason),
        )
    return table


def fibres_closing(fibres: Sequence[Fibre]) -> str:
    """Returns the last line: how many inputs have a fibre of each kind."""
    counts = [
        f"{sum(found.injective is kind for found in fibres)} {words}"
        for kind, words in _WORDS.items()
    ]
    return f"At {len(fibres)} inputs: {', '.join(counts)}."


def fibres_as_json(model: str, fibres: Sequence[Fibre]) -> str:
    """Returns one line of JSON; unbounded widths are the string "inf", unknown ones null."""
    value = {"model": model, "inputs": [_fibre(found) for found in fibres]}
    return document("fibres", value)


def _fibre(found: Fibre) -> dict[str, object]:
    other = found.other
    return {
        "injective": found.injective,
        "reason": found.reason,
        "complete": found.complete,
        "pieces": [
            {"dimension": piece.dimension, "width": _width(piece)} for piece in found.pieces
        ],
        "other": None if other is None else [float_or_none(t) for t in other],
        "exact": None if other is None else [rational(t) for t in other],
    }


def _width(piece: Piece) -> float | str | None:
    if isinstance(piece.width, Fraction):
        return float_or_none(piece.width)
    return None if piece.width is None else "inf"


def _widest(pieces: Sequence[Piece]) -> str:
    widths = [piece.width for piece in pieces if piece.width is not None]
    if len(widths) < len(pieces):
        return "?"
    widest = max(widths)
    return "∞" if widest == inf else short(Fraction(widest))
