"""Domains: convex sets with interior on which a layer is asked to be one-to-one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from monic.errors import DomainError, LayerError
from monic.model.array import Array, exact, freeze

__all__ = [
    "Ball",
    "Box",
    "Domain",
    "HalfSpace",
    "Orthant",
    "Polyhedron",
    "WholeSpace",
    "known_domain",
]

#: (a, c) stands for the open half-space a.x < c.
HalfSpace = tuple[tuple[Fraction, ...], Fraction]


class Domain(ABC):
    """A convex subset of R^n with interior; abstract.

    The domains of this module are final. A class of your own says by its `half_spaces` what it
    is, and layers and networks take it as that `Polyhedron`: an engine that saw another
    `contains` would answer about one set and prove about another.

    Raises:
        DomainError: when a class inherits from a final domain, or has a `contains` of its own.

    Example:
        >>> class Wedge(Domain):
        ...     def half_spaces(self, dim):
        ...         return [((Fraction(1), Fraction(-1)), Fraction(0))]
        ...     def describe(self):
        ...         return "wedge"
        >>> Wedge().contains([Fraction(0), Fraction(1)])
        True
    """

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__bases__ != (Domain,):
            raise DomainError(
                f"Expected {cls.__name__} to inherit from monic.Domain alone. Got "
                f"{', '.join(base.__name__ for base in cls.__bases__)}; domains are final."
            )
        if cls.__module__ != __name__ and "contains" in vars(cls):
            raise DomainError(
                f"Expected {cls.__name__} to say what it is by half_spaces. Got a contains of its "
                "own, which proofs could not follow."
            )

    @abstractmethod
    def half_spaces(self, dim: int) -> list[HalfSpace]:
        """Returns the linear inequalities a.x < c of the interior in R^dim, in a fixed order.

        Raises:
            DomainError: when the domain lies in another dimension.
        """

    def fit(self, dim: int) -> None:
        """Insists that the domain lies in R^dim.

        Raises:
            DomainError: when it lies in another dimension.
        """
        if dim < 1:
            raise DomainError(f"Expected a dimension of 1 or more. Got {dim}.")

    def contains(self, x: Sequence[Fraction], *, interior: bool = False) -> bool:
        """Returns whether a rational point lies in the domain (or in its interior), exactly."""
        for normal, offset in self.half_spaces(len(x)):
            value = sum((a * t for a, t in zip(normal, x, strict=True)), Fraction(0))
            if value > offset or (interior and value == offset):
                return False
        return True

    @abstractmethod
    def describe(self) -> str:
        """Returns a few words for tables and sentences."""


@dataclass(frozen=True, slots=True)
class WholeSpace(Domain):
    """All of R^n.

    Example:
        >>> WholeSpace().describe()
        'whole space'
    """

    def half_spaces(self, dim: int) -> list[HalfSpace]:
        return []

    def describe(self) -> str:
        return "whole space"


@dataclass(frozen=True, slots=True)
class Orthant(Domain):
    """The nonnegative orthant x >= 0: what a layer sees after a ReLU.

    Example:
        >>> Orthant().contains([Fraction(1), Fraction(0)])
        True
    """

    def half_spaces(self, dim: int) -> list[HalfSpace]:
        return [(_unit(dim, j, -1), Fraction(0)) for j in range(dim)]

    def contains(self, x: Sequence[Fraction], *, interior: bool = False) -> bool:
        return all(t > 0 for t in x) if interior else all(t >= 0 for t in x)

    def describe(self) -> str:
        return "orthant"


@dataclass(frozen=True, slots=True, eq=False)
class Box(Domain):
    """The box lower <= x <= upper; single bounds may be infinite.

    Arguments:
        lower: Lower bounds of shape (n,); -inf is allowed.
        upper: Upper bounds of shape (n,); inf is allowed.

    Raises:
        DomainError: when the shapes differ, or some lower bound is not below its upper bound.

    Example:
        >>> Box([0.0], [1.0]).describe()
        'box of 1'
    """

    lower: Array
    upper: Array

    def __post_init__(self) -> None:
        lower, upper = _bounds(self.lower, "lower"), _bounds(self.upper, "upper")
        if lower.shape != upper.shape:
            raise DomainError(
                f"Expected bounds of one shape. Got {lower.shape} and {upper.shape}."
            )
        thin = np.flatnonzero(~(lower < upper))
        if thin.size:
            j = int(thin[0])
            raise DomainError(
                f"Expected lower < upper everywhere (a domain needs interior). Got "
                f"[{lower[j]}, {upper[j]}] in coordinate {j}. Fix that input before asking."
            )
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    def half_spaces(self, dim: int) -> list[HalfSpace]:
        _insist(dim, self.lower.size, "box")
        sides: list[HalfSpace] = []
        for j in range(dim):
            low, high = self.lower[j], self.upper[j]
            if np.isfinite(low):
                sides.append((_unit(dim, j, -1), -exact(low)))
            if np.isfinite(high):
                sides.append((_unit(dim, j, 1), exact(high)))
        return sides

    def fit(self, dim: int) -> None:
        _insist(dim, self.lower.size, "box")

    def contains(self, x: Sequence[Fraction], *, interior: bool = False) -> bool:
        self.fit(len(x))
        if interior:
            return all(low < t < high for low, t, high in self._triples(x))
        return all(low <= t <= high for low, t, high in self._triples(x))

    def middle(self) -> tuple[Fraction, ...]:
        """Returns a point in the interior: the centre, where both bounds are finite.

        Example:
            >>> Box([0.0, 3.0], [1.0, float("inf")]).middle()
            (Fraction(1, 2), Fraction(4, 1))
        """
        point = []
        for low, high in zip(self.lower.tolist(), self.upper.tolist(), strict=True):
            ends = [Fraction(bound) for bound in (low, high) if np.isfinite(bound)]
            if len(ends) == 2:
                point.append((ends[0] + ends[1]) / 2)
            elif ends:
                point.append(ends[0] + (1 if np.isfinite(low) else -1))
            else:
                point.append(Fraction(0))
        return tuple(point)

    def _triples(self, x: Sequence[Fraction]) -> Iterator[tuple[Any, Fraction, Any]]:
        # Python compares rationals with floats and integers exactly, infinities included
        return zip(self.lower.tolist(), x, self.upper.tolist(), strict=True)

    def describe(self) -> str:
        return f"box of {self.lower.size}"


@dataclass(frozen=True, slots=True, eq=False)
class Polyhedron(Domain):
    """The polyhedron A x <= c; it must have interior, which `decide` checks exactly.

    Arguments:
        A: Normals of shape (k, n).
        c: Offsets of shape (k,).

    Raises:
        DomainError: when the shapes do not fit, or a zero row makes the set empty.

    Example:
        >>> Polyhedron([[1.0, -1.0]], [0.0]).describe()
        'polyhedron of 1 half-space'
    """

    A: Array
    c: Array

    def __post_init__(self) -> None:
        normals, offsets = _table(self.A, "A", 2), _table(self.c, "c", 1)
        if normals.shape[0] != offsets.shape[0]:
            raise DomainError(
                f"Expected as many offsets as normals. Got shapes {normals.shape} and "
                f"{offsets.shape}."
            )
        empty = np.flatnonzero(~normals.any(axis=1) & (offsets.astype(np.float64) <= 0))
        if empty.size:
            raise DomainError(f"Expected a set with interior. Row {int(empty[0])} of A is zero.")
        object.__setattr__(self, "A", normals)
        object.__setattr__(self, "c", offsets)

    def half_spaces(self, dim: int) -> list[HalfSpace]:
        _insist(dim, self.A.shape[1], "polyhedron")
        return [
            (tuple(map(exact, row)), exact(c))
            for row, c in zip(self.A, self.c, strict=True)
            if row.any()
        ]

    def fit(self, dim: int) -> None:
        _insist(dim, self.A.shape[1], "polyhedron")

    def describe(self) -> str:
        count = self.A.shape[0]
        return f"polyhedron of {count} half-space{'s' if count != 1 else ''}"


@dataclass(frozen=True, slots=True, eq=False)
class Ball(Domain):
    """The ball |x - center| <= radius.

    Arguments:
        radius: A positive number.
        center: A point of shape (n,); None is the origin.

    Raises:
        DomainError: when the radius is not positive and finite.

    Example:
        >>> Ball(1.0).contains([Fraction(3, 5), Fraction(4, 5)])
        True
    """

    radius: float | Fraction
    center: Array | None = None

    def __post_init__(self) -> None:
        try:
            size = float(self.radius)
        except (TypeError, ValueError, OverflowError):
            size = np.nan
        if not (np.isfinite(size) and self.radius > 0):
            raise DomainError(f"Expected a positive, finite radius. Got {self.radius!r}.")
        if isinstance(self.radius, np.generic):
            object.__setattr__(self, "radius", self.radius.item())
        if self.center is not None:
            object.__setattr__(self, "center", _table(self.center, "center", 1))

    def half_spaces(self, dim: int) -> list[HalfSpace]:
        if self.center is not None:
            _insist(dim, self.center.size, "ball")
        return []

    def fit(self, dim: int) -> None:
        if self.center is not None:
            _insist(dim, self.center.size, "ball")

    def middle(self, dim: int) -> tuple[Fraction, ...]:
        """Returns the centre as exact numbers."""
        if self.center is None:
            return (Fraction(0),) * dim
        _insist(dim, self.center.size, "ball")
        return tuple(map(exact, self.center))

    def contains(self, x: Sequence[Fraction], *, interior: bool = False) -> bool:
        middle = self.middle(len(x))
        square = sum(((a - t) ** 2 for a, t in zip(middle, x, strict=True)), Fraction(0))
        limit = exact(self.radius) ** 2
        return square < limit if interior else square <= limit

    def describe(self) -> str:
        return f"ball of radius {float(self.radius):g}"


def known_domain(domain: object, dim: int) -> Domain:
    """Returns the domain of a question in R^dim: one of this module, or the polyhedron it is.

    Raises:
        DomainError: when it is no domain, lies in another dimension, or its half-spaces are no
            rational ones that float64 holds.
    """
    if not isinstance(domain, Domain):
        raise DomainError(
            "Expected a domain such as WholeSpace(), Orthant(), Box(...), Polyhedron(...) or "
            f"Ball(...). Got {domain!r}."
        )
    domain.fit(dim)
    if isinstance(domain, WholeSpace | Orthant | Box | Polyhedron | Ball):
        return domain
    sides = [_float_row(side, dim, type(domain).__name__) for side in domain.half_spaces(dim)]
    if not sides:
        return WholeSpace()
    table = np.array(sides)
    return Polyhedron(table[:, :-1], table[:, -1])


def _float_row(side: HalfSpace, dim: int, name: str) -> list[float]:
    """Returns (a, c) of a half-space a.x < c in float64, exactly, times a positive number."""
    try:
        normal, offset = side
        row = [exact(number) for number in (*normal, offset)]
        unit = lcm(*(number.denominator for number in row))
        choices = [[number * factor for number in row] for factor in (1, unit)]
        held = [c for c in choices if all(Fraction(float(number)) == number for number in c)]
    except (TypeError, ValueError, OverflowError):
        row, held = [], []
    if not held or len(row) != dim + 1:
        raise DomainError(
            f"Expected half-spaces (a, c) of {name} with {dim} rationals in a, which float64 "
            f"holds up to a common factor. Got {side!r:.200}."
        )
    return [float(number) for number in held[0]]


def _unit(dim: int, index: int, sign: int) -> tuple[Fraction, ...]:
    zero = (Fraction(0),)  # shared: in R^4096 there are 16 million of them
    return zero * index + (Fraction(sign),) + zero * (dim - index - 1)


def _insist(dim: int, size: int, kind: str) -> None:
    if dim != size:
        raise DomainError(f"Expected a {kind} in R^{dim}, as the layer's input. Got R^{size}.")


def _bounds(values: object, name: str) -> Array:
    try:
        bounds = np.array(values, dtype=np.float64, copy=True)
    except (TypeError, ValueError):
        raise DomainError(f"Expected numbers for the {name} bounds. Got {values!r}.") from None
    if bounds.ndim != 1 or bounds.size == 0 or np.isnan(bounds).any():
        raise DomainError(
            f"Expected {name} bounds of shape (n,) without NaN. Got shape {bounds.shape}."
        )
    bounds.setflags(write=False)
    return bounds


def _table(values: object, name: str, ndim: int) -> Array:
    try:
        return freeze(values, name, ndim=ndim)
    except LayerError as error:
        raise DomainError(str(error)) from None
