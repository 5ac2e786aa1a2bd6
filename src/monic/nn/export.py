"""Injective networks as ONNX files that keep the pairs in the graph."""

import copy
import logging
import warnings
from os import PathLike

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

__all__ = ["export", "without_parametrizations"]


def export(module: nn.Module, example: Tensor, path: str | PathLike[str]) -> None:
    """Writes a module to an ONNX file that `monic.load` reads back exactly.

    A layer is written as z = B x + b, then (z, -d z, M x + c), then ReLU, and never as one
    rounded weight: `monic.decide` finds its pairs. The batch is of any size.

    Arguments:
        module: A module; it is not changed. Parametrizations are evaluated first.
        example: A batch of inputs.
        path: Where to write.
    """
    plain = without_parametrizations(module).eval()
    example = torch.cat((example, example)) if len(example) == 1 else example
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torch about its own code
            torch.onnx.export(
                plain,
                (example,),
                path,
                dynamo=True,
                external_data=False,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
    finally:
        quiet.setLevel(level)


def without_parametrizations(module: nn.Module) -> nn.Module:
    """Returns a copy of a module whose weights are plain parameters, as they are now."""
    plain = copy.deepcopy(module)
    for inner in plain.modules():
        if parametrize.is_parametrized(inner):
            # the copy shares the class that torch made for the original, and taking a
            # parametrization off one would take it off the other: it gets a class of its own
            kind = type(inner)
            inner.__class__ = type(kind.__name__, kind.__bases__, dict(kind.__dict__))
            for name in list(inner.get_submodule("parametrizations")._modules):
                parametrize.remove_parametrizations(inner, name, leave_parametrized=True)
    return plain
