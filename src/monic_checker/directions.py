"""Activations that are defined where none of their groups of numbers is zero.

`direction`, y -> y / |y|, is one, and `augmented-normalization` with epsilon 0.
"""

from collections.abc import Sequence

from flint import fmpz

from monic_checker.activation import Activation
from monic_checker.errors import InvalidProof
from monic_checker.vector import Vector

__all__ = ["insist_on_directions", "same_directions"]


def insist_on_directions(activation: Activation, values: Sequence[Vector], stage: int) -> None:
    """Insists that no group is zero.

    Raises:
        InvalidProof: when one is.
    """
    for value in values:
        if not all(any(group) for group in _groups(activation, value)):
            name = activation.name
            raise InvalidProof("evidence", f"a group before stage {stage}'s {name} is zero")


def same_directions(activation: Activation, first: Vector, second: Vector) -> bool:
    """Whether the groups are positive multiples, none zero, and the carried numbers equal."""
    p, q, cut = first.denominator, second.denominator, activation.carried
    carried = zip(first.entries[:cut], second.entries[:cut], strict=True)
    if any(a * q != b * p for a, b in carried):
        return False
    groups = zip(_groups(activation, first), _groups(activation, second), strict=True)
    return all(_is_multiple(u, v) for u, v in groups)


def _groups(activation: Activation, value: Vector) -> list[list[fmpz]]:
    rest = value.entries[activation.carried :]
    size = len(rest) // activation.groups
    return [rest[at : at + size] for at in range(0, len(rest), size)]


def _is_multiple(u: Sequence[fmpz], v: Sequence[fmpz]) -> bool:
    """Whether v is a positive multiple of u, which is not zero; denominators are positive."""
    j = next(j for j, entry in enumerate(u) if entry != 0)
    return u[j] * v[j] > 0 and all(a * v[j] == b * u[j] for a, b in zip(u, v, strict=True))
