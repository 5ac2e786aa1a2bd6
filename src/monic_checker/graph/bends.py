"""Functions that are affine on pieces: ReLU and its relatives, extremes, bounds."""

from collections.abc import Callable, Sequence

from flint import fmpq, fmpz

from monic_checker.graph.broadcasting import add, broadcast, multiply, scalar, spread
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import Tensor

__all__ = ["TABLE"]


def _extreme(choose: Callable[[Sequence[fmpz]], fmpz]) -> Callable[..., Tensor]:
    def act(node: Node, operands: Operands, run: Run) -> Tensor:
        parts = spread(run, operands.tensors())
        rows = zip(*(part.entries for part in parts), strict=True)
        first, second = parts[0].entries, parts[-1].entries
        run.bend([a - b for a, b in zip(first, second, strict=True)] if len(parts) > 1 else [])
        entries = [choose(row) for row in rows]
        return Tensor(parts[0].shape, entries, parts[0].denominator, parts[0].dtype).lowest()

    return act


def _clip(node: Node, operands: Operands, run: Run) -> Tensor:
    found = operands.tensor(0)
    for index, name, choose in ((1, "min", max), (2, "max", min)):
        bound = operands.optional(index)
        if bound is None and name in node.attributes:
            number = node.number(name, fmpq(0))
            bound = Tensor.of_rationals([number], (), found.dtype)
        if bound is not None:
            bound.number()
            a, b = spread(run, [found, bound.reshaped(())])
            entries = [choose(x, z) for x, z in zip(a.entries, b.entries, strict=True)]
            found = Tensor(a.shape, entries, a.denominator, found.dtype).lowest()
    return found


def _bent(found: Tensor, run: Run, slope: Tensor) -> Tensor:
    """max(x, 0) + s min(x, 0)."""
    run.bend(found.entries)
    zero = fmpz(0)
    up = [entry if entry > 0 else zero for entry in found.entries]
    down = [entry if entry < 0 else zero for entry in found.entries]
    positive = Tensor(found.shape, up, found.denominator, found.dtype)
    negative = Tensor(found.shape, down, found.denominator, found.dtype)
    return add(run, positive, multiply(run, negative, slope))


def _relu(node: Node, operands: Operands, run: Run) -> Tensor:
    found, zero = operands.tensor(0), fmpz(0)
    run.hold(found.shape, 0)
    run.bend(found.entries)
    entries = [entry if entry > 0 else zero for entry in found.entries]
    return Tensor(found.shape, entries, found.denominator, found.dtype).lowest()


def _leaky(node: Node, operands: Operands, run: Run) -> Tensor:
    alpha = node.number("alpha", fmpq(5368709, 2**29))  # 0.01 as a float32
    return _bent(operands.tensor(0), run, scalar(alpha))


def _prelu(node: Node, operands: Operands, run: Run) -> Tensor:
    found, slope = operands.tensor(0), operands.tensor(1)
    if broadcast([found.shape, slope.shape]) != found.shape:
        raise NotCompared(f"its slopes of shape {slope.shape} do not fit {found.shape}")
    return _bent(found, run, slope)


def _thresholded(node: Node, operands: Operands, run: Run) -> Tensor:
    found, alpha = operands.tensor(0), node.number("alpha", fmpq(1))
    numbers = [t if t > alpha else fmpq(0) for t in found.rationals()]
    return Tensor.of_rationals(numbers, found.shape, found.dtype)


def _absolute(node: Node, operands: Operands, run: Run) -> Tensor:
    found = operands.tensor(0)
    run.hold(found.shape, found.length)
    run.bend(found.entries)
    entries = [abs(entry) for entry in found.entries]
    return Tensor(found.shape, entries, found.denominator, found.dtype)


def _sign(node: Node, operands: Operands, run: Run) -> Tensor:
    found = operands.tensor(0)
    entries = [fmpz((entry > 0) - (entry < 0)) for entry in found.entries]
    return Tensor(found.shape, entries, dtype=found.dtype)


def _hard_sigmoid(node: Node, operands: Operands, run: Run) -> Tensor:
    found = operands.tensor(0)
    alpha = node.number("alpha", fmpq(13421773, 2**26))  # 0.2 as a float32
    beta = node.number("beta", fmpq(1, 2))
    return _clamped(found, alpha, beta)


def _hard_swish(node: Node, operands: Operands, run: Run) -> Tensor:
    found = operands.tensor(0)
    return multiply(run, found, _clamped(found, fmpq(1, 6), fmpq(1, 2)))


def _clamped(found: Tensor, alpha: fmpq, beta: fmpq) -> Tensor:
    """max(0, min(1, alpha x + beta))."""
    numbers = [max(fmpq(0), min(fmpq(1), alpha * t + beta)) for t in found.rationals()]
    return Tensor.of_rationals(numbers, found.shape, found.dtype)


TABLE = {
    "Abs": _absolute,
    "Clip": _clip,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "LeakyRelu": _leaky,
    "Max": _extreme(max),
    "Min": _extreme(min),
    "PRelu": _prelu,
    "Relu": _relu,
    "Sign": _sign,
    "ThresholdedRelu": _thresholded,
}
