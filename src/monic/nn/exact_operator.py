"""Linear maps of layers as exact matrices: dense ones, and convolutions tap by tap."""

from dataclasses import dataclass

import numpy as np

from monic.model.array import Array
from monic.nn.residues import residues

__all__ = ["Operator"]


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """The linear map sum_t W_t (x) P_t: weights W_t between channels, at tap t of the kernel.

    P_t says which input position tap t reads at an output position; for a dense layer there is
    one tap, and one position. Padding, stride, dilation and cropping are all in P.

    Arguments:
        weight: W of shape (outputs, inputs, taps).
        taps: P of shape (taps, output positions, input positions), small integers.
    """

    weight: Array
    taps: Array

    @classmethod
    def dense(cls, weight: Array) -> "Operator":
        """Returns a matrix as an operator."""
        return cls(weight[:, :, None], np.ones((1, 1, 1), dtype=np.int64))

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        outputs, inputs, _ = self.weight.shape
        return outputs * self.taps.shape[1], inputs * self.taps.shape[2]

    def residues(self, prime: int) -> Array:
        """Returns a power of two times the matrix, modulo a prime."""
        weight = residues(self.weight, prime)
        total = np.zeros((self.weight.shape[0], self.taps.shape[1], *self._inner), np.int64)
        for tap in range(self.taps.shape[0]):
            part = weight[:, None, :, tap, None] * self.taps[tap][None, :, None, :]
            total = (total + part) % prime
        return total.reshape(self.shape)

    def matrix(self) -> Array | None:
        """Returns the matrix, or None when two taps meet in one entry: adding would round."""
        if self.taps.sum(0).max(initial=0) > 1:
            return None
        total = np.zeros(
            (self.weight.shape[0], self.taps.shape[1], *self._inner), self.weight.dtype
        )
        for tap in range(self.taps.shape[0]):
            part = self.weight[:, None, :, tap, None] * self.taps[tap][None, :, None, :]
            total += part.astype(self.weight.dtype)
        return total.reshape(self.shape)

    @property
    def _inner(self) -> tuple[int, int]:
        return self.weight.shape[1], self.taps.shape[2]
