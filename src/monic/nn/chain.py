"""Which modules may follow each other in an injective network."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeGuard

from torch import nn
from torch.nn.utils import parametrize

from monic.errors import LayerError
from monic.nn.grid import GridLayer
from monic.nn.module import InjectiveModule
from monic.nn.random_projection import RandomProjection
from monic.nn.steps import AffineStep, ElementwiseStep, ReshapeStep, inverse_of

__all__ = ["as_step", "insist_on_chain", "is_reshape", "leaves"]


def as_step(module: nn.Module, shape: tuple[int, ...] | None = None) -> InjectiveModule:
    """Returns a module with an inverse.

    Arguments:
        module: An injective module, or a plain one that is one-to-one.
        shape: What a `nn.Flatten` flattened, where it is known.

    Raises:
        LayerError: when a plain module is none that is one-to-one.
    """
    if isinstance(module, InjectiveModule):
        return module
    if isinstance(module, nn.Linear) and _kind(module) is nn.Linear:
        return AffineStep(module)
    if is_reshape(module):
        return ReshapeStep(module, shape)
    if inverse_of(module) is not None:
        return ElementwiseStep(module)
    raise LayerError(
        f"Expected modules that are one-to-one. Got {type(module).__name__}: {_why(module)}"
    )


def insist_on_chain(modules: Sequence[nn.Module]) -> None:
    """Refuses modules that are not one-to-one, or do not fit.

    Raises:
        LayerError: saying which pair, and why.
    """
    if not modules:
        raise LayerError("Expected at least one module. Got none.")
    last: int | None = None
    latent, name = latent_dim(modules), ""
    for index, module in enumerate(modules):
        if not isinstance(module, RandomProjection):
            as_step(module)
        into, out = _ports(module)
        if into is not None and last is not None and into != last:
            raise LayerError(
                f"Expected module {index} ({type(module).__name__}) to take the {last} features "
                f"that module {name} gives. Got one that takes {into}."
            )
        _insist_on_dimension(index, module, (into, out), (latent, name))
        if inverse_of(module) is None:  # activations take and give any number
            last, name = out, f"{index} ({type(module).__name__})"


def latent_dim(modules: Iterable[nn.Module]) -> int | None:
    """Returns how many numbers a network takes, None where it is not known."""
    for module in leaves(modules):
        if inverse_of(module) is not None:
            continue
        if isinstance(module, GridLayer):
            return None if module.input_size is None else math.prod(module.example_shape())
        size = getattr(module, "in_features", None)
        return None if size is None else int(size)
    return None


def leaves(modules: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """Yields the modules of a network and of the networks inside it, in order."""
    for module in modules:
        yield from leaves(module) if is_network(module) else (module,)


def is_network(module: nn.Module) -> TypeGuard[Iterable[nn.Module]]:
    """Whether a module is an injective network of modules, which it yields."""
    return isinstance(module, InjectiveModule) and isinstance(module, Iterable)


def _insist_on_dimension(
    index: int,
    module: nn.Module,
    ports: tuple[int | None, int | None],
    before: tuple[int | None, str],
) -> None:
    (into, out), (latent, name) = ports, before
    if isinstance(module, RandomProjection):
        if latent is not None and index and module.latent_dim != latent:
            raise LayerError(
                f"Expected module {index} (RandomProjection) with latent_dim={latent}, the "
                f"dimension of the network's input. Got {module.latent_dim}."
            )
        if not index:
            raise LayerError("Expected injective modules before a RandomProjection. Got none.")
    elif isinstance(module, nn.Linear) and into is not None and out is not None and out < into:
        after = f" after module {name}" if name else ""
        raise LayerError(
            f"Expected module {index} (Linear){after} to keep the dimension or raise it. Got one "
            f"from {into} to {out} dimensions: a linear map that lowers the dimension maps lines "
            "to points. Only a RandomProjection may, to 2n + 1 or more dimensions."
        )


def _ports(module: nn.Module) -> tuple[int | None, int | None]:
    """Returns how many features or channels a module takes and gives, None where any."""
    if is_network(module):
        return _ports_of_network(module)
    if isinstance(module, (nn.Flatten, nn.Unflatten)):
        return None, None
    for names in (("in_features", "out_features"), ("in_channels", "out_channels")):
        if hasattr(module, names[0]):
            given = getattr(module, names[1], None)
            return int(getattr(module, names[0])), None if given is None else int(given)
    channels = getattr(module, "num_channels", None)
    return (channels, channels) if channels is not None else (None, None)


def _ports_of_network(modules: Iterable[nn.Module]) -> tuple[int | None, int | None]:
    shaping = [_ports(module) for module in modules if inverse_of(module) is None]
    return (shaping[0][0], shaping[-1][1]) if shaping else (None, None)


def is_reshape(module: nn.Module) -> bool:
    """Whether a module only changes the shape of each example, as a whole."""
    if isinstance(module, nn.Flatten) and _kind(module) is nn.Flatten:
        return (module.start_dim, module.end_dim) == (1, -1)
    return isinstance(module, nn.Unflatten) and _kind(module) is nn.Unflatten and module.dim == 1


def _kind(module: nn.Module) -> type[nn.Module]:
    """Returns the class, exactly: a subclass may compute something else."""
    return parametrize.type_before_parametrizations(module)


def _why(module: nn.Module) -> str:
    if isinstance(module, nn.Linear):
        return "a subclass of nn.Linear may compute something else than its weight says."
    if isinstance(module, nn.ReLU):
        return (
            "a ReLU behind a layer with fewer than twice as many outputs as inputs is never "
            "one-to-one; InjectiveLinear and InjectiveConv contain theirs."
        )
    if "Pool" in type(module).__name__ or "Dropout" in type(module).__name__:
        return "it loses numbers."
    if "BatchNorm" in type(module).__name__:
        return "fold it into its neighbour, or use InjectiveGroupNorm."
    return "monic.nn has no inverse for it; see InjectiveConcat for keeping the input beside it."
