"""Runs of stages by spectral norms: F(x) = L x + g(x) where g moves points less than L does.

Numbers that are carried are an exact linear map of the input plus what the others add to it.
With bounds of spectral norms, |z(x) - z(y) - L (x - y)| <= e |x - y| for the carried numbers z
at the end of the run; L^T L - e^2 I positive definite then proves the run one-to-one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import fmpz_mat

from monic.decision.network.chain import floats
from monic.decision.network.secants import Known
from monic.geometry.definite import is_positive_definite
from monic.model.affine import ExactAffine

__all__ = ["Norms", "contraction"]

#: Bounds exceed the norms by about this share, and are rounded up to so many bits.
SLACK, BITS = 2.0**-20, 30

#: Bounds of the four blocks of a stage's matrix.
Norms = tuple[Fraction, Fraction, Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of the numbers between two stages, for two inputs x and y of the run.

    Arguments:
        linear: The matrix L, for the carried numbers z.
        unit: L is to be multiplied by this number.
        size: A bound of |L|.
        error: A bound of |z(x) - z(y) - L (x - y)| / |x - y|.
        rest: A bound of |h(x) - h(y)| / |x - y| for the other numbers h.
    """

    linear: fmpz_mat
    unit: Fraction
    size: Fraction
    error: Fraction
    rest: Fraction


def contraction(run: Sequence[Known]) -> list[Norms] | None:
    """Returns bounds of norms that prove that stages in turn are one-to-one, or None.

    For every stage they bound, in this order, the blocks of its matrix from carried numbers to
    carried ones, from the others to carried ones, from carried ones to the others, and from the
    others to the others; docs/networks.md.
    """
    if not _may_contract(run):
        return None
    dim = run[0].stage.map.in_dim
    identity = fmpz_mat(dim, dim, [int(i == j) for i in range(dim) for j in range(dim)])
    state = _State(identity, Fraction(1), Fraction(1), Fraction(0), Fraction(0))
    found: list[Norms] = []
    for k, part in enumerate(run):
        stage, exact, kept = part.stage, part.exact, _kept(run, k)
        blocks = _blocks(exact, int(state.linear.nrows()), kept)
        zz, zh, hz, hh = (_norm(block, exact) for block in blocks)
        if zz is None or zh is None or hz is None or hh is None:
            return None
        found.append((zz, zh, hz, hh))
        steepest = max((Fraction(1), *(stage.slopes() or ())))
        state = _State(
            blocks[0] * state.linear,
            state.unit * exact.scale,
            zz * state.size,
            zz * state.error + zh * state.rest,
            steepest * (hz * (state.size + state.error) + hh * state.rest),
        )
    return found if _dominates(state) else None


def _kept(run: Sequence[Known], k: int) -> int:
    """Returns how many outputs of a stage count as carried: at the end all, if none is cut off."""
    stage = run[k].stage
    last = k + 1 == len(run)
    return stage.map.out_dim if last and stage.activation.is_one_to_one else stage.carried


def _may_contract(run: Sequence[Known]) -> bool:
    """Whether floats leave a hope: by the same steps, with norms as they are."""
    dim = run[0].stage.map.in_dim
    linear, size, error, rest = np.eye(dim), 1.0, 0.0, 0.0
    for k, part in enumerate(run):
        kept, known = _kept(run, k), len(linear)
        if kept == 0:
            return False
        rows = (part.weight[:kept], part.weight[kept:])
        blocks = [block[:, cut] for block in rows for cut in (slice(known), slice(known, None))]
        zz, zh, hz, hh = (float(np.linalg.norm(b, 2)) if b.size else 0.0 for b in blocks)
        steepest = max(1.0, *(float(b) for _, b in part.bounds))
        linear = blocks[0] @ linear
        rest, error = steepest * (hz * (size + error) + hh * rest), zz * error + zh * rest
        size *= zz
    if not np.isfinite(linear).all() or len(linear) < dim:
        return False
    return bool(np.linalg.svd(linear, compute_uv=False)[-1] > error)


def _blocks(exact: ExactAffine, known: int, kept: int) -> list[fmpz_mat]:
    """Returns the four blocks of a matrix, split after some rows and columns."""
    table = exact.weight.tolist()
    width = int(exact.weight.ncols())
    columns = ((0, known), (known, width))
    parts = [(rows, a, b) for rows in (table[:kept], table[kept:]) for a, b in columns]
    return [
        fmpz_mat(len(rows), b - a, [entry for row in rows for entry in row[a:b]])
        for rows, a, b in parts
    ]


def _norm(block: fmpz_mat, exact: ExactAffine) -> Fraction | None:
    """Returns a confirmed bound of a block's spectral norm; 0 for a zero or empty one."""
    if not any(block.entries()):
        return Fraction(0)
    table = floats(block, exact)
    if not np.isfinite(table).all():
        return None
    largest = float(np.linalg.norm(table, 2)) * (1 + SLACK)
    mantissa, power = np.frexp(largest)
    bound = Fraction(int(np.ceil(mantissa * 2.0**BITS))) * Fraction(2) ** (int(power) - BITS)
    return bound if _below(_gram(block), exact.scale, bound) else None


def _gram(block: fmpz_mat) -> fmpz_mat:
    """Returns the smaller of M M^T and M^T M."""
    turned = block.transpose()
    return turned * block if block.nrows() >= block.ncols() else block * turned


def _below(gram: fmpz_mat, unit: Fraction, bound: Fraction) -> bool:
    """Whether s^2 I - G unit^2 is positive definite."""
    return is_positive_definite(_shifted(gram * -1, unit, bound**2))


def _shifted(gram: fmpz_mat, unit: Fraction, number: Fraction) -> fmpz_mat:
    """Returns G unit^2 + number I, times a positive integer that makes it integer."""
    unit = unit**2
    total = gram * unit.numerator * number.denominator
    add = number.numerator * unit.denominator
    for i in range(int(gram.nrows())):
        total[i, i] += add
    return total


def _dominates(state: _State) -> bool:
    """Whether |L d| > e |d| for every d != 0."""
    linear = state.linear
    if linear.nrows() < linear.ncols():
        return False
    gram = linear.transpose() * linear
    return is_positive_definite(_shifted(gram, state.unit, -(state.error**2)))
