"""Arithmetic and comparisons, entry by entry."""

from collections.abc import Callable

from flint import fmpq, fmpz

from monic_checker.graph.broadcasting import (
    add,
    broadcast,
    divide,
    multiply,
    places_in,
    scalar,
    spread,
)
from monic_checker.graph.node import Node
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import Tensor

__all__ = ["TABLE"]


def _pair(node: Node, operands: Operands, run: Run) -> tuple[Tensor, Tensor]:
    return operands.tensor(0), operands.tensor(1)


def _add(node: Node, operands: Operands, run: Run) -> Tensor:
    return add(run, *_pair(node, operands, run))


def _sub(node: Node, operands: Operands, run: Run) -> Tensor:
    return add(run, *_pair(node, operands, run), sign=-1)


def _mul(node: Node, operands: Operands, run: Run) -> Tensor:
    return multiply(run, *_pair(node, operands, run))


def _div(node: Node, operands: Operands, run: Run) -> Tensor:
    return divide(run, *_pair(node, operands, run))


def _sum(node: Node, operands: Operands, run: Run) -> Tensor:
    total, *others = operands.tensors()
    for other in others:
        total = add(run, total, other)
    return total


def _mean(node: Node, operands: Operands, run: Run) -> Tensor:
    count = Tensor.of_rationals([fmpq(1, len(node.inputs))], (), "float32")
    return multiply(run, _sum(node, operands, run), count)


def _where(node: Node, operands: Operands, run: Run) -> Tensor:
    chosen = operands.tensor(0)
    shape = broadcast([operands.tensor(k).shape for k in range(3)])
    a, b = spread(run, [operands.tensor(1), operands.tensor(2)])
    a, b, c = (t.taken(places_in(t.shape, shape), shape) for t in (a, b, chosen))
    rows = zip(c.entries, a.entries, b.entries, strict=True)
    entries = [x if is_chosen else z for is_chosen, x, z in rows]
    return Tensor(shape, entries, a.denominator, operands.tensor(1).dtype)


def _compared(holds: Callable[[fmpz, fmpz], bool]) -> Callable[..., Tensor]:
    def act(node: Node, operands: Operands, run: Run) -> Tensor:
        a, b = spread(run, list(_pair(node, operands, run)))
        entries = [fmpz(holds(x, z)) for x, z in zip(a.entries, b.entries, strict=True)]
        return Tensor(a.shape, entries, dtype="bool")

    return act


def _not(node: Node, operands: Operands, run: Run) -> Tensor:
    found = operands.tensor(0)
    return Tensor(found.shape, [fmpz(not entry) for entry in found.entries], dtype="bool")


def _neg(node: Node, operands: Operands, run: Run) -> Tensor:
    found = operands.tensor(0)
    run.hold(found.shape, found.length)
    return Tensor(found.shape, [-e for e in found.entries], found.denominator, found.dtype)


def _reciprocal(node: Node, operands: Operands, run: Run) -> Tensor:
    return divide(run, scalar(fmpq(1)), operands.tensor(0))


TABLE = {
    "Add": _add,
    "Div": _div,
    "Equal": _compared(lambda a, b: bool(a == b)),
    "Greater": _compared(lambda a, b: bool(a > b)),
    "GreaterOrEqual": _compared(lambda a, b: bool(a >= b)),
    "Less": _compared(lambda a, b: bool(a < b)),
    "LessOrEqual": _compared(lambda a, b: bool(a <= b)),
    "Mean": _mean,
    "Mul": _mul,
    "Neg": _neg,
    "Not": _not,
    "Reciprocal": _reciprocal,
    "Sub": _sub,
    "Sum": _sum,
    "Where": _where,
}
