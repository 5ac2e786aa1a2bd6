"""What a peer is: a question it is asked, the answer it gives, and how far it can be trusted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Answer", "Matrix", "Peer", "Question", "Verdict"]

Matrix = NDArray[np.float64]
#: "exact": do the active rows span R^n at every x?  "general-position": are there n of them? The
#: second is the first for rows of which every n are independent, and easier to write down.
Question = Literal["exact", "general-position"]
Verdict = Literal["INJECTIVE", "NOT_INJECTIVE", "UNDECIDED"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict, and whatever else is worth knowing about how it came about.

    Arguments:
        verdict: One of three.
        facts: Plain numbers and words, such as the nodes of a tree.
        write_proof: Writes the proof to a file, where there is one; this is timed as well.
    """

    verdict: Verdict
    facts: dict[str, Any] = field(default_factory=dict)
    write_proof: Callable[[Path], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A program that decides one layer without bias on the whole space.

    Arguments:
        name: As the tables print it.
        package: The distribution whose version is printed.
        exact: Whether its arithmetic is.
        proof: What it can hand over that another program can check.
        questions: What it is asked: on Gaussian layers, and on all others (None: nothing).
        decide: From an (m, n) weight and a question to an answer.
    """

    name: str
    package: str
    exact: bool
    proof: str
    questions: tuple[Question, Question | None]
    decide: Callable[[Matrix, Question], Answer]

    def question(self, *, is_generic: bool) -> Question | None:
        """Returns what it is asked about an instance, if anything."""
        return self.questions[0 if is_generic else 1]
