"""Variances, deviations and roots: the reader looks whether they make a norm."""

from monic.io.onnx.values import Refused
from monic.io.torch.tape import Call, Operand, Traced

__all__ = ["MOMENTS"]


def variance(call: Call) -> str:
    """Y = the mean of (X - mean)^2 along axes."""
    _insist_on_all(call)
    return _variance(call)


def deviation(call: Call) -> str:
    """Y = the root of the variance along axes."""
    _insist_on_all(call)
    return call.emit("Sqrt", _variance(call))


def variance_and_mean(call: Call) -> tuple[str, ...]:
    """Y = the variance, or its root, and the mean along axes."""
    spread = deviation(call) if call.op == "std_mean" else variance(call)
    return spread, call.emit("ReduceMean", call["self"], _axes(call), keepdims=_keeps(call))


def root(call: Call) -> str:
    """Y = sqrt X."""
    return call.emit("Sqrt", call["self"])


def reciprocal_root(call: Call) -> str:
    """Y = 1 / sqrt X."""
    return call.emit("Reciprocal", root(call))


def square(call: Call) -> str:
    """Y = X^2."""
    return call.emit("Mul", call["self"], call["self"])


def power(call: Call) -> str:
    """Y = X^p."""
    base, exponent = call["self"], call["exponent"]
    if not isinstance(base, Traced) or not isinstance(exponent, int | float):
        raise Refused("it takes powers that depend on the input, or of constants")
    if exponent == -0.5:
        return reciprocal_root(call)
    return call.emit("Pow", base, call.scalar(exponent))


def _variance(call: Call) -> str:
    mean = call.emit("ReduceMean", call["self"], _axes(call), keepdims=1)
    centred = call.emit("Sub", call["self"], mean)
    squared = call.emit("Mul", centred, centred)
    return call.emit("ReduceMean", squared, _axes(call), keepdims=_keeps(call))


def _insist_on_all(call: Call) -> None:
    """Refuses variances that are divided by less than the number of entries."""
    given = call.given.get("correction")
    given = call.given.get("unbiased", 1 if given is None else given)
    if given != 0:
        raise Refused("it divides by n - 1 instead of n; pass correction=0 (unbiased=False)")


def _axes(call: Call) -> Operand:
    given = call.given.get("dim")
    axes = [given] if isinstance(given, int) else list(given or ())
    return call.integers(*(axes or range(len(call["self"].shape))))


def _keeps(call: Call) -> int:
    return int(call.given.get("keepdim", False))


MOMENTS = {
    "var": variance,
    "std": deviation,
    **dict.fromkeys(("var_mean", "std_mean"), variance_and_mean),
    "sqrt": root,
    "rsqrt": reciprocal_root,
    "square": square,
    "pow": power,
    "reciprocal": lambda call: call.emit("Reciprocal", call["self"]),
}
