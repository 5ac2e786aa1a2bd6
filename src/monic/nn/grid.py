"""What convolutions and transposed convolutions have in common: they act on a grid."""

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, ClassVar

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

    #: d.
    grid_dims: ClassVar[int]

    in_channels: int
    out_channels: int
    groups: int
    input_size: tuple[int, ...] | None

    @abstractmethod
    def kernel_shape(self, count: int) -> tuple[int, ...]:
        """Returns the shape of the kernel that gives so many channels."""

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
                "it to the constructor, set it, or call the layer once, not compiled. (A "
                "state_dict holds weights, and no grid.)"
            )
        return (self.in_channels, *self.input_size)

    def output_shape(self) -> tuple[int, ...]:
        # on the meta device only shapes are computed, whatever the size of the grid
        kernel = torch.empty(self.kernel_shape(self.pairs), device="meta")
        grid = torch.empty(1, *self.example_shape(), device="meta")
        try:
            return (self.out_channels, *self.linear(grid, kernel, None).shape[2:])
        except RuntimeError as error:
            raise LayerError(
                f"Expected a grid on which kernel and padding fit. Got {self.input_size}: {error}"
            ) from None

    def learn_size(self, x: Tensor) -> None:
        """Keeps the size of the first grid that is seen."""
        if self.input_size is None and not torch.compiler.is_compiling():
            self.input_size = tuple(x.shape[x.dim() - self.grid_dims :])

    def insist_on_enough(self) -> None:
        """Refuses grids on which there are fewer numbers in all pairs than in the input."""
        pairs, inputs = self.count_pairs(), math.prod(self.example_shape())
        if self.rest is None and pairs < inputs:
            raise LayerError(
                f"Expected at least as many pairs as inputs on the grid {self.input_size}. Got "
                f"{pairs:,} pairs for {inputs:,} numbers: never one-to-one. Use more channels, a "
                "smaller stride or more padding."
            )

    def operator(self, weight: Array) -> Operator:
        channels = self.by_channels(weight)
        return Operator(channels, self._taps(weight.shape[2:]))

    def _taps(self, kernel: Sequence[int]) -> Array:
        """Returns which input each tap reads at each output, by moving single ones about."""
        grid = self.example_shape()[1:]
        exact: Any = {"dtype": torch.float64, "device": "cpu"}
        ones = torch.eye(math.prod(grid), **exact).reshape(-1, 1, *grid)
        count = math.prod(kernel)
        unit = torch.eye(count, **exact).reshape(count, 1, 1, *kernel)
        return np.stack(
            [self.one_channel(ones, tap).flatten(1).T.numpy().astype(np.int64) for tap in unit]
        )


def sides(value: int | Sequence[int], count: int, least: int = 1) -> tuple[int, ...]:
    """Returns a number for each axis.

    Raises:
        LayerError: when there are neither one nor as many as there are axes, or one is too small.

    Example:
        >>> sides(3, 2)
        (3, 3)
    """
    found = tuple(value) if isinstance(value, Iterable) else (value,) * count
    if len(found) != count or not all(isinstance(n, Integral) and n >= least for n in found):
        raise LayerError(
            f"Expected 1 or {count} whole numbers of at least {least}, one for each axis. Got "
            f"{value!r}."
        )
    return tuple(int(side) for side in found)


def pair_counts(
    in_channels: int, out_channels: int, groups: int, pairs: int | None
) -> tuple[int, int]:
    """Returns the number of pairs and of further channels.

    Raises:
        LayerError: when the channels cannot be split so.
    """
    if groups < 1:
        raise LayerError(f"Expected a positive number of groups. Got {groups}.")
    count = out_channels // 2 if pairs is None else pairs
    if pairs is None:
        count -= count % groups
    others = out_channels - 2 * count
    if in_channels < 1 or in_channels % groups or count % groups or others % groups or count < 1:
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
