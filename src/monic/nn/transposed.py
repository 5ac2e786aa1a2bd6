"""Injective transposed convolutions, which enlarge grids."""

from collections.abc import Callable, Sequence
from typing import Any, Unpack, cast

from torch import Tensor, nn

from monic.model.array import Array
from monic.nn.grid import GridLayer, grouped, pair_counts, sides
from monic.nn.initialization import own_taps, transposed_kernel_
from monic.nn.paired import Options, OptionsDict
from monic.nn.spreading import by_product, suits_product

__all__ = ["InjectiveConvTranspose1d", "InjectiveConvTranspose2d", "InjectiveConvTranspose3d"]

_MAPS: dict[int, Callable[..., Tensor]] = {
    1: nn.functional.conv_transpose1d,
    2: nn.functional.conv_transpose2d,
    3: nn.functional.conv_transpose3d,
}


class TransposedDict(OptionsDict, total=False):
    """The keywords of transposed convolutions: those of torch, of `Options`, and the grid."""

    stride: int | Sequence[int]
    padding: int | Sequence[int]
    output_padding: int | Sequence[int]
    dilation: int | Sequence[int]
    groups: int
    input_size: int | Sequence[int] | None


class _Transposed(GridLayer):
    """ReLU(z, -s^2 z, ...) with z = B^T * x + b; abstract, and `grid_dims` says which.

    Its arguments are those of torch's transposed convolutions, so that it can take their place.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        **options: Unpack[TransposedDict],
    ) -> None:
        dims = self.grid_dims
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = sides(kernel_size, dims)
        self.stride = sides(options.pop("stride", 1), dims)
        self.padding = sides(options.pop("padding", 0), dims)
        self.output_padding = sides(options.pop("output_padding", 0), dims)
        self.dilation = sides(options.pop("dilation", 1), dims)
        self.groups = options.pop("groups", 1)
        size = options.pop("input_size", None)
        self.input_size = None if size is None else sides(size, dims)
        asked = Options(**cast(OptionsDict, options))  # the others were taken out
        counts = pair_counts(in_channels, out_channels, self.groups, asked.pairs)
        basis, rest = ((in_channels, count // self.groups, *self.kernel_size) for count in counts)
        super().__init__(basis, rest if counts[1] else None, counts, asked)
        if self.input_size is not None:
            self.insist_on_enough()

    def forward(self, x: Tensor) -> Tensor:
        self.learn_size(x)
        return super().forward(x)

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return self._spread(x, weight, bias, self.groups)

    def one_channel(self, x: Tensor, kernel: Tensor) -> Tensor:
        return self._spread(x, kernel, None, 1)

    def _spread(self, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
        if self.grid_dims == 2 and groups == 1 and suits_product(x, weight, self.grid_dims):
            size = [
                (side - 1) * stride - 2 * pad + dilation * (kernel - 1) + extra + 1
                for side, stride, pad, dilation, kernel, extra in zip(
                    x.shape[-2:],
                    *(self.stride, self.padding, self.dilation),
                    *(self.kernel_size, self.output_padding),
                    strict=True,
                )
            ]
            return by_product(x, weight, bias, (size, self.dilation, self.padding, self.stride))
        return _MAPS[self.grid_dims](
            x, weight, bias, self.stride, self.padding, self.output_padding, groups, self.dilation
        )

    def by_channels(self, weight: Array) -> Array:
        inputs, outputs = weight.shape[0] // self.groups, weight.shape[1]
        split = weight.reshape(self.groups, inputs, outputs, -1).swapaxes(1, 2)
        return grouped(split.reshape(self.groups * outputs, inputs, -1), self.groups)

    def reset_parameters(self) -> None:
        taps = own_taps(self.kernel_size, self.stride, self.padding, self.dilation)
        transposed_kernel_(self.basis, taps, self.stride, groups=self.groups)
        if self.rest is not None:
            transposed_kernel_(self.rest, None, self.stride, groups=self.groups)
        self.reset_scales()

    def config(self) -> dict[str, Any]:
        names = ("stride", "padding", "output_padding", "dilation", "groups", "input_size")
        given = {name: getattr(self, name) for name in names}
        plain = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
        usual: dict[str, Any] = {n: (v,) * self.grid_dims for n, v in plain.items()}
        usual |= {"groups": 1, "input_size": None}
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "kernel_size": self.kernel_size,
            **{name: value for name, value in given.items() if value != usual[name]},
            **self.options.config(),
        }


class InjectiveConvTranspose1d(_Transposed):
    """Creates the injective layer in the place of `nn.ConvTranspose1d` and `nn.ReLU`.

    See `InjectiveConvTranspose2d`; the grid has one axis.

    Example:
        >>> layer = InjectiveConvTranspose1d(2, 4, 4, stride=2, padding=1, input_size=4)
        >>> layer.is_injective().verdict.name
        'INJECTIVE'
    """

    @property
    def grid_dims(self) -> int:
        return 1


class InjectiveConvTranspose2d(_Transposed):
    r"""Creates the injective layer in the place of `nn.ConvTranspose2d` and `nn.ReLU`.

    .. math:: y = ReLU(z, -s^2 z, M^T * x + c), \quad z = B^T * x + b

    References:
        Globally Injective ReLU Networks (Puthawala et al., 2020), Appendix F.

    Arguments:
        in_channels: Channels of x.
        out_channels: Channels of y: two for each pair, and those of M.
        kernel_size: Taps along each axis.
        options: `stride`, `padding`, `output_padding`, `dilation`, `groups` as in torch;
            `input_size`, the grid; and those of `Options`.

    Raises:
        LayerError: when channels, groups and grid do not fit, or the grid has too few pairs.

    Example:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> layer = InjectiveConvTranspose2d(6, 4, 4, stride=2, padding=1, input_size=2)
        >>> layer(torch.randn(1, 6, 2, 2)).shape
        torch.Size([1, 4, 4, 4])
        >>> layer.is_injective().verdict.name
        'INJECTIVE'
    """

    @property
    def grid_dims(self) -> int:
        return 2


class InjectiveConvTranspose3d(_Transposed):
    """Creates the injective layer in the place of `nn.ConvTranspose3d` and `nn.ReLU`.

    See `InjectiveConvTranspose2d`; the grid has three axes.

    Example:
        >>> layer = InjectiveConvTranspose3d(4, 2, 2, stride=2, input_size=2)
        >>> layer.is_injective().verdict.name
        'INJECTIVE'
    """

    @property
    def grid_dims(self) -> int:
        return 3
