"""What the nodes of a graph work on: values that depend on the input, and constants."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeGuard

import numpy as np

from monic.memory import NUMBER, make_room
from monic.model import Activation, AffineMap, Input, Normalization, Select, Stage
from monic.model.array import Array

__all__ = [
    "LARGEST",
    "Activated",
    "Constant",
    "Operand",
    "Refused",
    "Shape",
    "Source",
    "Tensor",
    "Value",
    "insist_on_examples",
    "insist_on_size",
    "is_permutation",
    "literal",
    "stand_in",
]

Shape = tuple[int, ...]

#: A value may hold at most this many numbers; a few nodes can double it many times.
LARGEST = 1 << 31


class Refused(Exception):
    """Raised inside the reader when a node is not supported; says why, and what to do.

    Arguments:
        why: The reason; what to do may follow after a semicolon.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why if "; " in why else f"{why}; export the network again")


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Where the affine map of a stage starts: the network's input, or what a stage gives.

    Arguments:
        start: The identity there; every expression from this source holds this very object.
        stage: The stage that gives the numbers; None for the network's input.
        before: The source of that stage.
        broken: Whether it stands for what a node that is not supported would give.
        holds: Other places whose numbers are among the numbers here, and where.
        joined: Places that were joined with this one before, and what came of it.
    """

    start: Input
    stage: Stage | None = None
    before: "Source | None" = None
    broken: bool = False
    holds: "dict[Source, AffineMap]" = field(default_factory=dict, repr=False)
    joined: "dict[Source, tuple[Source, AffineMap, AffineMap]]" = field(
        default_factory=dict, repr=False
    )

    def then(self, stage: Stage) -> "Source":
        """Returns the source that starts after a further stage."""
        return Source(Input(stage.out_dim), stage, self, self.broken)

    def stages(self) -> list[Stage]:
        """Returns the stages from the network's input to here."""
        found: list[Stage] = []
        at: Source | None = self
        while at is not None:
            if at.stage is not None:
                found.append(at.stage)
            at = at.before
        return found[::-1]


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A tensor that depends on the graph's input: an affine map of what some place holds.

    It is flattened in C order, for one example.

    Arguments:
        source: Where its affine map starts.
        map: The affine map, for one example.
        shape: The shape of the tensor, for `lead` examples at once.
        lead: The number of examples in axis 0; 1 when the tensor is one example as a whole.
        dtype: The number format, as ONNX numbers them.
        name: The last node with a weight on the way from the source.
        joint: Whether it was just added up from tensors of different places.
        whole: Whether axis 0 may count examples though the tensor is read as one: then no matrix
            is applied to each of its rows.
    """

    source: Source
    map: AffineMap
    shape: Shape
    lead: int
    dtype: int
    name: str = ""
    joint: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        size = math.prod(self.shape)
        assert size == self.lead * self.map.out_dim, "a tensor's map gives each of its entries"
        assert self.map.in_dim == self.source.start.dim, "a tensor's map starts at its source"

    def settled(self) -> "Value":
        """Returns the tensor itself: nothing was applied to it that is not in its map."""
        return self

    def mapped(self, value: AffineMap, shape: Shape | None = None, name: str = "") -> "Value":
        """Returns the tensor that a further affine step gives."""
        shape = self.shape if shape is None else shape
        return replace(self, map=value, shape=shape, name=name or self.name, joint=False)

    def at(self, source: Source, value: AffineMap, shape: Shape | None = None) -> "Value":
        """Returns a tensor as an affine map of what another place holds."""
        shape = self.shape if shape is None else shape
        return replace(self, source=source, map=value, shape=shape, name="", joint=False)

    def activated(
        self,
        activation: Activation,
        output: str,
        slope: Array | None = None,
        alpha: float | None = None,
    ) -> "Activated":
        """Returns the tensor that an activation of single numbers gives.

        A permutation before such an activation is one after it.
        """
        value, order = self.map, None
        if slope is None and is_permutation(self.map):
            value, order = self.map.of, self.map.places
        stage = Stage(self.name or output, value, activation, slope, alpha=alpha)
        return Activated(self, self.source.then(stage), order)

    def normalized(self, norm: Normalization, output: str) -> tuple["Value", AffineMap | None]:
        """Returns the tensor that a normalisation gives, and where the deviations are there."""
        stage = Stage(self.name or output, self.map, Activation.NORMALIZATION, norm=norm)
        source, size = self.source.then(stage), self.map.out_dim
        start: AffineMap = source.start
        if not norm.more:
            return self.at(source, start), None
        values, rest = Select(range(size), start), Select(range(size, start.out_dim), start)
        return self.at(source, values), rest

    def reshaped(self, shape: Shape) -> "Value":
        """Returns the same entries in another shape."""
        return replace(self, shape=shape)

    def of_format(self, dtype: int) -> "Value":
        """Returns the same numbers in another number format."""
        return replace(self, dtype=dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Activated:
    """A tensor to which an activation was just applied.

    It is a type of its own: until it is settled no affine step, and no second activation, can be
    written on what came before the first, where the first would be lost.

    Arguments:
        before: The tensor before the activation.
        source: The source that starts after it.
        order: Where the map before is a permutation that was moved past the activation, which
            acts on each number by itself: the places from which it takes the numbers.
    """

    before: Value
    source: Source
    order: Sequence[int] | None = None

    def __post_init__(self) -> None:
        assert self.source.before is self.before.source, "an activation follows its own tensor"

    @property
    def shape(self) -> Shape:
        """The shape of the tensor, for `lead` examples at once."""
        return self.before.shape

    @property
    def lead(self) -> int:
        """The number of examples in axis 0."""
        return self.before.lead

    @property
    def dtype(self) -> int:
        """The number format, as ONNX numbers them."""
        return self.before.dtype

    @property
    def stage(self) -> Stage:
        """The stage that ends with the activation."""
        assert self.source.stage is not None, "an activation ends a stage"
        return self.source.stage

    def settled(self) -> Value:
        """Returns the same tensor as an affine map, which starts after the activation."""
        start: AffineMap = self.source.start
        start = start if self.order is None else Select(self.order, start)
        return self.before.at(self.source, start)

    def reshaped(self, shape: Shape) -> "Activated":
        """Returns the same entries in another shape: the activation acts on each by itself."""
        return replace(self, before=self.before.reshaped(shape))

    def of_format(self, dtype: int) -> "Activated":
        """Returns the same numbers in another number format."""
        return replace(self, before=self.before.of_format(dtype))


#: A tensor of the graph that depends on its input.
Tensor = Value | Activated


def insist_on_examples(found: Tensor) -> Tensor:
    """Returns the tensor itself.

    Raises:
        Refused: when the examples of a fixed batch no longer lie along axis 0, or the tensor is
            too large.
    """
    if found.lead > 1 and found.shape[:1] != (found.lead,):
        raise Refused(
            f"it gives the shape {found.shape}, which mixes the {found.lead} examples of a "
            "fixed batch; export with one example"
        )
    size = math.prod(found.shape) // found.lead
    insist_on_size((size,))
    return found


def insist_on_size(shape: Sequence[int]) -> None:
    """Insists that a tensor is small enough to be made.

    Raises:
        Refused: when it has too many numbers.
        TooLarge: when what is made of them does not fit into the memory for reading.
    """
    size = math.prod(shape)
    if size > LARGEST:
        raise Refused(f"it gives {size} numbers, more than 2^31")
    make_room(NUMBER * size, f"a tensor of {size:,} numbers")


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A tensor that does not depend on the input.

    The array stays as it is in the file, since proofs name it by its content; only views of it
    (another shape, a transpose) are known.

    Arguments:
        array: The array in the file.
        shape: The shape it has by now.
        transposed: Whether the entries are those of the array's transpose.
    """

    array: Array
    shape: Shape
    transposed: bool = False

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether monic does arithmetic with it; integers are for shapes only."""
        return self.array.dtype.name in ("bfloat16", "float16", "float32", "float64")

    @property
    def is_integer(self) -> bool:
        """Whether it may be a shape or an axis."""
        return self.array.dtype.kind in "iu"

    def flat(self) -> Array:
        """Returns the entries in the C order of the shape that they have by now."""
        return (self.array.T if self.transposed else self.array).reshape(-1)

    def reshaped(self, shape: Shape) -> "Constant":
        """Returns the same entries, in C order, in another shape.

        Raises:
            Refused: when a transpose came before, so that the order is no longer the file's.
        """
        if self.transposed and shape != self.shape:
            raise Refused("it reshapes a transposed constant; store the constant in its last form")
        return replace(self, shape=shape)


Operand = Tensor | Constant


def is_permutation(value: AffineMap) -> TypeGuard[Select]:
    """Whether the last step of a map takes each entry of the one before once."""
    if not isinstance(value, Select) or value.out_dim != value.of.out_dim:
        return False
    return np.unique(np.asarray(value.places)).size == value.out_dim


def stand_in(shape: Shape, lead: int, dtype: int) -> Value:
    """Returns what a node that is not supported would give, so that reading can go on."""
    source = Source(Input(math.prod(shape) // lead), broken=True)
    return Value(source, source.start, shape, lead, dtype)


def literal(number: float) -> Array:
    """Returns a number that is no array of the file: such arrays always have size 1."""
    return np.array([number], dtype=np.float64)
