"""Roots, powers and smooth activations."""

import math

from flint import fmpq

from monic_checker.graph.broadcasting import multiply
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.smooth import function_of
from monic_checker.graph.tensor import Tensor

__all__ = ["TABLE", "inverted", "rooted"]


def rooted(run: Run, found: Tensor) -> Tensor:
    """What stands for the roots of all entries."""
    run.work(found.size, 4 * found.length)
    numbers = [run.smooth.root(t) for t in found.rationals()]
    return Tensor.of_rationals(numbers, found.shape, found.dtype)


def _sqrt(node: Node, operands: Operands, run: Run) -> Tensor:
    return rooted(run, operands.tensor(0))


def _smooth(node: Node, operands: Operands, run: Run) -> Tensor:
    found = operands.tensor(0)
    run.work(found.size, 4 * found.length)
    numbers = run.smooth.apply(function_of(node), found.rationals())
    return Tensor.of_rationals(numbers, found.shape, found.dtype)


def _pow(node: Node, operands: Operands, run: Run) -> Tensor:
    found, power = operands.tensor(0), operands.tensor(1)
    exponent = power.number()
    if exponent == fmpq(1, 2):
        return rooted(run, found)
    if exponent == fmpq(-1, 2):
        return inverted(rooted(run, found))
    if exponent.q != 1 or not 1 <= exponent <= 8 or math.prod(power.shape) != 1:
        raise NotCompared(f"its power {exponent} is not carried out")
    result = found
    for _ in range(int(exponent.p) - 1):
        result = multiply(run, result, found)
    return result


def inverted(found: Tensor) -> Tensor:
    """Returns the reciprocals of all entries."""
    return Tensor.of_rationals([1 / t for t in found.rationals()], found.shape, found.dtype)


_SMOOTH = ("Celu", "Elu", "Erf", "Exp", "Log", "Selu", "Sigmoid", "Softplus", "Softsign", "Tanh")

TABLE = {"Pow": _pow, "Sqrt": _sqrt} | dict.fromkeys(_SMOOTH, _smooth)
