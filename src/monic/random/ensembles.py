"""Laws of random matrices with independent rows, drawn row by row."""

from collections.abc import Callable

import numpy as np

from monic.errors import LayerError
from monic.model.array import Array

__all__ = ["ENSEMBLES", "Ensemble", "drawn"]

#: From a generator and a shape (rows, columns) to a matrix. The first rows of a taller matrix from
#: an equal generator must be the same.
Ensemble = Callable[[np.random.Generator, tuple[int, int]], Array]


def _gaussian(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.standard_normal(shape)


def _uniform(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.uniform(-1.0, 1.0, shape)


def _signs(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return np.where(rng.random(shape) < 0.5, -1.0, 1.0)


def _sparse(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    both = rng.standard_normal((shape[0], 2, shape[1]))  # row by row: values, and which are kept
    return np.where(both[:, 1] < 0.0, 0.0, both[:, 0])


#: The laws that have a name: standard normal entries; uniform in [-1, 1]; random signs; standard
#: normal entries, each 0 with probability 1/2.
ENSEMBLES: dict[str, Ensemble] = {
    "gaussian": _gaussian,
    "uniform": _uniform,
    "signs": _signs,
    "sparse": _sparse,
}


def drawn(ensemble: str | Ensemble, shape: tuple[int, int], seed: tuple[int, ...]) -> Array:
    """Returns a matrix of an ensemble.

    Arguments:
        ensemble: A name in `ENSEMBLES`, or a callable; see `Ensemble`.
        shape: (rows, columns).
        seed: Nonnegative integers.

    Raises:
        LayerError: for an unknown name, or a callable that gives something else than a matrix.

    Example:
        >>> tall, short = drawn("signs", (5, 3), (0, 1)), drawn("signs", (2, 3), (0, 1))
        >>> bool((tall[:2] == short).all())
        True
    """
    if isinstance(ensemble, str):
        if ensemble not in ENSEMBLES:
            names = ", ".join(ENSEMBLES)
            raise LayerError(f"Expected an ensemble among {names}. Got {ensemble!r}.")
        ensemble = ENSEMBLES[ensemble]
    matrix = np.asarray(ensemble(np.random.default_rng(seed), shape))
    if matrix.shape != shape:
        raise LayerError(
            f"Expected an ensemble that draws matrices of shape {shape}. Got {matrix.shape}."
        )
    return matrix
