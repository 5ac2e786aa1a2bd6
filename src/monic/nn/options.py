"""What all layers of pairs are asked."""

from dataclasses import dataclass
from typing import Any, Literal

import torch

from monic.nn.constraint import Constraint
from monic.nn.precision import FactoryDict

__all__ = ["Options", "OptionsDict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What all layers of pairs are asked.

    Arguments:
        pairs: The number of pairs; None is as many as fit.
        bias: Whether there are b and c.
        scale: "diagonal" for one s for each pair, "scalar" for one s.
        constraint: What B is kept to during training; see `constrain`.
        device: A torch device.
        dtype: A torch number format.
    """

    pairs: int | None = None
    bias: bool = True
    scale: Literal["diagonal", "scalar"] = "diagonal"
    constraint: Constraint = None
    device: torch.device | str | None = None
    dtype: torch.dtype | None = None

    def config(self) -> dict[str, Any]:
        """Returns what is not the default, as JSON holds it; device and dtype are the weights'."""
        names = ("pairs", "bias", "scale", "constraint")
        return {n: getattr(self, n) for n in names if getattr(self, n) != getattr(Options(), n)}


class OptionsDict(FactoryDict, total=False):
    """The keywords of `Options`."""

    pairs: int | None
    bias: bool
    scale: Literal["diagonal", "scalar"]
    constraint: Constraint
