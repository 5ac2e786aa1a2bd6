"""Activations, and arithmetic with constants."""

from collections.abc import Callable

from torch import Tensor

from monic.io.onnx.values import Refused
from monic.io.torch.arrays import CODES
from monic.io.torch.tape import Call, Operand, Traced, rounded

__all__ = ["POINTWISE"]


def _plain(op: str) -> Callable[[Call], str]:
    """Returns what writes an operator that takes one tensor and nothing else."""
    return lambda call: call.emit(op, call["self"])


def leaky_relu(call: Call) -> str:
    """Y = X where X >= 0, else a X."""
    slope = rounded(call["negative_slope"], call.dtype)
    return call.emit("LeakyRelu", call["self"], alpha=slope)


def prelu(call: Call) -> str:
    """Y = X where X >= 0, else a X with a slope for each channel."""
    slopes: Operand = call["weight"]
    axes = len(call.shape) - 2
    if isinstance(slopes, Tensor) and slopes.numel() > 1 and axes > 0:
        slopes = call.reshaped(slopes, (slopes.numel(), *[1] * axes))
    return call.emit("PRelu", call["self"], slopes)


def elu(call: Call) -> str:
    """Y = X where X >= 0, else alpha (exp X - 1)."""
    if call["scale"] != 1 or call["input_scale"] != 1:
        raise Refused("it scales its input or output; only ELU itself is read")
    return call.emit("Elu", call["self"], alpha=rounded(call["alpha"], call.dtype))


def clip(call: Call) -> str:
    """Y = X between two numbers."""
    low = call.given.get("min_val", call.given.get("min"))
    high = call.given.get("max_val", call.given.get("max"))
    return _clipped(call, low, high)


def _clipped(call: Call, low: object, high: object) -> str:
    if any(isinstance(bound, Traced) for bound in (low, high)):
        raise Refused("its bounds depend on the input; only constant ones are read")
    if high is None and isinstance(low, int | float) and low == 0:
        return call.emit("Relu", call["self"])
    ends = [_number(call, bound) for bound in (low, high)]
    return call.emit("Clip", call["self"], *ends)


def _number(call: Call, bound: object) -> Operand:
    if bound is None or isinstance(bound, Tensor):
        return bound
    return call.scalar(float(str(bound)))


def relu6(call: Call) -> str:
    """Y = X between 0 and 6."""
    return _clipped(call, 0.0, 6.0)


def threshold(call: Call) -> str:
    """Y = X where X > 0, else 0."""
    if call["threshold"] != 0 or call["value"] != 0:
        raise Refused("it jumps at its threshold; only a threshold and a value of 0 are read")
    return call.emit("Relu", call["self"])


def add(call: Call) -> str:
    """Y = A + alpha B."""
    return call.emit("Add", _factor(call, "self"), _times(call, "other", call["alpha"]))


def sub(call: Call) -> str:
    """Y = A - alpha B."""
    return call.emit("Sub", _factor(call, "self"), _times(call, "other", call["alpha"]))


def rsub(call: Call) -> str:
    """Y = B - alpha A."""
    return call.emit("Sub", _factor(call, "other"), _times(call, "self", call["alpha"]))


def mul(call: Call) -> str:
    """Y = A B, entry by entry."""
    return call.emit("Mul", _factor(call, "self"), _factor(call, "other"))


def div(call: Call) -> str:
    """Y = A / B, entry by entry."""
    if call.given.get("rounding_mode") is not None:
        raise Refused("it rounds, which is not affine; divide without rounding_mode")
    return call.emit("Div", _factor(call, "self"), _factor(call, "other"))


def _factor(call: Call, name: str) -> Operand:
    given = call[name]
    if isinstance(given, Traced):
        return given
    return given.contiguous() if isinstance(given, Tensor) else call.scalar(given)


def _times(call: Call, name: str, factor: float) -> Operand:
    given = _factor(call, name)
    if factor == 1:
        return given
    if isinstance(given, Traced):
        return call.emit("Mul", given, call.scalar(factor))
    return given * factor if isinstance(given, Tensor) else call.scalar(call[name] * factor)


def dropout(call: Call) -> str:
    """Y = X: a module in evaluation mode drops nothing."""
    if call["train"]:
        raise Refused("it drops at random even in evaluation mode; pass training=self.training")
    return call.emit("Identity", call.given["input" if "input" in call.given else "self"])


def cast(call: Call) -> str:
    """Y = X in another number format."""
    found: Traced = call["self"]
    if found.dtype is call.dtype:
        return call.emit("Identity", found)
    if call.dtype not in CODES:
        raise Refused(f"it turns numbers into {call.dtype}; keep them in a float format")
    return call.emit("Cast", found, to=CODES[call.dtype])


def identity(call: Call) -> str:
    """Y = X."""
    return call.emit("Identity", next(v for v in call.given.values() if isinstance(v, Traced)))


POINTWISE = {
    **dict.fromkeys(("clone", "detach", "alias", "contiguous", "lift_fresh_copy"), identity),
    **dict.fromkeys(("lift_fresh", "lift", "positive", "resolve_conj", "resolve_neg"), identity),
    **dict.fromkeys(("to", "_to_copy", "type_as", "float", "double"), cast),
    **dict.fromkeys(("dropout", "feature_dropout", "alpha_dropout"), dropout),
    **dict.fromkeys(("feature_alpha_dropout", "native_dropout"), dropout),
    **dict.fromkeys(("clamp", "clip", "hardtanh", "clamp_min"), clip),
    "clamp_max": clip,
    **dict.fromkeys(("mul", "multiply"), mul),
    **dict.fromkeys(("div", "divide", "true_divide"), div),
    **dict.fromkeys(("sub", "subtract"), sub),
    "add": add,
    "rsub": rsub,
    "relu": _plain("Relu"),
    "relu6": relu6,
    "threshold": threshold,
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "elu": elu,
    "tanh": _plain("Tanh"),
    "sigmoid": _plain("Sigmoid"),
    "neg": _plain("Neg"),
    "negative": _plain("Neg"),
    # the reader says why it does not read these
    "abs": _plain("Abs"),
    "atan": _plain("Atan"),
    "exp": _plain("Exp"),
    "gelu": _plain("Gelu"),
    "hardsigmoid": _plain("HardSigmoid"),
    "hardswish": _plain("HardSwish"),
    "log_softmax": _plain("LogSoftmax"),
    "mish": _plain("Mish"),
    "selu": _plain("Selu"),
    "sign": _plain("Sign"),
    "silu": _plain("Silu"),
    "softmax": _plain("Softmax"),
    "softplus": _plain("Softplus"),
}
