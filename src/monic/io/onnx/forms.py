"""The operators of ONNX that are admitted, version by version, with their attributes.

What stands here is known, and obeyed; everything else (another version, attribute or value) is
refused by `admission`. The tests compare this table with the schemas of the onnx package.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from monic.io.onnx.node import Attribute

__all__ = ["FORMS", "NEWEST", "OLDEST", "Form", "Idle", "Obeyed", "OneOf", "Rule"]

#: The versions of ONNX's operators that are known.
OLDEST, NEWEST = 7, 28

#: Stands for any number of inputs or outputs.
MANY = 1 << 20


@dataclass(frozen=True, slots=True)
class Obeyed:
    """An attribute that the reader obeys, or refuses itself; `required` when it has no default."""

    required: bool = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """An attribute with these values only; the reader obeys them all, or there is but one."""

    values: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class Idle:
    """An attribute that changes nothing of what is read; `why` says so."""

    why: str


Rule = Obeyed | OneOf | Idle


@dataclass(frozen=True, slots=True)
class Form:
    """An operator as it is from one version of ONNX's operators on, until its next form.

    Arguments:
        since: That version.
        inputs: The least and the greatest number of inputs.
        outputs: The greatest number of outputs.
        rules: What is known of its attributes, by name.
        withdrawn: Whether ONNX took the operator back in this version.
    """

    since: int
    inputs: tuple[int, int]
    outputs: int = 1
    rules: Mapping[str, Rule] = field(default_factory=dict)
    withdrawn: bool = False


def _forms(
    versions: Iterable[int], inputs: int | tuple[int, int], outputs: int = 1, /, **rules: Rule
) -> tuple[Form, ...]:
    count = (inputs, inputs) if isinstance(inputs, int) else inputs
    return tuple(Form(version, count, outputs, rules) for version in versions)


_ANY, _NEEDED = Obeyed(), Obeyed(required=True)
_FLAG, _OFF = OneOf((0, 1)), OneOf((0,))
_AUTO = OneOf(("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"))
_PRECISION = Idle("the number format of a mean; means are exact here")
_ORDER = Idle("it numbers the indices, the second output, which is not read")
_CHANCE = Idle("dropout drops nothing in evaluation")
_MOVING = Idle("running statistics move in training only")
_FLOAT8 = Idle("casts that round are refused, and all those to 8 bits do")

#: Versions in which nothing but the number formats of an operator changed.
_SHAPES = (13, 21, 23, 24, 25)

_ENDS: dict[str, Rule] = {"auto_pad": _AUTO, "pads": _ANY, "strides": _ANY}
_WINDOW: dict[str, Rule] = {**_ENDS, "kernel_shape": _NEEDED}
_AVERAGE: dict[str, Rule] = {**_WINDOW, "count_include_pad": _FLAG}
_KERNEL: dict[str, Rule] = {**_ENDS, "kernel_shape": _ANY, "dilations": _ANY, "group": _ANY}
_GAPS: dict[str, Rule] = {"ceil_mode": _FLAG, "dilations": _ANY}
_REDUCED: dict[str, Rule] = {"axes": _ANY, "keepdims": _FLAG}
_REDUCED_BY_INPUT: dict[str, Rule] = {"keepdims": _FLAG, "noop_with_empty_axes": _FLAG}
_FACTORS: dict[str, Rule] = {"alpha": _ANY, "beta": _ANY, "transA": _FLAG, "transB": _FLAG}
_CONSTANTS: dict[str, Rule] = {"value": _ANY, "sparse_value": _ANY}
_KINDS = ("float", "floats", "int", "ints", "string", "strings")
_LISTS: dict[str, Rule] = {f"value_{kind}": _ANY for kind in _KINDS}
_NORM: dict[str, Rule] = {"axis": _ANY, "epsilon": _ANY, "stash_type": _PRECISION}
_BATCH: dict[str, Rule] = {"epsilon": _ANY, "momentum": _MOVING}
_NEAREST = OneOf(("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"))
_WAYS = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize")
_RESIZED: dict[str, Rule] = {
    "coordinate_transformation_mode": OneOf(_WAYS),
    "cubic_coeff_a": Idle("cubic interpolation is refused"),
    "exclude_outside": _OFF,
    "extrapolation_value": Idle("tf_crop_and_resize is refused"),
    "mode": OneOf(("nearest", "linear", "cubic")),
    "nearest_mode": _NEAREST,
}
_RESIZED_ALONG: dict[str, Rule] = {
    **_RESIZED,
    "antialias": _FLAG,
    "axes": _ANY,
    "keep_aspect_ratio_policy": OneOf(("stretch", "not_larger", "not_smaller")),
}


def _with_ways(way: str, rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """Returns the rules of a Resize that has one more way to find coordinates."""
    return {**rules, "coordinate_transformation_mode": OneOf((*_WAYS, way))}


_BORDERS = ("constant", "reflect", "edge")
_TWO_MODES = OneOf(("nearest", "linear"))
_BLOCKS = OneOf(("DCR", "CRD"))

FORMS: dict[str, tuple[Form, ...]] = {
    "Abs": _forms((6, 13), 1),
    "Add": _forms((7, 13, 14), 2),
    "AveragePool": (
        *_forms((7,), 1, **_AVERAGE),
        *_forms((10, 11), 1, **_AVERAGE, ceil_mode=_FLAG),
        *_forms((19, 22), 1, **_AVERAGE, **_GAPS),
    ),
    "BatchNormalization": (  # with further outputs it is in training
        *_forms((7,), 5, **_BATCH, spatial=OneOf((1,))),
        *_forms((9,), 5, **_BATCH),
        *_forms((14, 15), 5, **_BATCH, training_mode=_OFF),
    ),
    "Cast": (
        *_forms((6, 9, 13), 1, to=_NEEDED),
        *_forms((19, 21, 23), 1, to=_NEEDED, saturate=_FLOAT8),
        *_forms((24, 25, 28), 1, to=_NEEDED, saturate=_FLOAT8, round_mode=_FLOAT8),
    ),
    "Clip": (
        *_forms((6,), 1, min=_ANY, max=_ANY),
        *_forms((11, 12, 13), (1, 3)),
    ),
    "Concat": _forms((4, 11, 13), (1, MANY), axis=_NEEDED),
    "Constant": (
        *_forms((1, 9), 0, value=_NEEDED),
        *_forms((11,), 0, **_CONSTANTS),
        *_forms((12, 13, 19, 21, 23, 24, 25), 0, **_CONSTANTS, **_LISTS),
    ),
    "ConstantOfShape": _forms((9, 20, 21, 23, 24, 25), 1, value=_ANY),
    "Conv": _forms((1, 11, 22), (2, 3), **_KERNEL),
    "ConvTranspose": _forms(
        (1, 11, 22), (2, 3), **_KERNEL, output_padding=_ANY, output_shape=_ANY
    ),
    "DepthToSpace": (
        *_forms((1,), 1, blocksize=_NEEDED),
        *_forms((11, 13, 28), 1, blocksize=_NEEDED, mode=_BLOCKS),
    ),
    "DequantizeLinear": (
        *_forms((10,), (2, 3)),
        *_forms((13, 19), (2, 3), axis=_ANY),
        *_forms((21,), (2, 3), axis=_ANY, block_size=_ANY),
        *_forms((23, 24, 25, 28), (2, 3), axis=_ANY, block_size=_ANY, output_dtype=_OFF),
    ),
    "Div": _forms((7, 13, 14), 2),
    "Dropout": (
        *_forms((7, 10), 1, 2, ratio=_CHANCE),
        *_forms((12, 13, 22), (1, 3), 2, seed=_CHANCE),
    ),
    "Einsum": _forms((12, 28), (1, MANY), equation=_NEEDED),
    "Elu": _forms((6, 22), 1, alpha=_ANY),
    "Expand": _forms((8, 13), 2),
    "Flatten": _forms((1, 9, 11, *_SHAPES), 1, axis=_ANY),
    "Gather": _forms((1, 11, 13), 2, axis=_ANY),
    "GatherND": (
        *_forms((11,), 2),
        *_forms((12, 13), 2, batch_dims=_ANY),
    ),
    "Gemm": (
        *_forms((7, 9), 3, **_FACTORS),
        *_forms((11, 13), (2, 3), **_FACTORS),
    ),
    "GlobalAveragePool": _forms((1, 22), 1),
    "GlobalMaxPool": _forms((1, 22), 1),
    "GroupNormalization": (
        *_forms((18,), 3, epsilon=_ANY, num_groups=_NEEDED),
        *_forms((21,), 3, epsilon=_ANY, num_groups=_NEEDED, stash_type=_PRECISION),
    ),
    "Identity": _forms((1, 13, 14, 16, 19, 21, 23, 24, 25), 1),
    "InstanceNormalization": _forms((6, 22), 3, epsilon=_ANY),
    "LayerNormalization": _forms((17,), (2, 3), 3, **_NORM),
    "LeakyRelu": _forms((6, 16), 1, alpha=_ANY),
    "MatMul": _forms((1, 9, 13), 2),
    "Max": _forms((6, 8, 12, 13), (1, MANY)),
    "MaxPool": (
        *_forms((1,), 1, **_WINDOW),
        *_forms((8,), 1, 2, **_WINDOW, storage_order=_ORDER),
        *_forms(
            (10, 11, 12, 22),
            1,
            2,
            **_WINDOW,
            storage_order=_ORDER,
            ceil_mode=_FLAG,
            dilations=_ANY,
        ),
    ),
    "Min": _forms((6, 8, 12, 13), (1, MANY)),
    "Mul": _forms((7, 13, 14), 2),
    "Neg": _forms((6, 13), 1),
    "PRelu": _forms((7, 9, 16), 2),
    "Pad": (
        *_forms((2,), 1, mode=OneOf(_BORDERS), pads=_NEEDED, value=_ANY),
        *_forms((11, 13), (2, 3), mode=OneOf(_BORDERS)),
        *_forms((18,), (2, 4), mode=OneOf(_BORDERS)),
        *_forms((19, 21, 23, 24, 25), (2, 4), mode=OneOf((*_BORDERS, "wrap"))),
    ),
    "Pow": _forms((7, 12, 13, 15), 2),
    "RMSNormalization": _forms((23,), 2, **_NORM),
    "Reciprocal": _forms((6, 13), 1),
    "ReduceMax": (
        *_forms((1, 11, 12, 13), 1, **_REDUCED),
        *_forms((18, 20), (1, 2), **_REDUCED_BY_INPUT),
    ),
    "ReduceMean": (
        *_forms((1, 11, 13), 1, **_REDUCED),
        *_forms((18,), (1, 2), **_REDUCED_BY_INPUT),
    ),
    "ReduceMin": (
        *_forms((1, 11, 12, 13), 1, **_REDUCED),
        *_forms((18, 20), (1, 2), **_REDUCED_BY_INPUT),
    ),
    "ReduceSum": (
        *_forms((1, 11), 1, **_REDUCED),
        *_forms((13,), (1, 2), **_REDUCED_BY_INPUT),
    ),
    "Relu": _forms((6, 13, 14), 1),
    "Reshape": (
        *_forms((5, 13), 2),
        *_forms((14, 19, 21, 23, 24, 25), 2, allowzero=_FLAG),
    ),
    "Resize": (
        *_forms((10,), 2, mode=_TWO_MODES),
        *_forms(
            (11,),
            (3, 4),
            **{
                **_RESIZED,
                "coordinate_transformation_mode": OneOf((*_WAYS, "tf_half_pixel_for_nn")),
            },
        ),
        *_forms((13,), (1, 4), **_RESIZED),
        *_forms((18,), (1, 4), **_RESIZED_ALONG),
        *_forms(
            (19,),
            (1, 4),
            **_with_ways("half_pixel_symmetric", _RESIZED_ALONG),
        ),
    ),
    "Shape": (
        *_forms((1, 13), 1),
        *_forms((15, 19, 21, 23, 24, 25), 1, start=_ANY, end=_ANY),
    ),
    "Sigmoid": _forms((6, 13), 1),
    "Slice": (
        *_forms((1,), 1, axes=_ANY, starts=_NEEDED, ends=_NEEDED),
        *_forms((10, 11, 13), (3, 5)),
    ),
    "SpaceToDepth": (
        *_forms((1, 13), 1, blocksize=_NEEDED),
        *_forms((28,), 1, blocksize=_NEEDED, mode=_BLOCKS),
    ),
    "Split": (
        *_forms((2, 11), 1, MANY, axis=_ANY, split=_ANY),
        *_forms((13,), (1, 2), MANY, axis=_ANY),
        *_forms((18,), (1, 2), MANY, axis=_ANY, num_outputs=_ANY),
    ),
    "Sqrt": _forms((6, 13), 1),
    "Squeeze": (
        *_forms((1, 11), 1, axes=_ANY),
        *_forms(_SHAPES, (1, 2)),
    ),
    "Sub": _forms((7, 13, 14), 2),
    "Sum": _forms((6, 8, 13), (1, MANY)),
    "Tanh": _forms((6, 13), 1),
    "Tile": _forms((6, 13), 2),
    "Transpose": _forms((1, *_SHAPES), 1, perm=_ANY),
    "Unsqueeze": (
        *_forms((1, 11), 1, axes=_NEEDED),
        *_forms(_SHAPES, 2),
    ),
    "Upsample": (
        *_forms((7,), 1, mode=_TWO_MODES, scales=_NEEDED),
        *_forms((9,), 2, mode=_TWO_MODES),
        Form(10, (2, 2), withdrawn=True),
    ),
}
