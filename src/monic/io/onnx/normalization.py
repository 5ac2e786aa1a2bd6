"""Normalisations: affine ones with fixed statistics, and those whose statistics are the input's.

Batch norm is affine; its factors gamma / sqrt(var + epsilon) are rounded to float64, since they
are hardly ever rational. Layer, instance, group and RMS norm become a centring, which is linear,
and a map of each group that is one-to-one if epsilon > 0; docs/normalization.md.
"""

import math

import numpy as np

from monic.io.onnx.affine import add, mul
from monic.io.onnx.node import Node
from monic.io.onnx.operands import Operands, operand, optional, value, weights
from monic.io.onnx.reductions import means
from monic.io.onnx.shapes import permuted
from monic.io.onnx.values import Constant, Operand, Refused, Shape, Tensor, Value
from monic.model import AffineMap, Centre, ChannelScale, ChannelShift, Combine, Normalization
from monic.model.derived import BatchFactors, derive

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]

#: The epsilon of norms that name none: attributes of ONNX are 32 bits long.
EPSILON = float(np.float32(1e-5))


#: From this version on a GroupNormalization has a gamma and a beta for each channel.
GAMMAS_OF_CHANNELS = 21


def batch_norm(node: Node, operands: Operands) -> Value:
    """Y = (X - mean) gamma / sqrt(var + epsilon) + beta, channel by channel, in evaluation."""
    if node.integer("training_mode", 0) or node.integer("spatial", 1) != 1:
        raise Refused("its statistics are those of a batch (training_mode); export for evaluation")
    first = value(operands, 0)
    count = _channels(first)
    mean, variance = (_vector(operand(operands, i), count) for i in (3, 4))
    gamma, beta = (_optional_vector(operands, i, count) for i in (1, 2))
    one = np.ones(1) if gamma is None else gamma.array
    factors = derive(BatchFactors(one, variance.array, node.number("epsilon", EPSILON)))
    moved = ChannelScale(factors, ChannelShift(mean.array, first.map, negative=True))
    found = moved if beta is None else ChannelShift(beta.array, moved)
    return first.mapped(found, name=node.name)


def layer_norm(node: Node, operands: Operands) -> Operand | tuple[Operand, ...]:
    """Y = (X - mean) gamma / sqrt(var + epsilon) + beta over the last axes of X itself."""
    if "deviations" in node.added:
        return _spelled_out(node, operands, is_centred=True)
    normal = _over_last_axes(node, value(operands, 0), is_centred=True)
    return _scaled_and_shifted(node, normal, operands)


def rms_norm(node: Node, operands: Operands) -> Operand | tuple[Operand, ...]:
    """Y = X gamma / sqrt(mean square + epsilon) over the last axes of X."""
    if "deviations" in node.added:
        return _spelled_out(node, operands, is_centred=False)
    normal = _over_last_axes(node, value(operands, 0), is_centred=False)
    return _scaled_and_shifted(node, normal, operands[:2])


def instance_norm(node: Node, operands: Operands) -> Value:
    """Y = (X - mean) gamma / sqrt(var + epsilon) + beta over each channel of X itself."""
    first = value(operands, 0)
    return _in_groups(node, operands, first, _channels(first))


def group_norm(node: Node, operands: Operands) -> Value:
    """Y = (X - mean) gamma / sqrt(var + epsilon) + beta over groups of channels of X itself."""
    first, groups = value(operands, 0), node.integer("num_groups", 0)
    if groups < 1 or _channels(first) % groups:
        raise Refused(f"its {groups} groups do not divide {_channels(first)} channels")
    return _in_groups(node, operands, first, groups)


def _in_groups(node: Node, operands: Operands, first: Value, groups: int) -> Value:
    """Channels one after another fall into groups; gamma and beta belong to channels.

    Before version 21 of the operators those of a GroupNormalization belonged to groups.
    """
    normal = _normal(node, first, groups, is_centred=True)[0]
    old = node.op == "GroupNormalization" and node.opset < GAMMAS_OF_CHANNELS
    size = groups if old else _channels(first)
    found = normal.map
    for step, index in ((ChannelScale, 1), (ChannelShift, 2)):
        constant = optional(operands, index)
        if constant is None:
            continue
        given = weights(constant)
        if given.transposed or given.size != size:
            raise Refused(f"its scale or bias of shape {given.shape} does not fit {first.shape}")
        found = step(given.array, found)
    return normal.mapped(found)


def _spelled_out(node: Node, operands: Operands, *, is_centred: bool) -> tuple[Operand, ...]:
    """Returns a norm that a file spells out, and where they are used its deviations.

    Of the operands, those from the third on are means of X: where X - mean is taken, or where a
    deviation divides. The second is one that has the shape of the deviations.
    """
    first = value(operands, 0)
    along = _along(node, first)
    shape = tuple(1 if axis in along else size for axis, size in enumerate(first.shape))
    for index in range(1, len(operands)):
        place = optional(operands, index)
        if place is None:
            continue
        if not isinstance(place, Tensor) or not _is_mean(place.settled(), first, along):
            raise Refused("its means do not lie in the order of its groups")
        if index > 1 and _padded(place.shape, len(shape)) != shape:
            raise Refused(
                f"its means have the shape {place.shape} beside the shape {first.shape}, so that "
                "they do not meet their own groups; keep the axes of means (keepdims)"
            )
    others = [axis for axis in range(len(shape)) if axis not in along]
    order = (*others, *sorted(along))
    moved = first if order == tuple(range(len(order))) else permuted(first, order)
    groups = math.prod(shape) // first.lead
    normal, deviations = _normal(node, moved, groups, is_centred=is_centred)
    values = normal
    if moved is not first:
        values = permuted(normal, tuple(order.index(axis) for axis in range(len(order))))
    if deviations is None:
        return (values,)
    place = optional(operands, 1)
    return values, normal.mapped(deviations, shape if place is None else place.shape)


def _along(node: Node, first: Value) -> set[int]:
    """Returns the axes of a norm that a file spells out; all its means must be along them."""
    rank = len(first.shape)
    every = [node.integers(name) or () for name in node.attributes if name.startswith("axes")]
    if any(not -rank <= axis < rank for axes in every for axis in axes):
        raise Refused(f"its axes do not exist in the shape {first.shape}")
    found = {frozenset(axis % rank for axis in axes) for axes in every}
    if len(found) > 1:
        raise Refused(f"its means are along different axes of the shape {first.shape}")
    [along] = found
    if 0 in along and rank > 1 and first.shape[0] == first.lead:
        raise Refused("it takes statistics along axis 0, over the examples of a batch")
    return set(along)


def _is_mean(place: Value, first: Value, along: set[int]) -> bool:
    """Whether a tensor holds the means of X along some axes, one after the other."""
    found = place.map
    if not isinstance(found, Combine) or found.of is not first.map:
        return False
    terms, times = means(first, along)
    return found.times == times and [list(row) for row in found.rows] == terms


def _padded(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + shape


def _over_last_axes(node: Node, first: Value, *, is_centred: bool) -> Value:
    axis, rank = node.integer("axis", -1), len(first.shape)
    if not -rank <= axis < rank:
        raise Refused(f"its axis {axis} does not exist in the shape {first.shape}")
    groups = math.prod(first.shape[: axis % rank])
    if groups % first.lead:
        raise Refused(f"it takes statistics over the {first.lead} examples of a fixed batch")
    return _normal(node, first, groups // first.lead, is_centred=is_centred)[0]


def _normal(
    node: Node, first: Value, groups: int, *, is_centred: bool
) -> tuple[Value, AffineMap | None]:
    """Returns what a norm gives before gamma and beta, and its deviations if they are used."""
    epsilon = node.number("epsilon", EPSILON)
    if epsilon < 0:
        raise Refused(
            f"its epsilon is {epsilon:g}, so that it is not defined where a group is almost "
            "constant; use one that is not negative"
        )
    given = Centre(groups, first.map) if is_centred else first.map
    stage = first.mapped(given, name=node.name)
    norm = Normalization(groups, epsilon, deviations=bool(node.added.get("deviations")))
    return stage.normalized(norm, node.outputs[0])


def _scaled_and_shifted(node: Node, normal: Value, operands: Operands) -> Value:
    """Multiplies by gamma and adds beta, where they are given; they may be repeated."""
    found = normal
    for step, index in ((mul, 1), (add, 2)):
        constant = optional(operands, index)
        if constant is not None:
            found = step(node, [found, weights(constant)])
    return found


def _channels(first: Value) -> int:
    if len(first.shape) < 2 or first.shape[0] != first.lead:
        raise Refused(
            f"it takes examples along axis 0 and channels along axis 1, not the shape "
            f"{first.shape}"
        )
    return first.shape[1]


def _optional_vector(operands: Operands, index: int, count: int) -> Constant | None:
    found = optional(operands, index)  # torch modules may be without gamma and beta
    return None if found is None else _vector(found, count)


def _vector(found: object, count: int) -> Constant:
    if not isinstance(found, Constant):
        raise Refused("its statistics depend on the input; only constant ones are read")
    vector = weights(found)
    if vector.transposed or vector.size != count:
        raise Refused(f"its parameters have the shape {vector.shape}, not {count} entries")
    return vector
