"""Existing modules made injective: their weight is kept in pairs while they are trained."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from monic.errors import LayerError

__all__ = ["PairedRows", "injective"]

_AXES: dict[type[nn.Module], int] = {
    nn.Linear: 0,
    nn.Conv1d: 0,
    nn.Conv2d: 0,
    nn.Conv3d: 0,
    nn.ConvTranspose1d: 1,
    nn.ConvTranspose2d: 1,
    nn.ConvTranspose3d: 1,
}


def injective(module: nn.Module, name: str = "weight", *, pairs: int | None = None) -> nn.Module:
    """Keeps a module's weight of the form [C; -D C; M], D fixed, while it is trained.

    Followed by a ReLU, the module is one-to-one when C has full column rank. The weight is
    written out, and so D holds powers of two: the pairs survive rounding. The bias, if there is
    one, is kept in pairs as well. It costs as much as the plain module; `InjectiveLinear` and
    `InjectiveConv2d` cost about half.

    Arguments:
        module: A `nn.Linear`, or a convolution or transposed convolution.
        name: The weight's name.
        pairs: How many pairs; None is as many as fit.

    Returns:
        The module itself.

    Raises:
        LayerError: for other modules, or too few outputs.

    Example:
        >>> layer = injective(nn.Linear(2, 5))
        >>> layer.parametrizations.weight[0].in_image(layer.weight)
        True
    """
    axis = _AXES.get(type(module))
    if axis is None or parametrize.is_parametrized(module, name):
        raise LayerError(
            "Expected a Linear, Conv or ConvTranspose module with a plain weight. Got "
            f"{type(module).__name__}."
        )
    weight: Tensor = getattr(module, name)
    if axis == 1 and module.groups != 1:
        raise LayerError(f"Expected a transposed convolution without groups. Got {module.groups}.")
    count = weight.shape[axis] // 2 if pairs is None else pairs
    if not 1 <= count <= weight.shape[axis] // 2 or (
        isinstance(module, nn.Linear) and count < module.in_features
    ):
        raise LayerError(
            f"Expected at least two outputs for each input, in pairs. Got {module} and "
            f"pairs={pairs}: never one-to-one on the whole space."
        )
    rows = PairedRows(axis, _powers_of_two(weight.detach(), axis, count))
    parametrize.register_parametrization(module, name, rows)
    if getattr(module, "bias", None) is not None:
        parametrize.register_parametrization(module, "bias", PairedRows(0, rows.scales.clone()))
    return module


class PairedRows(nn.Module):
    """The parametrization (C, M) -> [C; -D C; M] along an axis, D of powers of two.

    Arguments:
        axis: Where the rows are.
        scales: The diagonal of D.

    Example:
        >>> PairedRows(0, torch.tensor([2.0]))(torch.tensor([[3.0]])).tolist()
        [[3.0], [-6.0]]
    """

    scales: Tensor

    def __init__(self, axis: int, scales: Tensor) -> None:
        super().__init__()
        self.axis = axis
        self.register_buffer("scales", scales)

    def forward(self, half: Tensor, rest: Tensor | None = None) -> Tensor:
        parts = [half, -(self._along(half) * half)]
        return torch.cat(parts if rest is None else [*parts, rest], self.axis)

    def right_inverse(self, weight: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Returns (C, M): exactly for a weight in pairs, else with the energy of each pair."""
        pairs = len(self.scales)
        sizes = [pairs, pairs, weight.shape[self.axis] - 2 * pairs]
        first, second, rest = torch.split(weight, sizes, self.axis)
        scales = self._along(weight)
        half = first - scales * second
        energy = first.square() + second.square()
        size = (_total(energy, self.axis) / (1 + scales**2)).sqrt()
        length = _total(half.square(), self.axis).sqrt()
        tiny = torch.finfo(weight.dtype).tiny
        half = half * (size / length.clamp_min(tiny))
        half = torch.where(second == -scales * first, first, half)
        return (half, rest.contiguous()) if rest.numel() else half

    def in_image(self, weight: Tensor) -> bool:
        """Whether a weight is in pairs, exactly."""
        pairs = len(self.scales)
        first, second = weight.narrow(self.axis, 0, pairs), weight.narrow(self.axis, pairs, pairs)
        return bool((second == -self._along(weight) * first).all())

    def _along(self, weight: Tensor) -> Tensor:
        shape = [1] * weight.dim()
        shape[self.axis] = -1
        return self.scales.to(weight.dtype).reshape(shape)


def _powers_of_two(weight: Tensor, axis: int, pairs: int) -> Tensor:
    """Returns the powers of two nearest to the quotients of the rows' lengths."""
    rows = weight.movedim(axis, 0).flatten(1)
    first, second = rows[:pairs].norm(dim=1), rows[pairs : 2 * pairs].norm(dim=1)
    quotient = torch.where((first > 0) & (second > 0), second / first, 1.0)
    return quotient.log2().round().clamp(-20, 20).exp2()


def _total(values: Tensor, axis: int) -> Tensor:
    """Returns the sum over all axes but one, kept."""
    others = [d for d in range(values.dim()) if d != axis]
    return values.sum(others, keepdim=True) if others else values
