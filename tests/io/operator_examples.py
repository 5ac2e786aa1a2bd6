"""Examples of every operator that is read, by version: what it takes, attributes, a shape."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from monic.model.array import Array

__all__ = ["EXAMPLES", "Example", "floats", "random"]

RNG = np.random.default_rng(17)

#: What a node takes: "x" is the graph's input, None is left out, arrays are constants.
Inputs = Sequence[Array | str | None]

#: An example: inputs, attributes, the shape of x.
Example = tuple[Inputs, dict[str, Any], tuple[int, ...]]

IMAGE, SQUARE, ROW = (1, 2, 5, 4), (1, 4, 4, 4), (1, 3)


def random(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def _positive(*shape: int) -> Array:
    return RNG.uniform(0.5, 2.0, shape).astype(np.float32)


def _ints(*entries: int) -> Array:
    return np.array(entries, np.int64)


def floats(*entries: float) -> Array:
    return np.array(entries, np.float32)


def _number(entry: float) -> Array:
    return np.array(entry, np.float32)


def _along(version: int, since: int, *axes: int) -> tuple[list[Array], dict[str, Any]]:
    """Axes, which are an input from some version on and an attribute before."""
    return ([_ints(*axes)], {}) if version >= since else ([], {"axes": list(axes)})


def _plain(version: int) -> Iterator[Example]:
    yield ["x"], {}, (1, 2, 3)


def _pair(version: int) -> Iterator[Example]:
    yield ["x", _positive(3)], {}, ROW
    yield ["x", _positive(2, 1, 1)], {}, IMAGE
    yield ["x", np.array(3.0, np.float32)], {}, IMAGE


def _pair_in_any_order(version: int) -> Iterator[Example]:
    yield from _pair(version)
    yield [_positive(3), "x"], {}, ROW


def _window(version: int, gaps: int) -> Iterator[Example]:
    taps = {"kernel_shape": [2, 3]}
    yield ["x"], taps, IMAGE
    yield ["x"], {**taps, "strides": [2, 1], "pads": [1, 1, 1, 1]}, IMAGE
    for auto in ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"):
        yield ["x"], {**taps, "auto_pad": auto, "strides": [1, 2]}, IMAGE
    if version >= 10:
        for up in (0, 1):
            yield ["x"], {**taps, "ceil_mode": up, "strides": [1, 1]}, IMAGE
    if version >= gaps:
        yield ["x"], {**taps, "dilations": [2, 1]}, IMAGE


def _max_pool(version: int) -> Iterator[Example]:
    yield from _window(version, 10)
    if version >= 10:
        yield ["x"], {"kernel_shape": [3, 3], "ceil_mode": 1, "strides": [3, 2]}, IMAGE


def _average_pool(version: int) -> Iterator[Example]:
    yield from _window(version, 19)
    for counted in (0, 1):
        given = {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": counted}
        yield ["x"], given, IMAGE


def _conv(version: int) -> Iterator[Example]:
    kernel = random(4, 2, 3, 2)
    yield ["x", kernel], {}, IMAGE
    yield ["x", kernel, random(4)], {"kernel_shape": [3, 2], "pads": [1, 0, 2, 1]}, IMAGE
    yield ["x", kernel], {"strides": [2, 3], "dilations": [2, 1]}, IMAGE
    yield ["x", random(4, 1, 2, 2)], {"group": 2}, IMAGE
    for auto in ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"):
        yield ["x", kernel], {"auto_pad": auto, "strides": [2, 2], "dilations": [1, 2]}, IMAGE


def _conv_transpose(version: int) -> Iterator[Example]:
    kernel = random(2, 3, 3, 2)
    yield ["x", kernel], {}, IMAGE
    given = {"kernel_shape": [3, 2], "pads": [1, 0, 2, 1], "strides": [2, 3]}
    yield ["x", kernel, random(3)], given, IMAGE
    yield ["x", kernel], {"strides": [2, 2], "output_padding": [1, 0]}, IMAGE
    yield ["x", random(2, 3, 2, 2)], {"group": 2, "dilations": [2, 1]}, IMAGE
    for auto in ("NOTSET", "VALID"):
        yield ["x", kernel], {"auto_pad": auto}, IMAGE
    for auto in ("SAME_UPPER", "SAME_LOWER"):  # refused
        yield ["x", kernel], {"auto_pad": auto}, IMAGE


def _batch_norm(version: int) -> Iterator[Example]:
    more: dict[str, Any] = {"spatial": 1} if version < 9 else {}
    more = {"training_mode": 0} if version >= 14 else more
    inputs: Inputs = ["x", random(2), random(2), random(2), _positive(2)]
    yield inputs, {"epsilon": 0.5, "momentum": 0.25, **more}, IMAGE
    yield inputs, {}, IMAGE


def _clip(version: int) -> Iterator[Example]:
    for low, high in ((-0.5, 0.25), (-0.5, None), (None, 0.25), (None, None), (0.5, -0.5)):
        named = {"min": low, "max": high}
        if version < 11:
            yield ["x"], {name: bound for name, bound in named.items() if bound is not None}, ROW
        else:
            bounds = [None if bound is None else _number(bound) for bound in (low, high)]
            yield ["x", *bounds], {}, ROW


def _global(version: int) -> Iterator[Example]:
    yield ["x"], {}, IMAGE


def _concat(version: int) -> Iterator[Example]:
    for axis in (0, 1, 2, -1):
        yield ["x", "x"], {"axis": axis}, (2, 2, 3)


def _constant(version: int) -> Iterator[Example]:
    from onnx import numpy_helper

    yield [], {"value": numpy_helper.from_array(floats(1.0, 2.0, 3.0))}, ROW
    if version >= 12:
        yield [], {"value_float": 0.5}, ROW
        yield [], {"value_floats": [0.5, 1.5, 2.5]}, ROW


def _blocks(version: int, since: int, shape: tuple[int, ...]) -> Iterator[Example]:
    yield ["x"], {"blocksize": 2}, shape
    if version >= since:
        for mode in ("DCR", "CRD"):
            yield ["x"], {"blocksize": 2, "mode": mode}, shape


def _dequantize(version: int) -> Iterator[Example]:
    table = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    point = np.array(2, np.int8)
    more: dict[str, Any] = {"output_dtype": 0} if version >= 23 else {}
    yield [table, _number(0.25), point], more, (1, 3)
    if version >= 13:
        yield [table, _positive(4), np.arange(4, dtype=np.int8)], {"axis": 1, **more}, (1, 3)
    if version >= 21:
        yield [table, _positive(3)], {"axis": 0, "block_size": 0, **more}, (1, 3)


def _dropout(version: int) -> Iterator[Example]:
    if version < 12:
        yield ["x"], {"ratio": 0.75}, ROW
    else:
        yield ["x", _number(0.75), np.array(False)], {"seed": 3}, ROW
        yield ["x"], {}, ROW


def _einsum(version: int) -> Iterator[Example]:
    yield ["x", random(3, 4)], {"equation": "bi,ij->bj"}, (2, 3)
    yield [random(3, 4), "x"], {"equation": "ij,bic->bjc"}, (2, 3, 2)


def _sloped(version: int) -> Iterator[Example]:
    yield ["x"], {}, ROW
    yield ["x"], {"alpha": 0.25}, ROW
    yield ["x"], {"alpha": 1.5}, ROW


def _expand(version: int) -> Iterator[Example]:
    yield ["x", _ints(2, 1, 3)], {}, (2, 1)
    yield ["x", _ints(1)], {}, (2, 3)


def _flatten(version: int) -> Iterator[Example]:
    for axis in (0, 1, 2, 3) if version < 11 else (0, 1, 2, 3, -1, -3):
        yield ["x"], {"axis": axis}, (2, 3, 2)
    yield ["x"], {}, (2, 3, 2)


def _gather(version: int) -> Iterator[Example]:
    for axis in (0, 1, -1):
        places = _ints(1, 0, 1) if version < 11 else _ints(1, -1, 0)
        yield ["x", places], {"axis": axis}, (2, 3, 2)
    yield ["x", np.array([[1, 0]], np.int64)], {}, (2, 3)


def _gather_nd(version: int) -> Iterator[Example]:
    more: dict[str, Any] = {"batch_dims": 0} if version >= 12 else {}
    yield ["x", np.array([[0, 1], [1, 0]], np.int64)], more, (2, 3, 2)
    yield ["x", np.array([[1]], np.int64)], {}, (2, 3)


def _gemm(version: int) -> Iterator[Example]:
    yield ["x", random(3, 4), random(4)], {}, ROW
    yield ["x", random(4, 3), _number(0.5)], {"transB": 1, "alpha": 0.5, "beta": 2.0}, ROW
    yield ["x", random(3, 4), random(1, 4)], {"transA": 0, "transB": 0, "beta": -1.0}, (2, 3)
    yield ["x", random(3, 4), random(4)], {"transA": 1}, (3, 2)  # refused
    if version >= 11:
        yield ["x", random(3, 4)], {"alpha": -0.25}, ROW


def _group_norm(version: int) -> Iterator[Example]:
    size = 2 if version < 21 else 4
    yield ["x", random(size), random(size)], {"num_groups": 2, "epsilon": 0.5}, SQUARE
    yield ["x", random(4), random(4)], {"num_groups": 4}, SQUARE


def _instance_norm(version: int) -> Iterator[Example]:
    yield ["x", random(2), random(2)], {"epsilon": 0.5}, IMAGE
    yield ["x", random(2), random(2)], {}, IMAGE


def _layer_norm(version: int) -> Iterator[Example]:
    yield ["x", random(4), random(4)], {"epsilon": 0.5, "axis": -1}, (2, 3, 4)
    yield ["x", random(3, 4)], {"axis": 1, "stash_type": 1}, (2, 3, 4)
    yield ["x", random(4)], {}, (2, 3, 4)


def _rms_norm(version: int) -> Iterator[Example]:
    yield ["x", random(4)], {"epsilon": 0.5, "axis": -1}, (2, 3, 4)
    yield ["x", random(3, 4)], {"axis": 1, "stash_type": 1}, (2, 3, 4)


def _matmul(version: int) -> Iterator[Example]:
    yield ["x", random(3, 4)], {}, ROW
    yield ["x", random(3, 4)], {}, (2, 2, 3)
    yield [random(4, 3), "x"], {}, (3, 2)
    yield [random(4, 3), "x"], {}, (3,)


def _extreme(version: int) -> Iterator[Example]:
    yield ["x"], {}, ROW
    yield ["x", random(1, 3)], {}, ROW
    if version >= 8:
        yield ["x", random(1, 3), _number(0.25)], {}, ROW
        yield ["x", _number(0.0)], {}, ROW
        yield ["x", np.zeros((1, 1, 1), np.float32)], {}, ROW
        yield ["x", random(3)], {}, (2, 3)


def _total(version: int) -> Iterator[Example]:
    yield ["x", "x", random(1, 3)], {}, ROW
    yield ["x"], {}, ROW


def _prelu(version: int) -> Iterator[Example]:
    yield ["x", _positive(2, 1, 1)], {}, IMAGE
    yield ["x", random(4)], {}, IMAGE
    yield ["x", _positive(1)], {}, IMAGE


def _pad(version: int) -> Iterator[Example]:
    pads = [0, 0, 1, 2, 0, 0, 0, 1]
    modes = ["constant", "reflect", "edge", *(["wrap"] if version >= 19 else [])]
    for mode in modes:
        if version < 11:
            yield ["x"], {"mode": mode, "pads": pads, "value": 0.5}, IMAGE
        else:
            filling = [_number(0.5)] if mode == "constant" else []
            yield ["x", _ints(*pads), *filling], {"mode": mode}, IMAGE
    if version >= 18:
        yield ["x", _ints(1, 2, 0, 1), None, _ints(-1, 2)], {}, IMAGE
    cut = [0, 0, -1, 0, 0, 0, 1, -2]
    yield (["x"], {"pads": cut}, IMAGE) if version < 11 else (["x", _ints(*cut)], {}, IMAGE)


def _reduced(since: int) -> Callable[[int], Iterator[Example]]:
    def examples(version: int) -> Iterator[Example]:
        for axes in ((1,), (2, 1), (0, 2)):
            inputs, attributes = _along(version, since, *axes)
            for keeps in (0, 1):
                yield ["x", *inputs], {**attributes, "keepdims": keeps}, (2, 3, 4)
        yield ["x"], {}, (2, 3)
        if version >= since:
            for noop in (0, 1):
                yield ["x"], {"noop_with_empty_axes": noop}, (2, 3)
                yield ["x", _ints()], {"noop_with_empty_axes": noop}, (2, 3)

    return examples


def _reshape(version: int) -> Iterator[Example]:
    yield ["x", _ints(0, -1)], {}, (2, 3, 2)
    yield ["x", _ints(4, 3)], {}, (2, 3, 2)
    if version >= 14:
        for zero in (0, 1):
            yield ["x", _ints(4, 3)], {"allowzero": zero}, (2, 3, 2)
        yield ["x", _ints(0, 6)], {"allowzero": 0}, (2, 3, 2)


_LINEAR_WAYS = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")


def _resize(version: int) -> Iterator[Example]:
    scales = floats(1.0, 1.0, 2.0, 3.0)
    if version < 11:
        for mode in ("nearest", "linear"):
            yield ["x", scales], {"mode": mode}, IMAGE
        yield ["x", floats(1.0, 1.0, 0.5, 1.25)], {"mode": "linear"}, IMAGE
        return
    region = floats() if version < 13 else None
    sizes: Inputs = ["x", region, floats() if version < 13 else None, _ints(1, 2, 3, 6)]
    ways = [*_LINEAR_WAYS, *(["half_pixel_symmetric"] if version >= 19 else [])]
    ways += ["tf_crop_and_resize", *(["tf_half_pixel_for_nn"] if version < 13 else [])]
    more: dict[str, Any] = {"antialias": 0} if version >= 18 else {}
    for way in ways:
        given = {"mode": "linear", "coordinate_transformation_mode": way, **more}
        yield sizes, {**given, "exclude_outside": 0}, IMAGE
        yield ["x", region, scales], given, IMAGE
        yield ["x", region, floats(1.0, 1.0, 0.6, 1.5)], given, IMAGE
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        for way in ("half_pixel", "asymmetric"):
            given = {"nearest_mode": rounding, "coordinate_transformation_mode": way}
            yield ["x", region, scales], {"mode": "nearest", **given}, IMAGE
    yield ["x", region, scales], {"mode": "cubic"}, IMAGE
    if version >= 18:
        for policy in ("stretch", "not_larger", "not_smaller"):
            given = {"mode": "linear", "keep_aspect_ratio_policy": policy}
            yield ["x", None, None, _ints(1, 2, 10, 9)], given, IMAGE
        yield ["x", None, None, _ints(6)], {"mode": "linear", "axes": [3]}, IMAGE
        yield ["x", None, floats(1.0, 1.0, 0.5, 0.5)], {"mode": "linear", "antialias": 1}, IMAGE


def _upsample(version: int) -> Iterator[Example]:
    for mode in ("nearest", "linear"):
        scales = [1.0, 1.0, 2.0, 3.0]
        if version < 9:
            yield ["x"], {"mode": mode, "scales": scales}, IMAGE
        else:
            yield ["x", floats(*scales)], {"mode": mode}, IMAGE


def _shape(version: int) -> Iterator[Example]:
    table = random(2, 3, 4)
    yield [table], {}, (24,)
    if version >= 15:
        yield [table], {"start": 1}, (12,)
        yield [table], {"end": -1}, (6,)
        yield [table], {"start": -2, "end": 9}, (12,)


def _slice(version: int) -> Iterator[Example]:
    if version < 10:
        yield ["x"], {"starts": [1], "ends": [2**31 - 1]}, (3, 4)
        yield ["x"], {"starts": [0, -3], "ends": [-1, 3], "axes": [0, 1]}, (3, 4)
        return
    yield ["x", _ints(1), _ints(2**63 - 1)], {}, (3, 4)
    yield ["x", _ints(0, -3), _ints(-1, 3), _ints(0, 1)], {}, (3, 4)
    yield ["x", _ints(-1), _ints(-(2**63)), _ints(1), _ints(-2)], {}, (3, 4)
    yield ["x", _ints(3, 0), _ints(0, 9), _ints(-1, 0), _ints(-1, 2)], {}, (3, 4)


def _split(version: int) -> Iterator[Example]:
    yield ["x"], {"axis": 1}, (2, 4)
    yield ["x"], {}, (4, 2)
    if version < 13:
        yield ["x"], {"axis": -1 if version >= 11 else 1, "split": [1, 3]}, (2, 4)
    else:
        yield ["x", _ints(1, 3)], {"axis": -1}, (2, 4)
    if version >= 18:
        yield ["x"], {"axis": 1, "num_outputs": 2}, (2, 5)


def _squeeze(version: int) -> Iterator[Example]:
    inputs, attributes = _along(version, 13, 0, 2)
    yield ["x", *inputs], attributes, (1, 3, 1)
    yield ["x"], {}, (1, 3, 1)


def _unsqueeze(version: int) -> Iterator[Example]:
    inputs, attributes = _along(version, 13, 0, 2)
    yield ["x", *inputs], attributes, (3, 2)


def _tile(version: int) -> Iterator[Example]:
    yield ["x", _ints(1, 2)], {}, (2, 3)
    yield ["x", _ints(2, 1)], {}, (2, 3)


def _transpose(version: int) -> Iterator[Example]:
    yield ["x"], {}, (2, 3, 4)
    yield ["x"], {"perm": [0, 2, 1]}, (2, 3, 4)


def _cast(version: int) -> Iterator[Example]:
    more: dict[str, Any] = {"saturate": 1} if version >= 19 else {}
    more |= {"round_mode": "up"} if version >= 24 else {}
    yield ["x"], {"to": TensorProto.DOUBLE, **more}, ROW


EXAMPLES: dict[str, Callable[[int], Iterator[Example]]] = {
    **dict.fromkeys(("Abs", "Identity", "Neg", "Relu", "Sigmoid", "Tanh"), _plain),
    **dict.fromkeys(("Add", "Sub", "Mul"), _pair_in_any_order),
    **dict.fromkeys(("Elu", "LeakyRelu"), _sloped),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), _global),
    **dict.fromkeys(("Max", "Min"), _extreme),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceMin"), _reduced(18)),
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Constant": _constant,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": lambda v: _blocks(v, 11, SQUARE),
    "DequantizeLinear": _dequantize,
    "Div": _pair,
    "Dropout": _dropout,
    "Einsum": _einsum,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "Gemm": _gemm,
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "PRelu": _prelu,
    "Pad": _pad,
    "RMSNormalization": _rms_norm,
    "ReduceSum": _reduced(13),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Slice": _slice,
    "SpaceToDepth": lambda v: _blocks(v, 28, (1, 2, 4, 6)),
    "Split": _split,
    "Squeeze": _squeeze,
    "Sum": _total,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Upsample": _upsample,
}
