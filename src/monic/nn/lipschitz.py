"""Spectral norms bounded from above, exactly and in a way that can be trained through.

|V|_2^16 <= tr (V^T V)^8, the sixteenth power of a Schatten norm, which exceeds |V|_2 by a factor
of at most rank(V)^(1/16). Over the integers the trace is exact.
"""

from fractions import Fraction

import numpy as np
import torch
from torch import Tensor, nn

from monic.model.array import Array, dyadic

__all__ = ["Contraction", "norm_bound"]


class Contraction(nn.Module):
    """The parametrization V -> V min(1, c / N(V)) with N(V) >= |V|_2 a Schatten norm.

    Arguments:
        coefficient: c, which the spectral norm never exceeds (but for rounding).

    Example:
        >>> weight = Contraction(0.5)(4 * torch.eye(2))
        >>> norm_bound(weight.numpy()) < Fraction(51, 100)
        True
    """

    def __init__(self, coefficient: float) -> None:
        super().__init__()
        self.coefficient = coefficient

    def forward(self, matrix: Tensor) -> Tensor:
        size = _schatten(matrix)
        return matrix * (self.coefficient / size.clamp_min(self.coefficient))

    def right_inverse(self, matrix: Tensor) -> Tensor:
        return matrix


def _schatten(matrix: Tensor) -> Tensor:
    """Returns (tr (V^T V)^8)^(1/16), scaled so that nothing overflows."""
    size = matrix.norm().clamp_min(torch.finfo(matrix.dtype).tiny)
    unit = matrix / size
    gram = unit.T @ unit if unit.shape[0] >= unit.shape[1] else unit @ unit.T
    fourth = torch.linalg.matrix_power(gram, 4)
    trace: Tensor = fourth.square().sum().clamp_min(torch.finfo(matrix.dtype).tiny)
    norm: Tensor = size * trace.pow(1 / 16)
    return norm


def norm_bound(matrix: Array) -> Fraction:
    """Returns a rational number that is at least the spectral norm, and near to it.

    Example:
        >>> norm_bound(np.array([[3.0]])) >= 3, norm_bound(np.array([[3.0]])) < Fraction(301, 100)
        (True, True)
    """
    integers, exponent = dyadic(matrix)
    gram = integers.transpose() * integers if matrix.shape[0] >= matrix.shape[1] else None
    gram = integers * integers.transpose() if gram is None else gram
    square = gram * gram
    fourth = square * square
    trace = Fraction(sum(int(entry) ** 2 for entry in fourth.entries()))
    trace *= Fraction(2) ** (16 * exponent)
    if trace == 0:
        return Fraction(0)
    guess = Fraction(float(np.linalg.norm(np.linalg.svd(matrix.astype(float))[1], 16)))
    while guess**16 < trace:  # rounded a little too low
        guess *= Fraction(1_000_001, 1_000_000)
    return guess
