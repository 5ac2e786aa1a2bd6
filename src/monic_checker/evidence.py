"""What every kind of evidence has in common."""

from dataclasses import dataclass
from typing import Protocol

from monic_checker.body import Body
from monic_checker.system import System

__all__ = ["Evidence", "Findings"]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check went through.

    Arguments:
        words: The evidence in a few words.
        nodes: The number of nodes of a tree; those with n active rows count too.
        relations: The number of relations that were computed, repetitions not counted.
    """

    words: str
    nodes: int = 0
    relations: int = 0


class Evidence(Protocol):
    """Evidence of one kind, as read from a header."""

    def check(self, system: System, body: Body) -> Findings:
        """Checks that the evidence proves the claim about the layer.

        Raises:
            InvalidProof: when it does not.
            MalformedProof: when the body is not what the kind of evidence asks for.
        """
        ...
