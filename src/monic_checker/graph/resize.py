"""Resize and Upsample: each output position reads positions of the input with rational weights."""

import math
from collections.abc import Sequence
from itertools import product

from flint import fmpq

from monic_checker.graph.axes import axis_of
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.moves import chosen
from monic_checker.graph.node import Node
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import Tensor, strides

__all__ = ["TABLE"]

#: What an output position reads along an axis: positions and their weights.
_Taps = list[tuple[int, fmpq]]

_HALF = fmpq(1, 2)

#: What Python takes for a term of an interpolation, in entries of a list.
_TERM = 40


def _resize(node: Node, operands: Operands, run: Run) -> Tensor:
    found = operands.tensor(0)
    old = node.opset < 11  # then the scales are the second input, as for Upsample
    node.insist("antialias", 0)
    node.insist("keep_aspect_ratio_policy", "stretch")
    scales = operands.optional(1 if old else 2)
    sizes = None if old else operands.optional(3)
    rank = len(found.shape)
    given = node.integers("axes")
    axes = list(range(rank)) if given is None else [axis_of(axis, rank) for axis in given]
    place = node.string("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    return _resized(node, run, found, _wanted(found, axes, scales, sizes), place)


def _upsample(node: Node, operands: Operands, run: Run) -> Tensor:
    found, scales = operands.tensor(0), operands.optional(1)
    if scales is None:
        numbers = node.attributes.get("scales")
        if not isinstance(numbers, tuple):
            raise NotCompared("it has no scales")
        scales = Tensor.of_rationals([fmpq(x) for x in numbers], (len(numbers),), "float32")
    wanted = _wanted(found, list(range(len(found.shape))), scales, None)
    return _resized(node, run, found, wanted, "asymmetric")


def _wanted(
    found: Tensor, axes: Sequence[int], scales: Tensor | None, sizes: Tensor | None
) -> list[tuple[int, fmpq]]:
    """The size and the scale that each axis gets."""
    result = [(size, fmpq(1)) for size in found.shape]
    if scales is not None and scales.size:
        numbers = scales.rationals()
        pairs = [(n, s) for n, s in zip((found.shape[a] for a in axes), numbers, strict=False)]
        lengths = [(int((n * s).p // (n * s).q), s) for n, s in pairs]
    elif sizes is not None:
        numbers = [fmpq(size) for size in sizes.integers()]
        lengths = [(int(m.p), m / found.shape[a]) for a, m in zip(axes, numbers, strict=False)]
    else:
        raise NotCompared("it has neither scales nor sizes")
    if len(numbers) != len(axes) or any(n < 1 or s <= 0 for n, s in lengths):
        raise NotCompared(f"its scales or sizes do not fit the shape {found.shape}")
    for axis, pair in zip(axes, lengths, strict=True):
        result[axis] = pair
    return result


def _resized(
    node: Node, run: Run, found: Tensor, wanted: Sequence[tuple[int, fmpq]], place: str
) -> Tensor:
    run.hold([count for count, _ in wanted], found.length + 64)
    mode = node.string("mode", "nearest")
    kept = [count == size and scale == 1 for size, (count, scale) in
            zip(found.shape, wanted, strict=True)]  # fmt: skip
    where = [
        [fmpq(i) for i in range(size)] if same else _positions(size, count, scale, place)
        for size, (count, scale), same in zip(found.shape, wanted, kept, strict=True)
    ]
    if mode == "nearest":
        rule = "floor" if place == "asymmetric" and node.opset < 11 else "round_prefer_floor"
        rule = node.string("nearest_mode", rule)
        pairs = zip(found.shape, where, strict=True)
        return chosen(run, found, [[_nearest(x, n, rule) for x in line] for n, line in pairs])
    if mode not in ("linear", "bilinear"):
        raise NotCompared(f"its mode {mode!a:.20} is not carried out")
    pairs = zip(found.shape, where, strict=True)
    return _interpolated(run, found, [[_between(x, n) for x in line] for n, line in pairs])


def _positions(size: int, count: int, scale: fmpq, place: str) -> list[fmpq]:
    """Where each output position lies in the input, along one axis."""
    exact = size * scale == count
    if place == "half_pixel":
        return [(i + _HALF) / scale - _HALF for i in range(count)]
    if place == "pytorch_half_pixel":
        return [(i + _HALF) / scale - _HALF if count > 1 else fmpq(0) for i in range(count)]
    if place == "asymmetric":
        return [i / scale for i in range(count)]
    if place == "align_corners" and exact:
        return [fmpq(i * (size - 1), count - 1) if count > 1 else fmpq(0) for i in range(count)]
    if place == "half_pixel_symmetric" and exact:
        return [(i + _HALF) / scale - _HALF for i in range(count)]
    raise NotCompared(f"its coordinate_transformation_mode {place!a:.40} is not carried out")


def _nearest(x: fmpq, size: int, rule: str) -> int:
    low = x.p // x.q
    rest = x - low
    up = {
        "floor": False,
        "ceil": rest > 0,
        "round_prefer_floor": rest > _HALF,
        "round_prefer_ceil": rest >= _HALF,
    }.get(rule)
    if up is None:
        raise NotCompared(f"its nearest_mode {rule!a:.40} is not known")
    return min(max(int(low) + up, 0), size - 1)


def _between(x: fmpq, size: int) -> _Taps:
    """The two neighbours of a position; beyond the ends the ends themselves."""
    low = int(x.p // x.q)
    rest = x - low
    taps = [(low, 1 - rest), (low + 1, rest)]
    return [(min(max(i, 0), size - 1), weight) for i, weight in taps if weight != 0]


def _interpolated(run: Run, found: Tensor, axes: Sequence[Sequence[_Taps]]) -> Tensor:
    terms = math.prod(sum(map(len, axis)) for axis in axes)
    run.work(_TERM * terms, found.length)
    steps, numbers = strides(found.shape), found.rationals()
    result = [
        sum(
            (
                math.prod((weight for _, weight in taps), start=fmpq(1))
                * numbers[sum(step * i for step, (i, _) in zip(steps, taps, strict=True))]
                for taps in product(*window)
            ),
            fmpq(0),
        )
        for window in product(*axes)
    ]
    return Tensor.of_rationals(result, tuple(len(axis) for axis in axes), found.dtype)


TABLE = {"Resize": _resize, "Upsample": _upsample}
