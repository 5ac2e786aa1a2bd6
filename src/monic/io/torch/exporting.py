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
from torch.export import ExportedProgram

from monic.errors import UnreadableModel, UnsupportedModel

__all__ = ["exported", "in_evaluation"]

#: Loggers of torch that report what `exported` turns into an error of its own.
_TALKATIVE = ("torch._subclasses.fake_tensor", "torch.fx.experimental.symbolic_shapes")


def exported(module: nn.Module, input_shape: Sequence[int]) -> ExportedProgram:
    """Returns the graph of a module in evaluation mode, for one example.

    Arguments:
        module: The module; it is not changed, whichever mode it is in.
        input_shape: The shape of one example. The module gets it with a batch axis of 1 in
            front; if it does not take that, and the first size is 1, then as it stands.

    Raises:
        UnreadableModel: when `input_shape` is no shape, or the module does not take it.
        UnsupportedModel: when the graph depends on the data.
    """
    shape = _shape(input_shape)
    plain = in_evaluation(module)
    shapes = [(1, *shape), shape] if shape[:1] == (1,) else [(1, *shape)]
    errors: list[Exception] = []
    for tried in shapes:
        try:
            return _graph(plain, tried)
        except Exception as error:  # the module's own code runs, which may raise anything
            errors.append(error)
    raise _refusal(plain, shape, errors[0])


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
    floats = (p for p in module.parameters() if p.is_floating_point())
    like = next(floats, torch.empty(0))
    example = torch.zeros(shape, dtype=like.dtype, device=like.device)
    with _quietly(), torch.no_grad():
        program = torch.export.export(module, (example,), strict=False)
        # now no operator works in place, and none is taken apart
        plain: ExportedProgram = program.run_decompositions({})
        return plain


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
