"""The steps of a map in words, as the sentence of a claim says them."""

from collections.abc import Sequence
from itertools import pairwise

from monic_checker.steps import Step

__all__ = ["formula"]

#: Longer lists of places are not spelled out.
_PLACES = 32


def formula(step: Step) -> str:
    """Returns the value in terms of earlier values v0, v1, ... and arrays A0, A1, ..."""
    values = "; ".join(f"v{source}" for source in step.sources)
    grid = "" if step.grid is None else f" ({step.grid.words})"
    if step.terms is not None:
        return f"{step.terms.words} of {values}"
    if step.places:
        return f"the entries {_listed(step.places)} of {values}"
    return {
        "input": "x",
        "linear": f"A{step.array} {values}",
        "linear-transposed": f"A{step.array}^T {values}",
        "shift": f"{values} + A{step.array}",
        "shift-negative": f"{values} - A{step.array}",
        "scale": f"diag(A{step.array}) {values}",
        "channel-shift": f"{values} + A{step.array} in each channel",
        "channel-shift-negative": f"{values} - A{step.array} in each channel",
        "channel-scale": f"A{step.array} in each channel times {values}",
        "quotient": f"{values} / A{step.array} in each channel",
        "convolution": f"the convolution of {values} with A{step.array}{grid}",
        "transposed-convolution": f"the transposed convolution of {values} with A{step.array}"
        + grid,
        "concat": f"({values})",
        "add": values.replace("; ", " + "),
        "centre": f"{values} less the means of its {step.groups} groups",
    }[step.name]


def _listed(places: Sequence[int]) -> str:
    """Some places in words: all of them, runs as such, or how many there are."""
    first, last = places[0], places[-1]
    if 1 < len(places) == last - first + 1 and all(b - a == 1 for a, b in pairwise(places)):
        return f"{first} to {last}"
    if len(places) <= _PLACES:
        return ", ".join(map(str, places))
    return f"({len(places)} places, which are in the subject digest)"
