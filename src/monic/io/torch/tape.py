"""A graph in ONNX's operators, written node by node while a torch graph is walked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from monic.io.bfloat16 import bfloat16
from monic.io.onnx.node import Attribute, Node
from monic.io.onnx.values import Shape
from monic.io.torch.arrays import array_of
from monic.model.array import Array

__all__ = ["OPSET", "Call", "Operand", "Tape", "Traced", "rounded"]

#: The operators are written as this version of ONNX has them.
OPSET = 23


@dataclass(frozen=True, slots=True)
class Traced:
    """A tensor that depends on the input: its name on the tape, its shape and format."""

    name: str
    shape: Shape
    dtype: torch.dtype


#: What a node on the tape takes: a tensor of the graph, by name too, or a constant; None is left
#: out.
Operand = Traced | Tensor | Array | str | None


@dataclass(slots=True)
class Tape:
    """The nodes and constants so far.

    Arguments:
        stored: The parameters and buffers of the module, by name.
        nodes: The nodes.
        arrays: The constants by name.
        labels: What a node is called in error messages: the label in torch's words by the label
            in ONNX's.
    """

    stored: Mapping[str, Tensor]
    nodes: list[Node] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)
    _kept: list[Tensor] = field(default_factory=list)

    def write(self, node: Node, label: str) -> None:
        """Adds a node."""
        self.nodes.append(node)
        self.labels[node.label] = label

    def constant(self, given: Tensor | Array) -> str:
        """Returns the name of a constant; a matrix seen as its transpose stays as it is stored."""
        if not isinstance(given, Tensor):
            return self._add(given)
        if id(given) not in self._names:
            self._kept.append(given)  # so that no other tensor takes its id
            self._names[id(given)] = self._named(given)
        return self._names[id(given)]

    def _named(self, given: Tensor) -> str:
        plain = given.detach()
        if plain.dim() == 2 and not plain.is_contiguous() and plain.t().is_contiguous():
            name = self._add(array_of(plain.t()))
            return self._view("Transpose", name, perm=(1, 0))
        whole = self._whole(plain)
        if whole is not None and plain.dim() > 2 and max(plain.shape) == plain.numel():
            name = self.constant(whole)  # a bias that was given further axes
            return self._view("Reshape", name, self._add(np.array(plain.shape, dtype=np.int64)))
        return self._add(np.ascontiguousarray(array_of(plain)).reshape(tuple(plain.shape)))

    def _whole(self, plain: Tensor) -> Tensor | None:
        """Returns the parameter of one axis that a tensor is a view of, if there is one."""
        for stored in self.stored.values():
            same = stored.data_ptr() == plain.data_ptr() and stored.dtype == plain.dtype
            if same and stored.dim() == 1 and stored.numel() == plain.numel() > 0:
                return stored
        return None

    def _add(self, array: Array) -> str:
        name = f"constant:{len(self.arrays)}"
        self.arrays[name] = array
        return name

    def _view(self, op: str, *inputs: str, **attributes: Attribute) -> str:
        name = f"view:{len(self.nodes)}"
        self.nodes.append(Node(name, op, inputs, (name,), attributes, OPSET))
        return name


@dataclass(frozen=True, slots=True)
class Call:
    """One operator of the torch graph: what it is given, and the tape to write it on.

    Arguments:
        tape: The tape.
        op: The operator's name in torch.
        name: The node's name, one for each node.
        path: The module that calls it, or `name` when that is the whole.
        given: The arguments by name; tensors are `Traced` or constants.
        shape: The shape of the first tensor that it gives.
        dtype: Its number format.
    """

    tape: Tape
    op: str
    name: str
    path: str
    given: Mapping[str, Any]
    shape: Shape
    dtype: torch.dtype

    def __getitem__(self, name: str) -> Any:
        return self.given[name]

    def emit(self, op: str, *inputs: Operand, **attributes: Attribute) -> str:
        """Writes a node of ONNX and returns the name of what it gives."""
        names = tuple(self._name_of(given) for given in inputs)
        output = f"{self.name}:{len(self.tape.nodes)}"
        node = Node(self.path, op, names, (output,), attributes, OPSET)
        self.tape.write(node, f"{self.path} ({self.op})")
        return output

    def _name_of(self, given: Operand) -> str:
        if isinstance(given, Traced):
            return given.name
        if given is None or isinstance(given, str):
            return given or ""
        return self.tape.constant(given)

    def integers(self, *entries: int) -> Array:
        """Returns integers as a constant."""
        return np.array(entries, dtype=np.int64)

    def scalar(self, number: float) -> Array:
        """Returns a number as a constant in the format of what the operator gives."""
        name = str(self.dtype).removeprefix("torch.")
        return np.array(number, dtype=bfloat16() if name == "bfloat16" else name)

    def reshaped(self, given: Operand, shape: Shape | None = None) -> str:
        """Returns the name of a tensor in another shape, by default that of the result."""
        wanted = self.integers(*(self.shape if shape is None else shape))
        return self.emit("Reshape", given, wanted, allowzero=1)


def rounded(number: float, dtype: torch.dtype) -> float:
    """Returns a parameter of an operator as torch's kernels have it: float32 but for float64.

    Example:
        >>> rounded(0.1, torch.float64), rounded(0.1, torch.float32)
        (0.1, 0.10000000149011612)
    """
    return float(number) if dtype is torch.float64 else float(np.float32(number))
