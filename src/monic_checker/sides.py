"""The half-spaces of orthants and boxes: each is made when it is asked for."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from flint import fmpq, fmpz

__all__ = ["BoxSides", "OrthantSides", "SeparateSides", "Side"]


class Side(NamedTuple):
    """The half-space sum a_j x_j <= c in integers; a has the (j, a_j) that are not zero."""

    a: list[tuple[int, fmpz]]
    c: fmpz


class SeparateSides(Sequence[Side]):
    """Half-spaces that bound one coordinate each, in the order of the coordinates."""

    @abstractmethod
    def of(self, j: int) -> list[Side]:
        """Returns those that bound coordinate j."""

    @abstractmethod
    def _side(self, place: int) -> Side: ...

    def __iter__(self) -> Iterator[Side]:
        return map(self._side, range(len(self)))

    @overload
    def __getitem__(self, place: int) -> Side: ...
    @overload
    def __getitem__(self, place: slice) -> list[Side]: ...
    def __getitem__(self, place: int | slice) -> Side | list[Side]:
        if isinstance(place, slice):
            return [self._side(k) for k in range(len(self))[place]]
        return self._side(range(len(self))[place])


class OrthantSides(SeparateSides):
    """x_j >= 0 for every j.

    Arguments:
        n: The number of coordinates.

    Example:
        >>> OrthantSides(10**9)[-1]
        Side(a=[(999999999, -1)], c=0)
    """

    def __init__(self, n: int) -> None:
        self._n = n

    def __len__(self) -> int:
        return self._n

    def of(self, j: int) -> list[Side]:
        """Returns the one side of coordinate j."""
        return [self._side(j)]

    def _side(self, place: int) -> Side:
        return Side([(place, fmpz(-1))], fmpz(0))


class BoxSides(SeparateSides):
    """low_j <= x_j <= high_j, as far as there are bounds.

    Arguments:
        lows: The lower bounds; None for none.
        highs: The upper bounds.
    """

    def __init__(self, lows: Sequence[fmpq | None], highs: Sequence[fmpq | None]) -> None:
        self._ends = (lows, highs)
        pairs = enumerate(zip(lows, highs, strict=True))
        self._places = [
            2 * j + k for j, pair in pairs for k, end in enumerate(pair) if end is not None
        ]

    def __len__(self) -> int:
        return len(self._places)

    def of(self, j: int) -> list[Side]:
        """Returns the sides of coordinate j, the lower one first."""
        return [
            _bound(j, end, upper=k == 1)
            for k, ends in enumerate(self._ends)
            if (end := ends[j]) is not None
        ]

    def _side(self, place: int) -> Side:
        j, k = divmod(self._places[place], 2)
        return _bound(j, self._ends[k][j] or fmpq(0), upper=k == 1)  # which is not None


def _bound(j: int, end: fmpq, *, upper: bool) -> Side:
    return Side([(j, end.q)], end.p) if upper else Side([(j, -end.q)], -end.p)
