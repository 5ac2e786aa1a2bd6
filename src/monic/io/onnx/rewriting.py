"""Rewriting before reading: a graph in fewer kinds of nodes that computes the same.

- A node that splits a tensor into several parts becomes one node for each part.
- A norm that is spelled out becomes one node.
- A border that only a convolution reads becomes that convolution's own padding, so that the
  layer is known as a convolution with, say, circular padding.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from monic.io.onnx.node import Attribute, Node
from monic.io.onnx.patterns import with_norms
from monic.model.array import Array

__all__ = ["rewritten"]

#: ONNX's names of borders, and those of `monic.model.Geometry`.
_MODES = {"constant": "zero", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


@dataclass(frozen=True, slots=True)
class _Border:
    """A border around images: what it borders, how, and how wide before and after each axis."""

    source: str
    mode: str
    pads: tuple[int, ...]


def rewritten(nodes: Sequence[Node], arrays: Mapping[str, Array], output: str) -> list[Node]:
    """Returns the nodes of a graph in a simpler form.

    Arguments:
        nodes: The nodes, each after those that it uses.
        arrays: The initialisers.
        output: The name of the output.
    """
    single = [part for node in nodes for part in _parts(node)]
    known = {**arrays, **_constants(single)}
    single = with_norms(single, known, output)
    users = Counter([output, *(name for node in single for name in node.inputs)])
    borders: dict[str, _Border] = {}
    for node in single:
        border = _border(node, known) if node.op == "Pad" else None
        if border is not None and users[node.outputs[0]] == 1:
            borders[node.outputs[0]] = border
    wider = {id(node): _wider(node, borders) for node in single}
    gone = {node.inputs[0] for node in single if wider[id(node)] is not node}
    return [wider[id(node)] for node in single if not gone.intersection(node.outputs)]


def _constants(nodes: Sequence[Node]) -> dict[str, Array]:
    given = ((node, node.attributes.get("value")) for node in nodes if node.op == "Constant")
    return {node.outputs[0]: value for node, value in given if isinstance(value, np.ndarray)}


def _parts(node: Node) -> Iterator[Node]:
    if node.op != "Split":
        yield node
        return
    for k, name in enumerate(node.outputs):
        if name:
            yield replace(node, outputs=(name,), added={"part": k, "parts": len(node.outputs)})


def _border(node: Node, known: Mapping[str, Array]) -> _Border | None:
    """Returns the border that a node gives images; None for what only the reader can judge."""
    mode = node.attributes.get("mode", "constant")
    if not isinstance(mode, str) or mode not in _MODES:
        return None
    if not node.inputs or any(node.inputs[3:]):  # it names axes
        return None
    pads = _whole_numbers(_input(node, 1, known, node.attributes.get("pads")))
    filling = _input(node, 2, known, node.attributes.get("value", 0.0))
    rank, odd = divmod(len(pads), 2)
    before, after = pads[:rank], pads[rank:]
    if odd or not 3 <= rank <= 5 or any([*before[:2], *after[:2]]) or min(pads) < 0:
        return None
    if mode == "constant" and not _is_zero(filling):
        return None
    return _Border(node.inputs[0], _MODES[mode], (*before[2:], *after[2:]))


def _input(node: Node, index: int, known: Mapping[str, Array], default: Attribute) -> Attribute:
    name = node.inputs[index] if index < len(node.inputs) else ""
    return known.get(name) if name else default


def _whole_numbers(found: Attribute) -> tuple[int, ...]:
    if isinstance(found, np.ndarray) and found.dtype.kind in "iu":
        return tuple(found.reshape(-1).tolist())
    if isinstance(found, tuple) and all(isinstance(entry, int) for entry in found):
        return tuple(int(entry) for entry in found)
    return ()


def _is_zero(found: Attribute) -> bool:
    if isinstance(found, np.ndarray):
        return found.dtype.kind in "fiu" and found.size == 1 and not found.any()
    return isinstance(found, float | int) and found == 0


def _wider(node: Node, borders: Mapping[str, _Border]) -> Node:
    """Returns a convolution with the border before it as its padding, if it has no other."""
    border = borders.get(node.inputs[0]) if node.op == "Conv" and node.inputs else None
    auto = node.attributes.get("auto_pad", "NOTSET")
    if border is None or auto not in ("NOTSET", "VALID"):
        return node
    own = node.attributes.get("pads") if auto == "NOTSET" else None
    before = _whole_numbers(own) if own is not None else (0,) * len(border.pads)
    if len(before) != len(border.pads) or (border.mode != "zero" and any(before)):
        return node
    total = tuple(a + b for a, b in zip(before, border.pads, strict=True))
    attributes = {**node.attributes, "pads": total, "auto_pad": "NOTSET"}
    inputs = (border.source, *node.inputs[1:])
    return replace(node, inputs=inputs, attributes=attributes, added={"padding_mode": border.mode})
