"""What convolutions and transposed convolutions have in common: kernels, strides and padding."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Unpack, cast

from torch import Tensor

from monic.nn.grid import GridLayer, pair_counts, sides
from monic.nn.initialization import own_taps
from monic.nn.options import Options, OptionsDict

__all__ = ["KernelDict", "KernelLayer"]


class KernelDict(OptionsDict, total=False):
    """The keywords of both kinds: those that torch gives both, of `Options`, and the grid."""

    dilation: int | Sequence[int]
    groups: int
    input_size: int | Sequence[int] | None


class KernelLayer(GridLayer):
    """ReLU(z, -s^2 z, ...) with a kernel that moves over the grid; abstract.

    Its arguments are those of torch's layer, so that it can take its place.
    """

    #: The defaults of the keywords that one kind has and the other has not.
    own_options: ClassVar[Mapping[str, int | str]] = MappingProxyType({})

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        **options: Unpack[KernelDict],
    ) -> None:
        dims = self.grid_dims
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = sides(kernel_size, dims), sides(stride, dims)
        self.padding = sides(padding, dims, 0)
        self.dilation = sides(options.pop("dilation", 1), dims)
        self.groups = options.pop("groups", 1)
        size = options.pop("input_size", None)
        self.input_size = None if size is None else sides(size, dims)
        asked = Options(**cast(OptionsDict, options))  # the others were taken out
        counts = pair_counts(in_channels, out_channels, self.groups, asked.pairs)
        basis, rest = (self.kernel_shape(count) for count in counts)
        super().__init__(basis, rest if counts[1] else None, counts, asked)
        if self.input_size is not None:
            self.insist_on_enough()

    @abstractmethod
    def channels(self, count: int) -> tuple[int, int]:
        """Returns the first two sizes of the kernel that gives so many channels."""

    @abstractmethod
    def moved(self, x: Tensor, kernel: Tensor, bias: Tensor | None, groups: int) -> Tensor:
        """Returns what a kernel gives on a batch of grids."""

    @abstractmethod
    def start_(self, kernel: Tensor, taps: Sequence[slice] | None) -> None:
        """Fills a kernel with initial values.

        Arguments:
            kernel: That of the pairs, or of the other rows.
            taps: Which taps along each axis to fill, the others being 0; None for all.
        """

    def kernel_shape(self, count: int) -> tuple[int, ...]:
        return (*self.channels(count), *self.kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        self.learn_size(x)  # not when that was refused
        return y

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return self.moved(x, weight, bias, self.groups)

    def one_channel(self, x: Tensor, kernel: Tensor) -> Tensor:
        return self.moved(x, kernel, None, 1)

    def reset_parameters(self) -> None:
        taps = own_taps(self.kernel_size, self.stride, self.padding, self.dilation)
        self.refill(lambda kernel: self.start_(kernel, taps))
        if self.rest is not None:
            self.start_(self.rest, None)
        self.reset_scales()

    def config(self) -> dict[str, Any]:
        dims = self.grid_dims
        plain = {"stride": 1, "padding": 0, "dilation": 1, **self.own_options}
        usual: dict[str, Any] = {
            n: v if isinstance(v, str) else (v,) * dims for n, v in plain.items()
        }
        usual |= {"groups": 1, "input_size": None}
        given = {name: getattr(self, name) for name in usual}
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "kernel_size": self.kernel_size,
            **{name: value for name, value in given.items() if value != usual[name]},
            **self.options.config(),
        }
