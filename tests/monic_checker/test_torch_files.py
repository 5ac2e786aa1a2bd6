"""Files of torch as the checker reads them: as bytes, and never as the program that they hold."""

import os
import pickle
import random
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monic_checker import UnreadableModel, read_arrays
from monic_checker.instructions import records

SOURCE = str(Path(__file__).parents[2] / "src")

DTYPES = [
    *(torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.int16),
    *(torch.int8, torch.uint8),
]


def _saved(folder: Path, found: Any, name: str = "m.pt", **options: Any) -> Path:
    torch.save(found, folder / name, **options)
    return folder / name


def _arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    return {
        array.name: np.frombuffer(array.data, array.dtype).reshape(array.shape)
        for array in read_arrays(path)
    }


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 1, 3), (0, 2)])
def test_tensors(dtype: torch.dtype, shape: tuple[int, ...], tmp_path: Path) -> None:
    tensor = torch.randint(0, 100, shape).to(dtype)
    (array,) = read_arrays(_saved(tmp_path, {"w": tensor}))
    expected = tensor.numpy()
    assert (array.name, array.dtype, array.shape) == ("w", expected.dtype.name, shape)
    assert array.data == expected.tobytes()


def test_bfloat16(tmp_path: Path) -> None:
    tensor = torch.tensor([1.0, -2.5], dtype=torch.bfloat16)
    (array,) = read_arrays(_saved(tmp_path, {"w": tensor}))
    assert array.dtype == "bfloat16"
    assert array.data == tensor.view(torch.int16).numpy().tobytes()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols(protocol: int, tmp_path: Path) -> None:
    found = {
        "state_dict": torch.nn.Linear(2, 3).state_dict(),
        "step": 2**40,
        "rate": 0.5,
        "no": None,
    }
    arrays = _arrays(_saved(tmp_path, found, pickle_protocol=protocol))
    assert {name: array.shape for name, array in arrays.items()} == {
        "weight": (3, 2),
        "bias": (3,),
    }


def test_views_of_one_storage(tmp_path: Path) -> None:
    """Each tensor has its own numbers, wherever they lie, in C order."""
    whole = torch.arange(24.0).reshape(2, 3, 4)
    views = {
        "whole": whole,
        "part": whole[1],
        "columns": whole[:, :, 1:3],
        "transposed": whole.permute(2, 0, 1),
        "steps": whole[:, ::2, ::3],
        "parameter": torch.nn.Parameter(whole[0].t()),
        "shared": whole,
    }
    arrays = _arrays(_saved(tmp_path, views))
    assert set(arrays) == set(views)
    for name, view in views.items():
        assert np.array_equal(arrays[name], view.detach().numpy()), name


def test_repeated_numbers_are_left_out(tmp_path: Path) -> None:
    found = {"w": torch.ones(1).expand(1000, 1000), "v": torch.ones(2)}
    assert set(_arrays(_saved(tmp_path, found))) == {"v"}


def test_other_things_are_left_out(tmp_path: Path) -> None:
    found = {"sparse": torch.eye(2).to_sparse(), "complex": torch.ones(2, dtype=torch.complex64)}
    assert _arrays(_saved(tmp_path, found | {"bool": torch.ones(2) > 0, "w": torch.ones(2)})) == {
        "w": pytest.approx(np.ones(2))
    }


def test_whole_modules(tmp_path: Path) -> None:
    """A pickled module is code; its weights can be read all the same, since nothing is run."""
    arrays = _arrays(_saved(tmp_path, torch.nn.Sequential(torch.nn.Linear(2, 3))))
    assert {name: array.shape for name, array in arrays.items()} == {
        "weight": (3, 2),
        "bias": (3,),
    }


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_nothing_is_run(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    path = _saved(tmp_path, {"w": torch.ones(2), "x": Hostile(touched)})
    assert set(_arrays(path)) == {"w"}
    assert not touched.exists()
    torch.load(path, weights_only=False)
    assert touched.exists()


def test_no_torch_and_no_pickle(tmp_path: Path) -> None:
    path = _saved(tmp_path, {"w": torch.ones(2)})
    code = (
        "import sys, pathlib, monic_checker\n"
        f"[array] = monic_checker.read_arrays(pathlib.Path({str(path)!r}))\n"
        "print(array.name, sorted({'torch', 'pickle', '_pickle', 'numpy'} & set(sys.modules)))"
    )
    code = f"import sys; sys.path[:0] = {[SOURCE, *sys.path]!r}\n{code}"
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            code,
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split("[")[0] == "w "
    assert "torch" not in done.stdout


# broken and hostile files


def _refused(path: Path) -> str:
    with pytest.raises(UnreadableModel) as caught:
        list(read_arrays(path))
    return str(caught.value)


def _archive(path: Path, members: dict[str, bytes], **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def members(tmp_path: Path) -> dict[str, bytes]:
    return _members(_saved(tmp_path, {"w": torch.arange(6.0).reshape(2, 3)}, "good.pt"))


def test_files_of_old_versions(tmp_path: Path) -> None:
    path = _saved(tmp_path, {"w": torch.ones(2)}, _use_new_zipfile_serialization=False)
    assert "torch 1.6 or newer" in _refused(path)


def test_archives_of_other_things(tmp_path: Path, members: dict[str, bytes]) -> None:
    path = tmp_path / "m.pt"
    assert "one data.pkl" in _refused(_archive(path, {"a.npy": b""}))
    assert "one data.pkl" in _refused(_archive(path, {"a/data.pkl": b"", "b/data.pkl": b""}))
    assert "not compressed" in _refused(_archive(path, members, compression=zipfile.ZIP_DEFLATED))


def test_byte_order(tmp_path: Path, members: dict[str, bytes]) -> None:
    path = tmp_path / "m.pt"
    assert "little-endian" in _refused(_archive(path, members | {"good/byteorder": b"big"}))
    del members["good/byteorder"]
    assert set(_arrays(_archive(path, members))) == {"w"}


def test_numbers_that_are_not_there(tmp_path: Path, members: dict[str, bytes]) -> None:
    path = tmp_path / "m.pt"
    short = members | {"good/data/0": members["good/data/0"][:-4]}
    assert "inside its storage" in _refused(_archive(path, short))
    del members["good/data/0"]
    assert "not in the archive" in _refused(_archive(path, members))


def _pickle(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """What torch writes for a tensor, with any sizes."""

    def number(value: int) -> bytes:
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(data)]) + data

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(6) + b"tQ"
    tensor += number(offset) + numbers(shape) + numbers(strides) + b"\x89NtR"
    return b"\x80\x02}" + text("w") + tensor + b"s."


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (1, (6,), (1,)),
        (2**70, (1,), (1,)),
        (-1, (1,), (1,)),
        (0, (2**62, 2**62), (0, 0)),
        (0, (2, 3), (3, 2**63)),
        (0, (2, 3), (-3, 1)),
        (0, (2, 3), (1,)),
        (0, (1,) * 65, (1,) * 65),
    ],
)
def test_impossible_sizes(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...], tmp_path: Path
) -> None:
    members = {"m/data.pkl": _pickle(offset, shape, strides), "m/data/0": bytes(24)}
    path = _archive(tmp_path / "m.pt", members)
    if strides == (0, 0):  # no more numbers are made than the file has
        assert list(read_arrays(path)) == []
    else:
        _refused(path)


def test_possible_sizes(tmp_path: Path) -> None:
    members = {
        "m/data.pkl": _pickle(1, (2, 2), (1, 3)),
        "m/data/0": np.arange(6.0, dtype="<f4").tobytes(),
    }
    assert _arrays(_archive(tmp_path / "m.pt", members))["w"].tolist() == [[1, 4], [2, 5]]


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b".",
            b"(",
            b"t.",
            b"Q.",
            b"R.",
            b"s.",
            b"u.",
            b"h\x00.",
            b"\xff.",
            b"c\n",
            b"q\x00.",
        ),
        *(b"X\xff\xff\xff\xff.", b"\x8a\xff.", b"NNs.", b"NNR.", b"N(NtR.", b"cos\nsystem\nNR."),
    ],
)
def test_broken_pickles(data: bytes, tmp_path: Path) -> None:
    path = _archive(tmp_path / "m.pt", {"m/data.pkl": data})
    try:
        assert list(read_arrays(path)) == []
    except UnreadableModel:
        return


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_as_a_pickle(data: bytes) -> None:
    for pickled in (data, b"\x80\x02}" + data + b"."):
        try:
            records(pickled)
        except UnreadableModel:
            continue


def test_changed_bytes(tmp_path: Path) -> None:
    """Whatever one byte of a good file becomes, the answer is arrays or a clear refusal."""
    good = _saved(tmp_path, torch.nn.Linear(2, 3).state_dict()).read_bytes()
    path, rng = tmp_path / "bad.pt", random.Random(5)
    for _ in range(400):
        bad = bytearray(good)
        bad[rng.randrange(len(bad))] = rng.randrange(256)
        path.write_bytes(bad)
        try:
            arrays = list(read_arrays(path))
        except UnreadableModel:
            continue
        assert all(array.whole for array in arrays)


def test_long_pickles_are_refused(tmp_path: Path) -> None:
    path = _archive(tmp_path / "m.pt", {"m/data.pkl": b"N" * (2**24 + 1)})
    assert "at most" in _refused(path)


def test_deep_marks_take_linear_time(tmp_path: Path) -> None:
    count = 200_000
    assert records(b"(" * count + b"t" * count + b".") == []


def test_pickles_of_other_programs(tmp_path: Path) -> None:
    data = pickle.dumps({"w": [1.5, (2, b"bytes"), {"s": {3}}, frozenset([4])]}, protocol=4)
    assert records(data) == []
