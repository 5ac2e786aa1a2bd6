"""The front door to the independent checker: hands it a proof and the arrays it speaks about."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import monic_checker
from monic.certificate import Certificate
from monic.errors import (
    GraphNotCompared,
    InvalidProof,
    MalformedProof,
    OverBudget,
    UnreadableModel,
)
from monic.io.files import is_module
from monic.model import (
    AffineMap,
    ChannelScale,
    ChannelShift,
    Linear,
    Network,
    Quotient,
    ReLULayer,
    Scale,
    Shift,
    Stage,
)
from monic.model.array import Array
from monic.model.convolution import ConvolutionMap
from monic.model.derived import origin_of
from monic_checker.budget import allowance

if TYPE_CHECKING:
    from torch import nn

    Model = str | Path | ReLULayer | Network | Stage | nn.Module

__all__ = ["check", "claim"]


def check(
    proof: str | Path | Certificate,
    model: "Model",
    input_shape: Sequence[int] | None = None,
    *,
    memory: int | None = None,
    work: int | None = None,
    require_graph: bool = False,
) -> None:
    """Checks a proof about a model; returns nothing when the proof is valid.

    The work is done by `monic_checker`, which shares no code with the rest of monic. It knows
    the weights by their content: a proof about other weights is invalid. So is one about another
    function than the graph of an ONNX file is seen to compute at some points.

    Arguments:
        proof: A proof file, or the certificate of a decision.
        model: A model file, which the checker reads by itself, the layer or network, or a torch
            module: then its parameters, buffers and weights in force.
        input_shape: Of a module, as `load` takes it: then whatever `load` computes from the
            parameters may be named by the proof, too.
        memory: The bytes that the check may take; None allows 384 MiB, and 24 times the bytes of
            the model.
        work: The units of work that it may take, each about a nanosecond of one core; None
            allows 10^11.
        require_graph: Whether to raise when the model has no graph that could be compared.

    Raises:
        GraphNotCompared: when the proof holds for the weights, and no graph was compared; only
            with `require_graph`.
        InvalidProof: when the proof does not prove its claim about these weights; the message
            names the step.
        MalformedProof: when the file is no proof, or cannot be read.
        OverBudget: when the check needs more memory or work than it may take.
        UnreadableModel: when the model file cannot be read.

    Example:
        >>> from monic import ReLULayer, check, decide
        >>> layer = ReLULayer([[1.0], [-1.0]])
        >>> check(decide(layer).certificate, layer)
    """
    found = claim(proof, model, input_shape, memory=memory, work=work)
    if require_graph and not found.has_graph:
        reasons = " ".join(comparison.words for comparison in found.compared)
        raise GraphNotCompared(
            "Expected a proof that is compared with the graph of the model. "
            f"{reasons or 'Got a model without a graph.'} The proof holds for the weights."
        )


def claim(
    proof: str | Path | Certificate,
    model: "Model",
    input_shape: Sequence[int] | None = None,
    *,
    memory: int | None = None,
    work: int | None = None,
) -> monic_checker.Claim:
    """Returns what a proof proves, after checking it; raises as `check` does."""
    with _stream(proof) as stream:
        try:
            if isinstance(model, str | Path):
                return _checked_file(stream, Path(model), memory, work)
            size, arrays = _arrays(model, input_shape)
            limit = allowance(size) if memory is None else memory
            return monic_checker.check(stream, arrays, memory=limit, work=work)
        except monic_checker.InvalidProof as error:
            raise InvalidProof(str(error)) from None
        except monic_checker.MalformedProof as error:
            raise MalformedProof(str(error)) from None
        except monic_checker.OverBudget as error:
            raise OverBudget(str(error)) from None
        except monic_checker.UnreadableModel as error:
            raise UnreadableModel(str(error)) from None


@contextmanager
def _stream(proof: str | Path | Certificate) -> Iterator[BinaryIO]:
    if isinstance(proof, Certificate):
        with tempfile.TemporaryFile() as stream:  # a tree may be longer than memory
            proof.write(stream)
            stream.seek(0)
            yield stream
        return
    try:
        file = open(proof, "rb")
    except OSError as error:
        raise MalformedProof(f"Expected a proof file. Cannot read {proof}: {error}.") from None
    with file:
        yield file


def _checked_file(
    stream: BinaryIO, path: Path, memory: int | None, work: int | None
) -> monic_checker.Claim:
    try:
        return monic_checker.check_files(stream, [path], memory=memory, work=work)
    except OSError as error:
        raise UnreadableModel(f"Expected a model file. Cannot read {path}: {error}.") from None


def _arrays(
    model: "ReLULayer | Network | Stage | nn.Module", input_shape: Sequence[int] | None
) -> tuple[int, Iterable[monic_checker.Array]]:
    """The bytes of all arrays, and the arrays, copied one by one."""
    if is_module(model):
        from monic.io.torch import arrays_of_module

        pairs = list(arrays_of_module(model, input_shape))
    else:
        assert isinstance(model, ReLULayer | Network | Stage), "what else there is was taken above"
        pairs = _pairs(model)
    return sum(array.nbytes for _, array in pairs), (_array(*pair) for pair in pairs)


def _pairs(model: ReLULayer | Network | Stage) -> list[tuple[str, Array]]:
    stages = model.stages if isinstance(model, Network) else (model,)
    weights = (pair for stage in stages for pair in _weights(stage.map))
    found = [(name, own) for name, array in weights for own in _own(array)]
    slopes = [stage.slope for stage in stages if isinstance(stage, Stage)]
    return found + [("slope", slope) for slope in slopes if slope is not None]


def _weights(value: AffineMap) -> Iterator[tuple[str, Array]]:
    for step in value.steps():
        if isinstance(step, Linear):
            yield "weight", step.matrix
        elif isinstance(step, ConvolutionMap):
            yield "kernel", step.kernel
        elif isinstance(step, Shift | ChannelShift):
            yield "bias", step.vector
        elif isinstance(step, Scale | ChannelScale):
            yield "scale", step.vector
        elif isinstance(step, Quotient):
            yield "divisor", step.vector


def _own(array: Array) -> tuple[Array, ...]:
    """The arrays of the user's model: those that a derived array is computed from."""
    origin = origin_of(array)
    return (array,) if origin is None else origin.sources


def _array(name: str, array: Array) -> monic_checker.Array:
    return monic_checker.Array(name, array.dtype.name, array.shape, array.tobytes())
