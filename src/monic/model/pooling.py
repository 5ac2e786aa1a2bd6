"""Pooling by a p-norm: how long W x is on each of several groups of rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from monic.errors import LayerError
from monic.model.affine import AffineMap, Input, Linear
from monic.model.array import freeze

__all__ = ["NormPooling"]

Point = Sequence[Fraction]


@dataclass(frozen=True, slots=True, eq=False)
class NormPooling:
    """The map x -> (|W_1 x|_p, ..., |W_K x|_p) on R^n, for groups W_k of neighbouring rows of W.

    It is (57) of [Puthawala et al., 2020], after a linear map, and what [Bruna, Szlam and LeCun,
    2013] ask signals to be recovered from. With one row a group it is x -> |W x|.

    Arguments:
        weight: W of shape (m, n), or a linear map such as `Product(A, B)`, kept exact.
        groups: K; it divides m.
        p: 1, 2 or infinity.

    Raises:
        LayerError: when the groups do not fit, p is another number, or the map has a bias.

    Example:
        >>> NormPooling([[3.0], [-4.0]], 1).powers([Fraction(2)])
        (Fraction(100, 1),)
    """

    weight: object
    groups: int
    p: float = 2
    map: AffineMap = field(init=False, repr=False)
    rows: tuple[tuple[Fraction, ...], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        value = self.weight
        if not isinstance(value, AffineMap):
            matrix = freeze(value, "weight", ndim=2)
            value = Linear(matrix, Input(matrix.shape[1] or 1))
        if self.groups < 1 or value.out_dim % self.groups:
            raise LayerError(
                f"Expected a number of groups that divides the {value.out_dim} rows. Got "
                f"{self.groups}."
            )
        if self.p not in (1, 2, float("inf")):
            raise LayerError(f"Expected the norm p = 1, 2 or infinity. Got {self.p!r}.")
        exact = value.exact()
        if any(exact.bias.entries()):
            raise LayerError("Expected a linear map before a pooling. Got one with a bias.")
        table = exact.weight.tolist()
        rows = tuple(tuple(int(a) * exact.scale for a in row) for row in table)
        object.__setattr__(self, "map", value)
        object.__setattr__(self, "rows", rows)

    @property
    def dim(self) -> int:
        """n."""
        return self.map.in_dim

    def members(self, group: int) -> tuple[tuple[Fraction, ...], ...]:
        """Returns the rows of a group."""
        size = len(self.rows) // self.groups
        return self.rows[group * size : (group + 1) * size]

    def powers(self, x: Point) -> tuple[Fraction, ...]:
        """Returns the norms at a rational point, exactly; for p = 2 their squares."""
        found = []
        for group in range(self.groups):
            products = (sum(a * t for a, t in zip(w, x, strict=True)) for w in self.members(group))
            values = [abs(Fraction(v)) for v in products]
            square = sum((v * v for v in values), Fraction(0))
            total = sum(values, Fraction(0)) if self.p == 1 else max(values)
            found.append(square if self.p == 2 else total)
        return tuple(found)
