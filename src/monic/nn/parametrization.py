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
    if axis is None or module._parameters.get(name) is None:
        raise LayerError(
            "Expected a Linear, Conv or ConvTranspose module with a plain weight, not one that is "
            f"parametrized, pruned or normalised. Got {type(module).__name__}."
        )
    weight: Tensor = getattr(module, name)
    groups = int(getattr(module, "groups", 1))
    # rows of a convolution are split into groups; those of a transposed one are in each of them
    own, others = (groups, 1) if axis == 0 else (1, groups)
    most = weight.shape[axis] // own // 2
    count = most if pairs is None else pairs // groups
    if not 1 <= count <= most or (isinstance(module, nn.Linear) and count < module.in_features):
        raise LayerError(
            f"Expected at least two outputs for each input, in pairs. Got {module} and "
            f"pairs={pairs}: never one-to-one on the whole space."
        )
    if pairs is not None and pairs % groups:
        raise LayerError(f"Expected pairs that {groups} groups divide. Got pairs={pairs}.")
    rows = PairedRows(axis, _powers_of_two(weight.detach(), axis, count * own, own), own)
    parametrize.register_parametrization(module, name, rows)
    if module._parameters.get("bias") is not None:
        scales = rows.scales.repeat(others)
        parametrize.register_parametrization(module, "bias", PairedRows(0, scales, groups))
    return module


class PairedRows(nn.Module):
    """The parametrization (C, M) -> [C; -D C; M] along an axis, D of powers of two.

    With groups each of them is of this form: [C_1; -D_1 C_1; M_1; C_2; ...].

    Arguments:
        axis: Where the rows are.
        scales: The diagonal of D.
        groups: Of the rows.

    Example:
        >>> PairedRows(0, torch.tensor([2.0]))(torch.tensor([[3.0]])).tolist()
        [[3.0], [-6.0]]
        >>> PairedRows(0, torch.tensor([2.0, 1.0]), 2)(torch.tensor([3.0, 4.0])).tolist()
        [3.0, -6.0, 4.0, -4.0]
    """

    scales: Tensor

    def __init__(self, axis: int, scales: Tensor, groups: int = 1) -> None:
        super().__init__()
        self.axis, self.groups = axis, groups
        self.register_buffer("scales", scales)

    def forward(self, half: Tensor, rest: Tensor | None = None) -> Tensor:
        parts = [half, -(self._along(half) * half)]
        parts = parts if rest is None else [*parts, rest]
        split = [torch.unflatten(part, self.axis, (self.groups, -1)) for part in parts]
        return torch.cat(split, self.axis + 1).flatten(self.axis, self.axis + 1)

    def right_inverse(self, weight: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Returns (C, M): exactly for a weight in pairs, else with the energy of each pair."""
        first, second, rest = self._parts(weight)
        scales = self._along(weight)
        half = first - scales * second
        # of two equal rows nothing would be left
        half = torch.where(_total(half.square(), self.axis) > 0, half, first)
        energy = first.square() + second.square()
        size = (_total(energy, self.axis) / (1 + scales**2)).sqrt()
        length = _total(half.square(), self.axis).sqrt()
        tiny = torch.finfo(weight.dtype).tiny
        half = half * (size / length.clamp_min(tiny))
        half = torch.where(second == -scales * first, first, half)
        return (half, rest.contiguous()) if rest.numel() else half

    def in_image(self, weight: Tensor) -> bool:
        """Whether a weight is in pairs, exactly."""
        first, second, _ = self._parts(weight)
        return bool((second == -self._along(weight) * first).all())

    def _parts(self, weight: Tensor) -> list[Tensor]:
        """Returns C, -D C and M, whatever their values."""
        pairs = len(self.scales) // self.groups
        split = torch.unflatten(weight, self.axis, (self.groups, -1))
        sizes = [pairs, pairs, split.shape[self.axis + 1] - 2 * pairs]
        parts = torch.split(split, sizes, self.axis + 1)
        return [part.flatten(self.axis, self.axis + 1) for part in parts]

    def _along(self, weight: Tensor) -> Tensor:
        shape = [1] * weight.dim()
        shape[self.axis] = -1
        return self.scales.to(weight.dtype).reshape(shape)


def _powers_of_two(weight: Tensor, axis: int, pairs: int, groups: int) -> Tensor:
    """Returns the powers of two nearest to the quotients of the rows' lengths."""
    lengths = weight.movedim(axis, 0).flatten(1).norm(dim=1).reshape(groups, -1)
    count = pairs // groups
    first, second = lengths[:, :count].flatten(), lengths[:, count : 2 * count].flatten()
    quotient = torch.where((first > 0) & (second > 0), second / first, 1.0)
    return quotient.log2().round().clamp(-20, 20).exp2()


def _total(values: Tensor, axis: int) -> Tensor:
    """Returns the sum over all axes but one, kept."""
    others = [d for d in range(values.dim()) if d != axis]
    return values.sum(others, keepdim=True) if others else values
