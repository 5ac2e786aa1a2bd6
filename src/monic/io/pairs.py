"""Arrays by name become layers: `NAME.weight` with `NAME.bias`."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from monic.errors import LayerError, TooLarge, UnsupportedModel
from monic.model import ReLULayer
from monic.model.array import Array

__all__ = ["Stored", "layers_of", "weights_with_biases"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """An array in a file that is not read before it is needed."""

    shape: tuple[int, ...]
    read: Callable[[], Array]


def layers_of(arrays: Mapping[str, Stored], default: str) -> dict[str, ReLULayer]:
    """Returns the ReLU layers that arrays with two-dimensional weights make, by name.

    Arguments:
        arrays: The arrays of a file, in its order.
        default: The name of a layer whose arrays are just `weight` and `bias`.

    Raises:
        UnsupportedModel: when nothing is a layer, or a layer's arrays do not fit; the message
            lists what there is.
    """
    names = [name for name in arrays if _last(name) == "weight"]
    usable = [name for name in names if len(arrays[name].shape) == 2]
    left = [*(n for n in names if n not in usable), *_lonely(arrays)]
    if not usable:
        raise UnsupportedModel(_nothing(arrays, left))
    if left:
        _log.warning("Not read as layers: %s.", ", ".join(_describe(arrays, left)))
    return {_stem(name) or default: _layer(arrays, name) for name in usable}


def weights_with_biases(arrays: Mapping[str, Stored]) -> Iterable[tuple[str, Array, Array | None]]:
    """Yields every weight of two dimensions or more, kernels too, with the bias beside it."""
    for name, stored in arrays.items():
        if _last(name) == "weight" and len(stored.shape) >= 2:
            bias = arrays.get(_sibling(name, "bias"))
            yield _stem(name) or name, stored.read(), None if bias is None else bias.read()


def _layer(arrays: Mapping[str, Stored], name: str) -> ReLULayer:
    bias = arrays.get(_sibling(name, "bias"))
    try:
        return ReLULayer(arrays[name].read(), None if bias is None else bias.read())
    except TooLarge:
        raise
    except LayerError as error:
        raise UnsupportedModel(f"Layer {_stem(name) or name!r}: {error}") from None


def _lonely(arrays: Mapping[str, Stored]) -> Iterable[str]:
    for name in arrays:
        if _last(name) == "bias" and _sibling(name, "weight") not in arrays:
            yield name


def _nothing(arrays: Mapping[str, Stored], left: list[str]) -> str:
    found = "; ".join(_describe(arrays, left or list(arrays)))
    return (
        "Expected a weight of shape (m, n) under the name 'weight' or 'NAME.weight' (and its bias "
        f"under 'bias' or 'NAME.bias'). Got {found or 'no arrays at all'}. Store fully connected "
        "layers under such names, or export the network as ONNX."
    )


def _describe(arrays: Mapping[str, Stored], names: list[str]) -> list[str]:
    lonely = set(_lonely(arrays))
    return [
        f"{name!r} of shape {arrays[name].shape}" + (" without weight" if name in lonely else "")
        for name in names
    ]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _sibling(name: str, kind: str) -> str:
    stem = _stem(name)
    return f"{stem}.{kind}" if stem else kind
