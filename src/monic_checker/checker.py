"""The front door: does this proof hold for these arrays?"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from monic_checker.arrays import Array
from monic_checker.body import Body
from monic_checker.claim import Claim, state_claim
from monic_checker.header import read_header
from monic_checker.models import read_arrays
from monic_checker.system import find_arrays

__all__ = ["check", "check_files"]


def check(proof: BinaryIO | str | os.PathLike[str], arrays: Iterable[Array]) -> Claim:
    """Checks a proof against the arrays of a model.

    Arguments:
        proof: A path, or a binary stream at its beginning.
        arrays: The arrays of the model, in any order, with others among them.

    Returns:
        What has been proved; its `sentence()` says it in words.

    Raises:
        InvalidProof: when the proof does not hold, or the arrays are others.
        MalformedProof: when the file is not a proof at all.
        OSError: when the file cannot be read.
    """
    if isinstance(proof, (str, os.PathLike)):
        with open(proof, "rb") as stream:
            return check(stream, arrays)
    header = read_header(proof)
    found = find_arrays(header.subject, arrays)
    findings = header.check(found, Body(proof))
    return state_claim(header, found, findings)


def check_files(proof: str | os.PathLike[str], models: Iterable[str | os.PathLike[str]]) -> Claim:
    """Checks a proof against the arrays of some model files.

    Arguments:
        proof: The path of the proof.
        models: Paths of ONNX, safetensors, .pt, .npy and .npz files.

    Raises:
        InvalidProof: when the proof does not hold, or the models have other weights.
        MalformedProof: when the file is not a proof at all.
        UnreadableModel: when a model file is broken or of another kind.
        OSError: when a file cannot be read.
    """
    return check(proof, _all_arrays(models))


def _all_arrays(models: Iterable[str | os.PathLike[str]]) -> Iterator[Array]:
    for model in models:
        yield from read_arrays(Path(model))
