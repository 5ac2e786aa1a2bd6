"""Modules as JSON: their names, their arguments, and what they contain."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn.utils import parametrize

from monic.errors import LayerError, UnreadableModel, UnsupportedModel
from monic.nn.augmented import AugmentedLayerNorm
from monic.nn.concatenation import InjectiveConcat
from monic.nn.convolution import InjectiveConv1d, InjectiveConv2d, InjectiveConv3d
from monic.nn.linear import InjectiveLinear
from monic.nn.normalization import InjectiveGroupNorm
from monic.nn.random_projection import RandomProjection
from monic.nn.recurrent import InjectiveRNNCell
from monic.nn.residual import InjectiveResidual
from monic.nn.sequential import InjectiveSequential
from monic.nn.skip import InjectiveSkip
from monic.nn.transposed import (
    InjectiveConvTranspose1d,
    InjectiveConvTranspose2d,
    InjectiveConvTranspose3d,
)

__all__ = ["build", "describe"]

#: Our modules that are made from their `config` alone.
_OWN = (
    *(InjectiveLinear, InjectiveConv1d, InjectiveConv2d, InjectiveConv3d),
    *(InjectiveConvTranspose1d, InjectiveConvTranspose2d, InjectiveConvTranspose3d),
    *(RandomProjection, InjectiveGroupNorm, AugmentedLayerNorm, InjectiveRNNCell),
)
#: Our modules around another one.
_AROUND: dict[type[nn.Module], str] = {
    InjectiveSkip: "module",
    InjectiveResidual: "branch",
    InjectiveConcat: "branch",
}
_CHAINS: tuple[type[nn.Module], ...] = (InjectiveSequential, nn.Sequential)
#: Torch's modules, with the attributes that are their arguments.
_PLAIN: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("in_features", "out_features"),
    nn.LeakyReLU: ("negative_slope",),
    nn.ELU: ("alpha",),
    nn.Flatten: ("start_dim", "end_dim"),
    nn.Unflatten: ("dim", "unflattened_size"),
    nn.ReLU: (),
    nn.Tanh: (),
    nn.Sigmoid: (),
    nn.Identity: (),
}


def describe(module: nn.Module) -> dict[str, Any]:
    """Returns a module as JSON can hold it.

    Raises:
        UnsupportedModel: for modules that are not known; lists them.

    Example:
        >>> describe(nn.Sequential(nn.Tanh()))
        {'type': 'Sequential', 'with': {}, 'inside': [{'type': 'Tanh', 'with': {}}]}
    """
    strange = sorted(_strange(module))
    if strange:
        raise UnsupportedModel(
            f"Expected modules that can be saved by name. Got {', '.join(strange)}. Save the "
            "state_dict instead."
        )
    return _described(module)


def build(described: dict[str, Any]) -> nn.Module:
    """Returns the module that was described, with weights yet to be filled in.

    Raises:
        UnsupportedModel: for names that are not known.
        UnreadableModel: for arguments that do not fit.
    """
    kinds = {kind.__name__: kind for kind in (*_OWN, *_AROUND, *_CHAINS, *_PLAIN)}
    kind: Callable[..., nn.Module] | None = kinds.get(str(described.get("type")))
    if kind is None:
        raise UnsupportedModel(
            f"Expected one of {', '.join(sorted(kinds))}. Got {described.get('type')!r}."
        )
    try:
        inside: list[Any] = [build(inner) for inner in described.get("inside", ())]
        if "names" in described:
            inside = [OrderedDict(zip(described["names"], inside, strict=True))]
        given = described.get("with", {})
        return kind(
            *inside, **{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
        )
    except (TypeError, AttributeError, LayerError, ValueError) as error:
        raise UnreadableModel(f"Expected arguments of {described['type']}. Got: {error}") from None


def _described(module: nn.Module) -> dict[str, Any]:
    kind = _kind(module)
    name = kind.__name__
    if kind in _PLAIN:
        given = {argument: getattr(module, argument) for argument in _PLAIN[kind]}
        if isinstance(module, nn.Linear):
            given["bias"] = module.bias is not None
        return {"type": name, "with": given}
    config: Any = getattr(module, "config", dict)
    described = {"type": name, "with": config()}
    if kind not in _OWN:
        inside = _inner(module)
        described["inside"] = [_described(inner) for inner in inside.values()]
        names = list(inside)
        if kind in _CHAINS and names != [str(index) for index in range(len(names))]:
            described["names"] = names
    return described


def _kind(module: nn.Module) -> type[nn.Module]:
    return parametrize.type_before_parametrizations(module)


def _strange(module: nn.Module, within: type[nn.Module] | None = None) -> set[str]:
    kind = _kind(module)
    if kind in _AROUND or kind in _CHAINS:
        owner = kind if kind in _AROUND else within
        return {name for inner in _inner(module).values() for name in _strange(inner, owner)}
    if kind in _OWN:
        return set()
    # a branch's parametrizations are its block's, and come back with it; others would be lost
    ours = within is InjectiveResidual or not parametrize.is_parametrized(module)
    return set() if kind in _PLAIN and ours else {type(module).__name__}


def _inner(module: nn.Module) -> dict[str, nn.Module]:
    """Returns what a module contains; `children` would skip a module that is used twice."""
    kind = _kind(module)
    if kind in _AROUND:
        return {_AROUND[kind]: getattr(module, _AROUND[kind])}
    return {name: inner for name, inner in module._modules.items() if inner is not None}
