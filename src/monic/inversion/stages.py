"""The inverse of one stage, for a batch of its outputs."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from monic.errors import InversionError
from monic.inversion.chain import FloatStage
from monic.inversion.least_squares import Rows, frame_algorithm, newton
from monic.inversion.programs import fit_linf, nearest_linf, program_l1
from monic.model import Activation
from monic.model.array import Array

__all__ = ["Method", "Norm", "Way", "invert_stage"]

#: How often the frame algorithm and the linear program for "l1" look again which rows are active.
ROUNDS = 20

Norm = Literal["l2", "l1", "linf"]
Method = Literal["active-set", "frame"]


@dataclass(frozen=True, slots=True)
class Way:
    """How stages are inverted.

    Arguments:
        norm: The norm of the residual to minimise.
        method: How least squares are solved.
        steps: At most so many steps of the frame algorithm.
    """

    norm: Norm = "l2"
    method: Method = "active-set"
    steps: int = 20_000


def invert_stage(
    stage: FloatStage, y: Array, level: Array, way: Way, error: Array | float = 0.0
) -> Array:
    """Returns inputs of shape (N, n) inside the stage's region for outputs of shape (N, m).

    Arguments:
        stage: The stage.
        y: Its outputs, perhaps with noise.
        level: How much an entry of y may be wrong, of shape (N,): only the rows above it are
            taken to be active.
        way: How to invert.
        error: How long what is wrong with y may be, of shape (N,), or one for all.

    Raises:
        InversionError: when a number overflows.
    """
    if stage.activation.kind is not Activation.RELU:
        x = _one_to_one(stage, stage.activation.inverse(y, error), way)
    elif way.norm == "linf":
        sides = stage.region.normals, stage.region.offsets
        x = np.array([nearest_linf(stage.weight, stage.bias, row, sides) for row in y])
    elif way.norm == "l1":
        x = _l1(stage, y, level)
    elif way.method == "frame":
        rows = _rows(stage, y, level)
        x = frame_algorithm(rows, np.zeros((len(y), stage.floats.shape[1])), way.steps).x
        for _ in range(ROUNDS):
            before, rows = rows.sure, _rows_active_at(stage, x, y)
            if np.array_equal(before, rows.sure):
                break
            x = frame_algorithm(rows, x, way.steps).x
    else:
        x = _least_squares(stage, y, level)
    if not np.all(np.isfinite(x)):
        raise InversionError(
            f"Expected outputs that {stage.name!r} can give. Inverting it overflowed; scale the "
            "weights or the data."
        )
    return stage.region.inside(x.reshape(len(y), stage.floats.shape[1]))


def _least_squares(stage: FloatStage, y: Array, level: Array) -> Array:
    """In closed form where there are pairs; where these leave a residual, with all rows."""
    if stage.pairs is None:
        return newton(_rows(stage, y, level), np.zeros((len(y), stage.floats.shape[1]))).x
    x = stage.pairs.latent(y)
    if stage.pairs.is_square:
        return x
    residual = np.abs(y - stage.activation.value(stage.before(x))).max(axis=1)
    left = np.flatnonzero(residual > 1e-13 * np.abs(y).max(axis=1))
    if left.size:
        x[left] = newton(_rows(stage, y[left], level[left]), x[left]).x
    return x


def _one_to_one(stage: FloatStage, u: Array, way: Way) -> Array:
    """W x + b = u inside the region; its inequalities matter only where they are violated."""
    sides = stage.region.normals, stage.region.offsets
    if way.norm == "linf":
        return np.array([fit_linf(stage.weight, row - stage.bias, sides) for row in u])
    if way.norm == "l1":
        everywhere = np.ones(u.shape[1], dtype=bool)
        size = stage.floats.shape[1]
        targets = u - stage.bias
        return np.array(
            [program_l1(stage.weight, row, everywhere, sides)[:size] for row in targets]
        )
    every = np.ones(u.shape, dtype=bool)
    plain = Rows(stage.floats, u - stage.bias, every)
    if stage.floats.matrix is None:
        x = newton(plain, np.zeros((len(u), stage.floats.shape[1]))).x
    else:
        x = np.ascontiguousarray(np.linalg.lstsq(stage.weight, plain.target.T, rcond=None)[0].T)
    outside = np.flatnonzero(np.any(stage.region.inside(x) != x, axis=1))
    if outside.size and len(sides[1]):
        x[outside] = newton(stage.region.beside(plain.only(outside)), x[outside]).x
    return x


def _rows(stage: FloatStage, y: Array, level: Array) -> Rows:
    target = np.maximum(y, 0.0) - stage.bias
    return stage.region.beside(Rows(stage.floats, target, y > level[:, None]))


def _rows_active_at(stage: FloatStage, x: Array, y: Array) -> Rows:
    """Returns the rows that x itself makes active, for data whose small entries are noise."""
    target = np.maximum(y, 0.0) - stage.bias
    return stage.region.beside(Rows(stage.floats, target, stage.before(x) > 0))


def _l1(stage: FloatStage, y: Array, level: Array) -> Array:
    """Returns points where sum |y - f(x)| is small, of shape (N, n)."""
    guess = _least_squares(stage, y, level)
    return np.array(
        [
            _l1_one(stage, row, [row > bound, (before > 0) & (row > 0)])
            for row, bound, before in zip(y, level, stage.before(guess), strict=True)
        ]
    )


def _l1_one(stage: FloatStage, y: Array, starts: list[Array]) -> Array:
    """The best answer of the program over sets of active rows, updated from each start.

    The first start are the rows that are surely active; that is right for exact data, and for a
    few gross errors. The second are those that least squares find: right where all entries have
    noise, so that inactive rows are often positive.
    """
    sides = stage.region.normals, stage.region.offsets
    size, tried = stage.floats.shape[1], set()
    best, least = np.zeros(size), np.inf
    for active in starts:
        for _ in range(ROUNDS):
            if active.tobytes() in tried:
                break
            tried.add(active.tobytes())
            x = program_l1(stage.weight, y - stage.bias, active, sides)[:size]
            before = stage.before(x[None])[0]
            distance = float(np.abs(y - np.maximum(before, 0.0)).sum())
            if distance >= least:
                break
            best, least = x, distance
            active = (before > 0) & (y > 0)
    return best
