"""Pooling and resizing of images."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from monic.io.onnx.values import Refused
from monic.io.torch.linear import each, in_batch, out_of_batch
from monic.io.torch.tape import Call, Operand, Traced

__all__ = ["WINDOWS"]


def max_pool(axes: int) -> Callable[[Call], str]:
    """Returns what writes Y = the maxima over windows."""

    def write(call: Call) -> str:
        taps = each(call["kernel_size"], axes)
        given = call.emit(
            "MaxPool",
            in_batch(call, call["self"], axes),
            kernel_shape=taps,
            strides=each(call["stride"] or taps, axes),
            pads=each(call["padding"], axes) * 2,
            dilations=each(call["dilation"], axes),
            ceil_mode=int(call["ceil_mode"]),
        )
        return out_of_batch(call, given, axes)

    return write


def average_pool(axes: int) -> Callable[[Call], str]:
    """Returns what writes Y = the means over windows."""

    def write(call: Call) -> str:
        taps = each(call["kernel_size"], axes)
        if call.given.get("divisor_override") not in (None, math.prod(taps)):
            raise Refused("it divides by another number than the windows have entries")
        given = call.emit(
            "AveragePool",
            in_batch(call, call["self"], axes),
            kernel_shape=taps,
            strides=each(call["stride"] or taps, axes),
            pads=each(call["padding"], axes) * 2,
            count_include_pad=int(call["count_include_pad"]),
            ceil_mode=int(call["ceil_mode"]),
        )
        return out_of_batch(call, given, axes)

    return write


def adaptive_pool(axes: int, op: str) -> Callable[[Call], str]:
    """Returns what writes a pooling to a fixed size that divides the input's."""

    def write(call: Call) -> str:
        found: Traced = call["self"]
        sizes, wanted = found.shape[-axes:], call.shape[-axes:]
        if any(size % count for size, count in zip(sizes, wanted, strict=True)):
            raise Refused(
                f"its windows differ: {wanted} does not divide {sizes}; pool by fixed windows"
            )
        images = in_batch(call, found, axes)
        if math.prod(wanted) == 1:
            return out_of_batch(call, call.emit(f"Global{op}", images), axes)
        taps = tuple(size // count for size, count in zip(sizes, wanted, strict=True))
        given = call.emit(op, images, kernel_shape=taps, strides=taps)
        return out_of_batch(call, given, axes)

    return write


def mean(call: Call) -> str:
    """Y = the means over axes."""
    return call.emit("ReduceMean", call["self"], *_along(call), keepdims=_keeps(call))


def extreme(op: str) -> Callable[[Call], str]:
    """Returns what writes Y = the maxima or minima over axes."""

    def write(call: Call) -> str:
        if "other" in call.given:
            return call.emit(op.removeprefix("Reduce"), call["self"], call["other"])
        return call.emit(op, call["self"], *_along(call), keepdims=_keeps(call))

    return write


def total(call: Call) -> str:
    """Y = the sums over axes."""
    return call.emit("ReduceSum", call["self"], *_along(call), keepdims=_keeps(call))


def _along(call: Call) -> list[Operand]:
    given = call.given.get("dim")
    axes = [given] if isinstance(given, int) else list(given or ())
    return [call.integers(*axes)] if axes else []


def _keeps(call: Call) -> int:
    return int(call.given.get("keepdim", False))


def resize(call: Call) -> str:
    """Y = an image in another size, by interpolation."""
    way = "align_corners" if call["align_corners"] else "half_pixel"
    factors = call.given.get("scale_factors")
    if factors is None or call["align_corners"]:
        sizes: list[Operand] = [None, None, call.integers(*call.shape)]
    else:
        sizes = [None, np.array(_scales(call, factors))]
    return call.emit(
        "Resize",
        call["input"],
        *sizes,
        mode="cubic" if "bicubic" in call.op else "linear",
        coordinate_transformation_mode=way,
        cubic_coeff_a=-0.75,
    )


def _scales(call: Call, factors: Sequence[float]) -> list[float]:
    """Returns the scale of each axis; torch leaves an axis whose size stays as it is."""
    before, after = call["input"].shape, call.shape
    scales = [1.0, 1.0, *map(float, factors)]
    for size, scale, wanted in zip(before, scales, after, strict=True):
        if math.floor(Fraction(scale) * size) != wanted:
            raise Refused(f"its scale {scale!r} gives {wanted} of {size} entries; give sizes")
    every = zip(before, scales, after, strict=True)
    return [1.0 if size == wanted else scale for size, scale, wanted in every]


WINDOWS = {
    **{f"max_pool{axes}d": max_pool(axes) for axes in (1, 2, 3)},
    **{f"max_pool{axes}d_with_indices": max_pool(axes) for axes in (1, 2, 3)},
    **{f"avg_pool{axes}d": average_pool(axes) for axes in (1, 2, 3)},
    **{f"adaptive_avg_pool{a}d": adaptive_pool(a, "AveragePool") for a in (1, 2, 3)},
    **{f"adaptive_max_pool{a}d": adaptive_pool(a, "MaxPool") for a in (1, 2, 3)},
    **dict.fromkeys(("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"), resize),
    "upsample_bicubic2d": resize,
    **dict.fromkeys(("amax", "max"), extreme("ReduceMax")),
    **dict.fromkeys(("amin", "min"), extreme("ReduceMin")),
    "mean": mean,
    "sum": total,
}
