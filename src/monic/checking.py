"""The front door to the independent checker: hands it a proof and the arrays it speaks about."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import monic_checker
from monic.certificate import Certificate
from monic.errors import InvalidProof, MalformedProof, UnreadableModel
from monic.model import (
    AffineMap,
    ChannelScale,
    ChannelShift,
    Linear,
    Network,
    ReLULayer,
    Scale,
    Shift,
    Stage,
)
from monic.model.array import Array
from monic.model.convolution import ConvolutionMap
from monic.model.derived import origin_of

__all__ = ["check", "claim"]


def check(
    proof: str | Path | Certificate, model: str | Path | ReLULayer | Network | Stage
) -> None:
    """Checks a proof about a model; returns nothing when the proof is valid.

    The work is done by `monic_checker`, which shares no code with the rest of monic. It knows
    the weights by their content: a proof about other weights is invalid.

    Arguments:
        proof: A proof file, or the certificate of a decision.
        model: A model file, which the checker reads by itself, or the layer or network.

    Raises:
        InvalidProof: when the proof does not prove its claim about these weights; the message
            names the step.
        MalformedProof: when the file is no proof, or cannot be read.
        UnreadableModel: when the model file cannot be read.

    Example:
        >>> from monic import ReLULayer, check, decide
        >>> layer = ReLULayer([[1.0], [-1.0]])
        >>> check(decide(layer).certificate, layer)
    """
    claim(proof, model)


def claim(proof: str | Path | Certificate, model: str | Path | ReLULayer | Network | Stage) -> str:
    """Returns what a proof proves, in words, after checking it; raises as `check` does."""
    with _stream(proof) as stream:
        try:
            return monic_checker.check(stream, _arrays(model)).sentence()
        except monic_checker.InvalidProof as error:
            raise InvalidProof(str(error)) from None
        except monic_checker.MalformedProof as error:
            raise MalformedProof(str(error)) from None
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


def _arrays(
    model: str | Path | ReLULayer | Network | Stage,
) -> Iterable[monic_checker.Array]:
    if isinstance(model, str | Path):
        return _arrays_of_file(Path(model))
    stages = model.stages if isinstance(model, Network) else (model,)
    weights = (pair for stage in stages for pair in _weights(stage.map))
    return [_array(name, own) for name, array in weights for own in _own(array)]


def _arrays_of_file(path: Path) -> Iterator[monic_checker.Array]:
    try:
        yield from monic_checker.read_arrays(path)
    except OSError as error:
        raise UnreadableModel(f"Expected a model file. Cannot read {path}: {error}.") from None


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


def _own(array: Array) -> tuple[Array, ...]:
    """The arrays of the user's model: those that a derived array is computed from."""
    origin = origin_of(array)
    return (array,) if origin is None else origin.sources


def _array(name: str, array: Array) -> monic_checker.Array:
    return monic_checker.Array(name, array.dtype.name, array.shape, array.tobytes())
