"""Convolutions, poolings, upsampling and moved axes, against onnxruntime."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, helper

from monic import Verdict, check, decide
from monic.errors import UnsupportedModel
from monic.io import load
from monic.model.array import Array
from tests.io.graphs import agrees, model, node, save

RNG = np.random.default_rng(11)


def _random(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def _ints(*entries: int) -> Array:
    return np.array(entries, dtype=np.int64)


def _scales(*entries: float) -> Array:
    return np.array(entries, dtype=np.float32)


def _one(op: str, *inputs: str, **attributes: Any) -> list[NodeProto]:
    return [node(op, list(inputs), ["y"], name="n", **attributes)]


Case = tuple[list[NodeProto], dict[str, Array], tuple[int, ...]]

K, B = _random(4, 2, 3, 3), _random(4)
SMALL = (1, 2, 4, 5)
NEAREST = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}

CASES: dict[str, Case] = {
    "conv": (_one("Conv", "x", "k"), {"k": K}, SMALL),
    "conv bias": (_one("Conv", "x", "k", "b", pads=[1, 0, 2, 1]), {"k": K, "b": B}, SMALL),
    "conv strides": (
        _one("Conv", "x", "k", strides=[2, 1], dilations=[1, 2], pads=[1, 1, 1, 1]),
        {"k": K},
        SMALL,
    ),
    "conv groups": (
        _one("Conv", "x", "k", group=2, kernel_shape=[2, 2]),
        {"k": _random(6, 1, 2, 2)},
        SMALL,
    ),
    "conv 1-D": (_one("Conv", "x", "k"), {"k": _random(2, 3, 2)}, (1, 3, 5)),
    "conv 3-D": (_one("Conv", "x", "k"), {"k": _random(1, 1, 2, 1, 2)}, (1, 1, 2, 2, 3)),
    "conv upper": (_one("Conv", "x", "k", auto_pad="SAME_UPPER", strides=[2, 2]), {"k": K}, SMALL),
    "conv lower": (
        _one("Conv", "x", "k", auto_pad="SAME_LOWER"),
        {"k": _random(1, 2, 2, 2)},
        SMALL,
    ),
    "conv valid": (_one("Conv", "x", "k", auto_pad="VALID"), {"k": K}, SMALL),
    "transposed": (_one("ConvTranspose", "x", "k"), {"k": _random(2, 3, 2, 2)}, SMALL),
    "transposed all": (
        _one("ConvTranspose", "x", "k", "b", strides=[2, 3], dilations=[2, 1], pads=[1, 0, 0, 1],
             output_padding=[1, 0], group=2),
        {"k": _random(2, 2, 2, 3), "b": B},
        SMALL,
    ),
    "mean": (_one("AveragePool", "x", kernel_shape=[2, 2], strides=[2, 2]), {}, SMALL),
    "mean overlapping": (_one("AveragePool", "x", kernel_shape=[2, 1]), {}, SMALL),
    "mean of nine": (_one("AveragePool", "x", kernel_shape=[3, 3]), {}, SMALL),
    "mean padded": (
        _one("AveragePool", "x", kernel_shape=[2, 3], pads=[1, 1, 0, 1], strides=[2, 1]),
        {},
        SMALL,
    ),
    "mean with zeros": (
        _one("AveragePool", "x", kernel_shape=[2, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        {},
        SMALL,
    ),
    "mean same": (
        _one("AveragePool", "x", kernel_shape=[3, 2], auto_pad="SAME_UPPER", strides=[2, 2]),
        {},
        SMALL,
    ),
    "mean 1-D": (_one("AveragePool", "x", kernel_shape=[3], pads=[1, 1]), {}, (1, 2, 5)),
    "mean of all": (_one("GlobalAveragePool", "x"), {}, (1, 3, 2, 4)),
    "channel shift": (_one("Add", "x", "c"), {"c": _random(2, 1, 1)}, SMALL),
    "channel scale": (_one("Mul", "x", "c"), {"c": _random(1, 2, 1, 1)}, SMALL),
    "column shift": (_one("Sub", "x", "c"), {"c": _random(5)}, SMALL),
    "row scale": (_one("Mul", "x", "c"), {"c": _random(4, 1)}, SMALL),
    "matrix column scale": (_one("Mul", "x", "c"), {"c": _random(5)}, (4, 5)),
    "matrix column shift": (_one("Add", "x", "c"), {"c": _random(5)}, (4, 5)),
    "transpose": (_one("Transpose", "x", perm=[0, 2, 3, 1]), {}, SMALL),
    "transpose all": (_one("Transpose", "x"), {}, SMALL),
    "upsample": (_one("Resize", "x", "", "s", **NEAREST, nearest_mode="floor"),
                 {"s": _scales(1, 1, 2, 3)}, SMALL),
    "upsample sizes": (_one("Resize", "x", "", "", "s", **NEAREST, nearest_mode="floor"),
                       {"s": _ints(1, 2, 8, 5)}, SMALL),
    "upsample middles": (_one("Resize", "x", "", "s"), {"s": _scales(1, 1, 3, 2)}, SMALL),
    **{
        f"linear {way} {name}": (
            _one("Resize", "x", "", *("", "s") if name == "sizes" else ("s",), mode="linear",
                 coordinate_transformation_mode=way),
            {"s": entries},
            SMALL,
        )
        for way in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
        for name, entries in (
            ("twice", _scales(1, 1, 2, 2)),
            ("more", _scales(1, 1, 1.75, 3)),
            ("less", _scales(1, 1, 0.5, 1)),
            ("sizes", _ints(1, 2, 7, 3)),
        )
    },
    "linear 1-D": (_one("Resize", "x", "", "s", mode="linear"), {"s": _scales(1, 1, 3)},
                   (1, 2, 4)),
    "skip": ([node("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1]), *_one("Add", "c", "x")],
             {"k": _random(2, 2, 3, 3)}, SMALL),
    "doubled": (_one("Add", "x", "x"), {}, (1, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_same_numbers(name: str, tmp_path: Path) -> None:
    nodes, arrays, shape = CASES[name]
    path = save(tmp_path / "m.onnx", model(nodes, arrays, shape))
    read = agrees(path, shape)
    found = decide(read, time_limit=5)
    assert found.verdict is not Verdict.UNDECIDED
    certificate = found.stages[0].decision.certificate
    assert certificate is not None
    check(certificate, path)  # against the arrays in the file, by their content


@pytest.mark.parametrize("name", ["channel shift", "column shift", "transpose", "upsample"])
def test_batches_of_a_fixed_size_are_one_example(name: str, tmp_path: Path) -> None:
    nodes, arrays, shape = CASES[name]
    last = nodes[-1]
    first = [node(last.op_type, list(last.input), ["h"], **_attributes(last))]
    size = 240 if name == "upsample" else 40
    tail = [node("Flatten", ["h"], ["f"]), node("Gemm", ["f", "w"], ["y"])]
    given = model([*first, *tail], arrays | {"w": _random(size, 3)}, (3, *shape[1:]))
    read = agrees(save(tmp_path / "m.onnx", given), (3, *shape[1:]))
    assert (read.in_dim, read.out_dim) == (40, 3)


def _attributes(given: NodeProto) -> dict[str, Any]:
    return {entry.name: helper.get_attribute_value(entry) for entry in given.attribute}


def test_an_upsampled_image_is_injective_and_a_mean_is_not(tmp_path: Path) -> None:
    for name, verdict in (("upsample", Verdict.INJECTIVE), ("mean", Verdict.NOT_INJECTIVE)):
        nodes, arrays, shape = CASES[name]
        path = save(tmp_path / "m.onnx", model(nodes, arrays, shape))
        assert decide(load(path)).verdict is verdict  # type: ignore[arg-type]


REFUSED: dict[str, tuple[Case, str]] = {
    "empty window": (
        (_one("AveragePool", "x", kernel_shape=[1, 1], pads=[1, 0, 0, 0]), {}, SMALL),
        "lie in the padding",
    ),
    "ceiling": (
        (_one("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1), {}, SMALL),
        "ceil_mode",
    ),
    "large mean": ((_one("AveragePool", "x", kernel_shape=[9, 9]), {}, SMALL), "larger than"),
    "cubic": (
        (_one("Resize", "x", "", "s", mode="cubic"), {"s": _scales(1, 1, 2, 2)}, SMALL),
        "mode 'cubic'",
    ),
    "cropped": (
        (
            _one(
                *("Resize", "x", "", "s"),
                mode="linear",
                coordinate_transformation_mode="tf_crop_and_resize",
            ),
            {"s": _scales(1, 1, 2, 2)},
            SMALL,
        ),
        "use half_pixel",
    ),
    "antialias": (
        (
            _one("Resize", "x", "", "s", mode="linear", antialias=1),
            {"s": _scales(1, 1, 2, 2)},
            SMALL,
        ),
        "antialias",
    ),
    "negative scale": (
        (_one("Resize", "x", "", "s", mode="linear"), {"s": _scales(1, 1, -1, 2)}, SMALL),
        "positive number",
    ),
    "fractional": (
        (_one("Resize", "x", "", "s"), {"s": _scales(1, 1, 1.5, 2)}, SMALL),
        "whole number",
    ),
    "corners": (
        (
            _one("Resize", "x", "", "s", coordinate_transformation_mode="align_corners"),
            {"s": _scales(1, 1, 2, 2)},
            SMALL,
        ),
        "asymmetric, floor",
    ),
    "output shape": (
        (_one("ConvTranspose", "x", "k", output_shape=[9, 9]), {"k": _random(2, 1, 2, 2)}, SMALL),
        "give pads",
    ),
    "kernel too large": ((_one("Conv", "x", "k"), {"k": _random(1, 2, 9, 9)}, SMALL), "output"),
    "wrong channels": ((_one("Conv", "x", "k"), {"k": _random(1, 3, 1, 1)}, SMALL), "kernel"),
    "wrong bias": ((_one("Conv", "x", "k", "b"), {"k": K, "b": _random(3)}, SMALL), "bias"),
    "flat input": ((_one("Conv", "x", "k"), {"k": K}, (1, 4)), "spatial"),
    "negative pads": ((_one("Conv", "x", "k", pads=[-1, 0, 0, 0]), {"k": K}, SMALL), "pads"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read(name: str, tmp_path: Path) -> None:
    (nodes, arrays, shape), why = REFUSED[name]
    path = save(tmp_path / "m.onnx", model(nodes, arrays, shape))
    with pytest.raises(UnsupportedModel, match=why) as caught:
        load(path)
    assert "; " in str(caught.value).splitlines()[1]
