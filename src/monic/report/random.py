"""Random layers as a table, as JSON and as a picture."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from monic.model import WholeSpace
from monic.random import RowsNeeded, probability_in_the_plane, sufficient_rows
from monic.random.estimate import ProbabilityEstimate
from monic.report.document import document
from monic.report.table import empty_table

__all__ = ["print_random", "random_as_json"]

#: With this probability an injective layer is wanted in the last columns of the table.
WANTED = 0.99


def print_random(curves: Sequence[RowsNeeded], console: Console, confidence: float) -> None:
    """Prints a row for each n: how many rows are needed, and how many are proved to be enough."""
    console.print(_summary(curves))
    for curve in curves:
        if curve.needed:
            console.print()
            console.print(_probabilities(curve, confidence))
    console.print()
    console.print(Text(_legend(curves, confidence)), soft_wrap=True)


def random_as_json(curves: Sequence[RowsNeeded], confidence: float) -> str:
    """Returns all estimates as one line of JSON; what is not known is null."""
    return document("random", {"curves": [_value(curve, confidence) for curve in curves]})


def symmetric(curve: RowsNeeded) -> bool:
    """Whether what is proved of symmetric laws with a density on R^n holds for these layers."""
    known = curve.question.ensemble in ("gaussian", "uniform")
    return known and isinstance(curve.question.domain, WholeSpace) and curve.question.columns > 1


def shown_rows(curve: RowsNeeded) -> range:
    """Returns the numbers of rows between the least and the greatest of the samples."""
    least = min(one.low for one in curve.needed)
    greatest = max(one.low if one.high is None else one.high for one in curve.needed)
    return range(least, greatest + 1)


def _summary(curves: Sequence[RowsNeeded]) -> Table:
    table = empty_table()
    for name in ("n", "samples", "undecided", "rows: 5 %", "half", "95 %", "half / n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(f"proved enough for {WANTED:.0%}", justify="right", no_wrap=True)
    for curve in curves:
        if not curve.needed:
            table.add_row(str(curve.question.columns), "0", *[""] * 6)
            continue
        low, half, high = (curve.quantile(share) for share in (0.05, 0.5, 0.95))
        table.add_row(
            str(curve.question.columns),
            f"{len(curve.needed):,}",
            str(curve.undecided),
            *("-" if number is None else str(number) for number in (low, half, high)),
            "-" if half is None else f"{half / curve.question.columns:.2f}",
            str(sufficient_rows(curve.question.columns, WANTED)) if symmetric(curve) else "",
        )
    return table


def _probabilities(curve: RowsNeeded, confidence: float) -> Table:
    """At most twelve numbers of rows, with the share of injective layers and its interval."""
    table = empty_table()
    plane = symmetric(curve) and curve.question.columns == 2
    table.add_column(f"n = {curve.question.columns}: rows", justify="right", no_wrap=True)
    for name in ("injective", "not", f"{confidence:.0%} interval"):
        table.add_column(name, justify="right", no_wrap=True)
    if plane:
        table.add_column("exact", justify="right", no_wrap=True)
    rows = shown_rows(curve)
    for count in rows[:: max(1, -(-len(rows) // 12))]:
        found = curve.probability(count, confidence=confidence)
        cells = [str(count), str(found.injective), str(found.not_injective)]
        cells.append(f"[{found.interval.lower:.4f}, {found.interval.upper:.4f}]")
        if plane:
            cells.append(f"{float(probability_in_the_plane(count)):.4f}")
        table.add_row(*cells)
    return table


def _legend(curves: Sequence[RowsNeeded], confidence: float) -> str:
    text = (
        f"Every sample is decided exactly; shares are estimates, with {confidence:.0%} intervals "
        "of Clopper and Pearson"
    )
    seeds = {curve.question.seed for curve in curves}
    assumed = {str(a) for curve in curves for a in curve.question.assume}
    given = f"; assumed: {', '.join(sorted(assumed))}" if assumed else ""
    return f"{text} (seed {', '.join(map(str, sorted(seeds)))}{given})."


def _value(curve: RowsNeeded, confidence: float) -> dict[str, object]:
    question = curve.question
    return {
        "columns": question.columns,
        "ensemble": question.ensemble if isinstance(question.ensemble, str) else None,
        "domain": question.domain.describe(),
        "seed": question.seed,
        "assume": list(question.assume),
        "samples": len(curve.needed),
        "undecided": curve.undecided,
        "median_rows": curve.median if curve.needed else None,
        "sufficient_rows": sufficient_rows(question.columns, WANTED) if symmetric(curve) else None,
        "confidence": confidence,
        "probabilities": [
            _estimate(curve.probability(rows, confidence=confidence))
            for rows in (shown_rows(curve) if curve.needed else ())
        ],
    }


def _estimate(found: ProbabilityEstimate) -> dict[str, object]:
    return {
        "rows": found.rows,
        "injective": found.injective,
        "not_injective": found.not_injective,
        "interval": [found.interval.lower, found.interval.upper],
    }
