"""Steps without arrays: entries chosen by number, and values of one input added up.

Permuted axes, nearest-neighbour upsampling and slices choose; affine skip connections add.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from flint import fmpz_mat

from monic.errors import LayerError
from monic.memory import PLACE, charge
from monic.model.affine import AffineMap, FloatArray, of_one_input
from monic.model.exact import ExactAffine, at_one_unit

__all__ = ["FloatArray", "Select", "Sum", "Wiring"]


class Wiring(AffineMap):
    """A linear step whose weights are rationals that stand in the step itself; abstract."""

    __slots__ = ()

    @property
    @abstractmethod
    def divisor(self) -> int:
        """The number by which the step divides an integer combination of entries."""

    @abstractmethod
    def adjoint(self, y: FloatArray, *, absolute: bool = False) -> list[FloatArray]:
        """Returns the transposed step in floats: what it gives to each of its parts."""


@dataclass(frozen=True, slots=True, eq=False)
class Select(Wiring):
    """The step y -> (y_i for i in places); a place may be chosen more than once, or never.

    Arguments:
        places: Which entries, numbered from 0.
        of: The step before.

    Raises:
        LayerError: when there is no place, or one does not exist.

    Example:
        >>> from monic.model.affine import Input
        >>> Select([1, 0, 1], Input(2)).exact().weight.tolist()
        [[0, 1], [1, 0], [0, 1]]
    """

    places: Sequence[int]
    of: AffineMap
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    terms: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        charge(PLACE * len(self.places), f"a list of {len(self.places):,} places")
        places = tuple(int(place) for place in self.places)
        if not places or min(places) < 0 or max(places) >= self.of.out_dim:
            raise LayerError(
                f"Expected places from 0 to {self.of.out_dim - 1}, at least one. Got "
                f"{len(places)}, from {min(places, default=0)} to {max(places, default=0)}."
            )
        object.__setattr__(self, "places", places)
        object.__setattr__(self, "in_dim", self.of.in_dim)
        object.__setattr__(self, "out_dim", len(places))

    def parts(self) -> tuple[AffineMap, ...]:
        return (self.of,)

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        inner, known = parts[0], parts[0].places
        if known is not None and inner.unit == 1 and not any(inner.bias.entries()):
            chosen = [known[place] for place in self.places]
            return ExactAffine.chosen(chosen, inner.weight.ncols(), inner.power, inner.divisor)
        weight, bias = parts[0].weight.tolist(), parts[0].bias.entries()
        return ExactAffine(
            fmpz_mat([weight[place] for place in self.places]),
            fmpz_mat(self.out_dim, 1, [bias[place] for place in self.places]),
            parts[0].power,
            parts[0].divisor,
        )

    @property
    def divisor(self) -> int:
        return 1

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        return parts[0][list(self.places)]

    def adjoint(self, y: FloatArray, *, absolute: bool = False) -> list[FloatArray]:
        found = np.zeros((self.of.out_dim, *y.shape[1:]))
        np.add.at(found, list(self.places), y)
        return [found]

    def after(self, *parts: AffineMap) -> AffineMap:
        return Select(self.places, parts[0])


@dataclass(frozen=True, slots=True, eq=False)
class Sum(Wiring):
    """The map x -> p_1(x) + p_2(x) + ... for branches of one input.

    Arguments:
        branches: The branches; they all give as many numbers.

    Raises:
        LayerError: when there is none, or their dimensions differ.

    Example:
        >>> from monic.model.affine import Input
        >>> start = Input(2)
        >>> Sum((start, Select([1, 0], start))).exact().weight.tolist()
        [[1, 1], [1, 1]]
    """

    branches: tuple[AffineMap, ...]
    in_dim: int = field(init=False)
    out_dim: int = field(init=False)
    terms: int = field(init=False)

    def __post_init__(self) -> None:
        sizes = {(branch.in_dim, branch.out_dim) for branch in self.branches}
        if len(sizes) != 1:
            raise LayerError(
                "Expected branches between the same spaces, at least one. Got (inputs, outputs) "
                f"{sorted(sizes)}."
            )
        size = sizes.pop()
        object.__setattr__(self, "branches", of_one_input(self.branches))
        object.__setattr__(self, "in_dim", size[0])
        object.__setattr__(self, "out_dim", size[1])
        object.__setattr__(self, "terms", len(self.branches))

    def parts(self) -> tuple[AffineMap, ...]:
        return self.branches

    def evaluate(self, *parts: ExactAffine) -> ExactAffine:
        first, *rest = at_one_unit(parts)
        weight, bias = first.weight, first.bias
        for part in rest:
            weight, bias = weight + part.weight, bias + part.bias
        return ExactAffine(weight, bias, first.power, first.divisor)

    @property
    def divisor(self) -> int:
        return 1

    def act(self, *parts: FloatArray, absolute: bool = False) -> FloatArray:
        return np.asarray(np.sum(parts, axis=0))

    def adjoint(self, y: FloatArray, *, absolute: bool = False) -> list[FloatArray]:
        return [y for _ in self.branches]

    def after(self, *parts: AffineMap) -> AffineMap:
        return Sum(parts)
