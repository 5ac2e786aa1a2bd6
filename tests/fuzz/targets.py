"""What is fuzzed: for each reader its valid files, how they are changed, and how they are read."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import monic_checker
from monic.errors import MonicError
from monic_checker import CheckError
from tests.fuzz import seeds
from tests.fuzz.mutation import Mutator, archived, bytewise, in_proof, mixed, proto, words
from tests.monic_checker.examples import EXAMPLES

__all__ = ["TARGETS", "Target"]

#: What the checker may take for one case.
MEMORY, WORK = 2**28, 10**8


@dataclass(frozen=True)
class Target:
    """A reader.

    Arguments:
        seeds: Valid files.
        mutate: How they are changed.
        read: Reads a file; only the errors below may come out.
        suffix: The ending of the file's name.
        errors: What may be raised on purpose.
    """

    seeds: Callable[[], list[bytes]]
    mutate: Mutator
    read: Callable[[Path], object]
    suffix: str
    errors: tuple[type[Exception], ...]


def _checked_arrays(path: Path) -> None:
    for array in monic_checker.read_arrays(path, memory=MEMORY, work=WORK):
        assert array.whole, f"{array.name} has another size than its shape"


_ARRAYS = [array for example in EXAMPLES.values() for array in example.arrays]


def _checked_proof(path: Path) -> None:
    with path.open("rb") as stream:
        claim = monic_checker.check(stream, _ARRAYS, memory=MEMORY, work=WORK)
    claim.sentence().encode("ascii")


def _checked_with_graph(path: Path) -> None:
    """A proof about a matrix of the graph, and the graph itself."""
    from monic_checker.budget import Budget
    from monic_checker.graph.errors import NotCompared
    from monic_checker.graph.model import read_graph

    try:
        read_graph(path, Budget(MEMORY, WORK))
    except NotCompared as error:
        str(error).encode("ascii", "replace")


def _loaded(path: Path) -> object:
    import monic

    return monic.load(path)


def _domain(path: Path) -> object:
    from monic.io import load_domain

    return load_domain(str(path), 2)


def _domain_words(path: Path) -> object:
    from monic.io import load_domain

    return load_domain(path.read_bytes().decode("latin-1"), 2)


def _checkpoint(path: Path) -> object:
    from monic.decision.checkpoint import load_checkpoints

    return load_checkpoints(path)


_CHECKER, _MONIC = (CheckError,), (MonicError,)
_NPY = mixed(bytewise, words)


def _safetensors(rng: random.Random, data: bytes) -> bytes:
    """The header as words, with a length that fits most often."""
    if rng.random() < 0.3:
        return bytewise(rng, data)
    length = int.from_bytes(data[:8], "little")
    header = words(rng, data[8 : 8 + length])
    size = len(header) if rng.random() < 0.9 else rng.choice((0, length, 2**40, 10**8))
    return size.to_bytes(8, "little") + header + data[8 + length :]


_WORDS = [b"whole", b"orthant", b"box:-1,1", b"box:0,inf", b"ball:0.5", b"box:-1e3,2.5e-3"]

TARGETS: dict[str, Target] = {
    "checker-npy": Target(seeds.arrays_npy, _NPY, _checked_arrays, ".npy", _CHECKER),
    "checker-npz": Target(seeds.arrays_npz, archived(_NPY), _checked_arrays, ".npz", _CHECKER),
    "checker-safetensors": Target(
        seeds.safetensors, _safetensors, _checked_arrays, ".safetensors", _CHECKER
    ),
    "checker-onnx": Target(seeds.onnx_models, proto, _checked_arrays, ".onnx", _CHECKER),
    "checker-graph": Target(seeds.onnx_models, proto, _checked_with_graph, ".onnx", _CHECKER),
    "checker-pt": Target(seeds.torch_files, archived(bytewise), _checked_arrays, ".pt", _CHECKER),
    "checker-proof": Target(seeds.proofs, in_proof, _checked_proof, ".monic", _CHECKER),
    "checker-body": Target(seeds.trees, seeds.in_body, _checked_proof, ".monic", _CHECKER),
    "checker-domain": Target(seeds.proofs, seeds.in_domain, _checked_proof, ".monic", _CHECKER),
    "monic-npy": Target(seeds.arrays_npy, _NPY, _loaded, ".npy", _MONIC),
    "monic-npz": Target(seeds.arrays_npz, archived(_NPY), _loaded, ".npz", _MONIC),
    "monic-safetensors": Target(seeds.safetensors, _safetensors, _loaded, ".safetensors", _MONIC),
    "monic-onnx": Target(seeds.onnx_models, proto, _loaded, ".onnx", _MONIC),
    "monic-pt": Target(seeds.torch_files, archived(bytewise), _loaded, ".pt", _MONIC),
    "monic-vnnlib": Target(
        seeds.vnnlib, mixed(words, words, bytewise), _domain, ".vnnlib", _MONIC
    ),
    "monic-domain-npz": Target(seeds.domains_npz, archived(_NPY), _domain, ".npz", _MONIC),
    "monic-domain-words": Target(
        lambda: _WORDS, mixed(words, bytewise), _domain_words, ".txt", _MONIC
    ),
    "monic-checkpoint": Target(
        seeds.checkpoints, archived(mixed(bytewise, words)), _checkpoint, "", _MONIC
    ),
}
