"""Normalizations: with the statistics of the file, or with those of the numbers themselves."""

from collections.abc import Sequence

from flint import fmpq

from monic_checker.derived import Factors
from monic_checker.graph.axes import axis_of
from monic_checker.graph.broadcasting import add, multiply
from monic_checker.graph.curves import inverted, rooted
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.reductions import mean
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import Shape, Tensor
from monic_checker.vector import Vector

__all__ = ["TABLE"]

#: 1e-5 as a float32.
_EPSILON = fmpq(2748779, 274877906944)


def _normalized(
    run: Run, found: Tensor, axes: Sequence[int], epsilon: fmpq, *, centred: bool = True
) -> tuple[Tensor, Tensor | None, Tensor]:
    """(x - mean) / sqrt(mean square + epsilon) along some axes, the mean, and 1 / sqrt(...)."""
    middle = mean(run, found, axes) if centred else None
    given = found if middle is None else add(run, found, middle, sign=-1)
    run.smooth.added.add(epsilon)
    square = mean(run, multiply(run, given, given), axes)
    spread = add(run, square, Tensor.of_rationals([epsilon], (), found.dtype))
    inverse = inverted(rooted(run, spread))
    return multiply(run, given, inverse), middle, inverse


def _layer_norm(node: Node, operands: Operands, run: Run) -> Tensor | list[Tensor]:
    found = operands.tensor(0)
    centred, rank = node.op == "LayerNormalization", len(found.shape)
    axes = range(axis_of(node.integer("axis", -1), rank), rank)
    epsilon = node.number("epsilon", _EPSILON)
    result, middle, inverse = _normalized(run, found, axes, epsilon, centred=centred)
    result = multiply(run, result, operands.tensor(1))
    shift = operands.optional(2)
    if shift is not None:
        result = add(run, result, shift)
    if result.shape != found.shape:
        raise NotCompared("its scale or bias enlarges the shape")
    return result if middle is None else [result, middle, inverse]


def _grouped(node: Node, operands: Operands, run: Run, groups: int) -> Tensor:
    """The normalization of groups of channels, before its scale and bias."""
    found, channels = operands.tensor(0), _channels(operands)
    if groups < 1 or channels % groups:
        raise NotCompared(f"its {groups} groups do not divide {channels} channels")
    examples = found.shape[0]
    rows = found.reshaped((examples, groups, found.size // (examples * groups)))
    epsilon = node.number("epsilon", _EPSILON)
    return _normalized(run, rows, [2], epsilon)[0].reshaped(found.shape)


def _instance_norm(node: Node, operands: Operands, run: Run) -> Tensor:
    channels = _channels(operands)
    result = _grouped(node, operands, run, channels)
    return _by_channel(run, result, operands.tensor(1), operands.tensor(2))


def _group_norm(node: Node, operands: Operands, run: Run) -> Tensor:
    channels, groups = _channels(operands), node.integer("num_groups", 0)
    result = _grouped(node, operands, run, groups)
    scale, shift = operands.tensor(1), operands.tensor(2)
    if node.opset < 21:  # one number for each group
        if scale.size != groups or shift.size != groups:
            raise NotCompared(f"its scale and bias have not {groups} entries")
        places = [c * groups // channels for c in range(channels)]
        scale, shift = (t.taken(places, (channels,)) for t in (scale, shift))
    return _by_channel(run, result, scale, shift)


def _batch_norm(node: Node, operands: Operands, run: Run) -> Tensor:
    if any(node.outputs[1:]):
        raise NotCompared("it gives statistics of a batch")
    node.insist("training_mode", 0)
    node.insist("spatial", 1)
    found, channels = operands.tensor(0), _channels(operands)
    gamma, beta, mean, variance = (operands.tensor(k) for k in range(1, 5))
    if {t.shape for t in (gamma, beta, mean, variance)} != {(channels,)}:
        raise NotCompared(f"its statistics are not {channels} numbers each")
    factors = Factors((0, 1), node.number("epsilon", _EPSILON), (channels,))
    try:
        numbers = factors.compute([Vector(t.entries, t.denominator) for t in (gamma, variance)])
    except ValueError as error:
        raise NotCompared(str(error)) from None
    scale = Tensor.of_rationals(numbers, (channels,), found.dtype)
    moved = add(run, found, _channelwise(mean, found.shape), sign=-1)
    return _by_channel(run, moved, scale, beta)


def _channels(operands: Operands) -> int:
    shape = operands.tensor(0).shape
    if len(shape) < 2:
        raise NotCompared(f"it takes examples with channels, not the shape {shape}")
    return shape[1]


def _channelwise(numbers: Tensor, shape: Shape) -> Tensor:
    if numbers.shape != shape[1:2]:
        raise NotCompared(f"the shape {numbers.shape} is not one number for each channel")
    return numbers.reshaped((shape[1], *(1,) * (len(shape) - 2)))


def _by_channel(run: Run, found: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    scaled = multiply(run, found, _channelwise(scale, found.shape))
    return add(run, scaled, _channelwise(shift, found.shape))


TABLE = {
    "BatchNormalization": _batch_norm,
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _layer_norm,
}
