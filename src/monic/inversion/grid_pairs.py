"""Pairs of opposite filters: the inverse of a convolutional layer in closed form, by solvers."""

from fractions import Fraction
from math import prod

import numpy as np

from monic.decision.convolution.blocks import Block
from monic.decision.convolution.filters import filters_of
from monic.decision.convolution.paired import of_one_step
from monic.decision.convolution.pairs import find_pairs as opposite_filters
from monic.decision.convolution.prefix import scaled_places
from monic.decision.convolution.rank import is_circulant
from monic.decision.convolution.sigma import estimate_sigma_min
from monic.inversion.circulant import CirculantGram
from monic.inversion.fourier import Fourier
from monic.inversion.pairs import Pairs
from monic.inversion.solvers import Changed, Iterative, Solver, chosen
from monic.model.affine import AffineMap
from monic.model.array import Array, exact
from monic.model.grid import IntArray
from monic.model.taps import Taps

__all__ = ["grid_pairs", "guess_stretch"]

#: Frequencies whose matrices hold more numbers than this are left to conjugate gradients.
FREQUENCIES = 1 << 24


def grid_pairs(affine: AffineMap, bias: Array) -> Pairs | None:
    """Returns the pairs of opposite filters of one convolution, or None when they are too few.

    They are opposite exactly, and b_j + d b_i >= 0: other filters are no pairs here.

    Arguments:
        affine: The map of a layer.
        bias: b in floats.
    """
    found = filters_of(affine)
    if found is None:
        return None
    pairs = sorted(
        of_one_step(opposite_filters(found.blocks)),
        key=lambda pair: (pair[0].filter, pair[0].number),
    )
    if not pairs:
        return None
    taps = pairs[0][0].step.taps
    solver = _solver(
        taps,
        np.array([first.filter for first, _ in pairs]),
        np.array([float(first.scale) for first, _ in pairs]),
    )
    if solver is None:
        return None
    if found.base is not None:
        change = scaled_places(found.base)
        solver = Changed(solver, change.places, change.scales, change.error)
    # rows i and j are those of one filter direction: their ratio is that of the exact lengths
    ratios = [_ratio(first, second) for first, second in pairs]
    gaps = [
        float(second.bias + ratio * first.bias)
        for (first, second), ratio in zip(pairs, ratios, strict=True)
    ]
    first_rows = np.concatenate([found.places[first.number] for first, _ in pairs])
    return Pairs(
        first=first_rows,
        second=np.concatenate([found.places[second.number] for _, second in pairs]),
        ratio=np.repeat([float(ratio) for ratio in ratios], taps.positions),
        shift=bias[first_rows],
        gap=np.repeat(gaps, taps.positions),
        exact=np.ones(len(first_rows), dtype=bool),
        close=np.ones(len(first_rows), dtype=bool),
        rows=affine.out_dim,
        solver=solver,
    )


def guess_stretch(affine: AffineMap, largest: float) -> float:
    """Returns a guess of sigma_min / 2, for thresholds of noise only."""
    known = filters_of(affine)
    if known is None:
        return 1e-3 * largest or 1.0
    found = known.blocks
    taps = found[0].step.taps
    filters = np.unique([block.filter for block in found if block.step is found[0].step])
    guess = estimate_sigma_min(taps, filters).value / 2
    if known.base is not None:
        guess *= float(np.abs(scaled_places(known.base).scales).min())
    return max(guess, 1e-8 * largest) or 1.0


def _ratio(first: Block, second: Block) -> Fraction:
    """Returns d > 0 with w_j = -d w_i, from one entry of the kernels."""
    kernels = [block.step.taps.kernel[block.filter].reshape(-1) for block in (first, second)]
    place = int(np.abs(kernels[0].astype(np.float64)).argmax())
    top, bottom = (exact(kernel[place]) for kernel in kernels)
    return -(second.scale * bottom) / (first.scale * top)


def _solver(taps: Taps, filters: IntArray, scales: Array) -> Solver | None:
    part = chosen(taps, filters)
    if part is None or part.positions * len(filters) < prod(part.shape):
        return None
    width = part.kernel.shape[1] * prod(part.shape[1:]) // part.positions
    if is_circulant(part) and part.positions * len(filters) * width <= FREQUENCIES:
        found = Fourier.of(part, scales)
        if found is not None:
            return found
    kernel = np.abs(part.kernel.astype(np.float64))
    rows = part.apply(np.ones(prod(part.shape)), kernel=kernel).max()
    columns = part.adjoint(np.ones(prod(part.out_shape)), kernel=kernel).max()
    return Iterative(part, scales, float(np.sqrt(rows * columns)), CirculantGram.of(part))
