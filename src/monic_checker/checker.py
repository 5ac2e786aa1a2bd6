"""The front door: does this proof hold for these arrays?"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from monic_checker.arrays import Array
from monic_checker.body import Body
from monic_checker.budget import WORK, Budget, allowance
from monic_checker.claim import Claim, state_claim
from monic_checker.graph import compare
from monic_checker.header import read_header
from monic_checker.models import arrays_of
from monic_checker.system import find_arrays

__all__ = ["check", "check_files", "read_arrays"]


def check(
    proof: BinaryIO | str | os.PathLike[str],
    arrays: Iterable[Array],
    *,
    memory: int | None = None,
    work: int | None = None,
) -> Claim:
    """Checks a proof against the arrays of a model.

    Arguments:
        proof: A path, or a binary stream at its beginning.
        arrays: The arrays of the model, in any order, with others among them.
        memory: The bytes that the check may take; None allows 384 MiB, and 24 times the
            bytes of the arrays if they come as a list or a tuple.
        work: The units of work that it may take, about a nanosecond each; None allows 10^11.

    Returns:
        What has been proved; its `sentence()` says it in words.

    Raises:
        InvalidProof: when the proof does not hold, or the arrays are others.
        MalformedProof: when the file is not a proof at all.
        OverBudget: when more memory or work is needed than is allowed.
        OSError: when the file cannot be read.
    """
    if memory is None:
        known = arrays if isinstance(arrays, Sequence) else ()
        memory = allowance(sum(len(array.data) for array in known))
    return _check(proof, arrays, Budget(memory, WORK if work is None else work))


def check_files(
    proof: BinaryIO | str | os.PathLike[str],
    models: Iterable[str | os.PathLike[str]],
    *,
    memory: int | None = None,
    work: int | None = None,
) -> Claim:
    """Checks a proof against the arrays of some model files, and compares it with their graphs.

    Arguments:
        proof: A path, or a binary stream at its beginning.
        models: Paths of ONNX, safetensors, .pt, .npy and .npz files; the ONNX files hold graphs.
        memory: The bytes that the check may take; None allows 384 MiB, and 24 times the
            size of the model files.
        work: The units of work that it may take, about a nanosecond each; None allows 10^11.

    Returns:
        What has been proved; its `compared` says which graphs compute the same at points.

    Raises:
        InvalidProof: when the proof does not hold, the models have other weights, or a graph
            computes something else.
        MalformedProof: when the file is not a proof at all.
        UnreadableModel: when a model file is broken or of another kind.
        OverBudget: when more memory or work is needed than is allowed.
        OSError: when a file cannot be read.
    """
    paths = [Path(model) for model in models]
    budget = _budget(paths, memory, work)
    arrays = (array for path in paths for array in arrays_of(path, budget))
    return _check(proof, arrays, budget, paths)


def read_arrays(
    path: Path, *, memory: int | None = None, work: int | None = None
) -> Iterator[Array]:
    """Yields the arrays of a model file; number formats that no proof can name are left out.

    Arguments:
        path: An ONNX, safetensors, .pt, .npy or .npz file.
        memory: The bytes that one array may take; None allows what `check_files` does.
        work: The units of work that reading may take; None allows 10^11.

    Raises:
        UnreadableModel: when the file is broken, or its name has another ending.
        OverBudget: when more memory or work is needed than is allowed.
        OSError: when it cannot be opened.
    """
    yield from arrays_of(path, _budget([path], memory, work))


def _budget(paths: Iterable[Path], memory: int | None, work: int | None) -> Budget:
    if memory is None:
        memory = allowance(sum(map(_size, paths)))
    return Budget(memory, WORK if work is None else work)


def _size(path: Path) -> int:
    """The bytes of a file; 0 where none is, which its reader will say."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _check(
    proof: BinaryIO | str | os.PathLike[str],
    arrays: Iterable[Array],
    budget: Budget,
    models: Sequence[Path] = (),
) -> Claim:
    if isinstance(proof, (str, os.PathLike)):
        with open(proof, "rb") as stream:
            return _check(stream, arrays, budget, models)
    header = read_header(proof, budget)
    found = find_arrays(header.subject, arrays)
    with budget.scope():
        findings = header.check(found, Body(proof, budget))
    with budget.scope():
        compared = tuple(compare(header.subject, found, path) for path in models)
    return state_claim(header, found, findings, compared)
