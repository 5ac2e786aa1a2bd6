"""Injective convolutions."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Unpack, cast

from torch import Tensor, nn

from monic.errors import LayerError
from monic.model.array import Array
from monic.nn.grid import GridLayer, grouped, pair_counts, sides
from monic.nn.initialization import kernel_, own_taps
from monic.nn.paired import Options, OptionsDict

__all__ = ["ConvolutionDict", "InjectiveConv1d", "InjectiveConv2d", "InjectiveConv3d"]

_MAPS: dict[int, Callable[..., Tensor]] = {
    1: nn.functional.conv1d,
    2: nn.functional.conv2d,
    3: nn.functional.conv3d,
}
_PADDING = {
    "zeros": "constant",
    "circular": "circular",
    "reflect": "reflect",
    "replicate": "replicate",
}


class ConvolutionDict(OptionsDict, total=False):
    """The keywords of convolutions: those of `torch.nn.Conv2d`, of `Options`, and the grid."""

    stride: int | Sequence[int]
    padding: int | Sequence[int]
    dilation: int | Sequence[int]
    groups: int
    padding_mode: Literal["zeros", "circular", "reflect", "replicate"]
    input_size: int | Sequence[int] | None


class _Convolution(GridLayer):
    """ReLU(z, -s^2 z, M * x + c) with z = B * x + b; abstract, and `grid_dims` says which.

    Its arguments are those of torch's convolutions, so that it can take their place.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        **options: Unpack[ConvolutionDict],
    ) -> None:
        dims = self.grid_dims
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = sides(kernel_size, dims)
        self.stride = sides(options.pop("stride", 1), dims)
        self.padding = sides(options.pop("padding", 0), dims)
        self.dilation = sides(options.pop("dilation", 1), dims)
        self.groups = options.pop("groups", 1)
        self.padding_mode = options.pop("padding_mode", "zeros")
        size = options.pop("input_size", None)
        self.input_size = None if size is None else sides(size, dims)
        if self.padding_mode not in _PADDING:
            raise LayerError(
                f"Expected a padding_mode of {list(_PADDING)}. Got {self.padding_mode!r}."
            )
        asked = Options(**cast(OptionsDict, options))  # the others were taken out
        counts = pair_counts(in_channels, out_channels, self.groups, asked.pairs)
        inner = (in_channels // self.groups, *self.kernel_size)
        super().__init__(
            (counts[0], *inner), (counts[1], *inner) if counts[1] else None, counts, asked
        )
        if self.input_size is not None:
            self.insist_on_enough()

    def forward(self, x: Tensor) -> Tensor:
        self.learn_size(x)
        return super().forward(x)

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return self._convolve(x, weight, bias, self.groups)

    def one_channel(self, x: Tensor, kernel: Tensor) -> Tensor:
        return self._convolve(x, kernel, None, 1)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            around = [pad for pad in reversed(padding) for _ in range(2)]
            x = nn.functional.pad(x, around, mode=_PADDING[self.padding_mode])
            padding = (0,) * self.grid_dims
        return _MAPS[self.grid_dims](x, weight, bias, self.stride, padding, self.dilation, groups)

    def by_channels(self, weight: Array) -> Array:
        return grouped(weight.reshape(*weight.shape[:2], -1), self.groups)

    def reset_parameters(self) -> None:
        taps = own_taps(self.kernel_size, self.stride, self.padding, self.dilation)
        kernel_(self.basis, taps, groups=self.groups)
        if self.rest is not None:
            kernel_(self.rest, None, groups=self.groups)
        self.reset_scales()

    def config(self) -> dict[str, Any]:
        names = ("stride", "padding", "dilation", "groups", "padding_mode", "input_size")
        given = {name: getattr(self, name) for name in names}
        plain = {"stride": 1, "padding": 0, "dilation": 1}
        usual: dict[str, Any] = {n: (v,) * self.grid_dims for n, v in plain.items()}
        usual |= {"groups": 1, "padding_mode": "zeros", "input_size": None}
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "kernel_size": self.kernel_size,
            **{name: value for name, value in given.items() if value != usual[name]},
            **self.options.config(),
        }


class InjectiveConv1d(_Convolution):
    """Creates the injective layer in the place of `nn.Conv1d` and `nn.ReLU`.

    See `InjectiveConv2d`; the grid has one axis.

    Example:
        >>> InjectiveConv1d(1, 4, 3, padding=1, input_size=8).is_injective().verdict.name
        'INJECTIVE'
    """

    @property
    def grid_dims(self) -> int:
        return 1


class InjectiveConv2d(_Convolution):
    r"""Creates the injective layer in the place of `nn.Conv2d` and `nn.ReLU`.

    .. math:: y = ReLU(z, -s^2 z, M * x + c), \quad z = B * x + b

    B is computed once, at half the cost of all filters. Whether B has full column rank depends on
    the grid; `is_injective` decides it exactly for `input_size`.

    References:
        Globally Injective ReLU Networks (Puthawala et al., 2020), Section 2.2 and Appendix F.

    Arguments:
        in_channels: Channels of x.
        out_channels: Channels of y: two for each pair, and those of M.
        kernel_size: Taps along each axis.
        options: `stride`, `padding`, `dilation`, `groups`, `padding_mode` as in torch;
            `input_size`, the grid; and those of `Options`.

    Raises:
        LayerError: when channels, groups and grid do not fit, or the grid has too few pairs.

    Example:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> layer = InjectiveConv2d(2, 8, 3, padding=1, dtype=torch.float64)
        >>> x = torch.randn(5, 2, 4, 4, dtype=torch.float64)
        >>> bool(torch.allclose(layer.inverse(layer(x)), x))
        True
    """

    @property
    def grid_dims(self) -> int:
        return 2


class InjectiveConv3d(_Convolution):
    """Creates the injective layer in the place of `nn.Conv3d` and `nn.ReLU`.

    See `InjectiveConv2d`; the grid has three axes.

    Example:
        >>> layer = InjectiveConv3d(1, 4, 3, padding=1, input_size=3)
        >>> layer.is_injective().verdict.name
        'INJECTIVE'
    """

    @property
    def grid_dims(self) -> int:
        return 3
