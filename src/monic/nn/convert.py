"""Plain models made injective, with a report."""

import copy
import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from monic.decision.result import Decision, Verdict
from monic.errors import LayerError
from monic.nn.calls import Followers, followers
from monic.nn.paired import PairedLayer
from monic.nn.parametrization import injective
from monic.nn.replacement import replacement

__all__ = ["Change", "ConversionReport", "convert"]

_LAYERS = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)
#: Why modules that are left as they are may lose their inputs.
_LOSSES: tuple[tuple[str, str], ...] = (
    ("Pool", "pooling loses numbers"),
    ("BatchNorm", "between a layer and its ReLU it may flip a row; move it behind the ReLU"),
    ("InstanceNorm", "a normalisation loses its mean; see InjectiveGroupNorm"),
    ("GroupNorm", "a normalisation loses its mean; see InjectiveGroupNorm"),
    ("LayerNorm", "a normalisation loses its mean; see AugmentedLayerNorm"),
    ("Dropout", "in training it loses numbers"),
)


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
        decisions: For each replaced layer whose grid is known, the exact decision; one that is
            not INJECTIVE is printed with its reason.
    """

    changed: tuple[Change, ...]
    kept: tuple[Change, ...]
    decisions: dict[str, Decision]

    def __str__(self) -> str:
        lines = ["changed:", *(f"  {c.name} ({c.kind}): {c.what}" for c in self.changed)]
        lines += ["kept:", *(f"  {c.name} ({c.kind}): {c.what}" for c in self.kept)]
        lines += ["decided:", *(f"  {n}: {_outcome(d)}" for n, d in self.decisions.items())]
        return "\n".join(lines)


def convert(
    model: nn.Module, example: Tensor | tuple[Tensor, ...] | None = None
) -> tuple[nn.Module, ConversionReport]:
    """Returns an injective version of a model, with the same interface, and a report.

    In `nn.Sequential`, a layer and the `nn.ReLU` behind it become one injective layer of half the
    cost (and an `nn.Identity`). A layer elsewhere whose output goes through a ReLU only is
    parametrized, and so is one in a Sequential that is used twice, has hooks or groups: so it
    keeps them. Weights are taken over as far as pairs allow, with their `requires_grad`; train on.

    Arguments:
        model: A plain model; it is not changed.
        example: A batch of inputs, or several inputs, by which convolutions learn their grid; the
            model is called once, in evaluation mode.

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
    work = _Work(model, followers(model, _LAYERS))
    for path, parent in list(model.named_modules()):
        # a subclass with a forward of its own may use its modules in any order
        if isinstance(parent, nn.Sequential) and type(parent).forward is nn.Sequential.forward:
            work.replace_in(parent, path)
    for name in work.behind or ():
        work.parametrize(name)
    if example is not None:
        with torch.no_grad(), _evaluating(model):
            model(*(example if isinstance(example, tuple) else (example,)))
    decisions = {
        name: module.is_injective()
        for name, module in model.named_modules()
        if isinstance(module, PairedLayer)
        and getattr(module, "input_size", ()) is not None
        and not module.s.is_meta
    }
    changed, kept = tuple(work.changed.values()), tuple(work.kept())
    return model, ConversionReport(changed=changed, kept=kept, decisions=decisions)


@dataclass(slots=True)
class _Work:
    """A model that is being converted, and what was done so far.

    Arguments:
        model: The copy that is changed.
        behind: The ReLUs behind its layers; None when it cannot be traced.
        changed: By name.
        refused: Why layers with a ReLU behind were not changed, by name.
    """

    model: nn.Module
    behind: Followers | None
    changed: dict[str, Change] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def replace_in(self, parent: nn.Sequential, path: str) -> None:
        """Puts injective layers in the place of layers and the ReLUs behind them."""
        uses = Counter(id(m) for _, m in self.model.named_modules(remove_duplicate=False))
        for name, follower in itertools.pairwise(list(parent._modules)):
            module, after = parent._modules[name], parent._modules[follower]
            if type(module) not in _LAYERS or not isinstance(after, nn.ReLU):
                continue
            assert isinstance(module, nn.Module), "it is of one of these types"
            full = f"{path}.{name}" if path else name
            relus = [after] if self.behind is None else self.behind.get(full, [])
            if uses[id(module)] > 1 or _is_hooked(module) or not relus:
                continue
            if any(relu is not after for relu in relus):
                continue
            try:
                new = replacement(module)
            except LayerError:
                self.refused[full] = _why_not(module)
                continue
            parent._modules[name] = new
            parent._modules[follower] = nn.Identity().train(after.training)
            what = f"{type(new).__name__}, with its ReLU"
            self.changed[full] = Change(full, type(module).__name__, what)

    def parametrize(self, name: str) -> None:
        """Keeps the weight of a layer in pairs, if it can be."""
        if name in self.changed:
            return
        module = self.model.get_submodule(name)
        try:
            injective(module)
        except LayerError:
            self.refused[name] = _why_not(module)
            return
        self.refused.pop(name, None)
        kind = type(module).__name__.removeprefix("Parametrized")
        self.changed[name] = Change(name, kind, "its weight is kept in pairs")

    def kept(self) -> Iterator[Change]:
        """Yields the modules at which the whole may lose its inputs."""
        for name, module in self.model.named_modules():
            why = self.refused.get(name)
            if why is None and isinstance(module, _LAYERS) and name not in self.changed:
                why = self._why_unseen(module)
            kind = type(module).__name__
            if why is None and type(module).__module__.startswith("torch.nn"):
                why = next((text for part, text in _LOSSES if part in kind), None)
            if why is not None:
                yield Change(name, kind, why)

    def _why_unseen(self, module: nn.Module) -> str:
        if type(module) not in _LAYERS:
            return _why_not(module)
        if self.behind is None:
            return "the model cannot be traced, so nothing is known of a ReLU behind it"
        return "its output does not go through a ReLU alone"


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Sets evaluation mode, in which running statistics stay, and each module's own mode again."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _is_hooked(module: nn.Module) -> bool:
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, name) for name in hooks)


def _outcome(decision: Decision) -> str:
    name = decision.verdict.name
    return name if decision.verdict is Verdict.INJECTIVE else f"{name}: {decision.reason}"


def _why_not(module: nn.Module) -> str:
    if type(module) not in _LAYERS or module._parameters.get("weight") is None:
        return (
            "it is not a plain layer of torch, so that its weight may mean something else: take "
            "off parametrizations, pruning and normalisations of weights first, and call lazy "
            "layers once"
        )
    if isinstance(module, nn.Linear):
        return (
            f"{module.out_features} outputs for {module.in_features} inputs: a ReLU layer needs "
            "twice as many"
        )
    return f"its channels cannot be paired: {module}"
