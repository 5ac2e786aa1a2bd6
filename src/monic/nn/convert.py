"""Plain models made injective, with a report."""

import copy
import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from monic.decision.result import Decision
from monic.errors import LayerError
from monic.nn.calls import relu_behind
from monic.nn.paired import PairedLayer
from monic.nn.parametrization import injective
from monic.nn.replacement import replacement

__all__ = ["Change", "ConversionReport", "convert"]

_LAYERS = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)


@dataclass(frozen=True, slots=True)
class Change:
    """One module: its name, its kind, and what was done, or why nothing was."""

    name: str
    kind: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionReport:
    """What `convert` changed and what it could not.

    Arguments:
        changed: The layers that are injective now.
        kept: The modules left as they are, which the whole network may lose its inputs at.
        decisions: For each replaced layer whose grid is known, the exact decision.
    """

    changed: tuple[Change, ...]
    kept: tuple[Change, ...]
    decisions: dict[str, Decision]

    def __str__(self) -> str:
        lines = ["changed:", *(f"  {c.name} ({c.kind}): {c.what}" for c in self.changed)]
        lines += ["kept:", *(f"  {c.name} ({c.kind}): {c.what}" for c in self.kept)]
        lines += ["decided:", *(f"  {n}: {d.verdict.name}" for n, d in self.decisions.items())]
        return "\n".join(lines)


def convert(model: nn.Module, example: Tensor | None = None) -> tuple[nn.Module, ConversionReport]:
    """Returns an injective version of a model, with the same interface, and a report.

    In `nn.Sequential`, a layer and the `nn.ReLU` behind it become one injective layer of half the
    cost (and an `nn.Identity`); elsewhere a layer whose output goes through a ReLU only is
    parametrized. Weights are taken over as far as pairs allow; train on.

    Arguments:
        model: A plain model; it is not changed.
        example: A batch of inputs, by which convolutions learn their grid.

    Example:
        >>> plain = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 8), nn.ReLU())
        >>> model, report = convert(plain)
        >>> print(report)
        changed:
          0 (Linear): InjectiveLinear, with its ReLU
        kept:
          2 (Linear): 8 outputs for 6 inputs: a ReLU layer needs twice as many
        decided:
          0: INJECTIVE
    """
    model = copy.deepcopy(model)
    changed: list[Change] = []
    refused: dict[str, str] = {}
    for path, parent in list(model.named_modules()):
        if isinstance(parent, nn.Sequential):
            _replace_in(parent, path, changed, refused)
    for name in relu_behind(model, _LAYERS):
        if name not in refused:
            _parametrize(model, name, changed, refused)
    if example is not None:
        with torch.no_grad():
            model(example)
    decisions = {
        name: module.is_injective()
        for name, module in model.named_modules()
        if isinstance(module, PairedLayer) and getattr(module, "input_size", ()) is not None
    }
    done = {change.name for change in changed}
    kept = tuple(_kept(model, done, refused))
    return model, ConversionReport(changed=tuple(changed), kept=kept, decisions=decisions)


def _replace_in(
    parent: nn.Sequential, path: str, changed: list[Change], refused: dict[str, str]
) -> None:
    names = list(parent._modules)
    for name, follower in itertools.pairwise(names):
        module, after = parent._modules[name], parent._modules[follower]
        if not isinstance(module, _LAYERS) or not isinstance(after, nn.ReLU):
            continue
        full = f"{path}.{name}" if path else name
        try:
            new = replacement(module)
        except LayerError:
            refused[full] = _too_few(module)
            continue
        parent._modules[name], parent._modules[follower] = new, nn.Identity()
        changed.append(Change(full, type(module).__name__, f"{type(new).__name__}, with its ReLU"))


def _parametrize(
    model: nn.Module, name: str, changed: list[Change], refused: dict[str, str]
) -> None:
    module = model.get_submodule(name)
    try:
        injective(module)
    except LayerError:
        refused[name] = _too_few(module)
        return
    kind = type(module).__name__.removeprefix("Parametrized")
    changed.append(Change(name, kind, "its weight is kept in pairs"))


def _kept(model: nn.Module, done: set[str], refused: dict[str, str]) -> list[Change]:
    found = []
    for name, module in model.named_modules():
        kind, why = type(module).__name__, refused.get(name)
        if why is None and isinstance(module, _NORMS):
            why = "a normalisation between a layer and its ReLU may flip a row; move it behind"
        if why is None and isinstance(module, _POOLS):
            why = "pooling loses numbers"
        if why is None and isinstance(module, _LAYERS) and name not in done:
            why = "its output does not go through a ReLU alone, or the model cannot be traced"
        if why is not None:
            found.append(Change(name, kind, why))
    return found


def _too_few(module: nn.Module) -> str:
    if isinstance(module, nn.Linear):
        return (
            f"{module.out_features} outputs for {module.in_features} inputs: a ReLU layer needs "
            "twice as many"
        )
    return f"its channels cannot be paired: {module}"
