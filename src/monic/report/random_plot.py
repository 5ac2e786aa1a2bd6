"""The picture of random layers: the probability of injectivity against rows per column."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from monic.errors import MonicError
from monic.random import RowsNeeded, noninjective_probability_bound, thresholds
from monic.random.probability import probability_in_the_plane
from monic.report.random import shown_rows, symmetric
from monic.writing import replacing

__all__ = ["FORMATS", "insist_on_picture", "plot_random"]

FORMATS = (".png", ".svg", ".pdf")


def insist_on_picture(path: str | Path) -> None:
    """Refuses a file name that is none of a picture, and a Python without matplotlib.

    Raises:
        MonicError: in either case.
    """
    if Path(path).suffix.lower() not in FORMATS:
        raise MonicError(f"Expected a picture {', '.join(FORMATS)}. Got {str(path)!r}.")
    if find_spec("matplotlib") is None:
        raise MonicError(
            "Expected matplotlib for --plot. It is not installed: pip install 'monic-nn[report]'."
        )


def plot_random(curves: Sequence[RowsNeeded], path: str | Path, confidence: float) -> None:
    """Draws one line for each n, with its band, what is proved, and the thresholds of large n.

    Raises:
        MonicError: when matplotlib is not installed, or the file's name has another ending.
        OSError: when the file cannot be written.
    """
    insist_on_picture(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots()
    drawn = [curve for curve in curves if curve.needed]
    for place, curve in enumerate(drawn):
        _curve(axes, curve, confidence, f"C{place % 10}")
    if any(symmetric(curve) and curve.question.ensemble == "gaussian" for curve in drawn):
        _thresholds(axes)
    axes.set(
        xlabel="rows per column, m / n",
        ylabel="probability that the layer is injective",
        ylim=(-0.02, 1.02),
    )
    figure.legend(loc="outside right upper", fontsize="small")
    with replacing(path) as stream:
        figure.savefig(stream, format=Path(path).suffix[1:].lower(), dpi=150)


def _curve(axes: Any, curve: RowsNeeded, confidence: float, color: str) -> None:
    n = curve.question.columns
    rows = np.array(shown_rows(curve))
    found = [curve.probability(int(m), confidence=confidence) for m in rows]
    shares = [one.injective / one.samples for one in found]
    axes.plot(rows / n, shares, color=color, marker=".", label=f"n = {n}")
    low, high = ([getattr(one.interval, end) for one in found] for end in ("lower", "upper"))
    axes.fill_between(rows / n, low, high, color=color, alpha=0.25, linewidth=0)
    if not symmetric(curve):
        return
    if n == 2:
        exact = [float(probability_in_the_plane(int(m))) for m in rows]
        axes.plot(rows / n, exact, "k:", linewidth=1, label="n = 2, exact")
    many = np.arange(2 * n, int(12 * n) + 1)
    proved = np.array([1 - float(noninjective_probability_bound(int(m), n)) for m in many])
    some = proved > 0
    axes.plot(many[some] / n, proved[some], color=color, linestyle="--", linewidth=1)


def _thresholds(axes: Any) -> None:
    axes.plot([], [], "k--", linewidth=1, label="proved lower bounds")
    for known, style in zip(thresholds()[1:], (":", "-.", "--", "-"), strict=True):
        label = f"n → ∞: {known.ratio:.2f}, {known.name}, {known.status}"
        axes.axvline(known.ratio, color="gray", linestyle=style, linewidth=0.9, label=label)
