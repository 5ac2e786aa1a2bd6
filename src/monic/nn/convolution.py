"""Injective convolutions."""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Literal, Unpack, cast

from torch import Tensor, nn

from monic.errors import LayerError
from monic.model.array import Array
from monic.nn.grid import grouped, sides
from monic.nn.initialization import kernel_
from monic.nn.kernel_layer import KernelDict, KernelLayer

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


class ConvolutionDict(KernelDict, total=False):
    """The keywords of convolutions: those of `torch.nn.Conv2d`, of `Options`, and the grid."""

    padding_mode: Literal["zeros", "circular", "reflect", "replicate"]


class _Convolution(KernelLayer):
    """ReLU(z, -s^2 z, M * x + c) with z = B * x + b; abstract, and `grid_dims` says which."""

    own_options = MappingProxyType({"padding_mode": "zeros"})

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | Literal["same", "valid"] = 0,
        **options: Unpack[ConvolutionDict],
    ) -> None:
        if isinstance(padding, str):
            dims, dilation = self.grid_dims, options.get("dilation", 1)
            walk = sides(kernel_size, dims), sides(stride, dims), sides(dilation, dims)
            padding = _in_numbers(padding, *walk)
        self.padding_mode = options.pop("padding_mode", "zeros")
        if self.padding_mode not in _PADDING:
            raise LayerError(
                f"Expected a padding_mode of {list(_PADDING)}. Got {self.padding_mode!r}."
            )
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, **cast(KernelDict, options)
        )

    def channels(self, count: int) -> tuple[int, int]:
        return count, self.in_channels // self.groups

    def moved(self, x: Tensor, kernel: Tensor, bias: Tensor | None, groups: int) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            around = [pad for pad in reversed(padding) for _ in range(2)]
            x = nn.functional.pad(x, around, mode=_PADDING[self.padding_mode])
            padding = (0,) * self.grid_dims
        return _MAPS[self.grid_dims](x, kernel, bias, self.stride, padding, self.dilation, groups)

    def start_(self, kernel: Tensor, taps: Sequence[slice] | None) -> None:
        kernel_(kernel, taps, groups=self.groups)

    def by_channels(self, weight: Array) -> Array:
        return grouped(weight.reshape(*weight.shape[:2], -1), self.groups)


def _in_numbers(
    padding: str, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[int, ...]:
    """Returns the numbers that a name stands for, as many on both sides of each axis."""
    around = [spread * (size - 1) for size, spread in zip(kernel, dilation, strict=True)]
    if padding == "valid":
        return (0,) * len(around)
    if padding != "same" or any(step != 1 for step in stride) or any(pad % 2 for pad in around):
        raise LayerError(
            'Expected padding in numbers, "valid", or "same" with stride 1 and as much on both '
            f"sides. Got {padding!r} for a kernel of {tuple(kernel)} taps, stride "
            f"{tuple(stride)}: use a kernel with an odd number of taps, or numbers."
        )
    return tuple(pad // 2 for pad in around)


class InjectiveConv1d(_Convolution):
    """Creates the injective layer in the place of `nn.Conv1d` and `nn.ReLU`.

    See `InjectiveConv2d`; the grid has one axis.

    Example:
        >>> InjectiveConv1d(1, 4, 3, padding=1, input_size=8).is_injective().verdict.name
        'INJECTIVE'
    """

    grid_dims = 1


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
        stride: As in torch.
        padding: As in torch, numbers or "same" or "valid"; "same" needs kernels of odd extent.
        options: `dilation`, `groups`, `padding_mode` as in torch; `input_size`, the grid; and
            those of `Options`.

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

    grid_dims = 2


class InjectiveConv3d(_Convolution):
    """Creates the injective layer in the place of `nn.Conv3d` and `nn.ReLU`.

    See `InjectiveConv2d`; the grid has three axes.

    Example:
        >>> layer = InjectiveConv3d(1, 4, 3, padding=1, input_size=3)
        >>> layer.is_injective().verdict.name
        'INJECTIVE'
    """

    grid_dims = 3
