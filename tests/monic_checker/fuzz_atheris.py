"""Fuzzes the checker with atheris; run by hand, not by pytest.

In an environment with `pip install atheris python-flint`, from the root of the repository:

    PYTHONPATH=src:. python tests/monic_checker/fuzz_atheris.py proof -max_total_time=200
    PYTHONPATH=src:. python tests/monic_checker/fuzz_atheris.py body -max_total_time=200
    PYTHONPATH=src:. python tests/monic_checker/fuzz_atheris.py packing -max_total_time=200
    PYTHONPATH=src:. python tests/monic_checker/fuzz_atheris.py model -max_total_time=200

`proof` changes whole files; a claim that is accepted must be true by brute force. `body` changes
trees only, and asks the slow second road whether each tree holds; so does `packing`. `model`
changes model files. Nothing but the documented errors may escape.
"""

import io
import json
import struct
import sys
import tempfile
import zipfile
from pathlib import Path

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["monic_checker"]):
    from monic_checker import CheckError, InvalidProof, MalformedProof, check, read_arrays

from tests.monic_checker.examples import EXAMPLES, TREES
from tests.monic_checker.slow_check import claim_is_true, tree_holds
from tests.monic_checker.test_packing import BODY as PACKING
from tests.monic_checker.test_packing import TRIANGLES
from tests.monic_checker.test_packing import proof as packing_proof
from tests.monic_checker.tiny_prover import VERSION

_EXAMPLES = list(EXAMPLES.values())
_TREES = list(TREES.values())
_HEADS = [tree.layer.proof({"kind": "tree"}) for tree in _TREES]
_FOLDER = Path(tempfile.mkdtemp())
_ENDINGS = (".npy", ".npz", ".safetensors", ".onnx")

#: Layers with more entries are left to the checker alone: brute force would take too long.
_SMALL = 40


def fuzz_proof(data: bytes) -> None:
    """The first byte says for which example's arrays, the rest is a file."""
    if not data:
        return
    example = _EXAMPLES[data[0] % len(_EXAMPLES)]
    try:
        claim = check(io.BytesIO(data[1:]), example.arrays)
    except (InvalidProof, MalformedProof):
        return
    header = json.loads(data[1:].split(b"\n")[1])
    small = claim.m * (claim.n + 1) <= _SMALL and claim.n <= 3
    if small and not claim_is_true(header, example.arrays):
        raise AssertionError(f"a false claim was accepted: {header}")


def fuzz_body(data: bytes) -> None:
    """The first byte says which layer, the rest is a body."""
    if not data:
        return
    k = data[0] % len(_TREES)
    layer, body = _TREES[k].layer, data[1:]
    try:
        check(io.BytesIO(_HEADS[k] + body), layer.arrays)
    except (InvalidProof, MalformedProof):
        accepted = False
    else:
        accepted = True
    if accepted != tree_holds(layer, body):
        raise AssertionError(f"the two roads disagree about tree {k}: {body.hex()}")


def fuzz_packing(body: bytes) -> None:
    """The body of a packing."""
    try:
        check(io.BytesIO(packing_proof(TRIANGLES, body)), TRIANGLES.arrays)
    except (InvalidProof, MalformedProof):
        accepted = False
    else:
        accepted = True
    if accepted != tree_holds(TRIANGLES, body, packing=True):
        raise AssertionError(f"the two roads disagree about a packing: {body.hex()}")


def fuzz_model(data: bytes) -> None:
    """The first byte says which format, the rest is a file."""
    if not data:
        return
    path = _FOLDER / f"model{_ENDINGS[data[0] % len(_ENDINGS)]}"
    path.write_bytes(data[1:])
    try:
        for array in read_arrays(path):
            if not array.whole:
                raise AssertionError(f"{array.name} has another size than its shape")
    except CheckError:
        pass


def proof_seeds() -> list[bytes]:
    """The valid proofs."""
    return [bytes([k]) + example.proof for k, example in enumerate(_EXAMPLES)]


def body_seeds() -> list[bytes]:
    """The valid trees."""
    return [bytes([k]) + tree.body for k, tree in enumerate(_TREES)]


def model_seeds() -> list[bytes]:
    """A small valid file of each format."""
    numbers = struct.pack("<2f", 1.0, -1.0)
    line = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line + numbers
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr("w.npy", npy)
    header = b'{"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}'
    tensor = b"\x08\x02\x08\x01\x10\x01\x42\x01w\x4a\x08" + numbers
    constant = b"\x12\x01c\x22\x08Constant\x2a\x12\x0a\x0bvalue_float\x15\x00\x00\x80\x3f"
    graph = b"\x2a" + bytes([len(tensor)]) + tensor + b"\x0a" + bytes([len(constant)]) + constant
    onnx = b"\x3a" + bytes([len(graph)]) + graph
    safetensors = struct.pack("<Q", len(header)) + header + numbers
    files = [npy, archive.getvalue(), safetensors, onnx]
    return [bytes([k]) + file for k, file in enumerate(files)]


TARGETS = {
    "proof": (fuzz_proof, proof_seeds),
    "body": (fuzz_body, body_seeds),
    "packing": (fuzz_packing, lambda: [PACKING]),
    "model": (fuzz_model, model_seeds),
}


def main() -> None:
    """Fuzzes one target, from its seeds."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"expected one of {', '.join(TARGETS)}, then options of libFuzzer")
    target, seeds = TARGETS[sys.argv[1]]
    corpus = Path(tempfile.mkdtemp())
    words = ["claim", "subject", "evidence", "input", "linear", "values", VERSION.decode()]
    dictionary = corpus.parent / f"{corpus.name}.dict"
    dictionary.write_text("".join(f'"{word.strip()}"\n' for word in words))
    for k, seed in enumerate(seeds()):
        (corpus / str(k)).write_bytes(seed)
    options = [f"-dict={dictionary}", "-max_len=2000", *sys.argv[2:]]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
