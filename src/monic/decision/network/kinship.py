"""Matrices that are assumed to be random must be strangers to all other numbers of a network.

The rule is that of `monic_checker` (SPEC.md, `random-skip`), by another road: sorted floats, and
all candidates for the common factor at once.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from monic.certificate.subject import arrays_in
from monic.model import AffineMap, Combine, Linear, Network, Shift
from monic.model.array import Array
from monic.model.derived import origin_of

__all__ = ["are_kin", "has_kin"]

#: The significant bits of number formats, and of all that have more or are exact.
_PRECISIONS = {"float16": 11, "bfloat16": 8, "float32": 24}
_LONGEST = 53

#: Numbers of fewer significant bits say nothing; a chance below 2^-8 is none.
_LONG, _RARE = 12, -8.0

_Floats = NDArray[np.float64]


def has_kin(matrix: Array, network: Network) -> bool:
    """Returns whether a network has the numbers of one of its matrices elsewhere too.

    Shifts of what the matrix gives, up to the end of its stage, are left out. A matrix with one
    number other than 0 was drawn from no density, and has its number anywhere.
    """
    if np.count_nonzero(matrix) < 2:
        return True
    return any(are_kin(matrix, other) for other in _others(matrix, network))


def are_kin(first: Array, second: Array) -> bool:
    """Returns whether two arrays share more numbers than chance allows.

    Example:
        >>> drawn = np.random.default_rng(0).standard_normal((3, 2))
        >>> are_kin(drawn, -2 * drawn.T), are_kin(drawn, np.ones(6))
        (True, False)
    """
    precision = min(_PRECISIONS.get(a.dtype.name, _LONGEST) for a in (first, second))
    sizes = [_sizes(first), _sizes(second)]
    small, large = sorted(sizes, key=len)
    return _includes(large, small, precision) or _meet(*sizes)


def _sizes(array: Array) -> _Floats:
    """The absolute values of the numbers other than 0, the greatest first."""
    numbers = np.abs(np.asarray(array, dtype=np.float64).reshape(-1))
    return np.sort(numbers[numbers > 0])[::-1]


def _includes(large: _Floats, small: _Floats, precision: int) -> bool:
    k, n = len(small), len(large)
    if k < 2:
        return False
    values = len(np.unique(small))
    chance = np.log2(n) + (values - 1) * (np.log2(n) + 2 - precision)
    if k < n and (values < 3 or chance >= _RARE):
        return False
    slack, ratios = 2.0 ** (2 - precision), small / small[0]
    starts = np.unique(large[: n - k + 1])
    for ratio in ratios[1:]:  # few starts are left after the first numbers
        targets = starts * ratio
        bounds = np.searchsorted(-large, -targets * (1 + slack))  # the first at most the bound
        found = large[np.minimum(bounds, n - 1)]
        starts = starts[(bounds < n) & (found >= targets * (1 - slack))]
    return any(_fits(large, float(start), ratios, slack) for start in starts)


def _fits(large: _Floats, start: float, ratios: _Floats, slack: float) -> bool:
    """Whether the multiples find places of their own, one after the other."""
    at = int(np.searchsorted(-large, -start))
    for target in start * ratios[1:]:
        at = max(at + 1, int(np.searchsorted(-large, -target * (1 + slack))))
        if at >= len(large) or large[at] < target * (1 - slack):
            return False
    return True


def _meet(first: _Floats, second: _Floats) -> bool:
    one, other = _long(first), _long(second)
    common = len(np.intersect1d(one, other, assume_unique=True))
    if not common:
        return False
    resolution = min(_bits(one).max(), _bits(other).max())
    chance = len(one) * len(other) / 2.0 ** (resolution - 4)
    return bool(common >= 3 + 4 * chance or chance <= 2.0**_RARE)


def _long(sizes: _Floats) -> _Floats:
    """The numbers up to powers of two, those with many significant bits."""
    parts: _Floats = np.unique(np.frexp(sizes)[0])
    return parts[_bits(parts) >= _LONG]


def _bits(parts: _Floats) -> NDArray[np.int64]:
    """The significant bits of numbers from 1/2 to 1."""
    whole = np.ldexp(parts, _LONGEST).astype(np.int64)
    return _LONGEST - (np.frexp((whole & -whole).astype(np.float64))[1].astype(np.int64) - 1)


def _others(matrix: Array, network: Network) -> Iterator[Array]:
    """All arrays of the network but the matrix and what only shifts its values."""
    for stage in network.stages:
        steps = stage.map.steps()
        late = _after(steps, matrix)
        for step in steps:
            if isinstance(step, Combine):
                yield np.array([float(weight) for row in step.rows for _, weight in row])
            if isinstance(step, Shift) and id(step) in late:
                continue
            for array in arrays_in(step):
                if array is not matrix:
                    origin = origin_of(array)
                    yield from (array, *(() if origin is None else origin.sources))
        if stage.slope is not None:
            yield stage.slope


def _after(steps: Sequence[AffineMap], matrix: Array) -> set[int]:
    """The steps, by their identity, that use what a matrix gives."""
    found: set[int] = set()
    for step in steps:
        is_first = isinstance(step, Linear) and step.matrix is matrix
        if is_first or any(id(part) in found for part in step.parts()):
            found.add(id(step))
    return found
