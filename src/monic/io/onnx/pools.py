"""Poolings for the evaluation by the package onnx, some of whose own are wrong.

The package shifts the windows of a MaxPool that has more padding on one side, takes a
GlobalMaxPool over other axes than those of space unless there are two of them, and counts the
windows of a dilated AveragePool without padding wrongly. Here they are as ONNX's text has them;
nothing is shared with the reader.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from monic.model.affine import FloatArray

__all__ = ["pools"]


def pools() -> list[Any]:
    """Returns the operators that take the place of those of the package."""
    from onnx.reference.op_run import OpRun

    class MaxPool(OpRun):
        op_domain = ""

        def _run(self, x: FloatArray, **given: Any) -> tuple[FloatArray]:
            return (np.max(_windows(x, given, -math.inf), axis=0),)

    class AveragePool(OpRun):
        op_domain = ""

        def _run(self, x: FloatArray, **given: Any) -> tuple[FloatArray]:
            sums = np.sum(_windows(x, given, 0.0), axis=0)
            if given.get("count_include_pad"):
                return (sums / math.prod(given["kernel_shape"]),)
            return (sums / np.sum(_windows(np.ones_like(x), given, 0.0), axis=0),)

    class GlobalMaxPool(OpRun):
        op_domain = ""

        def _run(self, x: FloatArray) -> tuple[FloatArray]:
            return (np.max(x, axis=tuple(range(2, x.ndim)), keepdims=True),)

    return [MaxPool, AveragePool, GlobalMaxPool]


def _windows(x: FloatArray, given: Mapping[str, Any], filling: float) -> FloatArray:
    """Returns what each tap of the windows sees, tap by tap; padding has a value of its own."""
    taps, sizes = given["kernel_shape"], x.shape[2:]
    strides = given.get("strides") or [1] * len(taps)
    dilations = given.get("dilations") or [1] * len(taps)
    spans = [dilation * (tap - 1) + 1 for tap, dilation in zip(taps, dilations, strict=True)]
    pads = _pads(given, sizes, spans, strides)
    counts = [
        _count(size + sum(ends), span, stride, size + ends[0], up=bool(given.get("ceil_mode")))
        for size, span, stride, ends in zip(sizes, spans, strides, pads, strict=True)
    ]
    more = [span + stride for span, stride in zip(spans, strides, strict=True)]  # for ceil_mode
    around = [(a, b + m) for (a, b), m in zip(pads, more, strict=True)]
    whole = np.pad(x, [(0, 0), (0, 0), *around], constant_values=filling)
    seen = []
    for tap in product(*map(range, taps)):
        starts = [k * dilation for k, dilation in zip(tap, dilations, strict=True)]
        cut = [
            slice(start, start + stride * (count - 1) + 1, stride)
            for start, stride, count in zip(starts, strides, counts, strict=True)
        ]
        seen.append(whole[(slice(None), slice(None), *cut)])
    return np.stack(seen)


def _count(padded: int, span: int, stride: int, end: int, *, up: bool) -> int:
    """Returns the number of windows; none that only `ceil_mode` adds starts in the padding."""
    room = padded - span
    count = room // stride + 1
    return count + int(up and room % stride > 0 and count * stride < end)


def _pads(
    given: Mapping[str, Any], sizes: Sequence[int], spans: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    auto, axes = given.get("auto_pad") or "NOTSET", len(sizes)
    if auto in ("NOTSET", "VALID"):
        pads = (given.get("pads") if auto == "NOTSET" else None) or [0] * (2 * axes)
        return list(zip(pads[:axes], pads[axes:], strict=True))
    needs = [
        max((math.ceil(size / stride) - 1) * stride + span - size, 0)
        for size, span, stride in zip(sizes, spans, strides, strict=True)
    ]
    small = [(need // 2, need - need // 2) for need in needs]
    return small if auto == "SAME_UPPER" else [(after, before) for before, after in small]
