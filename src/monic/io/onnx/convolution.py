"""Conv and ConvTranspose on inputs of fixed size."""

from collections.abc import Sequence

from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, operand, optional, value, weights
from monic.io.onnx.values import Constant, Refused, Shape, Value, insist_on_size
from monic.model import (
    AffineMap,
    ChannelShift,
    Convolution,
    Geometry,
    TransposedConvolution,
)
from monic.model.array import Array

__all__ = ["conv", "conv_transpose", "image_of", "pads_of", "pads_of_pool"]


def conv(node: Node, operands: Operands) -> Value:
    """Y = the convolution of X with a constant kernel, plus a constant for each channel."""
    first, kernel = value(operands, 0), _kernel(operand(operands, 1))
    shape = image_of(first)
    taps = kernel.shape[2:]
    geometry = _geometry(node, shape, taps, pads_of(node, shape[1:], taps))
    return _with_bias(node, first, operands, Convolution(kernel, first.map, geometry))


def conv_transpose(node: Node, operands: Operands) -> Value:
    """Y = the transposed convolution of X with a constant kernel, plus a constant a channel."""
    first, kernel = value(operands, 0), _kernel(operand(operands, 1))
    if node.attributes.get("output_shape") is not None or _auto(node) not in ("NOTSET", "VALID"):
        raise Refused("it derives its padding from a shape (output_shape or auto_pad); give pads")
    shape, taps = image_of(first), kernel.shape[2:]
    pads = pads_of(node, shape[1:], taps)
    extra = node.integers("output_padding") or (0,) * (len(shape) - 1)
    geometry = _geometry(node, shape, taps, pads, extra)
    steps = [geometry.steps(axis) for axis in range(len(shape) - 1)]
    insist_on_size(  # before its ends are cut off
        [
            (size - 1) * stride + dilation * (tap - 1) + 1 + more
            for size, tap, (stride, dilation, more) in zip(shape[1:], taps, steps, strict=True)
        ]
    )
    if any(more >= max(stride, dilation) for stride, dilation, more in steps):
        raise Refused(f"its output_padding {extra} is not below its strides or dilations")
    return _with_bias(node, first, operands, TransposedConvolution(kernel, first.map, geometry))


def _with_bias(
    node: Node, first: Value, operands: Operands, step: Convolution | TransposedConvolution
) -> Value:
    given: AffineMap = step
    shift = optional(operands, 2)
    if shift is not None:
        bias = weights(shift).array
        if bias.size != step.taps.out_shape[0]:
            raise Refused(f"its bias has the shape {bias.shape}, not one entry for each channel")
        given = ChannelShift(bias, given)
    return first.mapped(given, (first.shape[0], *step.taps.out_shape), node.name)


def image_of(first: Value) -> Shape:
    """The shape (channels, *spatial) of one example."""
    if not 3 <= len(first.shape) <= 5 or first.shape[0] != first.lead:
        raise Refused(
            f"it takes examples of shape (channels, *spatial), up to three axes. Got the shape "
            f"{first.shape}"
        )
    return first.shape[1:]


def _kernel(found: object) -> Array:
    if not isinstance(found, Constant):
        raise Refused("its kernel depends on the input; only constant kernels are read")
    kernel = weights(found)
    if kernel.transposed or kernel.shape != kernel.array.shape:
        raise Refused("its kernel is reshaped or transposed first; store it as it is used")
    return kernel.array


def _geometry(
    node: Node,
    shape: Shape,
    taps: Sequence[int],
    pads: Sequence[tuple[int, int]],
    extra: Sequence[int] = (),
) -> Geometry:
    axes = len(shape) - 1
    if len(taps) != axes or tuple(node.integers("kernel_shape") or taps) != tuple(taps):
        raise Refused(f"its kernel of {tuple(taps)} taps does not fit the shape {shape}")
    padded = [size + low + high for size, (low, high) in zip(shape[1:], pads, strict=True)]
    insist_on_size((shape[0], *padded))  # as others make it
    return Geometry(
        shape,
        stride=node.integers("strides") or (1,) * axes,
        dilation=node.integers("dilations") or (1,) * axes,
        padding=tuple(pads),
        groups=node.integer("group", 1),
        mode=str(node.added.get("padding_mode", "zero")),
        output_padding=tuple(extra) or (0,) * axes,
    )


def pads_of(node: Node, sizes: Shape, taps: Sequence[int]) -> list[tuple[int, int]]:
    """Returns how many entries are added before and after each axis."""
    pads = _pads(node, sizes, taps)
    insist_on_size([size + low + high for size, (low, high) in zip(sizes, pads, strict=True)])
    return pads


def _pads(node: Node, sizes: Shape, taps: Sequence[int]) -> list[tuple[int, int]]:
    auto = _auto(node)
    if auto in ("NOTSET", "VALID"):
        given = node.integers("pads") if auto == "NOTSET" else None
        return _ends(given or (0,) * (2 * len(sizes)), len(sizes))
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise Refused(f"its auto_pad {auto!r} is not known")
    needs = [max(need, 0) for need in _missing(node, sizes, taps)]
    halves = [(need // 2, need - need // 2) for need in needs]
    return halves if auto == "SAME_UPPER" else [(large, small) for small, large in halves]


def pads_of_pool(node: Node, sizes: Shape, taps: Sequence[int]) -> list[tuple[int, int]]:
    """Returns how many entries are added before and after each axis of a pooling.

    Raises:
        Refused: when they follow from auto_pad in a case in which onnxruntime computes something
            else than ONNX says: it leaves dilations out, and lets windows start within the input.
    """
    if _auto(node) in ("SAME_UPPER", "SAME_LOWER"):
        dilations = node.integers("dilations") or (1,) * len(taps)
        spread = any(d > 1 and tap > 1 for d, tap in zip(dilations, taps, strict=True))
        if spread or min(_missing(node, sizes, taps)) < 0:
            raise Refused(
                f"its padding is {_auto(node)} with dilations, or with strides longer than its "
                "windows, where onnxruntime computes something else than ONNX says; give pads"
            )
    return pads_of(node, sizes, taps)


def _missing(node: Node, sizes: Shape, taps: Sequence[int]) -> list[int]:
    """Returns how many entries each axis lacks for an output position at every stride."""
    strides = node.integers("strides") or (1,) * len(sizes)
    dilations = node.integers("dilations") or (1,) * len(sizes)
    if not len(strides) == len(dilations) == len(taps) == len(sizes) or min(*strides, 1) < 1:
        raise Refused(f"its strides {strides} and dilations {dilations} do not fit {taps}")
    return [
        (-(-size // stride) - 1) * stride + dilation * (tap - 1) + 1 - size
        for size, tap, stride, dilation in zip(sizes, taps, strides, dilations, strict=True)
    ]


def _auto(node: Node) -> str:
    return node.string("auto_pad", "NOTSET")


def _ends(pads: Sequence[int], axes: int) -> list[tuple[int, int]]:
    if len(pads) != 2 * axes or min(pads) < 0:
        raise Refused(f"its pads {tuple(pads)} are not two numbers >= 0 for each axis")
    return list(zip(pads[:axes], pads[axes:], strict=True))
