"""Random torch modules: layers, skips, branches and shared layers, run as a recorded program."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Recorded", "random_module"]

LARGEST = 200


@dataclass(frozen=True)
class Step:
    """A function of a layer, or None, and of earlier tensors by number."""

    function: Callable[..., Tensor]
    layer: int | None
    given: tuple[int, ...]


class Recorded(nn.Module):
    """A program of steps; what nothing reads is flattened and joined at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        self.steps: list[Step] = []

    def forward(self, x: Tensor) -> Tensor:
        known = self.traced(x)
        used = {k for step in self.steps for k in step.given}
        loose = [t for k, t in enumerate(known) if k not in used] or known[-1:]
        return torch.cat([t.flatten(1) for t in loose[-3:]], 1)

    def traced(self, x: Tensor) -> list[Tensor]:
        known = [x]
        for step in self.steps:
            layer = [] if step.layer is None else [self.layers[step.layer]]
            known.append(step.function(*layer, *(known[k] for k in step.given)))
        return known


def call(layer: Any, x: Tensor) -> Tensor:
    given: Tensor = layer(x)
    return given


def _dense(size: int, k: int) -> list[nn.Module]:
    return [
        nn.Linear(size, 1 + k % 8, bias=k % 2 == 0),
        nn.LayerNorm(size, eps=0.1),
        nn.BatchNorm1d(size),
        nn.RMSNorm(size, eps=0.1),
        nn.utils.parametrizations.weight_norm(nn.Linear(size, 1 + k % 5)),
    ]


def _images(channels: int, k: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, 1 + k % 4, 1 + k % 3, padding=k % 2, stride=1 + k % 2),
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, padding_mode="circular"),
        nn.ConvTranspose2d(channels, 1 + k % 3, 2, stride=1 + k % 2),
        nn.BatchNorm2d(channels),
        nn.GroupNorm(1, channels, eps=0.1),
        nn.InstanceNorm2d(channels, affine=True, eps=0.1),
        nn.MaxPool2d(2, 1 + k % 2),
        nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.ZeroPad2d((1, 0, 0, 1)),
        nn.ReflectionPad2d(1),
        nn.Upsample(scale_factor=2),
        nn.PReLU(channels),
    ]


def _anywhere(k: int) -> list[nn.Module]:
    return [
        *(nn.ReLU(), nn.ReLU(), nn.LeakyReLU(0.2), nn.Tanh(), nn.Sigmoid(), nn.ELU(0.7)),
        *(nn.Hardtanh(-0.5, 0.5), nn.Identity(), nn.Dropout(0.5), nn.Flatten()),
    ]


ONES: list[Callable[[Tensor], Tensor]] = [
    lambda x: x * 0.3,
    lambda x: x / 3,
    lambda x: 1 - x,
    lambda x: x.flip(1),
    lambda x: x.transpose(1, -1),
    lambda x: torch.cat([x, -x], 1),
    lambda x: x.mean(-1, keepdim=True),
    lambda x: x.sum(-1, keepdim=True),
    lambda x: x.clamp(min=-0.4),
    lambda x: x[:, x.shape[1] // 2 :],
    lambda x: x.abs() if hasattr(x, "abs") else x,
    lambda x: functional.relu(x) - functional.relu(-x) * 0.5,
    lambda x: x.reshape(1, -1, 1, x.shape[-1]),
]

TWOS: list[Callable[[Tensor, Tensor], Tensor]] = [
    lambda x, y: x + y,
    lambda x, y: torch.relu(x + y),
    lambda x, y: torch.add(x, y, alpha=0.5),
    lambda x, y: x - y,
    lambda x, y: torch.cat([x, y], 1),
    lambda x, y: torch.stack([x, y], 1).flatten(1, 2),
]


def random_module(seed: int) -> tuple[Recorded, tuple[int, ...]]:
    """Returns a module in evaluation mode, with weights of its own, and its input shape."""
    torch.manual_seed(seed)
    module = Recorded()
    shape = ((4,), (6,), (2, 4, 4), (3, 5, 5))[_below(4)]
    known = [torch.randn(1, *shape)]
    module.eval()
    for _ in range(3 + _below(12)):
        step, layer = _drawn(module, known)
        if layer is not None:
            _moved(layer)
            module.layers.append(layer.eval())
        try:
            with torch.no_grad():
                module.steps.append(step)
                given = module.traced(known[0])[-1]
            fits = 0 < given.numel() <= LARGEST and given.dim() in (2, 3, 4)
        except (RuntimeError, IndexError, ValueError):
            fits = False
        if fits:
            known.append(given)
        else:
            module.steps.pop()
    return module.to((torch.float32, torch.float64)[_below(2)]), shape


def _drawn(module: Recorded, known: list[Tensor]) -> tuple[Step, nn.Module | None]:
    place = len(known) - 1 - int(_below(len(known)) * float(torch.rand(())) ** 2)
    x, kind = known[place], float(torch.rand(()))
    if kind < 0.2:
        alike = [k for k, t in enumerate(known) if t.shape == x.shape]
        return Step(_one(TWOS), None, (place, _one(alike))), None
    if kind < 0.4:
        return Step(_one(ONES), None, (place,)), None
    if kind < 0.45 and len(module.layers):  # a layer that is used again
        return Step(call, _below(len(module.layers)), (place,)), None
    k = _below(24)
    fit = _anywhere(k)
    if kind < 0.8:
        fit = _images(x.shape[1], k) if x.dim() == 4 else _dense(x.shape[-1], k)
    return Step(call, len(module.layers), (place,)), _one(fit)


def _moved(layer: nn.Module) -> None:
    """Norms have statistics and weights of their own."""
    for name, tensor in (*layer.named_parameters(), *layer.named_buffers()):
        if tensor.is_floating_point() and ("running" in name or isinstance(layer, nn.PReLU)):
            nn.init.uniform_(tensor, 0.3, 2.0)


def _below(count: int) -> int:
    return int(torch.randint(count, ()))


def _one(options: Any) -> Any:
    return options[_below(len(options))]
