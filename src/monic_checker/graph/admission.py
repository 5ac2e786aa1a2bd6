"""Which operators are known, from which version of ONNX on, with which attributes and inputs.

What is not named here is not known, and a graph with it is not compared.
"""

from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node

__all__ = ["insist_on_known"]

_REDUCED = ("L1", "L2", "Max", "Mean", "Min", "Sum", "SumSquare")
_REDUCTIONS = tuple(f"Reduce{name}" for name in _REDUCED)

_WALK = {"auto_pad": 0, "kernel_shape": 0, "pads": 0, "strides": 0}
_REDUCE = {"axes": 0, "keepdims": 0, "noop_with_empty_axes": 13}

#: The attributes of operators, with the version of ONNX's operators that has them first.
_ATTRIBUTES: dict[str, dict[str, int]] = {
    "AveragePool": _WALK | {"count_include_pad": 7, "ceil_mode": 10, "dilations": 19},
    "BatchNormalization": {"epsilon": 0, "momentum": 0, "spatial": 0, "training_mode": 14},
    "Cast": {"to": 0, "saturate": 19, "round_mode": 24},
    "Celu": {"alpha": 12},
    "Clip": {"min": 0, "max": 0},
    "Concat": {"axis": 0},
    "Constant": {"value": 0, "value_float": 12, "value_floats": 12}
    | {"value_int": 12, "value_ints": 12},
    "ConstantOfShape": {"value": 0},
    "Conv": _WALK | {"dilations": 0, "group": 0},
    "ConvTranspose": _WALK | {"dilations": 0, "group": 0, "output_padding": 0, "output_shape": 0},
    "DepthToSpace": {"blocksize": 0, "mode": 11},
    "DequantizeLinear": {"axis": 13, "block_size": 21, "output_dtype": 23},
    "Dropout": {"ratio": 0, "seed": 12},
    "Einsum": {"equation": 12},
    "Elu": {"alpha": 0},
    "Flatten": {"axis": 0},
    "Gather": {"axis": 0},
    "GatherND": {"batch_dims": 12},
    "Gemm": {"alpha": 0, "beta": 0, "transA": 0, "transB": 0},
    "GroupNormalization": {"epsilon": 18, "num_groups": 18, "stash_type": 21},
    "HardSigmoid": {"alpha": 0, "beta": 0},
    "InstanceNormalization": {"epsilon": 0},
    "LayerNormalization": {"axis": 17, "epsilon": 17, "stash_type": 17},
    "LeakyRelu": {"alpha": 0},
    "MaxPool": _WALK | {"storage_order": 8, "ceil_mode": 10, "dilations": 10},
    "Pad": {"mode": 0, "pads": 0, "value": 0},
    "RMSNormalization": {"axis": 23, "epsilon": 23, "stash_type": 23},
    "Range": {"stash_type": 27},
    "Reshape": {"allowzero": 14},
    "Resize": {"mode": 10, "coordinate_transformation_mode": 11, "nearest_mode": 11}
    | {"cubic_coeff_a": 11, "exclude_outside": 11, "extrapolation_value": 11}
    | {"antialias": 18, "axes": 18, "keep_aspect_ratio_policy": 18},
    "Selu": {"alpha": 0, "gamma": 0},
    "Shape": {"start": 15, "end": 15},
    "Slice": {"axes": 0, "ends": 0, "starts": 0},
    "SpaceToDepth": {"blocksize": 0, "mode": 28},
    "Split": {"axis": 0, "split": 0, "num_outputs": 18},
    "Squeeze": {"axes": 0},
    "ThresholdedRelu": {"alpha": 10},
    "Transpose": {"perm": 0},
    "Unsqueeze": {"axes": 0},
    "Upsample": {"mode": 0, "scales": 0},
} | dict.fromkeys(_REDUCTIONS, _REDUCE)

#: The versions in which some of these operators begin; the others are older than version 7.
_FIRST = {
    **{"Celu": 12, "ConstantOfShape": 9, "DequantizeLinear": 10, "Einsum": 12, "Erf": 9},
    **{"Expand": 8, "GatherND": 11, "GreaterOrEqual": 12, "GroupNormalization": 18},
    **{"HardSwish": 14, "LayerNormalization": 17, "LessOrEqual": 12, "RMSNormalization": 23},
    **{"Range": 11, "Resize": 10, "Sign": 9, "ThresholdedRelu": 10, "Where": 9},
}

#: Attributes that a later version has turned into inputs, or dropped.
_GONE = {
    **{("BatchNormalization", "spatial"): 9, ("Clip", "max"): 11, ("Clip", "min"): 11},
    **{("Dropout", "ratio"): 12, ("Pad", "pads"): 11, ("Pad", "value"): 11},
    **{("ReduceSum", "axes"): 13, ("Slice", "axes"): 10, ("Slice", "ends"): 10},
    **{("Slice", "starts"): 10, ("Split", "split"): 13, ("Squeeze", "axes"): 13},
    **{("Unsqueeze", "axes"): 13, ("Upsample", "scales"): 9},
} | {(name, "axes"): 18 for name in _REDUCTIONS if name != "ReduceSum"}

#: The versions from which on an operator is no longer there.
_LAST = {"Upsample": 10}

_ONE, _TWO, _THREE, _MANY = (1, 1), (2, 2), (3, 3), (1, 2**31)

#: From which version on operators take how few and how many inputs; the others take one.
_INPUTS: dict[str, tuple[tuple[int, tuple[int, int]], ...]] = {
    **dict.fromkeys(("Add", "Div", "Equal", "Expand", "Gather", "GatherND"), ((0, _TWO),)),
    **dict.fromkeys(("Greater", "GreaterOrEqual", "Less", "LessOrEqual"), ((0, _TWO),)),
    **dict.fromkeys(("MatMul", "Mul", "PRelu", "Pow", "Reshape", "Sub", "Tile"), ((0, _TWO),)),
    **dict.fromkeys(("GroupNormalization", "InstanceNormalization", "Range"), ((0, _THREE),)),
    **dict.fromkeys(("Concat", "Einsum", "Max", "Mean", "Min", "Sum"), ((0, _MANY),)),
    **dict.fromkeys(("Conv", "ConvTranspose", "DequantizeLinear"), ((0, (2, 3)),)),
    **dict.fromkeys(("Split", "Squeeze", "ReduceSum"), ((0, _ONE), (13, (1, 2)))),
    **{name: ((0, _ONE), (18, (1, 2))) for name in _REDUCTIONS if name != "ReduceSum"},
    "BatchNormalization": ((0, (5, 5)),),
    "Clip": ((0, _ONE), (11, (1, 3))),
    "Constant": ((0, (0, 0)),),
    "Dropout": ((0, _ONE), (12, (1, 3))),
    "Gemm": ((0, _THREE), (11, (2, 3))),
    "LayerNormalization": ((0, (2, 3)),),
    "Pad": ((0, _ONE), (11, (2, 3)), (18, (2, 4))),
    "RMSNormalization": ((0, _TWO),),
    "Resize": ((0, _TWO), (11, (3, 4)), (13, (1, 4))),
    "Slice": ((0, _ONE), (10, (3, 5))),
    "Unsqueeze": ((0, _ONE), (13, _TWO)),
    "Upsample": ((0, _ONE), (9, _TWO)),
    "Where": ((0, _THREE),),
}


def insist_on_known(node: Node) -> None:
    """Insists that the version of a node's operator is known, with its attributes and inputs.

    Raises:
        NotCompared: when it is not.
    """
    if not _FIRST.get(node.op, 0) <= node.opset < _LAST.get(node.op, node.opset + 1):
        raise NotCompared(f"version {node.opset} of ONNX's operators has no such operator")
    known = _ATTRIBUTES.get(node.op, {})
    for name, value in node.attributes.items():
        first, end = known.get(name, node.opset + 1), _GONE.get((node.op, name), node.opset + 1)
        if value is None or not first <= node.opset < end:
            raise NotCompared(f"its attribute {name[:40]!a} is not known in version {node.opset}")
    least, most = [counts for since, counts in _INPUTS.get(node.op, ((0, _ONE),))
                   if since <= node.opset][-1]  # fmt: skip
    if not least <= len(node.inputs) <= most:
        raise NotCompared(f"it has {len(node.inputs)} inputs, not {least} to {most}")
