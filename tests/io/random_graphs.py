"""Deep random graphs: skips, branches, shared nodes, every operator that is read, many opsets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto

from monic.model.array import Array
from tests.io.graphs import model, node

__all__ = ["OPERATORS", "Drawn", "random_graph"]

#: Versions of the operators, each of which changed the form of some.
OPSETS = (7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)

#: No tensor gets more numbers.
LARGEST = 150

Shape = tuple[int, ...]


@dataclass
class Drawn:
    """A graph that is being drawn: its nodes, its constants, and every tensor with its shape."""

    rng: np.random.Generator
    opset: int
    shape: Shape
    nodes: list[NodeProto] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)
    tensors: list[tuple[str, Shape]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tensors.append(("x", self.shape))

    def one(self, rank: int | None = None, least: int = 1) -> tuple[str, Shape] | None:
        """A tensor of some rank, a late one more often than an early one."""
        fit = [t for t in self.tensors if rank in (None, len(t[1])) and prod(t[1]) >= least]
        if not fit:
            return None
        place = len(fit) - 1 - int(self.rng.integers(len(fit)) * self.rng.random() ** 2)
        return fit[place]

    def like(self, shape: Shape) -> tuple[str, Shape]:
        fit = [t for t in self.tensors if t[1] == shape]
        return fit[int(self.rng.integers(len(fit)))]

    def weights(self, *shape: int) -> str:
        drawn = self.rng.standard_normal(shape) / np.sqrt(max(1, prod(shape[1:])))
        return self.constant(drawn.astype(np.float32))

    def positive(self, *shape: int) -> str:
        return self.constant(self.rng.uniform(0.3, 2.0, shape).astype(np.float32))

    def integers(self, *numbers: int) -> str:
        return self.constant(np.array(numbers, dtype=np.int64))

    def constant(self, array: Array) -> str:
        name = f"c{len(self.arrays)}"
        self.arrays[name] = array
        return name

    def pick(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def then(self, op: str, inputs: list[str], shape: Shape, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(node(op, inputs, [name], name=f"n{len(self.nodes)}", **attributes))
        self.used.update(inputs)
        self.tensors.append((name, shape))
        return name


Step = Callable[[Drawn], bool]
OPERATORS: dict[str, Step] = {}


def step(rank: int | None = None, since: int = 7, until: int = 99) -> Callable[[Any], Any]:
    """Registers a step on a tensor of a rank, in versions of the operators."""

    def register(make: Callable[[Drawn, str, Shape], None]) -> Any:
        def taken(drawn: Drawn) -> bool:
            found = drawn.one(rank)
            if found is None or not since <= drawn.opset <= until:
                return False
            before = len(drawn.nodes)
            make(drawn, *found)
            return len(drawn.nodes) > before

        OPERATORS[make.__name__] = taken
        return make

    return register


@step(2)
def gemm(d: Drawn, x: str, shape: Shape) -> None:
    out, flip = int(d.rng.integers(1, 9)), int(d.rng.integers(2))
    weight = d.weights(*((out, shape[1]) if flip else (shape[1], out)))
    bias = d.weights(out)
    d.then("Gemm", [x, weight, bias], (1, out), transB=flip, alpha=d.pick(1.0, 0.5, -1.0))


@step(2)
def matmul(d: Drawn, x: str, shape: Shape) -> None:
    out = int(d.rng.integers(1, 9))
    d.then("MatMul", [x, d.weights(shape[1], out)], (1, out))


@step(3)
def matmul_of_tokens(d: Drawn, x: str, shape: Shape) -> None:
    out = int(d.rng.integers(1, 5))
    d.then("MatMul", [x, d.weights(shape[2], out)], (*shape[:2], out))


@step(2, since=12)
def einsum(d: Drawn, x: str, shape: Shape) -> None:
    d.then("Einsum", [x, d.weights(4, shape[1])], (1, 4), equation="bi,oi->bo")


@step(4)
def conv(d: Drawn, x: str, shape: Shape) -> None:
    _, channels, *sides = shape
    groups = d.pick(1, 1, channels)
    out = groups * int(d.rng.integers(1, 4 if groups == 1 else 2))
    kernel = [int(d.rng.integers(1, min(3, side) + 1)) for side in sides]
    pads = [int(d.rng.integers(0, 2)) for _ in range(4)]
    strides = [int(d.rng.integers(1, 3)) for _ in sides]
    after = tuple(
        (side + pads[k] + pads[k + 2] - kernel[k]) // strides[k] + 1
        for k, side in enumerate(sides)
    )
    if out * prod(after) > LARGEST:
        return
    inputs = [x, d.weights(out, channels // groups, *kernel), d.weights(out)]
    options = {"pads": pads, "strides": strides, "group": groups}
    if d.rng.random() < 0.2:
        del options["pads"]
        options["auto_pad"] = d.pick("SAME_UPPER", "SAME_LOWER")
        after = tuple(-(-side // s) for side, s in zip(sides, strides, strict=True))
    if out * prod(after) <= LARGEST:
        d.then("Conv", inputs[: d.pick(2, 3)], (1, out, *after), **options)


@step(4)
def conv_transpose(d: Drawn, x: str, shape: Shape) -> None:
    _, channels, *sides = shape
    out, stride = int(d.rng.integers(1, 3)), int(d.rng.integers(1, 3))
    after = tuple((side - 1) * stride + 2 for side in sides)
    if out * prod(after) <= LARGEST:
        weight = d.weights(channels, out, 2, 2)
        d.then("ConvTranspose", [x, weight], (1, out, *after), strides=[stride, stride])


@step()
def relu(d: Drawn, x: str, shape: Shape) -> None:
    d.then("Relu", [x], shape)


@step()
def activation(d: Drawn, x: str, shape: Shape) -> None:
    op = d.pick("Tanh", "Sigmoid", "LeakyRelu", "Elu", "Relu", "Abs")
    options = {"alpha": float(d.rng.uniform(0.1, 0.9))} if op in ("LeakyRelu", "Elu") else {}
    d.then(op, [x], shape, **options)


@step(4, since=9)
def prelu(d: Drawn, x: str, shape: Shape) -> None:
    d.then("PRelu", [x, d.positive(*d.pick((1,), (shape[1], 1, 1)))], shape)


@step()
def clip(d: Drawn, x: str, shape: Shape) -> None:
    low, high = float(np.float32(-0.75)), float(np.float32(0.5))
    if d.opset < 11:
        d.then("Clip", [x], shape, min=low, max=high)
        return
    ends = [d.constant(np.array(t, np.float32)) for t in (low, high)]
    d.then("Clip", [x, *ends[: d.pick(1, 2)]], shape)


@step()
def shifted(d: Drawn, x: str, shape: Shape) -> None:
    op, vector = d.pick("Add", "Sub", "Mul"), d.positive(*d.pick((1,), shape[-1:]))
    d.then(op, d.pick([x, vector], [vector, x]), shape)


@step()
def divided(d: Drawn, x: str, shape: Shape) -> None:
    d.then("Div", [x, d.positive(1)], shape)


@step()
def negated(d: Drawn, x: str, shape: Shape) -> None:
    d.then(d.pick("Neg", "Identity"), [x], shape)


@step()
def joined(d: Drawn, x: str, shape: Shape) -> None:
    """A skip connection: two tensors of one shape, which may be the same."""
    other, _ = d.like(shape)
    op = d.pick("Add", "Add", "Sub", "Sum", "Max", "Min")
    if op in ("Max", "Min") and d.opset < 8:
        return
    d.then(op, [x, other], shape)


@step()
def skipped(d: Drawn, x: str, shape: Shape) -> None:
    """A residual block with an activation behind the sum."""
    other, _ = d.like(shape)
    added = d.then("Add", [x, other], shape)
    d.then(d.pick("Relu", "LeakyRelu", "Tanh"), [added], shape)


@step()
def concatenated(d: Drawn, x: str, shape: Shape) -> None:
    other, axis = d.like(shape)[0], int(d.rng.integers(1, len(shape)))
    after = tuple(2 * side if k == axis else side for k, side in enumerate(shape))
    if prod(after) <= LARGEST:
        d.then("Concat", [x, other], after, axis=axis)


@step()
def split(d: Drawn, x: str, shape: Shape) -> None:
    axis = int(d.rng.integers(1, len(shape)))
    if shape[axis] < 2:
        return
    first = int(d.rng.integers(1, shape[axis]))
    sizes = (first, shape[axis] - first)
    names = [f"t{len(d.nodes)}", f"t{len(d.nodes)}b"]
    given = [x] if d.opset < 13 else [x, d.integers(*sizes)]
    options: dict[str, Any] = {"split": list(sizes)} if d.opset < 13 else {}
    d.nodes.append(node("Split", given, names, name=f"n{len(d.nodes)}", axis=axis, **options))
    d.used.add(x)
    for name, size in zip(names, sizes, strict=True):
        d.tensors.append((name, (*shape[:axis], size, *shape[axis + 1 :])))


@step()
def transposed(d: Drawn, x: str, shape: Shape) -> None:
    order = [0, *(1 + d.rng.permutation(len(shape) - 1)).tolist()]
    d.then("Transpose", [x], tuple(shape[k] for k in order), perm=order)


@step()
def reshaped(d: Drawn, x: str, shape: Shape) -> None:
    size = prod(shape)
    sides = [s for s in (1, 2, 3, 4, 6) if size % s == 0]
    side = d.pick(*sides)
    after = d.pick((1, size), (1, side, size // side), (1, side, 1, size // side))
    if len(after) == 4 and (size // side) % 2 == 0:
        after = (1, side, 2, size // side // 2)
    d.then("Reshape", [x, d.integers(*after[:-1], -1)], after)


@step()
def flattened(d: Drawn, x: str, shape: Shape) -> None:
    d.then("Flatten", [x], (1, prod(shape)))


@step()
def sliced(d: Drawn, x: str, shape: Shape) -> None:
    axis = int(d.rng.integers(1, len(shape)))
    if shape[axis] < 2:
        return
    after = (*shape[:axis], shape[axis] - 1, *shape[axis + 1 :])
    if d.opset < 10:
        d.then("Slice", [x], after, starts=[1], ends=[shape[axis]], axes=[axis])
    else:
        ends = [d.integers(1), d.integers(shape[axis]), d.integers(axis)]
        d.then("Slice", [x, *ends], after)


@step()
def gathered(d: Drawn, x: str, shape: Shape) -> None:
    axis = int(d.rng.integers(1, len(shape)))
    places = d.rng.integers(0, shape[axis], int(d.rng.integers(1, shape[axis] + 1))).tolist()
    after = (*shape[:axis], len(places), *shape[axis + 1 :])
    d.then("Gather", [x, d.integers(*places)], after, axis=axis)


@step()
def unsqueezed(d: Drawn, x: str, shape: Shape) -> None:
    if len(shape) > 3:
        return
    axis, after = len(shape), (*shape, 1)
    if d.opset < 13:
        d.then("Unsqueeze", [x], after, axes=[axis])
    else:
        d.then("Unsqueeze", [x, d.integers(axis)], after)


@step()
def squeezed(d: Drawn, x: str, shape: Shape) -> None:
    ones = [k for k, side in enumerate(shape) if side == 1 and k > 0]
    if not ones or len(shape) < 3:
        return
    axis = ones[-1]
    after = (*shape[:axis], *shape[axis + 1 :])
    if d.opset < 13:
        d.then("Squeeze", [x], after, axes=[axis])
    else:
        d.then("Squeeze", [x, d.integers(axis)], after)


@step(since=8)
def expanded(d: Drawn, x: str, shape: Shape) -> None:
    if shape[-1] != 1 or 3 * prod(shape) > LARGEST:
        return
    d.then("Expand", [x, d.integers(*shape[:-1], 3)], (*shape[:-1], 3))


@step()
def tiled(d: Drawn, x: str, shape: Shape) -> None:
    if 2 * prod(shape) <= LARGEST:
        d.then("Tile", [x, d.integers(*[1] * (len(shape) - 1), 2)], (*shape[:-1], 2 * shape[-1]))


@step(4)
def padded(d: Drawn, x: str, shape: Shape) -> None:
    pads = [0, 0, *d.rng.integers(0, 2, 2).tolist(), 0, 0, *d.rng.integers(0, 2, 2).tolist()]
    after = tuple(side + pads[k] + pads[k + 4] for k, side in enumerate(shape))
    mode = d.pick("constant", "edge", "reflect")
    if prod(after) > LARGEST or (mode == "reflect" and min(shape[2:]) < 2):
        return
    if d.opset < 11:
        d.then("Pad", [x], after, pads=pads, mode=mode)
    else:
        d.then("Pad", [x, d.integers(*pads)], after, mode=mode)


@step(4)
def pooled(d: Drawn, x: str, shape: Shape) -> None:
    if min(shape[2:]) < 2:
        return
    op, stride = d.pick("MaxPool", "AveragePool"), d.pick(1, 2)
    after = tuple((side - 2) // stride + 1 for side in shape[2:])
    d.then(op, [x], (*shape[:2], *after), kernel_shape=[2, 2], strides=[stride, stride])


@step(4)
def pooled_globally(d: Drawn, x: str, shape: Shape) -> None:
    op = d.pick("GlobalAveragePool", "GlobalMaxPool")
    d.then(op, [x], (*shape[:2], 1, 1))


@step()
def reduced(d: Drawn, x: str, shape: Shape) -> None:
    op, axis = d.pick("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"), len(shape) - 1
    given = {"ReduceSum": 13}.get(op, 18) <= d.opset
    after = (*shape[:-1], 1)
    if given:
        d.then(op, [x, d.integers(axis)], after)
    else:
        d.then(op, [x], after, axes=[axis])


@step(4)
def batch_norm(d: Drawn, x: str, shape: Shape) -> None:
    given = [d.weights(shape[1]), d.weights(shape[1]), d.weights(shape[1]), d.positive(shape[1])]
    d.then("BatchNormalization", [x, *given], shape)


@step(2, since=17)
def layer_norm(d: Drawn, x: str, shape: Shape) -> None:
    if shape[1] > 1:
        given = [x, d.positive(shape[1]), d.weights(shape[1])]
        d.then("LayerNormalization", given, shape, epsilon=0.1)


@step(4)
def instance_norm(d: Drawn, x: str, shape: Shape) -> None:
    if prod(shape[2:]) > 1:
        given = [x, d.positive(shape[1]), d.weights(shape[1])]
        d.then("InstanceNormalization", given, shape, epsilon=0.1)


@step(4, since=21)
def group_norm(d: Drawn, x: str, shape: Shape) -> None:
    if shape[1] % 2 == 0:
        given = [x, d.positive(shape[1]), d.weights(shape[1])]
        d.then("GroupNormalization", given, shape, epsilon=0.1, num_groups=2)


@step(2, since=23)
def rms_norm(d: Drawn, x: str, shape: Shape) -> None:
    d.then("RMSNormalization", [x, d.positive(shape[1])], shape, epsilon=0.1)


@step(4)
def space_to_depth(d: Drawn, x: str, shape: Shape) -> None:
    _, channels, height, width = shape
    if height % 2 == 0 and width % 2 == 0:
        d.then("SpaceToDepth", [x], (1, 4 * channels, height // 2, width // 2), blocksize=2)


@step(4)
def depth_to_space(d: Drawn, x: str, shape: Shape) -> None:
    _, channels, height, width = shape
    if channels % 4 == 0:
        options = {"mode": d.pick("DCR", "CRD")} if d.opset >= 11 else {}
        after = (1, channels // 4, 2 * height, 2 * width)
        d.then("DepthToSpace", [x], after, blocksize=2, **options)


@step(4)
def resized(d: Drawn, x: str, shape: Shape) -> None:
    after = (*shape[:2], 2 * shape[2], 2 * shape[3])
    if prod(after) > LARGEST:
        return
    scales = np.array([1, 1, 2, 2], np.float32)
    if d.opset < 9:
        d.then("Upsample", [x], after, scales=scales.tolist(), mode="nearest")
    elif d.opset == 9:
        d.then("Upsample", [x, d.constant(scales)], after, mode="nearest")
    elif d.opset == 10:
        d.then("Resize", [x, d.constant(scales)], after, mode="nearest")
    else:
        options = d.pick(
            {
                "mode": "nearest",
                "nearest_mode": "floor",
                "coordinate_transformation_mode": "asymmetric",
            },
            {"mode": "linear"},
            {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
        )
        area = "" if d.opset >= 13 else d.constant(np.zeros(0, np.float32))
        d.then("Resize", [x, area, d.constant(scales)], after, **options)


def random_graph(seed: int, steps: int | None = None) -> tuple[ModelProto, Shape]:
    """Returns a graph, and the shape of its input.

    Arguments:
        seed: What it is drawn from.
        steps: How many nodes are tried; 4 to 24 by default.
    """
    rng = np.random.default_rng(seed)
    shape: Shape = ((1, 4), (1, 6), (1, 2, 4, 4), (1, 4, 2, 2), (1, 3, 4))[int(rng.integers(5))]
    drawn = Drawn(rng, OPSETS[int(rng.integers(len(OPSETS)))], shape)
    names = list(OPERATORS)
    for _ in range(int(rng.integers(4, 25)) if steps is None else steps):
        OPERATORS[names[int(rng.integers(len(names)))]](drawn)
    _ended(drawn)
    return model(drawn.nodes, drawn.arrays, shape, opset=drawn.opset), shape


def _ended(drawn: Drawn) -> None:
    """One output of up to three tensors that nothing reads: they are flattened and joined."""
    loose = [t for t in drawn.tensors[1:] if t[0] not in drawn.used] or drawn.tensors[-1:]
    flat = []
    for name, shape in loose[-3:]:
        flat.append(drawn.then("Flatten", [name], (1, prod(shape))))
    if len(flat) == 1:
        drawn.nodes.append(node("Identity", flat, ["y"]))
    else:
        drawn.nodes.append(node("Concat", flat, ["y"], axis=1))
