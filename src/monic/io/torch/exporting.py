"""From a module to its graph, by torch.export; the user's module is left as it is."""

import copy
import io
import linecache
import logging
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import ExportedProgram
from torch.nn.parameter import is_lazy
from torch.utils import _pytree as pytree

from monic.errors import UnreadableModel, UnsupportedModel

__all__ = ["exported", "in_evaluation"]

#: Batches have at most so many axes: examples, channels and three of space.
_RANK = 5

#: Loggers of torch that report what `exported` turns into an error of its own.
_TALKATIVE = ("torch._subclasses.fake_tensor", "torch.fx.experimental.symbolic_shapes")


def exported(module: nn.Module, input_shape: Sequence[int]) -> ExportedProgram:
    """Returns the graph of a module in evaluation mode, for one example.

    Arguments:
        module: The module; it is not changed, whichever mode it is in.
        input_shape: The shape of one example, with or without a batch axis of 1.

    Raises:
        UnreadableModel: when `input_shape` is no shape, the module does not take it, or has
            parameters without a shape.
        UnsupportedModel: when the graph depends on the data.
    """
    shape = _shape(input_shape)
    plain = in_evaluation(module)
    _insist_on_shapes(plain)
    errors: list[Exception] = []
    for tried in _given(in_evaluation(module), shape):  # what a copy keeps is none of the graph's
        try:
            return _graph(plain, tried)
        except Exception as error:  # the module's own code runs, which may raise anything
            errors.append(error)
    raise _refusal(plain, shape, errors[0])


def _given(module: nn.Module, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Returns the shapes to try in order: what the module may be given for one example.

    Sizes of 1 in front say nothing, so that the shape of an example and that of a batch of one
    mean the same: (3, 4, 4) and (1, 3, 4, 4), but also (4, 4), (1, 4, 4) and (1, 1, 4, 4). The
    module gets a batch of one, and more sizes of 1 after the batch axis (the channel of a grey
    image) where it does not act on each example of a batch without them.
    """
    start = next((k for k, size in enumerate(shape) if size > 1), len(shape) - 1)
    bare = shape[start:]
    every = [(1,) * count + bare for count in range(1, max(2, _RANK + 1 - len(bare)))]
    ones = {batch: _shapes_of_outputs(module, batch) for batch in every}
    taken = [batch for batch in every if ones[batch] is not None]
    for batch in taken:
        pairs = _shapes_of_outputs(module, (2, *batch[1:]))
        if pairs is not None and pairs == [(2, *one[1:]) for one in ones[batch] or () if one]:
            return [batch]
    return taken or every


def _shapes_of_outputs(module: nn.Module, shape: tuple[int, ...]) -> list[tuple[int, ...]] | None:
    """Returns the shapes that come of a shape, without computing; None when it is not taken."""
    try:
        with _quietly(), FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
            leaves = pytree.tree_leaves(module(_example(module, shape)))
    except Exception:  # the module's own code runs, which may raise anything
        return None
    return [tuple(leaf.shape) for leaf in leaves if isinstance(leaf, torch.Tensor)]


def _insist_on_shapes(module: nn.Module) -> None:
    tensors = (*module.named_parameters(), *module.named_buffers())
    lazy = [name for name, tensor in tensors if is_lazy(tensor)]
    if lazy:
        raise UnreadableModel(
            f"Expected a module whose parameters have their shapes. Got some without: "
            f"{', '.join(lazy)}. Call it once on an example before it is loaded."
        )


def in_evaluation(module: nn.Module) -> nn.Module:
    """Returns a copy of a module in evaluation mode that shares the module's parameters.

    Dropout is then the identity and batch norm uses its running statistics. Of a compiled module
    it is the module that was compiled.

    Raises:
        UnreadableModel: when it cannot be copied.
    """
    shared: dict[int, object] = {id(parameter): parameter for parameter in module.parameters()}
    for inner in module.modules():  # old hooks keep the weight in force as a plain attribute
        plain = (value for value in vars(inner).values() if isinstance(value, torch.Tensor))
        shared.update((id(value), value) for value in plain)
    try:
        twin: nn.Module = copy.deepcopy(getattr(module, "_orig_mod", module), shared)
    except Exception as error:  # the copy runs the module's own code, too
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UnreadableModel(
            "Expected a module that copy.deepcopy can copy, since a copy is put into evaluation "
            f"mode. Got {reason}. Remove what cannot be copied, such as open files."
        ) from None
    try:
        return twin.eval()
    except NotImplementedError:  # the module of an exported program has one mode only
        return twin


def _shape(given: Sequence[int]) -> tuple[int, ...]:
    shape = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else ()
    if not shape or not all(type(size) is int and size > 0 for size in shape):
        raise UnreadableModel(
            "Expected input_shape as the shape of one example, such as (784,) or (3, 32, 32). Got "
            f"{given!r}."
        )
    return shape


def _graph(module: nn.Module, shape: tuple[int, ...]) -> ExportedProgram:
    with _quietly(), torch.no_grad():
        program = torch.export.export(module, (_example(module, shape),), strict=False)
        # now no operator works in place, and none is taken apart
        plain: ExportedProgram = program.run_decompositions({})
        return plain


def _example(module: nn.Module, shape: tuple[int, ...]) -> torch.Tensor:
    floats = (p for p in module.parameters() if p.is_floating_point())
    like = next(floats, None)
    if like is None:
        return torch.zeros(shape)
    return torch.zeros(shape, dtype=like.dtype, device=like.device)


@contextmanager
def _quietly() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            with redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")
                yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _refusal(
    module: nn.Module, shape: tuple[int, ...], error: Exception
) -> UnreadableModel | UnsupportedModel:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    where, line = _place(module, error)
    at = f" in {where}" + (f" ({line})" if line else "")
    if "data-dependent" in str(error) or "data dependent" in str(error):
        return UnsupportedModel(
            f"Expected a module whose graph is the same for all inputs. Got one that looks at "
            f"the numbers{at}: {reason} Write it without branches on values, or load its parts."
        )
    return UnreadableModel(
        f"Expected a module that takes one example of shape {shape}, with a batch axis of 1 in "
        f"front, and that torch.export can follow. Got {type(error).__name__}{at}: {reason} Give "
        "the shape of one example as input_shape."
    )


def _place(module: nn.Module, error: Exception) -> tuple[str, str]:
    """Returns the innermost module that an error comes from, and the line of its code."""
    paths = {id(inner): path for path, inner in module.named_modules()}
    where, line = "the module", ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        own = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
        path = paths.get(id(own)) if code.co_name == "forward" else None
        if path is not None:
            where = repr(path) if path else "the module"
            line = linecache.getline(code.co_filename, number).strip()
    return where, line
