"""Injective transposed convolutions, which enlarge grids."""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Unpack, cast

from torch import Tensor, nn

from monic.model.array import Array
from monic.nn.grid import grouped, sides
from monic.nn.initialization import transposed_kernel_
from monic.nn.kernel_layer import KernelDict, KernelLayer
from monic.nn.spreading import by_product, suits_product

__all__ = ["InjectiveConvTranspose1d", "InjectiveConvTranspose2d", "InjectiveConvTranspose3d"]

_MAPS: dict[int, Callable[..., Tensor]] = {
    1: nn.functional.conv_transpose1d,
    2: nn.functional.conv_transpose2d,
    3: nn.functional.conv_transpose3d,
}


class TransposedDict(KernelDict, total=False):
    """The keywords of transposed convolutions: those of torch, of `Options`, and the grid."""

    output_padding: int | Sequence[int]


class _Transposed(KernelLayer):
    """ReLU(z, -s^2 z, ...) with z = B^T * x + b; abstract, and `grid_dims` says which."""

    own_options = MappingProxyType({"output_padding": 0})

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        **options: Unpack[TransposedDict],
    ) -> None:
        self.output_padding = sides(options.pop("output_padding", 0), self.grid_dims, 0)
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, **cast(KernelDict, options)
        )

    def channels(self, count: int) -> tuple[int, int]:
        return self.in_channels, count // self.groups

    def moved(self, x: Tensor, kernel: Tensor, bias: Tensor | None, groups: int) -> Tensor:
        if self.grid_dims == 2 and groups == 1 and suits_product(x, kernel, self.grid_dims):
            size = [
                (side - 1) * stride - 2 * pad + dilation * (taps - 1) + extra + 1
                for side, stride, pad, dilation, taps, extra in zip(
                    x.shape[-2:],
                    *(self.stride, self.padding, self.dilation),
                    *(self.kernel_size, self.output_padding),
                    strict=True,
                )
            ]
            return by_product(x, kernel, bias, (size, self.dilation, self.padding, self.stride))
        return _MAPS[self.grid_dims](
            x, kernel, bias, self.stride, self.padding, self.output_padding, groups, self.dilation
        )

    def start_(self, kernel: Tensor, taps: Sequence[slice] | None) -> None:
        transposed_kernel_(kernel, taps, self.stride, groups=self.groups)

    def by_channels(self, weight: Array) -> Array:
        inputs, outputs = weight.shape[0] // self.groups, weight.shape[1]
        split = weight.reshape(self.groups, inputs, outputs, -1).swapaxes(1, 2)
        return grouped(split.reshape(self.groups * outputs, inputs, -1), self.groups)


class InjectiveConvTranspose1d(_Transposed):
    """Creates the injective layer in the place of `nn.ConvTranspose1d` and `nn.ReLU`.

    See `InjectiveConvTranspose2d`; the grid has one axis.

    Example:
        >>> layer = InjectiveConvTranspose1d(2, 4, 4, stride=2, padding=1, input_size=4)
        >>> layer.is_injective().verdict.name
        'INJECTIVE'
    """

    grid_dims = 1


class InjectiveConvTranspose2d(_Transposed):
    r"""Creates the injective layer in the place of `nn.ConvTranspose2d` and `nn.ReLU`.

    .. math:: y = ReLU(z, -s^2 z, M^T * x + c), \quad z = B^T * x + b

    References:
        Globally Injective ReLU Networks (Puthawala et al., 2020), Appendix F.

    Arguments:
        in_channels: Channels of x.
        out_channels: Channels of y: two for each pair, and those of M.
        kernel_size: Taps along each axis.
        stride: As in torch.
        padding: As in torch.
        options: `output_padding`, `dilation`, `groups` as in torch; `input_size`, the grid; and
            those of `Options`.

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

    grid_dims = 2


class InjectiveConvTranspose3d(_Transposed):
    """Creates the injective layer in the place of `nn.ConvTranspose3d` and `nn.ReLU`.

    See `InjectiveConvTranspose2d`; the grid has three axes.

    Example:
        >>> layer = InjectiveConvTranspose3d(4, 2, 2, stride=2, input_size=2)
        >>> layer.is_injective().verdict.name
        'INJECTIVE'
    """

    grid_dims = 3
