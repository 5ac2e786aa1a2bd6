"""Whether data are exactly what a model gives, over the rationals."""

import numpy as np
from flint import fmpz, fmpz_mat

from monic.inversion.activations import Entrywise
from monic.inversion.chain import Chain, FloatStage
from monic.model import Activation
from monic.model.array import Array, dyadic

__all__ = ["reproduces"]

_LEAKY = (Activation.LEAKY_RELU, Activation.PRELU)


def reproduces(chain: Chain, x: Array, y: Array) -> Array:
    """Returns for each sample whether f(x) = y over the rationals, as a mask of shape (N,).

    The outputs of tanh, sigmoid and ELU are hardly ever rational; there the answer is no, and
    where a stage is too large to be written out it was not looked at, and is no as well.

    Arguments:
        chain: The model.
        x: Latent codes of shape (N, n).
        y: Data of shape (N, m).
    """
    known = (Activation.RELU, Activation.IDENTITY, *_LEAKY)
    if not (len(x) and chain.is_dense) or any(
        stage.activation.kind not in known for stage in chain.stages
    ):
        return np.zeros(len(x), dtype=bool)
    columns, exponent = dyadic(np.ascontiguousarray(x))
    columns = columns.transpose()
    divisor = 1
    for stage in chain.stages:
        columns, exponent = _step(stage, columns, exponent, divisor)
        divisor *= stage.map.exact().divisor
    wanted, other = dyadic(np.ascontiguousarray(y))
    low = min(exponent, other)
    difference = columns * (fmpz(1) << (exponent - low))
    difference -= wanted.transpose() * ((fmpz(1) << (other - low)) * divisor)
    same = [True] * len(y)
    for i, entry in enumerate(difference.entries()):
        if entry != 0:
            same[i % len(y)] = False
    return np.array(same)


def _step(
    stage: FloatStage, columns: fmpz_mat, exponent: int, divisor: int
) -> tuple[fmpz_mat, int]:
    """Returns the outputs of one stage, as integers times a power of two over its divisors.

    Arguments:
        stage: The stage.
        columns: Its inputs, times a power of two over a divisor.
        exponent: The power.
        divisor: The divisor.
    """
    exact = stage.map.exact()
    count = columns.ncols()
    product = exact.weight * columns  # times 2^(exact.power + exponent), over both divisors
    bias = exact.bias * divisor
    if exponent > 0:
        product *= fmpz(1) << exponent
    elif exponent < 0:
        bias = bias * (fmpz(1) << -exponent)
    exponent = exact.power + min(exponent, 0)
    entries = product.entries()
    shifts = bias.entries()
    values = [entry + shifts[i // count] for i, entry in enumerate(entries)]
    kind = stage.activation.kind
    if kind is Activation.RELU:
        values = [v if v > 0 else fmpz(0) for v in values]
    elif isinstance(stage.activation, Entrywise) and kind in _LEAKY:
        slopes, power = dyadic(np.broadcast_to(stage.activation.slope, (len(shifts),)).copy())
        # v >= 0 keeps its value, v < 0 is multiplied by slope 2^power
        up = fmpz(1) << max(0, -power)
        down = fmpz(1) << max(0, power)
        values = [
            v * up if v >= 0 else v * slopes[i // count, 0] * down for i, v in enumerate(values)
        ]
        exponent += min(power, 0)
    return fmpz_mat(len(shifts), count, values), exponent
