"""The last steps of an inversion: Gauss-Newton on |y - f(x)|^2, through all stages at once.

Inverting stage by stage loses accuracy with every stage, and treats small outputs as unsure.
At a latent code nearby the signs of all units are known, f is linear there, and one least-squares
step over all of y repairs both. A step is taken only when the residual gets smaller.
"""

import numpy as np

from monic.inversion.chain import Chain
from monic.inversion.least_squares import CHUNK
from monic.inversion.scaling import lengths, unit, units
from monic.model.array import Array

__all__ = ["refine"]

STEPS = 12
#: Residuals below this, relative to |y|, are those of the floats' own arithmetic.
ROUNDING = 1e-14


def refine(chain: Chain, x: Array, y: Array) -> Array:
    """Returns latent codes of shape (N, n) inside the domain whose residuals are no larger."""
    pairs = chain.stages[0].pairs
    if len(chain.stages) == 1 and pairs is not None and pairs.is_square:
        return x  # already a nearest point of the range
    x = x.copy()
    open_ = np.flatnonzero(lengths(y - chain.value(x)) > ROUNDING * lengths(y))
    widest = max(stage.weight.shape[0] for stage in chain.stages)
    size = max(1, CHUNK // (widest * chain.in_dim))
    for _ in range(STEPS):
        if not open_.size:
            break
        parts = [open_[k : k + size] for k in range(0, len(open_), size)]
        open_ = np.concatenate([part[_improve(chain, x, y, part)] for part in parts])
    return x


def _improve(chain: Chain, x: Array, y: Array, part: Array) -> Array:
    """Improves x in place for some samples; returns which of them gained much."""
    value, jacobian = chain.jacobian(x[part])
    sizes = units(y[part])[:, None]
    left = (y[part] - value) / sizes
    before = np.linalg.norm(left, axis=1)
    size = unit(jacobian)
    jacobian /= size
    transposed = jacobian.transpose(0, 2, 1)
    normal = transposed @ jacobian
    level = np.maximum(np.trace(normal, axis1=1, axis2=2) / chain.in_dim, np.finfo(float).tiny)
    normal += (1e-13 * level)[:, None, None] * np.eye(chain.in_dim)
    step = np.linalg.solve(normal, transposed @ left[:, :, None])[:, :, 0]
    moved = chain.stages[0].region.inside(x[part] + step * (sizes / size))
    after = np.linalg.norm((y[part] - chain.value(moved)) / sizes, axis=1)
    better = after < before
    x[part[better]] = moved[better]
    return np.asarray(after < 0.9 * before)
