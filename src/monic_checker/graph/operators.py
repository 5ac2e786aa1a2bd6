"""Which function carries out which operator."""

from collections.abc import Callable
from typing import Any

from monic_checker.graph import (
    axes,
    bends,
    borders,
    casts,
    convolutions,
    curves,
    elementwise,
    moves,
    norms,
    pools,
    products,
    reductions,
    resize,
)
from monic_checker.graph.admission import insist_on_known
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import Tensor

__all__ = ["BENDS", "PLAIN", "carry_out"]

_Rule = Callable[[Node, Operands, Run], Any]

_PARTS = (
    *(axes, bends, borders, casts, convolutions, curves, elementwise),
    *(moves, norms, pools, products, reductions, resize),
)

_RULES: dict[str, _Rule] = {name: rule for part in _PARTS for name, rule in part.TABLE.items()}

#: Operators that bend or curve: what lies before and after them are different layers.
BENDS = frozenset(
    (
        *("Abs", "Celu", "Clip", "Elu", "Erf", "Exp", "GlobalMaxPool", "GroupNormalization"),
        *("HardSigmoid", "HardSwish", "InstanceNormalization", "LayerNormalization", "LeakyRelu"),
        *("Log", "Max", "MaxPool", "Min", "PRelu", "Pow", "RMSNormalization", "Reciprocal"),
        *("ReduceL1", "ReduceL2", "ReduceMax", "ReduceMin", "ReduceSumSquare", "Relu", "Selu"),
        *("Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt", "Tanh", "ThresholdedRelu", "Where"),
    )
)

#: Operators after which a layer of a chain is still found among the tensors of the graph.
PLAIN = frozenset(
    (
        *("Add", "AveragePool", "BatchNormalization", "Cast", "Conv", "ConvTranspose", "Div"),
        *("Dropout", "Elu", "Flatten", "Gemm", "GlobalAveragePool", "Identity", "MatMul", "Mul"),
        *("Neg", "Relu", "Reshape", "Sigmoid", "Squeeze", "Sub", "Tanh", "Unsqueeze"),
    )
)


def carry_out(node: Node, operands: Operands, run: Run) -> list[Tensor]:
    """Returns what a node gives.

    Raises:
        NotCompared: when its operator, version or attributes are not known, or it does not fit.
    """
    run.where = node.label
    try:
        if node.op not in _RULES:
            raise NotCompared("this operator is not known here")
        insist_on_known(node)
        found = _RULES[node.op](node, operands, run)
    except NotCompared as error:
        known = str(error)
        raise NotCompared(known if node.label in known else f"{node.label}: {known}") from None
    return found if isinstance(found, list) else [found]
