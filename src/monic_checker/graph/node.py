"""One node of a graph: its operator, what it takes and gives, and its attributes."""

from collections.abc import Mapping
from dataclasses import dataclass

from flint import fmpq

from monic_checker.graph.errors import NotCompared
from monic_checker.graph.tensor import Tensor

__all__ = ["Attribute", "Node"]

Attribute = int | fmpq | str | tuple[int, ...] | tuple[fmpq, ...] | Tensor | None


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a graph.

    Arguments:
        op: The operator, with its domain in front unless that is ONNX's own.
        inputs: The tensors it takes; "" for one that is left out.
        outputs: The tensors it gives.
        attributes: Its attributes; None for one of a kind that no operator here has.
        opset: The version of ONNX's operators.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    opset: int

    @property
    def label(self) -> str:
        """The node in words."""
        name = next(filter(None, self.outputs), "")
        return f"{self.op[:80]} (which gives {name[:80]!a})"

    def integer(self, name: str, default: int) -> int:
        """Returns an integer attribute."""
        found = self.attributes.get(name, default)
        if not isinstance(found, int):
            raise NotCompared(f"its {name} is no integer")
        return found

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Returns a list of integers; None if it is not given."""
        found = self.attributes.get(name)
        if found is None:
            return None
        if not isinstance(found, tuple):
            raise NotCompared(f"its {name} is no list of integers")
        return tuple(int(entry) for entry in found)

    def number(self, name: str, default: fmpq) -> fmpq:
        """Returns a float attribute, exactly."""
        found = self.attributes.get(name, default)
        if not isinstance(found, fmpq):
            raise NotCompared(f"its {name} is no number")
        return found

    def string(self, name: str, default: str) -> str:
        """Returns a string attribute."""
        found = self.attributes.get(name, default)
        if not isinstance(found, str):
            raise NotCompared(f"its {name} is no string")
        return found

    def insist(self, name: str, wanted: str | int) -> None:
        """Insists that an attribute is not given, or has the one value that is carried out.

        Raises:
            NotCompared: when it has another.
        """
        found = self.attributes.get(name, wanted)
        if found != wanted:
            raise NotCompared(f"its {name} is not {wanted!r}")
