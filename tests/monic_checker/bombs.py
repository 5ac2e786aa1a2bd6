"""Small files that ask for very much, each checked in a process with little memory.

Run by the tests as a program, which imports nothing but the standard library and the checker:
for each bomb a child of its own checks it under limits of the system, and a line of JSON says
what came out, and at what peak of memory.
"""

import hashlib
import io
import json
import os
import random
import resource
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import monic_checker

__all__ = ["ADDRESS_SPACE", "BOMBS", "CPU_SECONDS", "PEAK", "WORK"]

#: The bytes that a process may have at its peak.
PEAK = 512 * 10**6

#: Beside that: the address space, which counts libraries of which little is loaded.
ADDRESS_SPACE = PEAK + 300 * 10**6

#: The work that each bomb is given, and a wall far behind it for those that were not charged.
WORK, CPU_SECONDS = 6 * 10**8, 20

VERSION = b"monic-proof 1\n"
WHOLE = {"kind": "whole"}
Files = tuple[bytes, dict[str, bytes]]


def proof(
    steps: list[Any],
    evidence: dict[str, Any],
    *,
    arrays: list[Any] | None = None,
    domain: dict[str, Any] = WHOLE,
    kind: str = "affine",
    claim: str = "INJECTIVE",
    body: bytes = b"",
) -> bytes:
    """A proof about a layer."""
    subject = {"kind": kind, "arrays": arrays or [], "map": steps, "domain": domain}
    return of_subject(subject, evidence, claim) + body


def of_subject(subject: Any, evidence: Any, claim: str = "INJECTIVE") -> bytes:
    """A proof about any subject."""
    header = {"claim": claim, "assumption": None, "subject": subject, "evidence": evidence}
    return VERSION + json.dumps(header, separators=(",", ":")).encode() + b"\n"


def network(stages: list[Any], evidence: Any, claim: str = "INJECTIVE") -> bytes:
    """A proof about a network of stages (activation, carried, steps)."""
    entries = [
        {"activation": name, "carried": carried, "slope": None, "arrays": [], "map": steps}
        for name, carried, steps in stages
    ]
    return of_subject({"kind": "network", "stages": entries, "domain": WHOLE}, evidence, claim)


def composed(*layers: Any) -> dict[str, Any]:
    """Evidence about stages in turn: (stages, domain, evidence)."""
    keys = ("stages", "domain", "evidence")
    entries = [dict(zip(keys, layer, strict=True)) for layer in layers]
    return {"kind": "composition", "layers": entries}


def geometry(shape: list[int], padding: list[list[int]], mode: str, **more: Any) -> dict[str, Any]:
    """The geometry of a convolution."""
    axes = len(shape) - 1
    ones = [1] * axes
    return {
        "shape": shape,
        "stride": ones,
        "dilation": ones,
        "padding": padding,
        "groups": 1,
        "mode": mode,
    } | more


INVERTIBLE = {"kind": "invertible"}
TREE = {"kind": "tree"}
FILTERS = {"kind": "independent-filters", "prime": 1048583, "filters": [0]}


def orthant() -> Files:
    """182 bytes: 4 million half-spaces."""
    domain = {"kind": "orthant"}
    return proof([["input", 4_000_000]], INVERTIBLE, domain=domain), {}


def orthant_tree() -> Files:
    """The same with side rows."""
    domain = {"kind": "orthant"}
    return proof([["input", 4_000_000]], TREE, domain=domain, kind="relu-layer"), {}


def one_tap(mode: str, size: int, pads: int, filters: dict[str, Any], taps: int = 2) -> Files:
    """A convolution whose table has very many entries."""
    grid = geometry([1, size], [[pads, pads]], mode)
    arrays = [{"values": ["1"] * taps, "shape": [1, 1, taps]}]
    return proof([["input", size], ["convolution", 0, 0, grid]], filters, arrays=arrays), {}


def windows() -> Files:
    """Windows of an input whose end is read by two million output positions."""
    grid = geometry([1, 4], [[10**6, 10**6]], "replicate")
    arrays = [{"values": ["1", "1"], "shape": [1, 1, 2]}]
    steps = [["input", 4], ["convolution", 0, 0, grid]]
    classes = [{"windows": [[0, 0]] * 1000, "proof": TREE}]
    evidence = {"kind": "windows", "size": [4], "classes": classes}
    return proof(steps, evidence, arrays=arrays, kind="relu-layer"), {}


def three_axes() -> Files:
    """403 bytes: tables of three axes, and of 64 convolutions."""
    grid = geometry([1, 1, 1, 1], [[150, 150]] * 3, "replicate")
    arrays = [{"values": ["1"] * 8, "shape": [1, 1, 2, 2, 2]}]
    return proof([["input", 1], ["convolution", 0, 0, grid]], FILTERS, arrays=arrays), {}


def long_numbers(size: int, digits: int) -> Files:
    """The rank of a singular matrix of rationals whose denominators all differ."""
    rng = random.Random(0)
    rows = [
        [f"{rng.randrange(10**digits)}/{rng.randrange(10**digits) * 2 + 1}" for _ in range(size)]
        for _ in range(size - 1)
    ]
    values = [entry for row in [*rows, rows[0]] for entry in row]
    steps = [["input", size], ["linear", 0, 0]]
    evidence = {"kind": "independent-rows", "rows": list(range(size))}
    return proof(steps, evidence, arrays=[{"values": values, "shape": [size, size]}]), {}


def long_tree(size: int, digits: int) -> Files:
    """A relation of long rows, again and again."""
    rng = random.Random(0)
    values = [
        f"{rng.randrange(10**digits)}/{rng.randrange(10**digits) * 2 + 1}"
        for _ in range(size * (size + 1))
    ]
    steps = [["input", size], ["linear", 0, 0]]
    body = b"".join(bytes([1, 0, k]) for k in range(size)) + bytes(10)
    arrays = [{"values": values, "shape": [size + 1, size]}]
    return proof(steps, TREE, arrays=arrays, kind="relu-layer", body=body), {}


def spectrum(positions: int, filters: int) -> Files:
    """A circulant whose frequencies are all looked at, and found to be good."""
    rng = random.Random(0)
    taps = 3
    values = [str(rng.randrange(1, 99)) for _ in range(filters * taps)]
    grid = geometry([1, positions], [[1, 1]], "circular")
    arrays = [{"values": values, "shape": [filters, 1, taps]}]
    prime = 7340033  # 7 * 2^20 + 1
    evidence = FILTERS | {"prime": prime, "filters": list(range(filters))}
    return proof([["input", positions], ["convolution", 0, 0, grid]], evidence, arrays=arrays), {}


def json_header(piece: bytes, count: int) -> Files:
    """A header of very many small values."""
    return VERSION + b"[" + piece * count + b"0]\n", {}


def named(data: bytes, shape: list[int], dtype: str = "float32") -> dict[str, Any]:
    """An array of a model, as a header names it."""
    return {"dtype": dtype, "shape": shape, "sha256": hashlib.sha256(data).hexdigest()}


def npy(data: bytes, shape: tuple[int, ...], *, fortran: bool = False) -> bytes:
    """A .npy file."""
    line = f"{{'descr': '<f4', 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line + data


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return stream.getvalue()


def with_array(shape: list[int], data: bytes) -> bytes:
    """A proof about a matrix of the model."""
    steps = [["input", shape[1]], ["linear", 0, 0]]
    evidence = {"kind": "independent-rows", "rows": [0] * shape[1]}
    return proof(steps, evidence, arrays=[named(data, shape)])


def fortran() -> Files:
    """4 kB: four million bytes in Fortran order."""
    shape = [1000, 1000]
    data = bytes(4 * 10**6)
    member = npy(data, (1000, 1000), fortran=True)
    return with_array(shape, b""), {"m.npz": archive({"w.npy": member})}


def zip_bomb(megabytes: int) -> Files:
    """An array that unpacks to a thousand times the file's bytes."""
    shape = (megabytes, 2**18)
    data = bytes(megabytes * 2**20)
    return with_array([*shape], data), {"m.npz": archive({"w.npy": npy(data, shape)})}


def many_members() -> Files:
    """An archive with very many members."""
    members = {f"{k}": b"" for k in range(60_000)}
    return with_array([1, 1], b""), {"m.npz": archive(members, zipfile.ZIP_STORED)}


def pickle_of_views(count: int) -> bytes:
    """A pickle of a dict with many transposed views of one storage."""
    storage = b"\x8c\x07storagectorch\nFloatStorage\n\x8c\x010\x8c\x03cpuK\x00tQ"
    view = b"ctorch._utils\n_rebuild_tensor_v2\n((" + storage
    view += b"K\x00" + b"(M\xf4\x01M\xf4\x01t(K\x01M\xf4\x01t\x89NtR"
    entries = b"".join(b"X\x04\x00\x00\x00%04d" % k + view for k in range(count))
    return b"\x80\x02}(" + entries + b"u."


def views(count: int) -> Files:
    """2 MB: a storage, and many strided views of it."""
    members = {"m/data.pkl": pickle_of_views(count), "m/data/0": bytes(4 * 500 * 500)}
    data = archive(members, zipfile.ZIP_STORED)
    return with_array([500, 500], b""), {"m.pt": data}


def pickle_of(data: bytes) -> Files:
    """A pickle that makes very much of each byte."""
    members = {"m/data.pkl": b"\x80\x04" + data + b"."}
    return with_array([1, 1], b""), {"m.pt": archive(members, zipfile.ZIP_STORED)}


def doubled_names() -> Files:
    """A tuple of a tuple of ..., twice each, where a name is expected."""
    pair = b"q\x00h\x00\x86"
    return pickle_of(b")" + pair * 60 + b"q\x00h\x00\x93")


def varint(number: int) -> bytes:
    """An integer as protobuf has it."""
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def message(field: int, data: bytes) -> bytes:
    """A field that is no varint."""
    return varint(8 * field + 2) + varint(len(data)) + data


def onnx(graph: bytes) -> Files:
    """An ONNX file with such a graph."""
    return with_array([1, 1], b""), {"m.onnx": message(7, graph)}


def tensor(*fields: bytes) -> bytes:
    """A float tensor of one number, as an initialiser."""
    return message(5, b"\x10\x01" + b"".join(fields))


def safetensors(piece: bytes, count: int) -> Files:
    """A safetensors file with a header of very many small values."""
    header = b'{"w":[' + piece * count + b"0]}"
    return with_array([1, 1], b""), {"m.safetensors": struct.pack("<Q", len(header)) + header}


def long_multiplier() -> Files:
    """A multiplier of 40 million digits."""
    domain = {"kind": "ball", "radius": "1", "center": ["0"]}
    arrays = [{"values": ["1"], "shape": [1, 1]}, {"values": ["2"], "shape": [1]}]
    steps = [["input", 1], ["linear", 0, 0], ["shift", 1, 1]]
    body = bytes([1, 0, 0]) + b"\x80" * (4 * 10**7) + b"\x01"
    head = proof(steps, TREE, arrays=arrays, domain=domain, kind="relu-layer")
    return head + body, {}


def carried() -> Files:
    """A ReLU past all but one of 2^38 numbers."""
    stage = ("relu", 2**38 - 1, [["input", 2**38]])
    return network([stage], composed((1, None, INVERTIBLE))), {}


def wide_slopes() -> Files:
    """Intervals of 2^38 numbers."""
    stages = [("identity", 0, [["input", 2**38]])] * 2
    return network(
        stages, composed(*[(1, None, INVERTIBLE)], (1, {"kind": "whole"}, INVERTIBLE))
    ), {}


def contraction(n: int) -> Files:
    """Spectral norms of an identity of many numbers."""
    stages = [("relu", n - 1, [["input", n]]), ("identity", 0, [["input", n]])]
    norms = [["1", "1", "1", "1"], ["1", "1", "1", "1"]]
    evidence = {"kind": "contraction", "norms": norms}
    return network(stages, composed((2, None, evidence))), {}


def selected() -> Files:
    """One of 2^39 numbers, as a permutation of all of them."""
    return proof([["input", 2**39], ["select", [0], 0]], INVERTIBLE), {}


def concatenated() -> Files:
    """Blocks of filters, twice each, forty times."""
    steps = [["input", 4], ["convolution", 0, 0, geometry([1, 4], [[0, 0]], "zero")]]
    steps += [["concat", k, k] for k in range(1, 36)]
    return proof(steps, FILTERS, arrays=[{"values": ["1"] * 4, "shape": [1, 1, 4]}]), {}


def denominators() -> Files:
    """A box whose bounds have different long denominators, and a map that adds them up."""
    n, ends = 400, [f"1/{10**300 + k}" for k in range(400)]
    box = {"kind": "box", "lower": ["0"] * n, "upper": ends}
    arrays = [{"values": ["1"] * n, "shape": [1, n]}, {"values": ["1"] * n, "shape": [n, 1]}]
    affine = {"activation": "identity", "carried": 0, "slope": None, "arrays": arrays}
    inner = {"map": [["input", n], ["linear", 0, 0], ["linear", 1, 1]]}
    outer = affine | {"map": [["input", n]]}
    subject = {"kind": "network", "stages": [affine | inner, outer], "domain": box}
    rows = {"kind": "independent-rows", "rows": list(range(n))}
    wide = {"kind": "box", "lower": ["0"] * n, "upper": ["9"] * n}
    return of_subject(subject, composed((1, None, rows), (1, wide, rows))), {}


def long_point() -> Files:
    """A point whose coordinates have different long denominators, in a polyhedron."""
    n = 600
    rationals = [f"1/{10**400 + 2 * k + 1}" for k in range(n)]
    domain = {"kind": "polyhedron", "A": [["1"] * n] * 100, "c": ["1"] * 100}
    evidence = {"kind": "collision", "x": rationals, "other": ["0"] * n}
    return proof([["input", n]], evidence, domain=domain, claim="NOT_INJECTIVE"), {}


def random_skips() -> Files:
    """A sum behind very many steps, each of which is looked for in all of them."""
    matrix = named(b"", [3, 1], "float32")
    many = 20_000
    steps = [["input", 1], *[["linear", 0, 0]] * many, ["add", *range(1, many + 1)]]
    stage = {"activation": "identity", "carried": 0, "slope": None, "arrays": [matrix]}
    subject = {"kind": "network", "stages": [stage | {"map": steps}], "domain": WHOLE}
    evidence = composed((1, None, {"kind": "random-skip"}))
    return of_subject(subject, evidence), {}


BOMBS: dict[str, Callable[[], Files]] = {
    "orthant": orthant,
    "tree on an orthant": orthant_tree,
    "table of one axis": lambda: one_tap("replicate", 1, 10**6, FILTERS),
    "circular table": lambda: one_tap("circular", 2**20, 2**19, FILTERS),
    "table as rows": lambda: one_tap("zero", 2**20, 0, {"kind": "independent-rows", "rows": []}),
    "tables of three axes": three_axes,
    "windows": windows,
    "rank of a singular matrix of long numbers": lambda: long_numbers(12, 35),
    "the same of 48 rows": lambda: long_numbers(48, 35),
    "long numbers in a tree": lambda: long_tree(12, 35),
    "longer numbers in a tree": lambda: long_tree(48, 70),
    "spectrum of 2^12": lambda: spectrum(2**12, 300),
    "spectrum of 2^20": lambda: spectrum(2**20, 2),
    "header of lists": lambda: json_header(b"[],", 2 * 10**6),
    "header of objects": lambda: json_header(b'{"a":[[[0]]]},', 10**6),
    "header of numbers": lambda: json_header(b"1234567,", 4 * 10**6),
    "header of texts": lambda: json_header(b'"1/3",', 10**6),
    "Fortran order": fortran,
    "zip bomb": lambda: zip_bomb(300),
    "zip bomb that fits": lambda: zip_bomb(64),
    "members of an archive": many_members,
    "strided views": lambda: views(10),
    "very many strided views": lambda: views(5000),
    "pickle of marks": lambda: pickle_of(b"(" * 10**7),
    "pickle of tuples": lambda: pickle_of(b")\x85" + b"\x85" * 10**7),
    "pickle of notes": lambda: pickle_of(b"N" + b"\x94" * 10**7),
    "doubled names": doubled_names,
    "fields of a graph": lambda: onnx(b"\x08\x01" * 4 * 10**6),
    "initialisers": lambda: onnx(tensor(message(9, bytes(4))) * 10**6),
    "dimensions": lambda: onnx(tensor(message(1, b"\x01" * 10**7))),
    "packed integers": lambda: onnx(
        message(5, b"\x10\x06\x08" + varint(10**7) + message(5, b"\x01" * 10**7))
    ),
    "header of a safetensors file": lambda: safetensors(b"[],", 2 * 10**6),
    "long multiplier": long_multiplier,
    "carried numbers": carried,
    "intervals": wide_slopes,
    "spectral norms": lambda: contraction(300),
    "more spectral norms": lambda: contraction(20_000),
    "selected": selected,
    "concatenated blocks": concatenated,
    "denominators": denominators,
    "long point": long_point,
    "random skips": random_skips,
}


def main() -> None:
    """Checks the bombs that are named, or all, and prints a line for each."""
    for name in sys.argv[1:] or BOMBS:
        with tempfile.TemporaryDirectory() as folder:
            data, models = BOMBS[name]()
            for file, content in {"proof": data, **models}.items():
                (Path(folder) / file).write_bytes(content)
            paths = [Path(folder) / file for file in models]
            size = len(data) + sum(map(len, models.values()))
            del data, models
            print(json.dumps({"name": name, "size": size} | in_child(Path(folder), paths)))


def in_child(folder: Path, models: list[Path]) -> dict[str, Any]:
    """What a process with limits says about a proof; the limits are the system's."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.write(writer, json.dumps(limited(folder, models)).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as stream:
        said = stream.read()
    _, status, usage = os.wait4(child, 0)
    found = json.loads(said) if said else {"outcome": f"died of {status}", "work": None}
    seconds = round(usage.ru_utime + usage.ru_stime, 2)
    return found | {"peak": usage.ru_maxrss * 1024, "seconds": seconds}


def limited(folder: Path, models: list[Path]) -> dict[str, Any]:
    """Checks a proof under limits."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    try:
        monic_checker.check_files(folder / "proof", models, work=WORK)
    except monic_checker.CheckError as error:
        return {"outcome": type(error).__name__, "message": str(error)[:200]}
    except BaseException as error:  # the tests say what is wrong with it
        return {"outcome": f"escaped: {error!r:.200}"}
    return {"outcome": "valid"}


if __name__ == "__main__":
    main()
