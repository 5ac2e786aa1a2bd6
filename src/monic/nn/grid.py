"""What convolutions and transposed convolutions have in common: they act on a grid."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from monic.errors import LayerError
from monic.model.array import Array
from monic.nn.exact_operator import Operator
from monic.nn.paired import PairedLayer

__all__ = ["GridLayer", "grouped", "pair_counts", "sides"]


class GridLayer(PairedLayer):
    """A layer of pairs on a grid of d axes, with examples of shape (channels, *grid); abstract.

    Whether it is one-to-one depends on the grid: `input_size` is given, or learned at the first
    call.
    """

    in_channels: int
    groups: int
    input_size: tuple[int, ...] | None

    @property
    @abstractmethod
    def grid_dims(self) -> int:
        """d."""

    @abstractmethod
    def one_channel(self, x: Tensor, kernel: Tensor) -> Tensor:
        """Returns the map between two single channels, for a kernel (1, 1, taps...)."""

    @abstractmethod
    def by_channels(self, weight: Array) -> Array:
        """Returns a weight as an array (outputs, inputs, taps), zero between groups."""

    @property
    def example_dims(self) -> int:
        return self.grid_dims + 1

    def example_shape(self) -> tuple[int, ...]:
        if self.input_size is None:
            raise LayerError(
                "Expected a convolution that knows its grid. Got one without `input_size`: give "
                "it to the constructor, or call the layer once."
            )
        return (self.in_channels, *self.input_size)

    def learn_size(self, x: Tensor) -> None:
        """Keeps the size of the first grid that is seen."""
        if self.input_size is None and not torch.compiler.is_compiling():
            self.input_size = tuple(x.shape[x.dim() - self.grid_dims :])

    def insist_on_enough(self) -> None:
        """Refuses grids on which there are fewer numbers in all pairs than in the input."""
        grid = self.linear(self.basis.new_zeros(1, *self.example_shape()), self.basis, None)
        inputs = torch.Size(self.example_shape()).numel()
        if self.rest is None and grid.numel() < inputs:
            raise LayerError(
                f"Expected at least as many pairs as inputs on the grid {self.input_size}. Got "
                f"{grid.numel():,} pairs for {inputs:,} numbers: never one-to-one. Use more "
                "channels, a smaller stride or more padding."
            )

    def operator(self, weight: Array) -> Operator:
        channels = self.by_channels(weight)
        return Operator(channels, self._taps(weight.shape[2:]))

    def _taps(self, kernel: Sequence[int]) -> Array:
        """Returns which input each tap reads at each output, by moving single ones about."""
        grid = self.example_shape()[1:]
        ones = torch.eye(int(np.prod(grid)), dtype=torch.float64).reshape(-1, 1, *grid)
        count = int(np.prod(kernel))
        unit = torch.eye(count, dtype=torch.float64).reshape(count, 1, 1, *kernel)
        return np.stack(
            [self.one_channel(ones, tap).flatten(1).T.numpy().astype(np.int64) for tap in unit]
        )


def sides(value: int | Sequence[int], count: int) -> tuple[int, ...]:
    """Returns a number for each axis.

    Raises:
        LayerError: when there are as many as there are axes, or one, is not met.

    Example:
        >>> sides(3, 2)
        (3, 3)
    """
    found = (value,) * count if isinstance(value, int) else tuple(value)
    if len(found) != count:
        raise LayerError(f"Expected 1 or {count} numbers, one for each axis. Got {value!r}.")
    return found


def pair_counts(
    in_channels: int, out_channels: int, groups: int, pairs: int | None
) -> tuple[int, int]:
    """Returns the number of pairs and of further channels.

    Raises:
        LayerError: when the channels cannot be split so.
    """
    count = out_channels // 2 if pairs is None else pairs
    if pairs is None:
        count -= count % groups
    others = out_channels - 2 * count
    if groups < 1 or in_channels % groups or count % groups or others % groups or count < 1:
        raise LayerError(
            f"Expected channels that {groups} groups divide, pairs among them. Got "
            f"in_channels={in_channels}, out_channels={out_channels}, pairs={count}."
        )
    if others < 0:
        raise LayerError(
            f"Expected at most out_channels / 2 = {out_channels // 2} pairs. Got {pairs}."
        )
    return count, others


def grouped(weight: Array, groups: int) -> Array:
    """Returns weights (outputs, inputs / groups, taps) with zeros between groups.

    Example:
        >>> grouped(np.ones((2, 1, 1)), 2)[..., 0]
        array([[1., 0.],
               [0., 1.]])
    """
    outputs, inputs, taps = weight.shape
    whole = np.zeros((outputs, inputs * groups, taps), weight.dtype)
    rows = outputs // groups
    for group in range(groups):
        place = slice(group * rows, (group + 1) * rows)
        whole[place, group * inputs : (group + 1) * inputs] = weight[place]
    return whole
