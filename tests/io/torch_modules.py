"""Small torch modules, one for each operator that is read."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, spectral_norm, weight_norm

__all__ = ["CASES", "MOVES", "Function", "seeded"]


class Function(nn.Module):
    """A module that applies a function of itself and its input; it has a few weights."""

    def __init__(self, function: Callable[[Any, Tensor], Any], *inner: nn.Module) -> None:
        super().__init__()
        self.function, self.inner = function, nn.ModuleList(inner)
        self.matrix, self.vector = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(2))
        self.order: Tensor
        self.register_buffer("order", torch.tensor([2, 0, 1]))

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def seeded(name: str, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, tuple[int, ...]]:
    """Returns a module with weights of its own, in evaluation mode, and its input shape."""
    torch.manual_seed(len(name))
    make, shape = CASES[name]
    module = make().to(dtype).eval()
    for inner in module.modules():
        if isinstance(inner, nn.modules.batchnorm._BatchNorm | nn.GroupNorm | nn.LayerNorm):
            for values in (*inner.parameters(), *inner.buffers()):
                if values.is_floating_point():
                    nn.init.uniform_(values, 0.5, 2.0)
    return module, shape


Case = tuple[Callable[[], nn.Module], tuple[int, ...]]
IMAGE = (2, 4, 4)


def _function(function: Callable[[Any, Tensor], Any], *inner: nn.Module) -> Any:
    return lambda: Function(function, *inner)


LINEAR: dict[str, Case] = {
    "linear": (lambda: nn.Linear(3, 4), (3,)),
    "linear without bias": (lambda: nn.Linear(3, 4, bias=False), (3,)),
    "linear on a vector": (_function(lambda m, x: functional.linear(x[0], m.matrix.t())), (3,)),
    "linear on rows": (lambda: nn.Linear(3, 4), (1, 3)),
    "addmm": (
        _function(lambda m, x: torch.addmm(m.matrix[0], x, m.matrix, beta=0.5, alpha=2)),
        (3,),
    ),
    "matrix behind": (_function(lambda m, x: x @ m.matrix), (3,)),
    "matrix before a vector": (_function(lambda m, x: m.matrix @ x[0]), (4,)),
    "matrix before a column": (_function(lambda m, x: m.matrix @ x), (4, 1)),
    "masked": (_function(lambda m, x: x @ (m.matrix * (m.matrix > 0))), (3,)),
    "conv1d": (lambda: nn.Conv1d(2, 3, 3, stride=2, padding=1), (2, 5)),
    "conv2d": (
        lambda: nn.Conv2d(2, 4, 3, padding=(1, 0), groups=2, dilation=(1, 2)),
        (2, 4, 6),
    ),
    "conv3d": (lambda: nn.Conv3d(1, 2, 2), (1, 2, 3, 2)),
    "conv same": (lambda: nn.Conv2d(2, 2, (2, 3), padding="same"), IMAGE),
    "conv valid": (lambda: nn.Conv2d(2, 2, 2, padding="valid"), IMAGE),
    "conv without batch": (_function(lambda m, x: m.inner[0](x[0]), nn.Conv2d(2, 2, 2)), IMAGE),
    "conv circular": (lambda: nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), IMAGE),
    "conv reflect": (lambda: nn.Conv2d(2, 2, 3, padding=2, padding_mode="reflect"), IMAGE),
    "conv replicate": (lambda: nn.Conv1d(2, 2, 3, padding=2, padding_mode="replicate"), (2, 5)),
    "transposed 1d": (
        lambda: nn.ConvTranspose1d(2, 3, 3, stride=2, padding=1, output_padding=1),
        (2, 4),
    ),
    "transposed 2d": (lambda: nn.ConvTranspose2d(2, 2, 2, stride=2, groups=2), (2, 2, 2)),
    "transposed 3d": (lambda: nn.ConvTranspose3d(1, 2, 2), (1, 2, 2, 2)),
}

ACTIVATIONS: dict[str, Case] = {
    "relu in place": (lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True)), (3,)),
    "leaky relu": (lambda: nn.Sequential(nn.Linear(3, 3), nn.LeakyReLU(0.3)), (3,)),
    "prelu": (lambda: nn.PReLU(), IMAGE),
    "prelu of channels": (lambda: nn.PReLU(2), IMAGE),
    "elu": (lambda: nn.Sequential(nn.Linear(3, 3), nn.ELU(0.5)), (3,)),
    "tanh": (lambda: nn.Tanh(), (3,)),
    "sigmoid": (lambda: nn.Sigmoid(), (3,)),
    "relu6": (lambda: nn.Sequential(nn.Linear(3, 3), nn.ReLU6()), (3,)),
    "hardtanh": (lambda: nn.Hardtanh(-0.5, 0.25), (3,)),
    "clamp": (_function(lambda m, x: x.clamp(-0.5, 0.25)), (3,)),
    "clamp from below": (_function(lambda m, x: x.clamp(min=0)), (3,)),
    "clamp from above": (_function(lambda m, x: x.clamp_max(0.25)), (3,)),
    "threshold": (lambda: nn.Threshold(0, 0), (3,)),
}

ARITHMETIC: dict[str, Case] = {
    "add": (_function(lambda m, x: x + m.matrix.t()), (4, 3)),
    "add a number": (_function(lambda m, x: torch.add(x, 1.5, alpha=3)), (3,)),
    "add a branch": (_function(lambda m, x: torch.add(x, x.flip(1), alpha=2)), (3,)),
    "sub": (_function(lambda m, x: 1 - x), (3,)),
    "sub with alpha": (_function(lambda m, x: torch.sub(x, m.matrix[:, 0], alpha=2)), (3,)),
    "rsub": (_function(lambda m, x: torch.rsub(x, 2.0, alpha=3)), (3,)),
    "mul": (_function(lambda m, x: x * 0.1), (3,)),
    "mul of channels": (_function(lambda m, x: x * m.vector[:, None, None]), IMAGE),
    "div": (_function(lambda m, x: x / 2), (3,)),
    "neg": (_function(lambda m, x: -x), (3,)),
    "skip": (
        _function(
            lambda m, x: x + m.inner[0](x),
            nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3)),
        ),
        (3,),
    ),
    "dropout": (lambda: nn.Sequential(nn.Linear(3, 3), nn.Dropout()), (3,)),
    "dropout of channels": (lambda: nn.Dropout2d(), IMAGE),
    "identity": (lambda: nn.Identity(), (3,)),
    "copies": (_function(lambda m, x: x.clone().contiguous().detach()), (3,)),
    "to the same format": (_function(lambda m, x: x.to(torch.float64).double()), (3,)),
}

POOLING: dict[str, Case] = {
    "max pool": (lambda: nn.MaxPool2d(2), IMAGE),
    "max pool with padding": (lambda: nn.MaxPool2d(3, 2, 1), IMAGE),
    "adaptive max pool": (lambda: nn.AdaptiveMaxPool2d(2), IMAGE),
    "average pool": (lambda: nn.AvgPool2d(2), IMAGE),
    "average pool 1d": (lambda: nn.AvgPool1d(4), (2, 8)),
    "adaptive average pool": (lambda: nn.AdaptiveAvgPool2d(2), IMAGE),
    "global average pool": (lambda: nn.AdaptiveAvgPool2d(1), IMAGE),
    "mean along an axis": (_function(lambda m, x: x.mean(2, keepdim=True)), IMAGE),
    "sum of channels": (_function(lambda m, x: x.sum(1)), IMAGE),
    "sum of everything": (_function(lambda m, x: x.sum().reshape(1, 1)), IMAGE),
    "mean of an image": (_function(lambda m, x: x.mean((2, 3))), IMAGE),
}

MOVES: dict[str, Case] = {
    "flatten": (lambda: nn.Flatten(), IMAGE),
    "unflatten": (lambda: nn.Unflatten(1, (3, 2)), (6,)),
    "view": (_function(lambda m, x: x.view(-1, 8, 4)), IMAGE),
    "permute": (_function(lambda m, x: x.permute(0, 2, 3, 1)), IMAGE),
    "transpose": (_function(lambda m, x: x.transpose(1, 2)), IMAGE),
    "transpose a matrix": (_function(lambda m, x: x[0].T), (3, 4)),
    "movedim": (_function(lambda m, x: x.movedim(1, -1)), IMAGE),
    "squeeze": (_function(lambda m, x: x.squeeze(1).unsqueeze(2)), (1, 3)),
    "cat": (_function(lambda m, x: torch.cat([x, -x, x * 2], 1)), IMAGE),
    "cat along a later axis": (_function(lambda m, x: torch.cat([x, -x], -1)), IMAGE),
    "stack": (_function(lambda m, x: torch.stack([x, -x], 1)), IMAGE),
    "stack along a later axis": (_function(lambda m, x: torch.stack([x, -x], 2)), IMAGE),
    "slice": (_function(lambda m, x: x[:, :, 1::2, :-1]), IMAGE),
    "select": (_function(lambda m, x: x.select(1, 0)), IMAGE),
    "index_select": (_function(lambda m, x: x.index_select(1, m.order)), (3,)),
    "index": (_function(lambda m, x: x[:, m.order]), (3,)),
    "split": (_function(lambda m, x: torch.cat(torch.split(x, [1, 3], 2)[::-1], 2)), IMAGE),
    "chunk": (_function(lambda m, x: torch.cat(x.chunk(2, 1)[::-1], 1)), IMAGE),
    "unbind": (_function(lambda m, x: x.unbind(1)[1]), IMAGE),
    "flip": (_function(lambda m, x: x.flip((2, 3))), IMAGE),
    "roll": (_function(lambda m, x: x.roll(1, 2)), IMAGE),
    "expand": (_function(lambda m, x: x[:, :1].expand(-1, 3, -1, -1)), IMAGE),
    "repeat": (_function(lambda m, x: x.repeat(1, 2, 1, 1)), IMAGE),
    "repeat_interleave": (_function(lambda m, x: x.repeat_interleave(2, 1)), IMAGE),
    "pixel shuffle": (lambda: nn.PixelShuffle(2), (4, 2, 2)),
    "pixel unshuffle": (lambda: nn.PixelUnshuffle(2), (1, 4, 4)),
    "channel shuffle": (lambda: nn.ChannelShuffle(2), (4, 2, 2)),
    "unfold": (lambda: nn.Unfold(2, padding=1), (2, 3, 3)),
    "zero padding": (lambda: nn.ZeroPad2d((1, 2, 0, 1)), IMAGE),
    "constant padding": (lambda: nn.ConstantPad2d(1, 0.5), IMAGE),
    "cut and pad": (_function(lambda m, x: functional.pad(x, (-1, 1))), IMAGE),
    "reflection padding": (lambda: nn.ReflectionPad2d(1), IMAGE),
    "replication padding": (lambda: nn.ReplicationPad1d(2), (2, 4)),
    "circular padding": (lambda: nn.CircularPad2d(1), IMAGE),
    "nearest": (lambda: nn.Upsample(scale_factor=2), IMAGE),
    "nearest to a size": (lambda: nn.Upsample(size=(7, 3)), IMAGE),
}

NORMALIZATIONS: dict[str, Case] = {
    "batch norm": (lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), (3,)),
    "batch norm of images": (lambda: nn.BatchNorm2d(2), IMAGE),
    "batch norm without weights": (lambda: nn.BatchNorm1d(3, affine=False), (3,)),
    "layer norm without weights": (lambda: nn.LayerNorm(4, elementwise_affine=False), (4,)),
    "layer norm without bias": (lambda: nn.LayerNorm(4, bias=False), (4,)),
    "group norm without weights": (lambda: nn.GroupNorm(2, 4, affine=False), (4, 2, 2)),
    "instance norm without weights": (lambda: nn.InstanceNorm2d(2), IMAGE),
    "layer norm": (lambda: nn.LayerNorm(4), (4,)),
    "layer norm of images": (lambda: nn.LayerNorm(IMAGE), IMAGE),
    "group norm": (lambda: nn.GroupNorm(2, 4), (4, 2, 2)),
    "instance norm": (lambda: nn.InstanceNorm2d(2, affine=True), IMAGE),
    "instance norm with statistics": (
        lambda: nn.InstanceNorm2d(2, affine=True, track_running_stats=True),
        IMAGE,
    ),
    "rms norm": (lambda: nn.RMSNorm(4), (4,)),
}


def _by_hand(module: Any, x: Tensor) -> Tensor:
    """A layer norm in the words of old code."""
    mean = x.mean(-1, keepdim=True)
    deviation = torch.sqrt((x - mean).pow(2).mean(-1, keepdim=True) + 1e-5)
    found: Tensor = module.matrix[0] * (x - mean) / deviation + module.matrix[1]
    return found


def _giving_deviations(module: Any, x: Tensor) -> Tensor:
    mean, deviation = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
    deviation = (deviation + 1e-3).sqrt()
    return torch.cat((module.matrix[0] * ((x - mean) / deviation), mean, deviation), -1)


def _standardized(module: Any, x: Tensor) -> Tensor:
    deviation, mean = torch.std_mean(x, dim=-1, correction=0)
    unit = (x - mean.unsqueeze(-1)) / deviation.unsqueeze(-1)
    return torch.cat((unit, torch.stack((mean, deviation), -1)), -1)


def _channels_first(module: Any, x: Tensor) -> Tensor:
    """A layer norm over the channels of images, at each place."""
    centred = x - x.mean(1, keepdim=True)
    unit = centred / torch.sqrt(centred.pow(2).mean(1, keepdim=True) + 1e-6)
    found: Tensor = module.vector[:, None, None] * unit + module.matrix[0, :2, None, None]
    return found


#: Norms in single operators.
SPELLED_OUT: dict[str, Case] = {
    "layer norm by hand": (lambda: Function(_by_hand), (4,)),
    "layer norm of tokens by hand": (lambda: Function(_by_hand), (3, 4)),
    "layer norm with deviations": (lambda: Function(_giving_deviations), (4,)),
    "layer norm of tokens with deviations": (lambda: Function(_giving_deviations), (2, 4)),
    "layer norm of channels by hand": (lambda: Function(_channels_first), IMAGE),
    "standardized": (lambda: Function(_standardized), (4,)),
    "standardized tokens": (lambda: Function(_standardized), (2, 4)),
    "rms norm by hand": (
        lambda: Function(lambda _, x: x * (x.square().mean(-1, keepdim=True) + 0.5).rsqrt()),
        (4,),
    ),
    "rms norm with deviations": (
        lambda: Function(
            lambda _, x: torch.cat((x / (d := (x**2).mean(-1, True).add(0.5) ** 0.5), 2 * d), -1)
        ),
        (4,),
    ),
}

RESIZING: dict[str, Case] = {
    "linear resize": (lambda: nn.Upsample(scale_factor=2, mode="linear"), (2, 4)),
    "bilinear": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), IMAGE),
    "bilinear to a size": (lambda: nn.Upsample(size=(7, 3), mode="bilinear"), IMAGE),
    "bilinear with corners": (
        lambda: nn.Upsample(size=(6, 5), mode="bilinear", align_corners=True),
        IMAGE,
    ),
    "average pool with padding": (lambda: nn.AvgPool2d(3, 2, 1), IMAGE),
    "average pool without the padding": (
        lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        IMAGE,
    ),
}

NORMS: dict[str, Case] = {
    "weight norm": (lambda: parametrizations.weight_norm(nn.Linear(3, 4)), (3,)),
    "spectral norm": (lambda: parametrizations.spectral_norm(nn.Linear(3, 4)), (3,)),
    "orthogonal": (lambda: parametrizations.orthogonal(nn.Linear(3, 4)), (3,)),
    "old weight norm": (lambda: weight_norm(nn.Linear(3, 4)), (3,)),
    "old spectral norm": (lambda: spectral_norm(nn.Conv2d(2, 2, 2)), IMAGE),
}

CASES = {
    **LINEAR,
    **ACTIVATIONS,
    **ARITHMETIC,
    **POOLING,
    **MOVES,
    **NORMALIZATIONS,
    **SPELLED_OUT,
    **RESIZING,
    **NORMS,
}
