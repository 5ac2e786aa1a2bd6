"""Honest proofs against files with one thing changed: none of them is taken for the file's."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from monic_checker import InvalidProof
from tests.monic_checker.graphs import compared, graph

node = helper.make_node
Model = onnx.ModelProto

_RNG = np.random.default_rng(11)


def _array(*shape: int) -> np.ndarray:
    return (_RNG.integers(-8, 9, shape) / 4 + 0.125).astype(np.float32)


def _image(op: str, weights: Sequence[np.ndarray] = (), **attributes: Any) -> Model:
    """One operator on images of 4 channels, and a Relu behind it."""
    names = {f"w{k}": w for k, w in enumerate(weights)}
    nodes = [node(op, ["x", *names], ["h"], **attributes), node("Relu", ["h"], ["y"])]
    return graph(nodes, names, ((1, 4, 6, 6), (1, None, None, None)), opset=20)


def _rows(nodes: Sequence[onnx.NodeProto], **weights: np.ndarray) -> Model:
    return graph(nodes, weights, ((1, 6), (1, None)), opset=20)


_KERNEL, _DEEP = _array(4, 4, 3, 3), _array(4, 2, 3, 3)
_SQUARE, _BIAS = _array(6, 6), _array(6)
_NORM = [np.abs(_array(4)) + 1 for _ in range(4)]
_INTEGERS = np.array([0, 1, 2, 3, 4, 5], dtype=np.int64)


def _gemm(**attributes: Any) -> Model:
    nodes = [node("Gemm", ["x", "w", "b"], ["h"], **attributes), node("Relu", ["h"], ["y"])]
    return _rows(nodes, w=_SQUARE, b=_BIAS)


def _pair(last: onnx.NodeProto) -> Model:
    """Two branches, which the last node joins."""
    nodes = [node("Gemm", ["x", "w", "b"], ["h"]), node("Relu", ["h"], ["r"]), last]
    return _rows(nodes, w=_SQUARE, b=_BIAS)


def _one(op: str, **attributes: Any) -> Model:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node(op, ["h"], ["y"], **attributes)]
    return _rows(nodes, w=_SQUARE)


def _cut(*bounds: Sequence[int]) -> Model:
    names = ["starts", "ends", "axes", "steps"]
    arrays = {n: np.array(b, dtype=np.int64) for n, b in zip(names, bounds, strict=True)}
    return _rows([node("Slice", ["x", *names], ["h"]), node("Relu", ["h"], ["y"])], **arrays)


def _clipped(low: float, high: float) -> Model:
    bounds = {"lo": np.float32(low), "hi": np.float32(high)}
    weights = {"w": _SQUARE} | {n: np.array(b) for n, b in bounds.items()}
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Clip", ["h", "lo", "hi"], ["y"])]
    return _rows(nodes, **weights)


def _picked(places: Sequence[int]) -> Model:
    where = np.array(places, dtype=np.int64)
    return _rows([node("Gather", ["x", "i"], ["y"], axis=1)], i=where)


def _split(first: int, second: int) -> Model:
    sizes = np.array([first, second], dtype=np.int64)
    parts = [
        node("Split", ["x", "s"], ["a", "b"], axis=1),
        node("Concat", ["b", "a"], ["y"], axis=1),
    ]
    return _rows(parts, s=sizes)


def _means(axes: Sequence[int]) -> Model:
    along = np.array(axes, dtype=np.int64)
    nodes = [node("ReduceMean", ["x", "a"], ["h"], keepdims=0), node("Relu", ["h"], ["y"])]
    return graph(nodes, {"a": along}, ((1, 4, 4), (1, None)), opset=20)


def _padded(mode: str, widths: Sequence[int]) -> Model:
    pads = np.array(widths, dtype=np.int64)
    nodes = [node("Pad", ["x", "p"], ["y"], mode=mode)]
    return graph(nodes, {"p": pads}, ((1, 4, 6, 6), (1, 4, None, None)), opset=20)


def _resized(**attributes: Any) -> Model:
    scales = np.array([1, 1, 2, 2], dtype=np.float32)
    nodes = [node("Resize", ["x", "", "s"], ["y"], **attributes)]
    return graph(nodes, {"s": scales}, ((1, 4, 6, 6), (1, 4, None, None)), opset=20)


def _normalized(**attributes: Any) -> Model:
    return _image("BatchNormalization", _NORM, **attributes)


def _turned(perm: Sequence[int]) -> Model:
    nodes = [node("Transpose", ["x"], ["h"], perm=perm), node("Flatten", ["h"], ["y"])]
    return graph(nodes, {}, ((1, 4, 4, 4), (1, 64)), opset=20)


def _blocks(mode: str) -> Model:
    nodes = [node("DepthToSpace", ["x"], ["y"], blocksize=2, mode=mode)]
    return graph(nodes, {}, ((1, 8, 2, 2), (1, 2, 4, 4)), opset=20)


#: A model, and the same with one thing changed.
_PAIRS: dict[str, tuple[Model, Model]] = {
    "stride": (_image("Conv", [_KERNEL]), _image("Conv", [_KERNEL], strides=[2, 2])),
    "padding": (_image("Conv", [_KERNEL], pads=[1, 1, 1, 1]), _image("Conv", [_KERNEL])),
    "side of the padding": (
        _image("Conv", [_KERNEL], pads=[0, 0, 1, 1]),
        _image("Conv", [_KERNEL], pads=[1, 1, 0, 0]),
    ),
    "auto_pad": (
        _image("Conv", [_KERNEL], auto_pad="SAME_UPPER", strides=[2, 2]),
        _image("Conv", [_KERNEL], auto_pad="SAME_LOWER", strides=[2, 2]),
    ),
    "dilation": (
        _image("Conv", [_KERNEL], pads=[1, 1, 1, 1]),
        _image("Conv", [_KERNEL], pads=[2, 2, 2, 2], dilations=[2, 2]),
    ),
    "output padding": (
        _image("ConvTranspose", [_DEEP], strides=[2, 2], output_padding=[1, 1]),
        _image("ConvTranspose", [_DEEP], strides=[2, 2]),
    ),
    "transposed convolution": (
        _image("Conv", [_KERNEL], pads=[1, 1, 1, 1]),
        _image("ConvTranspose", [_KERNEL], pads=[1, 1, 1, 1]),
    ),
    "transposed weights": (_gemm(), _gemm(transB=1)),
    "alpha": (_gemm(), _gemm(alpha=2.0)),
    "beta": (_gemm(), _gemm(beta=0.5)),
    "slope": (_one("LeakyRelu", alpha=0.25), _one("LeakyRelu", alpha=0.5)),
    "a Relu less": (_one("Relu"), _one("Identity")),
    "a Relu for |x|": (_one("Relu"), _one("Abs")),
    "tanh for sigmoid": (_one("Tanh"), _one("Sigmoid")),
    "order of a concatenation": (
        _pair(node("Concat", ["x", "r"], ["y"], axis=1)),
        _pair(node("Concat", ["r", "x"], ["y"], axis=1)),
    ),
    "sum for difference": (
        _pair(node("Add", ["x", "r"], ["y"])),
        _pair(node("Sub", ["x", "r"], ["y"])),
    ),
    "maximum for minimum": (
        _pair(node("Max", ["x", "r"], ["y"])),
        _pair(node("Min", ["x", "r"], ["y"])),
    ),
    "before for after the Relu": (
        _pair(node("Add", ["x", "r"], ["y"])),
        _pair(node("Add", ["x", "h"], ["y"])),
    ),
    "start of a slice": (_cut([0], [4], [1], [1]), _cut([1], [5], [1], [1])),
    "direction of a slice": (_cut([0], [9], [1], [1]), _cut([-1], [-9], [1], [-1])),
    "bound of a clip": (_clipped(-1, 1), _clipped(-1, 1.5)),
    "order of entries": (_picked([0, 1, 2, 3, 5, 4]), _picked([0, 1, 2, 3, 4, 5])),
    "sizes of a split": (_split(2, 4), _split(3, 3)),
    "axes of a mean": (_means([1]), _means([2])),
    "mode of a border": (_padded("reflect", [0, 0, 1, 1] * 2), _padded("edge", [0, 0, 1, 1] * 2)),
    "nearest": (
        _resized(mode="linear"),
        _resized(mode="linear", coordinate_transformation_mode="asymmetric"),
    ),
    "pooled padding": (
        _image("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        _image("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    ),
    "mean for maximum": (
        _image("AveragePool", kernel_shape=[2, 2], strides=[2, 2]),
        _image("MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
    ),
    "epsilon": (_normalized(epsilon=1e-3), _normalized(epsilon=1e-5)),
    "blocks": (_blocks("DCR"), _blocks("CRD")),
    "axes": (_turned([0, 2, 3, 1]), _turned([0, 3, 2, 1])),
}


@pytest.mark.parametrize("name", _PAIRS)
def test_a_changed_file_is_seen(name: str, tmp_path: Path) -> None:
    honest, changed = _PAIRS[name]
    assert compared(honest, honest, tmp_path).points >= 1
    with pytest.raises(InvalidProof, match=r"by the graph|the graph gives"):
        compared(honest, changed, tmp_path)


_KEPT: dict[str, Callable[[], tuple[Model, Model]]] = {
    "alpha of an ELU": lambda: (_one("Elu", alpha=1.0), _one("Elu", alpha=2.0)),
    "tanh for ELU": lambda: (_one("Elu"), _one("Tanh")),
}


@pytest.mark.parametrize("name", _KEPT)
def test_what_a_claim_does_not_depend_on_may_change(name: str, tmp_path: Path) -> None:
    honest, changed = _KEPT[name]()
    assert compared(honest, changed, tmp_path).points >= 1
