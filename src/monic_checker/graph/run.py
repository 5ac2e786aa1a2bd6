"""What the operators need besides their nodes: operands, the effort, and the smooth functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from flint import fmpz

from monic_checker.budget import PYTHON, Budget
from monic_checker.costs import product, times
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.smooth import Smooth
from monic_checker.graph.tensor import Shape, Tensor

__all__ = ["Operands", "Run"]

#: Weights need no longer numbers (as in the evaluation of subjects).
_LONGEST = 2**19


@dataclass(slots=True)
class Run:
    """One evaluation of a graph.

    Arguments:
        budget: What is left of the memory and the work.
        smooth: What the smooth functions gave so far.
        where: The node that is carried out, in words.
        sides: For each operator that bends, the sides on which its numbers lay so far: 1 for
            negative ones, 2 for positive ones, 3 for both.
    """

    budget: Budget
    smooth: Smooth = field(default_factory=Smooth)
    where: str = ""
    sides: dict[str, list[int]] = field(default_factory=dict)

    def hold(self, shape: Sequence[int], length: int) -> None:
        """Charges a tensor of numbers of at most `length` bits, before it is made.

        Raises:
            OverBudget: when less is left, as the other two do.
        """
        if length > _LONGEST:
            raise NotCompared(f"it is too large: numbers get longer than {_LONGEST} bits")
        self.budget.spend(math.prod(shape), length, self.where)

    def bend(self, numbers: Sequence[fmpz]) -> None:
        """Notes on which sides of their bend the numbers lie that the present node takes."""
        known = self.sides.setdefault(self.where, [0] * len(numbers))
        pairs = zip(known, numbers, strict=True)
        known[:] = [side | (1 if t < 0 else 2 if t > 0 else 0) for side, t in pairs]

    def work(self, count: int, length: int) -> None:
        """Charges operations of Python with numbers of at most `length` bits."""
        self.budget.work(count * (PYTHON + times(length, length)), self.where)

    def matrices(self, rows: int, inner: int, columns: int, lengths: tuple[int, int]) -> None:
        """Charges a product of two matrices with entries of so many bits."""
        self.budget.work(product(rows, inner, columns, lengths), self.where)


@dataclass(frozen=True, slots=True)
class Operands:
    """The tensors that a node takes; None for those that are left out."""

    given: tuple[Tensor | None, ...]

    def tensor(self, index: int) -> Tensor:
        """Returns a tensor that must be there."""
        found = self.optional(index)
        if found is None:
            raise NotCompared(f"its input {index} is missing")
        return found

    def optional(self, index: int) -> Tensor | None:
        """Returns a tensor, or None."""
        return self.given[index] if index < len(self.given) else None

    def tensors(self) -> list[Tensor]:
        """Returns all of at least one tensor."""
        return [self.tensor(index) for index in range(max(len(self.given), 1))]

    def image(self, index: int) -> tuple[Tensor, Shape]:
        """Returns a tensor (examples, channels, *spatial), and its spatial sizes."""
        found = self.tensor(index)
        if len(found.shape) < 3:
            raise NotCompared(f"it takes images. Got the shape {list(found.shape)}")
        return found, found.shape[2:]
