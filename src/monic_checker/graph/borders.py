"""Borders around tensors, and blocks of images."""

from flint import fmpq

from monic_checker.graph.axes import axes_of
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.moves import chosen, whole_lines
from monic_checker.graph.node import Node
from monic_checker.graph.products import permuted
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import NOWHERE, Tensor

__all__ = ["TABLE"]


def _pad(node: Node, operands: Operands, run: Run) -> Tensor:
    found, mode = operands.tensor(0), node.string("mode", "constant")
    rank, given = len(found.shape), operands.optional(1)
    pads = (node.integers("pads") or ()) if given is None else given.integers()
    axes = axes_of(node, operands, 3, rank)
    axes = list(range(rank)) if axes is None else axes
    if len(pads) != 2 * len(axes) or len({*axes}) != len(axes):
        raise NotCompared(f"its pads do not fit the shape {found.shape}")
    filling, lines = _filling(node, operands, mode), whole_lines(found)
    for k, axis in enumerate(axes):
        lines[axis] = _border(run, found.shape[axis], pads[k], pads[k + len(axes)], mode)
    return chosen(run, found, lines, filling)


def _filling(node: Node, operands: Operands, mode: str) -> fmpq | None:
    given = operands.optional(2)
    if mode != "constant":
        return None
    return node.number("value", fmpq(0)) if given is None else given.number()


def _border(run: Run, size: int, before: int, after: int, mode: str) -> list[int]:
    """The indices along an axis with a border; negative widths cut off."""
    run.hold((max(size + before + after, 0),), 64)
    places = range(-before, size + after)
    if mode == "constant":
        return [i if 0 <= i < size else NOWHERE for i in places]
    widest = {"reflect": size - 1, "edge": 2**62, "wrap": size}.get(mode, -1)
    if size < 1 or min(before, after) < 0 or max(before, after) > widest:
        raise NotCompared(f"its border ({mode!a:.20}) is not carried out for these pads")
    if mode == "wrap":
        return [i % size for i in places]
    if mode == "edge":
        return [min(max(i, 0), size - 1) for i in places]
    return [size - 1 - abs(size - 1 - abs(i)) for i in places]


def _depth_to_space(node: Node, operands: Operands, run: Run) -> Tensor:
    found, block, mode = operands.tensor(0), node.integer("blocksize", 0), _mode(node)
    if len(found.shape) != 4 or block < 1 or found.shape[1] % block**2:
        raise NotCompared(f"its blocks do not fit the shape {found.shape}")
    n, c, h, w = found.shape
    d = c // block**2
    inner = (d, block, block) if mode == "CRD" else (block, block, d)
    order = (0, 1, 4, 2, 5, 3) if mode == "CRD" else (0, 3, 4, 1, 5, 2)
    moved = permuted(run, found.reshaped((n, *inner, h, w)), order)
    return moved.reshaped((n, d, h * block, w * block))


def _space_to_depth(node: Node, operands: Operands, run: Run) -> Tensor:
    found, block, mode = operands.tensor(0), node.integer("blocksize", 0), _mode(node)
    if len(found.shape) != 4 or block < 1 or found.shape[2] % block or found.shape[3] % block:
        raise NotCompared(f"its blocks do not fit the shape {found.shape}")
    n, c, h, w = found.shape
    blocks = found.reshaped((n, c, h // block, block, w // block, block))
    order = (0, 1, 3, 5, 2, 4) if mode == "CRD" else (0, 3, 5, 1, 2, 4)
    moved = permuted(run, blocks, order)
    return moved.reshaped((n, c * block**2, h // block, w // block))


def _mode(node: Node) -> str:
    mode = node.string("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise NotCompared(f"its mode {mode!a:.20} is not known")
    return mode


TABLE = {
    "DepthToSpace": _depth_to_space,
    "Pad": _pad,
    "SpaceToDepth": _space_to_depth,
}
