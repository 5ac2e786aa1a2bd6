"""The last steps of an inversion: Gauss-Newton on |y - f(x)|^2, through all stages at once.

Inverting stage by stage loses accuracy with every stage, and treats small outputs as unsure.
At a latent code nearby the signs of all units are known, f is linear there, and one least-squares
step over all of y repairs both. Later steps change the signs of few units, so that the normal
matrix of the first still serves: the gradient is taken anew in every step, and the matrix only
where the steps do not get shorter. A step is taken only when the residual gets smaller. Where data
have much noise, `approach` has taken the first steps, and mostly all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from monic.inversion.approach import approach
from monic.inversion.chain import Chain
from monic.inversion.conjugate import conjugate_gradients
from monic.inversion.normal import Format, normal_matrices
from monic.inversion.scaling import lengths
from monic.model.array import Array

__all__ = ["refine"]

#: How many numbers the Jacobians of a batch may be made of at a time.
CHUNK = 1 << 21
MATRICES = 12
STEPS = 12
#: Residuals below this, relative to |y|, are those of the floats' own arithmetic.
ROUNDING = 1e-14
#: Steps below this, relative to |x|, change nothing that matters.
SETTLED = 1e-8
#: A step longer than this share of the one before asks for a new matrix.
SHRINKING = 0.3
#: How well systems are solved by iteration: the gradients are exact, and steps are repeated.
ROUGHLY = 1e-3
#: Latent codes of more numbers have no normal matrix.
LARGEST = 2048

#: So many normal matrices are computed in single precision before any in double.
ROUGH = 2
#: A ridge on the normal matrix, relative to its mean eigenvalue, for each number format.
RIDGES = {np.float32: 1e-6, np.float64: 1e-13}

_Solve = Callable[[Array, Array], Array]


def refine(chain: Chain, x: Array, y: Array) -> Array:
    """Returns latent codes of shape (N, n) inside the domain whose residuals are no larger."""
    pairs = chain.stages[0].pairs
    if len(chain.stages) == 1 and pairs is not None and pairs.is_square:
        return x  # already a nearest point of the range
    x, settled = approach(chain, x, y)
    open_ = np.flatnonzero(~settled)
    widest = max(stage.floats.shape[0] for stage in chain.stages)
    size = max(1, CHUNK // (widest * min(chain.in_dim, LARGEST)))
    for k in range(MATRICES):
        if not open_.size:
            break
        parts = [open_[k : k + size] for k in range(0, len(open_), size)]
        # at first a rough matrix will do, since the gradients are exact
        kind: Format = np.float32 if k < ROUGH else np.float64
        open_ = np.concatenate([_improve(chain, (x, y), part, kind) for part in parts])
    return x


@dataclass(slots=True)
class _State:
    """Some samples, where they are, and what is known there; data are scaled to size 1."""

    x: Array
    left: Array
    slopes: list[Array]
    length: Array

    @classmethod
    def at(cls, chain: Chain, x: Array, y: Array) -> "_State":
        value, slopes = chain.linearised(x)
        left = y - value
        return cls(x, left, slopes, lengths(left))

    def only(self, some: Array) -> "_State":
        if some.all():
            return self
        return _State(
            self.x[some], self.left[some], [s[some] for s in self.slopes], self.length[some]
        )


def _improve(chain: Chain, both: tuple[Array, Array], part: Array, kind: Format) -> Array:
    """Improves x in place for some samples; returns which of them want a new matrix."""
    (x, y), again = both, []
    state = _State.at(chain, x[part], y[part])
    wrong = state.length > ROUNDING * lengths(y[part])
    if not wrong.any():
        return part[wrong]
    if not wrong.all():
        part, state = part[wrong], state.only(wrong)
    solve = _solver(chain, state.slopes, kind)
    shift = np.full(len(part), np.inf)
    start, places = state.length, np.arange(len(part))
    for _ in range(STEPS):
        with np.errstate(all="ignore"):  # of numbers near the ends of float64, nothing is gained
            step = solve(chain.pull(state.slopes, state.left), places)
        step = np.where(np.isfinite(state.x + step).all(axis=1, keepdims=True), step, 0.0)
        moved = chain.stages[0].region.inside(state.x + step)
        new = _State.at(chain, moved, y[part[places]])
        better = new.length < state.length
        x[part[places[better]]] = moved[better]
        size = np.abs(moved - state.x).max(axis=1)
        falling = new.length < 0.1 * state.length
        open_ = falling | (size > SETTLED * np.abs(moved).max(axis=1))
        slow = ~better | (size > SHRINKING * shift[places])
        # what has not gained with an exact matrix gains nothing by another one
        gained = np.minimum(new.length, state.length) < 0.9 * start[places]
        again.append(part[places[open_ & slow & (gained | (kind is np.float32))]])
        keep = open_ & ~slow
        shift[places] = size
        places, state = places[keep], new.only(keep)
        if not places.size:
            break
    return np.concatenate([*again, part[places]])


def _solver(chain: Chain, slopes: list[Array], kind: Format) -> _Solve:
    """Returns how J^T J step = gradient is solved for some of the samples, with fixed slopes."""
    if chain.in_dim > LARGEST or not chain.is_dense or chain.has_norms:
        alone = len(chain.stages) == 1 and not chain.has_norms
        near = chain.stages[0].floats.gram if alone else None

        def by_iteration(gradient: Array, some: Array) -> Array:
            here = [slope[some] for slope in slopes]
            return conjugate_gradients(
                lambda v: chain.pull(here, chain.push(here, v)), gradient, ROUGHLY, near
            )

        return by_iteration
    normal, scale = normal_matrices(chain, slopes, kind)
    level = np.maximum(np.trace(normal, axis1=1, axis2=2) / chain.in_dim, np.finfo(float).tiny)
    normal += (RIDGES[kind] * level)[:, None, None] * np.eye(chain.in_dim)
    inverse = np.linalg.inv(normal)

    def by_inverse(gradient: Array, some: Array) -> Array:
        found: Array = (inverse[some] @ (gradient / scale)[:, :, None])[:, :, 0]
        return found / scale

    return by_inverse
