"""What the nodes of a graph work on: values that depend on the input, and constants."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeGuard

import numpy as np

from monic.model import Activation, AffineMap, Input, Normalization, Select, Stage
from monic.model.array import Array

__all__ = [
    "LARGEST",
    "Constant",
    "Operand",
    "Refused",
    "Shape",
    "Source",
    "Value",
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
    """A tensor of the graph that depends on its input, flattened in C order for one example.

    Arguments:
        source: Where its affine map starts.
        map: The affine map, for one example.
        shape: The shape of the tensor, for `lead` examples at once.
        lead: The number of examples in axis 0; 1 when the tensor is one example as a whole.
        dtype: The number format, as ONNX numbers them.
        name: The last node with a weight on the way from the source.
        after: The source that starts here when an activation was just applied; then `map` is
            what comes before it.
        joint: Whether it was just added up from tensors of different places.
        order: Where `map` is a permutation that was moved past that activation, which acts on
            each number by itself: the places from which it takes the numbers.
        whole: Whether axis 0 may count examples though the tensor is read as one: then no matrix
            is applied to each of its rows.
    """

    source: Source
    map: AffineMap
    shape: Shape
    lead: int
    dtype: int
    name: str = ""
    after: Source | None = None
    joint: bool = False
    order: Sequence[int] | None = None
    whole: bool = False

    def settled(self) -> "Value":
        """Returns the same tensor as an affine map, which starts after its activation."""
        if self.after is None:
            return self
        start: AffineMap = self.after.start
        start = start if self.order is None else Select(self.order, start)
        return replace(
            self, source=self.after, map=start, name="", after=None, joint=False, order=None
        )

    def mapped(self, value: AffineMap, shape: Shape | None = None, name: str = "") -> "Value":
        """Returns the tensor that a further affine step gives; this one must be settled."""
        shape = self.shape if shape is None else shape
        return replace(self, map=value, shape=shape, name=name or self.name, joint=False)

    def activated(
        self,
        activation: Activation,
        output: str,
        slope: Array | None = None,
        norm: Normalization | None = None,
    ) -> "Value":
        """Returns the tensor that an activation gives; this one must be settled.

        A permutation before an activation of single numbers is one after it.
        """
        value, order = self.map, None
        if slope is None and norm is None and is_permutation(self.map):
            value, order = self.map.of, self.map.places
        stage = Stage(self.name or output, value, activation, slope, norm=norm)
        after = Source(Input(stage.out_dim), stage, self.source, self.source.broken)
        return replace(self, after=after, order=order)

    def insist_on_examples(self) -> "Value":
        """Returns the value itself.

        Raises:
            Refused: when the examples of a fixed batch no longer lie along axis 0, or the
                tensor is too large.
        """
        if self.lead > 1 and self.shape[:1] != (self.lead,):
            raise Refused(
                f"it gives the shape {self.shape}, which mixes the {self.lead} examples of a "
                "fixed batch; export with one example"
            )
        if self.map.out_dim > LARGEST:
            raise Refused(f"it gives {self.map.out_dim} numbers, more than 2^31")
        return self


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


Operand = Value | Constant


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
