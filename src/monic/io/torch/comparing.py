"""The comparison of a network with the torch module that it was read from.

Twice: with the exported graph, by torch's own operators in float64, node by node; and with the
module itself as it stands, in its own number format, which also tells whether the export is right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from monic.io.comparing import (
    Deadline,
    Evaluator,
    Subject,
    Unevaluated,
    as_floats,
    compared,
    insist_on_outputs,
)
from monic.io.onnx.comparing import subject_of
from monic.io.onnx.reader import Reading
from monic.io.torch.walk import Walked, needed_nodes, stored_tensors
from monic.model import Network
from monic.model.affine import FloatArray

__all__ = ["compared_with_module"]

_SHORT = (torch.float16, torch.bfloat16, torch.float32)


def compared_with_module(
    module: nn.Module, program: ExportedProgram, found: Walked, reading: Reading, seconds: float
) -> Network:
    """Returns the network that was read, with what came of comparing it.

    Arguments:
        module: The module in evaluation mode; it is only called.
        program: The module exported.
        found: Its graph in ONNX's operators.
        reading: What came of reading that.
        seconds: How long the comparison may take.

    Raises:
        ReadingError: when the network computes something else.
    """
    assert reading.network is not None, "what is not read is not compared"
    given = subject_of(found.graph, reading, f"the module {type(module).__name__}")
    labels = {name: found.labels.get(label, label) for name, label in given.labels.items()}
    subject: Subject = replace(given, labels=labels)
    [port] = found.graph.inputs
    shape = tuple(size or 1 for size in port.dims or ())
    result = compared(subject, [lambda: _Graph(program, found, shape)], seconds)
    if result.reason is None:
        insist_on_outputs(subject, _Module(module, subject.track.output, shape), seconds)
    return replace(reading.network, reading=result)


class _Graph(Evaluator):
    """An exported graph, by torch's operators in float64.

    What depends on parameters alone is computed as it stands, and widened then. Numbers that stand
    in the graph are rounded to float32 where torch's kernels do that.
    """

    name = "torch"
    unit = 2.0**-53

    def __init__(self, program: ExportedProgram, found: Walked, shape: Sequence[int]) -> None:
        self._nodes = needed_nodes(program)
        self._stored = stored_tensors(program)
        self._names, self._shape = found.names, tuple(shape)

    def tensors(
        self, x: FloatArray, names: Sequence[str], deadline: Deadline
    ) -> Mapping[str, FloatArray]:
        known: dict[fx.Node, Any] = {}
        moving: set[fx.Node] = set()
        with torch.no_grad():
            for node in self._nodes:
                deadline.check()
                if node.op == "placeholder":
                    known[node] = self._stored.get(node.name)
                    if known[node] is None:
                        known[node] = torch.from_numpy(x.reshape(self._shape).copy())
                        moving.add(node)
                elif node.op == "call_function":
                    if not moving.isdisjoint(node.all_input_nodes):
                        moving.add(node)
                    known[node] = _called(node, known, wide=node in moving)
        by_name = {node.name: value for node, value in known.items()}
        pairs = ((name, by_name.get(self._names.get(name, ""))) for name in names)
        return {name: _floats(value) for name, value in pairs if isinstance(value, Tensor)}


def _called(node: fx.Node, known: Mapping[fx.Node, Any], *, wide: bool) -> Any:
    given = pytree.tree_map(
        lambda leaf: known[leaf] if isinstance(leaf, fx.Node) else leaf,
        (node.args, dict(node.kwargs)),
    )
    if wide:
        exact = "upsample" in str(node.target)  # its scales are float64 in all formats
        is_short = _is_short(node)
        given = pytree.tree_map(lambda leaf: _widened(leaf, is_short and not exact), given)
        if "rms_norm" in str(node.target) and _epsilon(*given) is None:  # that of its format
            given = (*given[0][:3], *(None,) * (3 - len(given[0])), _eps(node)), given[1]
    target: Any = node.target
    try:
        return target(*given[0], **given[1])
    except Exception as error:  # an operator that takes no float64, for instance
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise Unevaluated(f"torch fails at {node.name}: {reason[:200]}") from None


def _epsilon(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    return args[3] if len(args) > 3 else kwargs.get("eps")


def _eps(node: fx.Node) -> float:
    return float(torch.finfo(node.meta["val"].dtype).eps)


def _is_short(node: fx.Node) -> bool:
    leaves = pytree.tree_leaves(node.meta.get("val"))
    return any(isinstance(leaf, Tensor) and leaf.dtype in _SHORT for leaf in leaves)


def _widened(leaf: Any, is_short: bool) -> Any:
    if isinstance(leaf, Tensor):
        return leaf.double() if leaf.dtype in _SHORT else leaf
    if isinstance(leaf, torch.dtype):
        return torch.float64 if leaf in _SHORT else leaf
    if isinstance(leaf, float) and is_short:
        return float(np.float32(leaf))
    return leaf


class _Module(Evaluator):
    """A module as it stands: its output alone."""

    name = "torch"

    def __init__(self, module: nn.Module, output: str, shape: Sequence[int]) -> None:
        floats = [p.dtype for p in module.parameters() if p.is_floating_point()]
        self._dtype = floats[0] if floats else torch.get_default_dtype()
        self.unit = float(torch.finfo(max(floats, key=_unit, default=self._dtype)).eps) / 2
        self._module, self._output, self._shape = module, output, tuple(shape)
        like = next((p for p in module.parameters()), torch.empty(0))
        self._device = like.device

    def tensors(
        self, x: FloatArray, names: Sequence[str], deadline: Deadline
    ) -> Mapping[str, FloatArray]:
        given = torch.from_numpy(x.reshape(self._shape).copy())
        try:
            with torch.no_grad():
                found = self._module(given.to(self._dtype).to(self._device))
        except Exception as error:  # the module's own code runs, which may raise anything
            raise Unevaluated(f"the module raises {type(error).__name__}") from None
        return {self._output: _floats(found)} if isinstance(found, Tensor) else {}


def _unit(dtype: torch.dtype) -> float:
    return float(torch.finfo(dtype).eps)


def _floats(tensor: Tensor) -> FloatArray:
    return as_floats(tensor.detach().cpu().double().numpy())
