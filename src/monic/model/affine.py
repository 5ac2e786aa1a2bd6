"""Affine maps kept as exact expressions over float arrays, never multiplied out in floats.

Written out in floats, [B; -DB] is almost never exactly antiparallel (Note [rounding]); as the
expression concat(B x, -d (B x)) it is. So an affine map is a small tree of named steps, and its
matrix is computed over the integers.

Note [rounding]: docs/rounding.md.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flint import fmpz_mat

from monic.errors import LayerError, TooLarge
from monic.model.array import Array, dyadic, freeze
from monic.model.exact import ExactAffine, at_one_unit

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

__all__ = [
    "AffineMap",
    "Concat",
    "ExactAffine",
    "FloatArray",
    "Input",
    "Linear",
    "Product",
    "Scale",
    "Shift",
    "beside",
    "of_one_input",
]

#: Larger matrices of integers do not fit into the memory of small machines.
DENSE_ENTRIES = 1 << 27


class AffineMap(ABC):
    """An affine map R^in_dim -> R^out_dim as an expression; abstract."""

    __slots__ = ()
    in_dim: int
    out_dim: int

    #: How many products one entry of this step adds up, at most; 0 where it only moves numbers.
    terms: int

    @abstractmethod
    def parts(self) -> "tuple[AffineMap, ...]":
        """Returns the maps that this one is made of."""

    @abstractmethod
    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        """Returns the value of this step alone in float64, given those of its parts.

        Arguments:
            parts: Of shape (d, *), with the entries of the value along the first axis.
            absolute: Whether to apply |W| and no shift, as bounds of rounding errors do.
        """

    @abstractmethod
    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        """Returns the exact map, given the exact maps of its parts."""

    @abstractmethod
    def after(self, *parts: "AffineMap") -> "AffineMap":
        """Returns the same step on other parts."""

    def exact(self, start: ExactAffine | None = None) -> ExactAffine:
        """Returns the map as an integer matrix and column with a power of two.

        Arguments:
            start: A map into R^in_dim, given which the result is this map after it: k points
                x_1, ..., x_k, as the linear map R^k -> R^in_dim with these columns, give the
                values W x_j as columns, with b beside them.

        Raises:
            LayerError: when some step's matrix has more than `DENSE_ENTRIES` entries.
        """
        width = self.in_dim if start is None else int(start.weight.ncols())
        largest = max(step.out_dim for step in self.steps()) * width
        if largest > DENSE_ENTRIES:
            raise TooLarge(
                f"Expected a map whose dense matrices have at most {DENSE_ENTRIES:,} entries. Got "
                f"one of {largest:,}; only structure decides a layer without its matrix."
            )
        known: dict[int, ExactAffine] = {}
        for step in self.steps():
            if start is not None and isinstance(step, Input):
                known[id(step)] = start
                continue
            known[id(step)] = step.evaluate(*(known[id(part)] for part in step.parts()))
        return known[id(self)]

    def steps(self) -> "list[AffineMap]":
        """Returns every step once, each after the steps that it uses; the last is the map."""
        order: list[AffineMap] = []
        seen: set[int] = set()
        stack: list[tuple[AffineMap, bool]] = [(self, False)]
        while stack:
            step, ready = stack.pop()
            if ready:
                order.append(step)
            elif id(step) not in seen:
                seen.add(id(step))
                stack.append((step, True))
                stack.extend((part, False) for part in reversed(step.parts()))
        return order

    def start(self) -> "AffineMap":
        """Returns the input that the expression starts from; there is one (`of_one_input`)."""
        step: AffineMap = self
        while parts := step.parts():
            step = parts[0]
        return step

    def compose(self, inner: "AffineMap") -> "AffineMap":
        """Returns this map after another one: x -> self(inner(x)).

        Raises:
            LayerError: when the dimensions do not fit.
        """
        if inner.out_dim != self.in_dim:
            raise LayerError(
                f"Expected an inner map into R^{self.in_dim}. Got one into R^{inner.out_dim}."
            )
        known: dict[int, AffineMap] = {}
        for step in self.steps():
            parts = [known[id(part)] for part in step.parts()]
            known[id(step)] = inner if isinstance(step, Input) else step.after(*parts)
        return known[id(self)]


@dataclass(frozen=True, slots=True, eq=False)
class Input(AffineMap):
    """The identity of R^dim: where every expression starts."""

    dim: int
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    terms: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise LayerError(f"Expected an input of dimension 1 or more. Got {self.dim}.")
        object.__setattr__(self, "in_dim", self.dim)
        object.__setattr__(self, "out_dim", self.dim)

    def parts(self) -> tuple[AffineMap, ...]:
        return ()

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        return parts[0]

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        return ExactAffine.chosen(range(self.dim), self.dim)

    def after(self, *parts: AffineMap) -> AffineMap:
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Linear(AffineMap):
    """The step y -> M y, or M^T y; M has shape (out_dim, in) (transposed: (in, out_dim))."""

    matrix: Array
    of: AffineMap
    transposed: bool = False
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    terms: int = field(init=False)

    def __post_init__(self) -> None:
        matrix = freeze(self.matrix, "weight", ndim=2)
        rows, columns = matrix.shape[::-1] if self.transposed else matrix.shape
        if rows < 1 or columns < 1:
            raise LayerError(f"Expected a weight with rows and columns. Got {matrix.shape}.")
        if columns != self.of.out_dim:
            raise LayerError(
                f"Expected a weight that takes {self.of.out_dim} numbers. Got one that takes "
                f"{columns} (shape {matrix.shape}{', transposed' if self.transposed else ''})."
            )
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "in_dim", self.of.in_dim)
        object.__setattr__(self, "out_dim", rows)
        object.__setattr__(self, "terms", columns)

    def parts(self) -> tuple[AffineMap, ...]:
        return (self.of,)

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        matrix: FloatArray = self.matrix.astype(np.float64)
        matrix = matrix.T if self.transposed else matrix
        return np.asarray((np.abs(matrix) if absolute else matrix) @ parts[0])

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        matrix, exponent = dyadic(self.matrix)
        return parts[0].times(matrix.transpose() if self.transposed else matrix, exponent)

    def after(self, *parts: AffineMap) -> AffineMap:
        return Linear(self.matrix, parts[0], self.transposed)


@dataclass(frozen=True, slots=True, eq=False)
class Shift(AffineMap):
    """The step y -> y + v, or y - v; v holds one number or out_dim of them."""

    vector: Array
    of: AffineMap
    negative: bool = False
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    terms: int = field(init=False, default=2)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vector", _per_output(self.vector, "bias", self.of.out_dim))
        object.__setattr__(self, "in_dim", self.of.in_dim)
        object.__setattr__(self, "out_dim", self.of.out_dim)

    def parts(self) -> tuple[AffineMap, ...]:
        return (self.of,)

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        if absolute:
            return parts[0]
        vector = beside(self.vector, parts[0])
        return parts[0] - vector if self.negative else parts[0] + vector

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        vector, exponent = dyadic(self.vector.reshape(-1))
        low = min(exponent, parts[0].power)
        inner = parts[0].at_exponent(low)
        step = (-inner.divisor if self.negative else inner.divisor) << (exponent - low)
        column = _column(vector, self.out_dim) * step
        return inner.shifted(column)

    def after(self, *parts: AffineMap) -> AffineMap:
        return Shift(self.vector, parts[0], self.negative)


@dataclass(frozen=True, slots=True, eq=False)
class Scale(AffineMap):
    """The step y -> diag(v) y; v holds one number or out_dim of them."""

    vector: Array
    of: AffineMap
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    terms: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vector", _per_output(self.vector, "scale", self.of.out_dim))
        object.__setattr__(self, "in_dim", self.of.in_dim)
        object.__setattr__(self, "out_dim", self.of.out_dim)

    def parts(self) -> tuple[AffineMap, ...]:
        return (self.of,)

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        vector = beside(self.vector, parts[0])
        return parts[0] * (np.abs(vector) if absolute else vector)

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        vector, exponent = dyadic(self.vector.reshape(-1))
        column = _column(vector, self.out_dim)
        weight, bias = fmpz_mat(parts[0].weight), fmpz_mat(parts[0].bias)
        for i in range(self.out_dim):
            bias[i, 0] *= column[i, 0]
            for j in range(weight.ncols()):
                weight[i, j] *= column[i, 0]
        return ExactAffine(weight, bias, parts[0].power + exponent, parts[0].divisor)

    def after(self, *parts: AffineMap) -> AffineMap:
        return Scale(self.vector, parts[0])


def of_one_input(branches: Sequence[AffineMap]) -> tuple[AffineMap, ...]:
    """Returns branches that all start from the input of the first one.

    An expression has one input x. Branches that were built on several `Input` objects are rebuilt
    on one, so that no map can hold two: everything that walks one relies on it.
    """
    first = branches[0].start()
    return tuple(
        branch if branch.start() is first else branch.compose(first) for branch in branches
    )


@dataclass(frozen=True, slots=True, eq=False)
class Concat(AffineMap):
    """The map x -> (p_1(x), p_2(x), ...) for branches of one input.

    Example:
        >>> apart = Concat((Input(2), Input(2)))
        >>> apart.branches[0] is apart.branches[1]
        True
    """

    branches: tuple[AffineMap, ...]
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    terms: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        inputs = {branch.in_dim for branch in self.branches}
        if len(inputs) != 1:
            raise LayerError(f"Expected branches of one input. Got inputs of {sorted(inputs)}.")
        object.__setattr__(self, "branches", of_one_input(self.branches))
        object.__setattr__(self, "in_dim", inputs.pop())
        object.__setattr__(self, "out_dim", sum(branch.out_dim for branch in self.branches))

    def parts(self) -> tuple[AffineMap, ...]:
        return self.branches

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        return np.concatenate(parts)

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        level = at_one_unit(parts)
        weight = [entry for part in level for entry in part.weight.entries()]
        bias = [entry for part in level for entry in part.bias.entries()]
        return ExactAffine(
            fmpz_mat(self.out_dim, level[0].weight.ncols(), weight),
            fmpz_mat(self.out_dim, 1, bias),
            level[0].power,
            level[0].divisor,
        )

    def after(self, *parts: AffineMap) -> AffineMap:
        return Concat(parts)


def Product(*factors: object) -> AffineMap:  # noqa: N802 - reads as the value that it returns
    """Returns the linear map x -> F_1 F_2 ... F_k x as an exact product of float matrices.

    Arguments:
        factors: Matrices, outermost first; neighbouring shapes must fit.

    Raises:
        LayerError: when the shapes do not fit, or nothing was given.

    Example:
        >>> Product([[1.0], [-0.1]], [[3.0, 5.0]]).out_dim
        2
    """
    if not factors:
        raise LayerError("Expected at least one factor. Got none.")
    matrices = [freeze(factor, "factor", ndim=2) for factor in factors]
    value: AffineMap = Input(matrices[-1].shape[1])
    for matrix in reversed(matrices):
        value = Linear(matrix, value)
    return value


def beside(vector: Array, values: FloatArray) -> FloatArray:
    """Returns one number for each entry, or for each of equal parts, as a factor of values.

    Arguments:
        vector: Of any shape; its size divides the number of entries.
        values: Of shape (d, *).

    Example:
        >>> beside(np.array([1.0, 2.0]), np.ones((4, 3)))[:, 0].tolist()
        [1.0, 1.0, 2.0, 2.0]
    """
    numbers: FloatArray = vector.reshape(-1).astype(np.float64)
    spread = np.repeat(numbers, len(values) // numbers.size)
    return spread.reshape(-1, *(1,) * (values.ndim - 1))


def _per_output(vector: object, name: str, size: int) -> Array:
    frozen = freeze(vector, name)
    if frozen.size not in (1, size):
        raise LayerError(f"Expected a {name} of 1 or {size} numbers. Got shape {frozen.shape}.")
    return frozen


def _column(vector: fmpz_mat, size: int) -> fmpz_mat:
    if vector.nrows() == size:
        return vector
    return fmpz_mat(size, 1, [vector[0, 0]] * size)
