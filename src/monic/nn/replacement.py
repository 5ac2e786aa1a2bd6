"""The injective layer that takes the place of a plain one, with its weights."""

from typing import Any

import torch
from torch import Tensor, nn

from monic.errors import LayerError
from monic.nn.convolution import InjectiveConv1d, InjectiveConv2d, InjectiveConv3d
from monic.nn.linear import InjectiveLinear
from monic.nn.paired import PairedLayer
from monic.nn.parametrization import PairedRows
from monic.nn.transposed import (
    InjectiveConvTranspose1d,
    InjectiveConvTranspose2d,
    InjectiveConvTranspose3d,
)

__all__ = ["replacement"]

_CONVOLUTIONS: dict[type[nn.Module], Any] = {
    nn.Conv1d: InjectiveConv1d,
    nn.Conv2d: InjectiveConv2d,
    nn.Conv3d: InjectiveConv3d,
}
_TRANSPOSED: dict[type[nn.Module], Any] = {
    nn.ConvTranspose1d: InjectiveConvTranspose1d,
    nn.ConvTranspose2d: InjectiveConvTranspose2d,
    nn.ConvTranspose3d: InjectiveConvTranspose3d,
}


def replacement(module: nn.Module) -> PairedLayer:
    """Returns the injective layer in the place of a plain one and the ReLU behind it.

    Raises:
        LayerError: when there is none.

    Example:
        >>> replacement(nn.Linear(2, 5))
        InjectiveLinear(in_features=2, out_features=5, pairs=2)
    """
    weight: Any = module._parameters.get("weight")
    if weight is None:
        raise LayerError(f"Expected a layer with a plain weight. Got {module}.")
    like = {"device": weight.device, "dtype": weight.dtype, "bias": module.bias is not None}
    if type(module) is nn.Linear:
        layer: PairedLayer = InjectiveLinear(module.in_features, module.out_features, **like)
    elif type(module) in _CONVOLUTIONS or type(module) in _TRANSPOSED:
        if module.groups != 1:
            raise LayerError(
                f"Expected a convolution without groups. Got {module}: pairs of an injective "
                "layer are not beside each other in their groups; `injective` keeps them there."
            )
        names = ["stride", "padding", "dilation"]
        names.append("padding_mode" if type(module) in _CONVOLUTIONS else "output_padding")
        given = {name: getattr(module, name) for name in names}
        kind = _CONVOLUTIONS.get(type(module)) or _TRANSPOSED[type(module)]
        layer = kind(module.in_channels, module.out_channels, module.kernel_size, **given, **like)
    else:
        raise LayerError(f"Expected one of torch's own layers. Got {type(module).__name__}.")
    _take_over(layer, weight, module.bias, 1 if type(module) in _TRANSPOSED else 0)
    return layer.train(module.training)


def _take_over(layer: PairedLayer, weight: Tensor, bias: Any, axis: int) -> None:
    """Sets B, M, b and c from a written-out weight, frozen where it is; s = 1."""
    ones = weight.detach().new_ones(layer.pairs)
    layer.s.requires_grad_(weight.requires_grad)
    with torch.no_grad():
        for rows, value, names in (
            (PairedRows(axis, ones), weight, ("basis", "rest")),
            (PairedRows(0, ones), bias, ("bias", "rest_bias")),
        ):
            if value is None:
                continue
            parts = rows.right_inverse(value.detach())
            both = parts if isinstance(parts, tuple) else (parts,)
            for name, part in zip(names, both, strict=False):
                getattr(layer, name).copy_(part).requires_grad_(value.requires_grad)
