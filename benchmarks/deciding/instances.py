"""The layers that are asked about: three families, each instance given by a size and a seed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FAMILIES",
    "Family",
    "Instance",
    "Matrix",
    "Size",
    "instances",
    "parse_sizes",
    "weight",
]

Matrix = NDArray[np.float64]
Family = Literal["gaussian", "integer", "paired-random", "paired-dyadic"]
FAMILIES: Final[tuple[Family, ...]] = get_args(Family)
#: (n, m): inputs, rows.
Size = tuple[int, int]

#: Sizes of the {-1, 0, 1} matrices; (5, 30) has one whose halfspace depth misleads.
INTEGER_SIZES: tuple[Size, ...] = ((3, 15), (4, 20), (5, 30), (6, 48))
#: n of the layers [B; -DB].
PAIRED_INPUTS = (2, 4, 8)


@dataclass(frozen=True, slots=True)
class Instance:
    """One layer without bias.

    Arguments:
        family: How its weight is drawn.
        size: (n, m).
        seed: Of numpy's default generator.
    """

    family: Family
    size: Size
    seed: int

    @property
    def is_generic(self) -> bool:
        """Whether every n rows are independent, almost surely."""
        return self.family == "gaussian"

    def __str__(self) -> str:
        n, m = self.size
        return f"{self.family} n={n} m={m} seed={self.seed}"


def weight(instance: Instance) -> Matrix:
    """Returns the (m, n) weight of an instance."""
    n, m = instance.size
    rng = np.random.default_rng(instance.seed)
    if instance.family == "gaussian":
        return rng.standard_normal((m, n))
    if instance.family == "integer":
        return rng.integers(-1, 2, (m, n)).astype(np.float64)
    basis = rng.standard_normal((n, n))
    if instance.family == "paired-random":
        scale = rng.uniform(0.5, 2.0, n)
    else:
        scale = np.ldexp(1.0, rng.integers(-3, 4, n))  # products with powers of two are exact
    return rng.permutation(np.concatenate([basis, -scale[:, None] * basis]))


def instances(
    families: Iterable[Family], gaussian: Sequence[Size], seeds: int
) -> Iterator[Instance]:
    """Yields the instances of some families, the others up to the largest n of the Gaussian."""
    largest = max(n for n, _ in gaussian)
    for family in families:
        for size in _sizes(family, gaussian):
            if size[0] <= largest:
                yield from (Instance(family, size, seed) for seed in range(seeds))


def _sizes(family: Family, gaussian: Sequence[Size]) -> Sequence[Size]:
    if family == "gaussian":
        return gaussian
    return INTEGER_SIZES if family == "integer" else [(n, 2 * n) for n in PAIRED_INPUTS]


def parse_sizes(text: str) -> list[Size]:
    """Returns the sizes in a text such as "8x48,8x80" (n, then m)."""
    sizes: list[Size] = []
    for word in text.split(","):
        n, cross, m = word.strip().partition("x")
        if not (cross and n.isdigit() and m.isdigit() and int(n) > 0 and int(m) > 0):
            raise ValueError(f"Expected sizes such as 8x48,8x80 (n, then m). Got {word!r}.")
        sizes.append((int(n), int(m)))
    return sizes
