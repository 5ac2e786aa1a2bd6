"""The steps of a map in words, as the sentence of a claim says them."""

from collections.abc import Sequence
from itertools import pairwise

from monic_checker.steps import Step

__all__ = ["formula"]

#: Longer lists of places are not spelled out.
_PLACES = 32


#: What a step makes of the values y and the array a.
_WORDS = {
    "input": "x",
    "linear": "{a} {y}",
    "linear-transposed": "{a}^T {y}",
    "shift": "{y} + {a}",
    "shift-negative": "{y} - {a}",
    "scale": "diag({a}) {y}",
    "channel-shift": "{y} + {a} in each channel",
    "channel-shift-negative": "{y} - {a} in each channel",
    "channel-scale": "{a} in each channel times {y}",
    "quotient": "{y} / {a} in each channel",
    "convolution": "the convolution of {y} with {a} ({grid})",
    "transposed-convolution": "the transposed convolution of {y} with {a} ({grid})",
    "concat": "({y})",
    "add": "{y}",
    "select": "the entries {places} of {y}",
    "combine": "{terms} of {y}",
    "centre": "{y} less the means of its {groups} groups",
}


def formula(step: Step) -> str:
    """Returns the value in terms of earlier values v0, v1, ... and arrays A0, A1, ..."""
    return _WORDS[step.name].format(
        y=(" + " if step.name == "add" else "; ").join(f"v{source}" for source in step.sources),
        a=f"A{step.array}",
        grid="" if step.grid is None else step.grid.words,
        places=_listed(step.places) if step.places else "",
        terms="" if step.terms is None else step.terms.words,
        groups=step.groups,
    )


def _listed(places: Sequence[int]) -> str:
    """Some places in words: all of them, runs as such, or how many there are."""
    first, last = places[0], places[-1]
    if 1 < len(places) == last - first + 1 and all(b - a == 1 for a, b in pairwise(places)):
        return f"{first} to {last}"
    if len(places) <= _PLACES:
        return ", ".join(map(str, places))
    return f"({len(places)} places, which are in the subject digest)"
