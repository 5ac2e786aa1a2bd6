"""Injective networks as ONNX files that keep the pairs in the graph."""

import copy
import logging
import warnings
from os import PathLike

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from monic.nn.precision import held

__all__ = ["export", "without_parametrizations"]


def export(
    module: nn.Module, example: Tensor | tuple[Tensor, ...], path: str | PathLike[str]
) -> None:
    """Writes a module to an ONNX file that `monic.load` reads back exactly.

    A layer is written as z = B x + b, then (z, -d z, M x + c), then ReLU, and never as one
    rounded weight: `monic.decide` finds its pairs. The batch is of any size.

    Arguments:
        module: A module; it is not changed. Parametrizations are evaluated first.
        example: A batch of inputs, or several inputs of one batch.
        path: Where to write.
    """
    plain = without_parametrizations(module).eval()
    given = example if isinstance(example, tuple) else (example,)
    if any(len(batch) == 1 for batch in given):  # torch takes a size of 1 for a constant
        given = tuple(torch.cat((batch, batch)) for batch in given)
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torch about its own code
            torch.onnx.export(
                plain,
                given,
                path,
                dynamo=True,
                external_data=False,
                dynamic_shapes=({0: torch.export.Dim("batch")},) * len(given),
                verbose=False,
            )
    finally:
        quiet.setLevel(level)


def without_parametrizations(module: nn.Module) -> nn.Module:
    """Returns a copy of a module whose weights are plain parameters, as they are now."""
    plain = copy.deepcopy(module)
    with held(plain):
        _take_off(plain)
    return plain


def _take_off(plain: nn.Module) -> None:
    for inner in plain.modules():
        if parametrize.is_parametrized(inner):
            # the copy shares the class that torch made for the original, and taking a
            # parametrization off one would take it off the other: it gets a class of its own
            kind = type(inner)
            inner.__class__ = type(kind.__name__, kind.__bases__, dict(kind.__dict__))
            for name in list(inner.get_submodule("parametrizations")._modules):
                parametrize.remove_parametrizations(inner, name, leave_parametrized=True)
