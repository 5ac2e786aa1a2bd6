"""The programs of a layer's pairs of inputs: exact forms, their floats, and what one gives."""

from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np

from monic.bounds.pair_proof import Forms, Proof
from monic.bounds.relaxation import FREE, new_program, relax
from monic.bounds.subject import Subject

__all__ = ["Cone", "Programs", "Solved"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
Cone = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Solved:
    """What the program of a node gave: a pair of inputs in floats, and multipliers.

    Arguments:
        x: One input, relative to a ball's centre.
        other: The other.
        gains: How much each row's square would add at that pair.
        square: The sum of squares that counts.
        slack: 1 - |d|^2 for the direction d, which is 1 long if the program is exact.
        multipliers: Of the program's terms.
    """

    x: FloatArray
    other: FloatArray
    gains: FloatArray
    square: float
    slack: float
    multipliers: FloatArray


class Programs:
    """The rows and sides of a layer, exact and in floats of about 1."""

    def __init__(self, subject: Subject, cuts: list[tuple[int, ...]]) -> None:
        system, used, n = subject.system(cuts), subject.used, subject.dim
        rows = [subject.problem.rows[i] for i in used]
        sides = [] if subject.everywhere else system.rows[subject.problem.matrix.nrows() + 1 :]
        # a cone's sides come without the coordinate t
        sides = [(*(-e for e in side), *(0,) * (n + 1 - len(side))) for side in sides]
        first = next(k for k, entry in enumerate(subject.weights[used[0]]) if entry)
        #: How long 1 is in the exact rows, for the user.
        self.unit = Fraction(subject.weights[used[0]][first], rows[0][first])
        self.unit *= subject.scale
        top = max(abs(entry) for row in rows for entry in row[:n])
        offset = max(abs(row[n]) for row in rows)
        #: The unit of t.
        self.time = Fraction(top, offset) if offset else Fraction(1)
        scales = [max(Fraction(max(map(abs, s[:n]))), abs(s[n]) * self.time) for s in sides]
        self.program = new_program(
            np.array([_floats(row, self.time, top) for row in rows]),
            np.array([_floats(s, self.time, k) for s, k in zip(sides, scales, strict=True)]),
        )
        factors = [Fraction(1)] * len(rows)
        factors += [Fraction(top) / scale for scale in scales]
        factors += [Fraction(top) / self.time]
        time = np.array([[*(0.0,) * n, 1.0]])
        floats = np.concatenate([self.program.rows, self.program.sides, time])
        self.proof = Proof(Forms(rows, sides, floats, factors))
        self.top = float(top)
        self.scale = float(top * self.unit)

    def solve(self, cone: Cone, state: tuple[int, ...]) -> Solved:
        """Solves the program of a node."""
        program, n = self.program, len(cone)
        ways = np.array(cone, dtype=np.float64).T
        program.cone[:] = ways / np.linalg.norm(ways, axis=0)
        program.state[:] = state
        program.point[0] = 0.0
        relax(program)
        point = program.point[0] / max(float(program.point[0, n + 1 :].sum()), 1e-300)
        x, gap = point[:n], program.cone @ point[n + 1 :]
        near = program.rows @ point[: n + 1]
        far = near + program.rows[:, :n] @ gap
        squares = (np.maximum(far, 0.0) - np.maximum(near, 0.0)) ** 2
        free = program.state == FREE
        time = max(float(point[n]), 1e-7 * float(np.abs(point).max())) * float(self.time)
        return Solved(
            x=x / time,
            other=(x + gap) / time,
            gains=np.where(free, squares, 0.0),
            square=float(squares[~free].sum()),
            slack=1.0 - float(gap @ gap),
            multipliers=program.multipliers.copy(),
        )

    def ratio(self, x: FloatArray, other: FloatArray) -> float:
        """Returns |f(x) - f(other)| / |x - other| in floats, for the user."""
        rows, n = self.program.rows, x.size
        offsets = rows[:, n] / float(self.time)
        outputs = [np.maximum(rows[:, :n] @ end + offsets, 0.0) for end in (x, other)]
        gap = float(np.linalg.norm(x - other))
        return self.scale * float(np.linalg.norm(outputs[0] - outputs[1])) / gap if gap else inf


def _floats(form: tuple[int, ...], time: Fraction, scale: Fraction | int) -> list[float]:
    return [*(float(Fraction(e) / scale) for e in form[:-1]), float(form[-1] * time / scale)]
