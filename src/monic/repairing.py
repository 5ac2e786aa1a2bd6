"""Repair: layers that are paired up to rounding become exactly paired, and are decided again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from monic.decision import decide
from monic.decision.repair import (
    WAYS,
    Change,
    LayerRepair,
    Weights,
    repair_weights,
    replaced,
    weights_of,
)
from monic.decision.result import Decision, NetworkDecision
from monic.errors import LayerError, UnsupportedModel, UnwritableModel
from monic.io import load
from monic.io.pairs import weights_with_biases
from monic.io.replacing import stored, write_replaced
from monic.model import Activation, Network, ReLULayer, Stage
from monic.model.array import Array
from monic.model.asked import as_network

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["Repair", "repair", "repair_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A model whose layers are exactly paired where they were so up to rounding.

    Arguments:
        model: The neighbour, or the model itself where nothing is paired up to rounding.
        layers: What became of each layer that is.
        decision: What `decide` says about the neighbour.
    """

    model: ReLULayer | Network
    layers: tuple[LayerRepair, ...]
    decision: Decision | NetworkDecision


def repair(
    model: ReLULayer | Network,
    *,
    way: str = "entries",
    tolerance: float | None = None,
    time_limit: float | None = None,
) -> Repair:
    """Returns the neighbour of a model with exactly paired rows, and decides it.

    Rows w_j = fl(-d w_i) are not antiparallel, and the layer with them is not one-to-one
    (docs/rounding.md). The neighbour has w_i = a v and w_j = -c v, exactly, in the same number
    format, with c / a near d.

    Arguments:
        model: A layer or a network. (Files: `monic repair`.)
        way: "entries" rounds the entries of both rows, and moves least; "powers" rounds d to a
            power of two, and leaves w_i as it is.
        tolerance: Up to which |w_j + d w_i| / |w_j| rows are taken for pairs; by default 2^-20,
            or 16 units in the last place of coarser formats.
        time_limit: Seconds for each layer, when the neighbour is decided.

    Raises:
        LayerError: for an unknown way, or what is neither a layer nor a network.

    Example:
        >>> import numpy as np
        >>> B, d = np.array([[1.0, 0.3], [0.1, 0.7]]), np.array([[1.1], [0.6]])
        >>> found = repair(ReLULayer(np.vstack([B, -d * B])))
        >>> found.decision.verdict.name, found.layers[0].pairs, found.layers[0].relative < 1e-10
        ('INJECTIVE', 2, True)
    """
    _insist_on_way(way, WAYS[:2])
    stages = as_network(model).stages
    layers: list[LayerRepair] = []
    new: list[Stage] = []
    for stage in stages:
        found = _repaired(stage, way, tolerance)
        layers += [] if found is None else [found]
        changes = () if found is None else found.changes
        new.append(replace(stage, map=replaced(stage.map, changes)) if changes else stage)
    if isinstance(model, Network):
        network = Network(new, model.domain)
        return Repair(
            model=network, layers=tuple(layers), decision=decide(network, time_limit=time_limit)
        )
    layer = ReLULayer(new[0].map, domain=model.domain)
    return Repair(model=layer, layers=tuple(layers), decision=decide(layer, time_limit=time_limit))


def repair_file(
    source: Path,
    target: Path,
    *,
    way: str | None = None,
    tolerance: float | None = None,
    overwrite: bool = False,
) -> tuple[LayerRepair, ...]:
    """Writes the neighbour of a model file, if some layer of it is paired up to rounding.

    Arguments:
        source: An `.onnx`, `.npy`, `.npz` or `.safetensors` file.
        target: The output file, of the same kind.
        way: One of `WAYS`; None factors scales out where an ONNX graph allows it, and rounds
            entries elsewhere.
        tolerance: As for `repair`.
        overwrite: Whether the target may be the source itself.

    Returns:
        What became of each layer that is paired up to rounding; nothing is written when no pair
        was made exact.

    Raises:
        UnreadableModel: when the source cannot be read.
        UnwritableModel: when the target cannot be written, is of another kind, or is the source.
    """
    kind = source.suffix.lower()
    _insist_on_way(way or "entries", WAYS if kind == ".onnx" else WAYS[:2])
    if target.suffix.lower() != kind:
        raise UnwritableModel(f"Expected an output {kind}, as the input. Got {target.name!r}.")
    if target.exists() and source.exists() and target.samefile(source) and not overwrite:
        raise UnwritableModel(
            f"Expected another file than the input to write to. Got {str(target)!r}; pass "
            "--overwrite to replace it."
        )
    if kind == ".onnx":
        return _repair_onnx(source, target, way, tolerance)
    if kind not in (".npy", ".npz", ".safetensors") or not source.is_file():
        load(source)  # it may say what is wrong
        raise UnwritableModel(
            f"Expected an .onnx, .npy, .npz or .safetensors file to write again. Got {kind}; "
            "store its weights in one of these."
        )
    found = [
        repair_weights(Weights(name, array, bias), way or "entries", tolerance)
        for name, array, bias in weights_with_biases(stored(source))
    ]
    layers = tuple(layer for layer in found if layer is not None)
    changes = [change for layer in layers for change in layer.changes]
    if changes:
        write_replaced(source, target, _pairs(changes))
    return layers


def _repair_onnx(
    source: Path, target: Path, way: str | None, tolerance: float | None
) -> tuple[LayerRepair, ...]:
    from monic.io.onnx.file import message
    from monic.io.onnx.replacing import save

    network, graph = load(source), message(source)
    assert isinstance(network, Network), "an ONNX file holds a graph"
    layers = []
    for stage in network.stages:
        for each in (way,) if way else ("factored", "entries"):
            found = _repaired(stage, each, tolerance)
            if found is None:
                break
            if _applied(found, graph, stage, source.parent):
                layers.append(found)
                break
            if each == way:
                raise UnsupportedModel(
                    f"Expected rows of {stage.name!r} in the order [B; M; -DB], in one Gemm, "
                    "MatMul, Conv or ConvTranspose of its own, to factor scales out. Got another "
                    "graph; use --way entries."
                )
    if any(layer.pairs for layer in layers):
        save(graph, source.parent, target)
    return tuple(layers)


def _applied(found: LayerRepair, graph: "ModelProto", stage: Stage, folder: Path) -> bool:
    from monic.io.onnx.replacing import Factoring, factor, replace_arrays

    weights = weights_of(stage.name, stage.map)
    assert weights is not None, "only layers with weights are repaired"
    changed = type(graph)()
    changed.CopyFrom(graph)
    replace_arrays(changed, folder, _pairs(found.changes))
    if found.way == "factored" and found.pairs:
        if not factor(changed, folder, Factoring(weights.array, found.scales)):
            return False
    graph.CopyFrom(changed)
    return True


def _repaired(stage: Stage, way: str, tolerance: float | None) -> LayerRepair | None:
    """Only a ReLU needs rows that cover for each other."""
    weights = weights_of(stage.name, stage.map)
    if weights is None or stage.activation is not Activation.RELU or stage.carried:
        return None
    return repair_weights(weights, way, tolerance)


def _pairs(changes: Sequence[Change]) -> list[tuple[Array, Array]]:
    return [(change.old, change.new) for change in changes]


def _insist_on_way(way: str, ways: Sequence[str]) -> None:
    if way not in ways:
        raise LayerError(f"Expected a way among {', '.join(ways)}. Got {way!r}.")
