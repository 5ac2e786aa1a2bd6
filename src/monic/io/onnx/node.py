"""One node of a graph, apart from the file format: names, attributes as Python values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from monic.errors import UnreadableModel
from monic.io.onnx.values import Refused
from monic.model.array import Array

__all__ = ["Attribute", "Node", "short", "text"]

#: What the operator's name of a refused node begins with.
_REFUSED = "refused:"

Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | Array | None


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A node: what it is called, what it does, what it takes and gives.

    Arguments:
        name: Its name, or the name of its first output when it has none.
        op: The type of operator, with its domain in front unless that is ONNX's own.
        inputs: The names of its inputs; "" for one that is left out.
        outputs: The names of its outputs.
        attributes: Its attributes; None for one of a kind that is never needed.
        opset: The version of ONNX's operators that the graph is written in.
        added: What rewriting the graph adds; no file can set it.
        objection: Why it is not read, whatever it takes; "" for others.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    opset: int
    added: Mapping[str, int | str] = field(default_factory=dict)
    objection: str = ""

    @property
    def label(self) -> str:
        """The node in an error message."""
        return f"{short(self.name)} ({self.op.removeprefix(_REFUSED)[:60]})"

    def refused(self, why: str) -> "Node":
        """Returns the node as one that is not read, and that no pattern takes for its operator."""
        return replace(self, op=f"{_REFUSED}{self.op}", objection=why)

    def number(self, name: str, default: float) -> float:
        """Returns a finite numeric attribute.

        ONNX's attributes are float32, and so are their defaults: epsilon is not 1e-5 but
        0.00000999999974737875163555145263671875.

        Raises:
            Refused: when it is not finite, or no number.
        """
        value = self.attributes.get(name, float(np.float32(default)))
        if not isinstance(value, float | int) or not math.isfinite(value):
            raise Refused(f"its attribute {name!r} is not a finite number")
        return float(value)

    def integer(self, name: str, default: int) -> int:
        """Returns an attribute that is an integer."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise Refused(f"its attribute {name!r} is not an integer")
        return value

    def string(self, name: str, default: str) -> str:
        """Returns an attribute that is a word."""
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise Refused(f"its attribute {name!r} is not a word")
        return value

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Returns an attribute that is a list of integers; None when it is absent."""
        value = self.attributes.get(name)
        if value is None:
            return None
        if not isinstance(value, tuple) or not all(isinstance(entry, int) for entry in value):
            raise Refused(f"its attribute {name!r} is not a list of integers")
        return tuple(int(entry) for entry in value)


def text(name: str) -> str:
    """Returns a name of a file as it is.

    Raises:
        UnreadableModel: when it is no UTF-8: protobuf then hands out bytes.
    """
    if not isinstance(name, str):
        raise UnreadableModel(
            f"Expected names in UTF-8. Got {short(name)}. Export the network again."
        )
    return name


def short(name: str) -> str:
    """Returns a name as it is quoted in messages; control characters and long tails are not."""
    quoted = repr(name)
    return quoted if len(quoted) <= 100 else f"{quoted[:96]}...'"
