"""Rows that are antiparallel up to rounding, and the exactly paired rows next to them.

Written out in floats, [B; -DB] is almost never exactly antiparallel (docs/rounding.md). For a pair
w_j near -d w_i the neighbours are rows a v and -c v with c / a near d, whose products are exact in
the file's own number format: the fewer bits a and c take, the more are left for the entries of v.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import frexp, inf, isfinite, log2
from typing import Any

import numpy as np

from monic.model.taps import FloatArray

__all__ = [
    "BITS",
    "NearPair",
    "PairMove",
    "distance",
    "near_pairs",
    "paired_entries",
    "powers",
    "raised",
]

#: The bits of a mantissa, the leading one included.
BITS = {"bfloat16": 8, "float16": 11, "float32": 24, "float64": 53}

Dtype = np.dtype[Any]

#: Rows compared at once.
BLOCK = 1024


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two rows with w_second near -scale w_first."""

    first: int
    second: int
    scale: float


@dataclass(frozen=True, slots=True, eq=False)
class PairMove:
    """Exactly paired rows beside a pair: second = -ratio first.

    Arguments:
        first: The first row.
        second: The second row.
        ratio: d, exactly.
        relative: The larger of |change| / |row| for the two, in Euclidean norms.
    """

    first: FloatArray
    second: FloatArray
    ratio: Fraction
    relative: float


def near_pairs(
    table: FloatArray, tolerance: float, groups: Sequence[int] | None = None
) -> tuple[NearPair, ...]:
    """Returns disjoint pairs of rows that are antiparallel up to a tolerance.

    Arguments:
        table: The rows.
        tolerance: What |u_i + u_j| may be for the rows scaled to length 1.
        groups: A number for each row; only rows with the same one are paired.

    Example:
        >>> near_pairs(np.array([[1.0, 2.0], [3.0, 0.0], [-0.5, -1.0]]), 1e-6)
        (NearPair(first=0, second=2, scale=0.5),)
    """
    tops = np.abs(table).max(axis=1, initial=0.0)
    present = np.flatnonzero(np.isfinite(tops) & (tops > 0))
    scaled = table[present] / tops[present, None]
    lengths = np.linalg.norm(scaled, axis=1)
    units = scaled / lengths[:, None]
    marks = np.zeros(len(present)) if groups is None else np.asarray(groups)[present]
    done: set[int] = set()
    pairs = []
    for start in range(0, len(present), BLOCK):
        cosines = units[start : start + BLOCK] @ units.T
        cosines[marks[start : start + BLOCK, None] != marks[None, :]] = inf
        for k, near in enumerate(np.argmin(cosines, axis=1), start):
            i, j = int(present[k]), int(present[near])
            if i == j or {i, j} & done or np.linalg.norm(units[k] + units[near]) > tolerance:
                continue
            done |= {i, j}
            a, b = sorted((k, int(near)))
            scale = tops[present[b]] / tops[present[a]] * (lengths[b] / lengths[a])
            if isfinite(scale) and scale > 0:
                pairs.append(NearPair(int(present[a]), int(present[b]), float(scale)))
    return tuple(sorted(pairs, key=lambda pair: pair.first))


def paired_entries(first: FloatArray, second: FloatArray, scale: float, dtype: Dtype) -> PairMove:
    """Returns exactly paired rows near two rows, the ones that move least; all products exact.

    c / a runs over the best approximations of the scale with few bits; v takes the bits that a
    and c leave.

    Arguments:
        first: w_i.
        second: w_j, near -scale w_i.
        scale: d.
        dtype: The number format that holds both rows.

    Example:
        >>> first, second = np.array([1.0, 1 / 3]), np.array([-0.1, -0.1 / 3])
        >>> move = paired_entries(first, second, 0.1, np.dtype("f8"))
        >>> bool((move.second == -float(move.ratio.numerator) / move.ratio.denominator
        ...       * move.first).all()), move.relative < 1e-10
        (True, True)
    """
    mantissa, exponent = frexp(scale)
    bits = BITS[dtype.name]
    best: PairMove | None = None
    for count in range(1, bits // 2 + 2):
        near = Fraction(mantissa).limit_denominator(1 << (count - 1))
        if near == 0:
            continue
        taken = max(_odd_bits(near.numerator), _odd_bits(near.denominator))
        if taken >= bits:
            continue
        ratio = near * Fraction(2) ** exponent
        rows = _shared(first, second, ratio, bits - taken)
        move = _measured(first, second, _in_format(*rows, dtype), ratio)
        if best is None or move.relative < best.relative:
            best = move
        if taken == 0 and move.relative == 0:
            break
    assert best is not None, "a power of two takes no bits"
    return best


def powers(first: FloatArray, second: FloatArray, scale: float, dtype: Dtype) -> PairMove:
    """Returns the pair with the nearest power of two as its scale; the first row stays.

    Example:
        >>> powers(np.array([1.0, 0.3]), np.array([-0.6, -0.18]), 0.6, np.dtype("f8")).ratio
        Fraction(1, 2)
    """
    ratio = Fraction(2) ** round(log2(scale))
    rows = _in_format(first, -first * float(ratio), dtype)
    return _measured(first, second, rows, ratio)


def _shared(
    first: FloatArray, second: FloatArray, ratio: Fraction, bits: int
) -> tuple[FloatArray, FloatArray]:
    """a v and -c v for v halfway between what the two rows ask for, rounded to some bits."""
    top, low = float(ratio.numerator), float(ratio.denominator)
    with np.errstate(all="ignore"):
        wanted = first / low
        if _odd_bits(ratio.numerator) or _odd_bits(ratio.denominator):
            wanted = (wanted - second / top) / 2
        mantissas, exponents = np.frexp(wanted)
        v = np.ldexp(np.round(np.ldexp(mantissas, bits)), exponents - bits)
        return low * v, -top * v


def _in_format(
    first: FloatArray, second: FloatArray, dtype: Dtype
) -> tuple[FloatArray, FloatArray]:
    """The same rows, with 0 for both entries where one is beyond the range of a format."""
    with np.errstate(all="ignore"):
        fits = [row.astype(dtype).astype(np.float64) == row for row in (first, second)]
    both = fits[0] & fits[1]
    return np.where(both, first, 0.0), np.where(both, second, 0.0)


def _measured(
    first: FloatArray,
    second: FloatArray,
    rows: tuple[FloatArray, FloatArray],
    ratio: Fraction,
) -> PairMove:
    relative = max(distance(rows[0], first), distance(rows[1], second))
    return PairMove(*rows, ratio, relative)


def _odd_bits(number: int) -> int:
    """The bits that a product with a number takes: none for a power of two."""
    odd = number >> ((number & -number).bit_length() - 1)
    return 0 if odd == 1 else odd.bit_length()


def distance(row: FloatArray, origin: FloatArray) -> float:
    """Returns |row - origin| / |origin|."""
    top = float(np.abs(origin).max())
    with np.errstate(all="ignore"):
        gap = np.linalg.norm((row - origin) / top) / np.linalg.norm(origin / top)
    return float(gap) if np.isfinite(gap) else inf


def raised(number: Fraction, dtype: Dtype) -> float:
    """Returns the least float of a format that is not below a number.

    Example:
        >>> raised(Fraction(1, 3), np.dtype("f2")) > Fraction(1, 3) > 0.3333
        True
    """
    near = np.asarray(float(number), dtype=dtype)[()]
    if Fraction(float(near)) < number:
        near = np.nextafter(near, np.asarray(inf, dtype=dtype)[()])
    return float(near)
