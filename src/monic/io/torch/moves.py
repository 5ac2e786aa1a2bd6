"""Operators that move entries: torch itself says where the numbers of the entries go.

Entries are numbered from 1; where torch puts a 0, there is a zero.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from monic.io.onnx.values import LARGEST, Refused
from monic.io.torch.tape import Call, Operand, Traced

__all__ = ["MOVES", "PADS", "RESHAPES", "TRANSPOSES", "cat", "moved", "pad", "stack", "transposed"]

#: Operators that keep the C order of the entries.
RESHAPES = frozenset(
    "view reshape _unsafe_view flatten unflatten squeeze unsqueeze ravel view_as reshape_as "
    "_reshape_alias".split()
)

#: Operators that permute axes.
TRANSPOSES = frozenset("permute transpose t movedim moveaxis swapaxes swapdims numpy_T mT".split())

#: Operators that choose entries, perhaps several times, or put zeros in their places.
MOVES = frozenset(
    "slice select index_select index narrow split split_with_sizes chunk tensor_split unbind flip "
    "fliplr flipud roll rot90 expand expand_as repeat repeat_interleave tile diagonal "
    "unsafe_split unsafe_chunk pixel_shuffle pixel_unshuffle channel_shuffle broadcast_to "
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d "
    "_upsample_nearest_exact2d _upsample_nearest_exact3d slice_copy select_copy im2col "
    "tril triu".split()
)

PADS = frozenset(
    "pad constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d "
    "replication_pad2d replication_pad3d".split()
)

_WORDS = {"reflection": "reflect", "replication": "replicate"}
_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def moved(call: Call, target: Any) -> str | tuple[str, ...]:
    """Writes an operator that chooses entries; several tensors are a tuple of names."""
    [found] = {v for v in pytree.tree_leaves(dict(call.given)) if isinstance(v, Traced)}
    count = int(np.prod(found.shape, dtype=np.int64))
    numbers = torch.arange(1, count + 1, dtype=torch.float64).reshape(found.shape)

    def numbered(leaf: Any) -> Any:
        if isinstance(leaf, Traced):
            return numbers
        return leaf.cpu() if isinstance(leaf, Tensor) else leaf

    named = pytree.tree_map(numbered, dict(call.given))
    given = called(target, named)
    if isinstance(given, Tensor):
        return _chosen(call, found, given)
    return tuple(_chosen(call, found, part) for part in given)


def called(target: Any, given: dict[str, Any]) -> Any:
    """Returns what a torch operator gives for arguments by name."""
    args, kwargs = [], {}
    for argument in target._schema.arguments:
        if argument.kwarg_only:
            kwargs[argument.name] = given[argument.name]
        else:
            args.append(given[argument.name])
    with torch.no_grad():
        return target(*args, **kwargs)


def _chosen(call: Call, found: Traced, numbers: Tensor) -> str:
    if numbers.numel() == 0 or numbers.numel() > LARGEST:
        raise Refused(f"it gives {numbers.numel()} numbers")
    places, shape = numbers.reshape(-1).to(torch.int64), tuple(numbers.shape)
    count = int(np.prod(found.shape, dtype=np.int64))
    if torch.equal(places, torch.arange(1, count + 1)):
        return call.reshaped(found, shape)
    flat = call.reshaped(found, (1, count))
    if bool((places == 0).any()):
        flat = call.emit("Pad", flat, call.integers(0, 1, 0, 0))
    else:
        places = places - 1
    return call.reshaped(call.emit("Gather", flat, places, axis=1), shape)


def transposed(call: Call, target: Any) -> str:
    """Writes an operator that permutes axes."""
    found = next(v for v in call.given.values() if isinstance(v, Traced))
    rank = len(found.shape)
    cube = torch.empty([2] * rank, device="meta")  # a stride of its own for each axis
    moved = called(target, {**call.given, next(iter(call.given)): cube})
    order = tuple(cube.stride().index(stride) for stride in moved.stride())
    return call.emit("Transpose", found, perm=order)


def pad(call: Call) -> str:
    """Y = X with a border."""
    found: Traced = call["self"]
    word = call.op.partition("_")[0]  # "pad", "constant", "reflection" or "replication"
    mode = _WORDS.get(word) or call.given.get("mode", "constant")
    if mode not in _MODES:
        raise Refused(f"its mode {mode!r} is not known")
    given = list(call.given.get("pad") or call.given.get("padding") or ())
    if not all(type(entry) is int for entry in given):
        raise Refused("its sizes depend on the input; only fixed ones are read")
    rank = len(found.shape)
    before, after = [0] * rank, [0] * rank
    for k in range(len(given) // 2):  # torch counts axes from the last
        before[rank - 1 - k], after[rank - 1 - k] = given[2 * k], given[2 * k + 1]
    inputs: list[Operand] = [found, call.integers(*before, *after)]
    if mode == "constant" and call.given.get("value") is not None:
        inputs.append(call.scalar(call["value"]))
    return call.emit("Pad", *inputs, mode=_MODES[mode])


def cat(call: Call) -> str:
    """Y = tensors one after another along an axis."""
    return call.emit("Concat", *call["tensors"], axis=call["dim"] % len(call.shape))


def stack(call: Call) -> str:
    """Y = tensors one after another along a new axis."""
    axis = call["dim"] % len(call.shape)
    shape = (*call.shape[:axis], 1, *call.shape[axis + 1 :])
    return call.emit("Concat", *(call.reshaped(t, shape) for t in call["tensors"]), axis=axis)
