"""What follows the affine map of a stage: an activation, and the numbers carried past it."""

from collections.abc import Sequence
from dataclasses import dataclass

from flint import fmpq

from monic_checker.bounds import Interval
from monic_checker.carried import doubled
from monic_checker.document import choice, integer, rational
from monic_checker.errors import MalformedProof
from monic_checker.steps import Shape
from monic_checker.subject import Subject
from monic_checker.vector import Vector
from monic_checker.words import shortened

__all__ = ["Activation", "bent"]

_NAMES = (
    *("relu", "identity", "leaky-relu", "tanh", "sigmoid", "one-to-one", "normalization"),
    *("direction", "augmented-normalization"),
)

#: What some activations say besides, each on groups of numbers.
_MORE = {"direction": ["groups"], "augmented-normalization": ["groups", "epsilon"]}

#: After these, numbers that differ are followed no further.
_SMOOTH = (
    *("tanh", "sigmoid", "one-to-one", "normalization"),
    *("direction", "augmented-normalization"),
)
_ALL = Interval(None, None)
_RANGES = {"tanh": Interval(fmpq(-1), fmpq(1)), "sigmoid": Interval(fmpq(0), fmpq(1))}


@dataclass(frozen=True, slots=True)
class Activation:
    """The first `carried` numbers stay as they are, and t -> a(t) acts on the others.

    Arguments:
        name: Which a.
        carried: How many numbers are carried past it.
        slope: For a leaky ReLU, which array holds its slopes below 0; None for the others.
        groups: For a direction and an augmented normalization, into how many groups the numbers
            fall; 0 for the others.
        epsilon: For an augmented normalization, what its roots add; None for the others.
    """

    name: str
    carried: int
    slope: int | None
    groups: int = 0
    epsilon: fmpq | None = None

    @staticmethod
    def keys(stage: object) -> list[str]:
        """Returns the keys of a stage that `read` reads, in the order in which it takes them."""
        name = stage.get("activation") if isinstance(stage, dict) else None
        more = _MORE.get(name, []) if isinstance(name, str) else []
        return ["activation", "carried", "slope", *more]

    @classmethod
    def read(cls, values: Sequence[object], address: str, shapes: Sequence[Shape]) -> "Activation":
        """Reads what `keys` names.

        Raises:
            MalformedProof: when they are not such entries.
        """
        name, carried, slope, *more = values
        name = choice(name, f"{address}.activation", _NAMES)
        carried = integer(carried, f"{address}.carried", 0)
        if name == "leaky-relu":
            slope = integer(slope, f"{address}.slope", 0, len(shapes))
        elif slope is not None:
            raise MalformedProof(f"{address}.slope", f"expected null for {name}")
        groups = integer(more[0], f"{address}.groups", 1) if more else 0
        epsilon = rational(more[1], f"{address}.epsilon") if len(more) > 1 else None
        if epsilon is not None and epsilon < 0:
            raise MalformedProof(f"{address}.epsilon", "expected a number >= 0")
        return cls(name, carried, slope, groups, epsilon)

    @property
    def kind(self) -> str:
        """The kind of layer that a stage is."""
        return "relu-layer" if self.name == "relu" else "affine"

    @property
    def is_smooth(self) -> bool:
        """Whether numbers that differ are followed no further."""
        return self.name in _SMOOTH

    @property
    def is_partial(self) -> bool:
        """Whether it is not defined where one of its groups is zero."""
        return self.name == "direction" or self.epsilon == 0

    @property
    def more(self) -> int:
        """How many more numbers it gives than it takes: the roots of its groups."""
        return 0 if self.epsilon is None else self.groups

    @property
    def has_known_slopes(self) -> bool:
        """Whether it moves two numbers by a known multiple of their difference, at least 0."""
        return self.name in ("relu", "identity", "leaky-relu", "tanh", "sigmoid")

    @property
    def words(self) -> str:
        """What follows, in words."""
        slopes = "" if self.slope is None else f" with the slopes A{self.slope}"
        past = f" past the first {self.carried} numbers" if self.carried else ""
        groups = f" of {self.groups} groups" if self.groups else ""
        epsilon = "" if self.epsilon is None else f" with epsilon {shortened(str(self.epsilon))}"
        return f"{self.name}{groups}{epsilon}{slopes}{past}"

    def insist_on_fit(self, stage: Subject, address: str) -> None:
        """Insists that numbers are left for the activation, and that its slopes fit them.

        Raises:
            MalformedProof: when they do not.
        """
        rest = stage.m - self.carried
        if rest < 1:
            raise MalformedProof(f"{address}.carried", f"expected less than {stage.m}")
        if self.groups and rest % self.groups:
            raise MalformedProof(f"{address}.groups", f"expected a number that divides {rest}")
        if self.slope is not None:
            size = _size(stage.arrays[self.slope].shape)
            if rest % size:
                raise MalformedProof(f"{address}.slope", f"expected a size that divides {rest}")

    def slopes(self, found: Vector | None, size: int) -> list[fmpq]:
        """Returns the slope below 0 of every number; smooth activations have 1."""
        rest = size - self.carried
        ones = [fmpq(1)] * self.carried
        if found is None:
            return ones + [fmpq(0) if self.name == "relu" else fmpq(1)] * rest
        each = rest // len(found.entries)
        return ones + [fmpq(e, found.denominator) for e in found.entries for _ in range(each)]

    def intervals(self, values: Sequence[Interval], slopes: Sequence[fmpq]) -> list[Interval]:
        """Returns an interval for each number after the activation."""
        if self.is_smooth:
            after = [_RANGES.get(self.name, _ALL)] * (len(values) - self.carried)
            return [*values[: self.carried], *after, *[_ALL] * self.more]
        return [
            Interval(_least(low, slope), None if high is None else bent(high, slope))
            for (low, high), slope in zip(values, slopes, strict=True)
        ]

    def layer(self, stage: Subject) -> Subject:
        """Returns the layer that evidence about a stage speaks of; see `doubled`."""
        return doubled(stage, self.carried) if self.name == "relu" else stage


def bent(number: fmpq, slope: fmpq) -> fmpq:
    """Returns max(t, 0) + s min(t, 0)."""
    return number if number > 0 else slope * number


def _least(low: fmpq | None, slope: fmpq) -> fmpq | None:
    if low is None:
        return fmpq(0) if slope == 0 else None
    return bent(low, slope)


def _size(shape: Shape) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
