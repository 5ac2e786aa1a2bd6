"""Matrix products and convolutions."""

from collections.abc import Sequence

from torch import Tensor

from monic.io.onnx.values import Refused
from monic.io.torch.tape import Call, Operand, Traced, rounded

__all__ = ["LINEAR"]


def linear(call: Call) -> str:
    """Y = X W^T + b."""
    found, weight, bias = call["input"], call["weight"], call["bias"]
    if isinstance(found, Traced) and len(found.shape) == 2 and isinstance(weight, Tensor):
        return call.emit("Gemm", found, weight, *([] if bias is None else [bias]), transB=1)
    product = call.emit("MatMul", found, call.emit("Transpose", weight, perm=(1, 0)))
    return product if bias is None else call.emit("Add", product, bias)


def addmm(call: Call) -> str:
    """Y = beta C + alpha A B."""
    alpha, beta = (rounded(call[name], call.dtype) for name in ("alpha", "beta"))
    return call.emit("Gemm", call["mat1"], call["mat2"], call["self"], alpha=alpha, beta=beta)


def matmul(call: Call) -> str:
    """Y = A B."""
    first, second = list(call.given.values())[:2]
    return call.emit("MatMul", first, second)


def einsum(call: Call) -> str:
    """Y = a matrix along one axis, written as sums over letters."""
    equation = "".join(str(call["equation"]).split())
    if "->" not in equation:
        raise Refused("its equation has no output; write it with an arrow")
    return call.emit("Einsum", *call["tensors"], equation=equation)


def conv(call: Call) -> str:
    """Y = K * X + b, for one to three spatial axes."""
    if call.given.get("transposed"):
        return conv_transpose(call)
    weight = call["weight"]
    axes = len(weight.shape) - 2
    dilation = each(call["dilation"], axes)
    return _convolution(
        call,
        "Conv",
        pads=_pads(call["padding"], weight.shape[2:], dilation),
        dilations=dilation,
    )


def conv_transpose(call: Call) -> str:
    """Y = the transpose of a convolution."""
    axes = len(call["weight"].shape) - 2
    return _convolution(
        call,
        "ConvTranspose",
        pads=each(call["padding"], axes) * 2,
        dilations=each(call["dilation"], axes),
        output_padding=each(call["output_padding"], axes),
    )


def _convolution(call: Call, op: str, **attributes: tuple[int, ...]) -> str:
    weight, bias = call["weight"], call["bias"]
    axes = len(weight.shape) - 2
    inputs: list[Operand] = [in_batch(call, call["input"], axes), weight]
    if bias is not None:
        inputs.append(bias)
    strides, groups = each(call["stride"], axes), call["groups"]
    given = call.emit(op, *inputs, strides=strides, group=groups, **attributes)
    return out_of_batch(call, given, axes)


def _pads(padding: object, taps: Sequence[int], dilation: tuple[int, ...]) -> tuple[int, ...]:
    if padding == "valid":
        return (0,) * (2 * len(taps))
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, taps, strict=True)]
        return (*(t // 2 for t in total), *(t - t // 2 for t in total))
    return each(padding, len(taps)) * 2


def each(value: object, axes: int) -> tuple[int, ...]:
    """Returns one integer for each axis."""
    values = list(value) if isinstance(value, Sequence) else [value]
    values = values * axes if len(values) == 1 else values
    if not all(type(entry) is int for entry in values):
        raise Refused("its sizes depend on the input; only fixed ones are read")
    return tuple(int(str(entry)) for entry in values)


def in_batch(call: Call, found: object, axes: int) -> Operand:
    """Returns images with a batch axis, which torch lets be left out."""
    if not isinstance(found, Traced):
        raise Refused("it takes constants only; only the input's images are read")
    return call.reshaped(found, (1, *found.shape)) if len(found.shape) == axes + 1 else found


def out_of_batch(call: Call, given: str, axes: int) -> str:
    """Returns the images without the batch axis that `in_batch` added."""
    return call.reshaped(given) if len(call.shape) == axes + 1 else given


LINEAR = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), conv),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), conv_transpose),
    **dict.fromkeys(("mm", "matmul", "mv", "bmm"), matmul),
    "addmm": addmm,
    "einsum": einsum,
    "linear": linear,
}
