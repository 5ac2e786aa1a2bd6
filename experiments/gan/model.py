"""The networks: a generator of either arm, a critic, an inference network.

Appendix F of [Puthawala et al., 2020]: a code of `latent` entries is a 1x1 image; a transposed
convolution makes it a grid, with a leaky ReLU; then layers double the grid and halve the channels,
with ReLUs; a last one gives the colors, with a sigmoid. In the injective arm the doubling layers
are pairs [C; -s^2 C], in the regular arm their filters are free; nothing else differs but the
biases, as the configuration has it.
"""

import itertools
from typing import TypedDict

import torch
from torch import Tensor, nn

from config import Config, Model
from monic.nn import InjectiveConvTranspose2d

ARMS = ("injective", "regular")


def generator(arm: str, config: Config) -> nn.Sequential:
    """Returns the generator of an arm, (batch, latent, 1, 1) -> (batch, colors, size, size)."""
    model = config.model
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(model.latent, model.channels[0], model.base),
        nn.LeakyReLU(model.slope),
    ]
    side = model.base
    for inputs, outputs in itertools.pairwise(model.channels):
        layers += _doubling(arm, model, (inputs, outputs, side))
        side *= 2
    last = nn.ConvTranspose2d(
        *(model.channels[-1], config.data.colors, model.kernel),
        stride=model.last_stride,
        **_borders(model.kernel, model.last_stride),
    )
    return nn.Sequential(*layers, last, nn.Sigmoid())


def _doubling(arm: str, model: Model, sizes: tuple[int, int, int]) -> list[nn.Module]:
    """Returns one doubling layer with its ReLU, as two modules in both arms."""
    inputs, outputs, side = sizes
    borders = _borders(model.kernel, 2)
    paired = InjectiveConvTranspose2d(
        *(inputs, outputs, model.kernel),
        stride=2,
        **borders,
        bias=model.biases == "both",
        input_size=side,
    )
    if arm == "injective":  # its ReLU is part of it
        return [paired, nn.Identity()]
    with torch.random.fork_rng(devices=[]):  # what follows starts alike in both arms
        free = nn.ConvTranspose2d(
            *(inputs, outputs, model.kernel), stride=2, **borders, bias=model.biases != "neither"
        )
    if model.start == "shared":  # s = 1 at the start
        with torch.no_grad():
            free.weight.copy_(torch.cat((paired.basis, -paired.basis), dim=1))
            if free.bias is not None:
                free.bias.zero_()
    return [free, nn.ReLU()]


class _Borders(TypedDict):
    """The two paddings of a transposed convolution."""

    padding: int
    output_padding: int


def _borders(kernel: int, stride: int) -> _Borders:
    """Returns the paddings with which a grid becomes exactly `stride` times as large."""
    padding = (kernel - 1) // 2
    return {"padding": padding, "output_padding": stride + 2 * padding - kernel}


def _descending(config: Config) -> tuple[list[nn.Module], int, int]:
    """Returns the convolutions of critic and inference network, their channels and last side."""
    layers: list[nn.Module] = []
    channels, side = config.data.colors, config.data.size
    for outputs in config.model.critic:
        layers += [nn.Conv2d(channels, outputs, 4, 2, 1), nn.LeakyReLU(0.2)]
        channels, side = outputs, side // 2
    return layers, channels, side


def critic(config: Config) -> nn.Sequential:
    """Returns the critic, images -> one number; no batch norm, as its penalty is per image."""
    layers, channels, side = _descending(config)
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, side), nn.Flatten())


def inference(config: Config) -> nn.Sequential:
    """Returns the inference network I, images -> codes (batch, latent)."""
    layers, channels, side = _descending(config)
    layers.append(nn.Flatten())
    widths = [channels * side * side, *config.model.inference]
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(widths[-1], config.model.latent))


def codes(count: int, latent: int, source: torch.Generator) -> Tensor:
    """Returns z ~ N(0, I), drawn on the CPU, so that devices see the same codes."""
    return torch.randn(count, latent, 1, 1, generator=source)


def parameters(module: nn.Module) -> int:
    """Returns the number of trained numbers."""
    return sum(p.numel() for p in module.parameters())
