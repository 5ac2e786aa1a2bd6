"""Weight files: arrays by name become layers, and nothing hostile is ever loaded."""

import io
import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

import monic.io
from monic.errors import MonicError, UnreadableModel, UnsupportedModel
from monic.io import load
from monic.model import Linear, ReLULayer, WholeSpace
from monic.model.array import Array

W = np.arange(6, dtype=np.float32).reshape(3, 2)
B = np.ones(3, dtype=np.float32)


def _layers(path: Path) -> dict[str, ReLULayer]:
    loaded = load(path)
    assert isinstance(loaded, dict)
    return loaded


def _write(path: Path, arrays: dict[str, Array]) -> Path:
    if path.suffix == ".npz":
        np.savez(path, allow_pickle=True, **arrays)
    else:
        save_file(arrays, path)
    return path


def _matrix(layer: ReLULayer) -> Array:
    assert isinstance(layer.weight, np.ndarray)
    return layer.weight


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "dense.npy", W)
    ((name, layer),) = _layers(tmp_path / "dense.npy").items()
    assert name == "dense"
    assert layer.bias is None
    assert isinstance(layer.domain, WholeSpace)
    assert isinstance(layer.map, Linear)
    assert _matrix(layer).tobytes() == W.tobytes()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", "<i4", "|u1"])
def test_formats(dtype: str, order: str, tmp_path: Path) -> None:
    array = np.array(W, dtype=dtype, order="C" if order == "C" else "F")
    np.save(tmp_path / "w.npy", array)
    read = _matrix(_layers(tmp_path / "w.npy")["w"])
    assert read.dtype == array.dtype.newbyteorder("<")
    assert np.array_equal(read, array)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_one_layer(suffix: str, tmp_path: Path) -> None:
    path = _write(tmp_path / f"dense{suffix}", {"bias": B, "weight": W})
    ((name, layer),) = _layers(path).items()
    assert name == "dense"
    assert np.array_equal(np.asarray(layer.bias), B)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_pairs_by_name(suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    arrays = {
        "net.0.weight": W,
        "net.0.bias": B,
        "net.2.weight": W.T.copy(),
        "conv.weight": np.ones((2, 2, 1, 1), np.float32),
        "norm.weight": B,
        "norm.bias": B,
        "../up.weight": W,
        "steps": np.array(3),
    }
    layers = _layers(_write(tmp_path / f"m{suffix}", arrays))
    assert sorted(layers) == ["../up", "net.0", "net.2"]
    assert layers["net.0"].shape == (3, 2)
    assert layers["net.0"].bias is not None
    assert layers["net.2"].shape == (2, 3)
    assert layers["net.2"].bias is None
    assert "'conv.weight' of shape (2, 2, 1, 1)" in caplog.text
    assert "steps" not in caplog.text


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_nothing_usable_lists_what_there_is(suffix: str, tmp_path: Path) -> None:
    arrays = {"conv.weight": np.ones((2, 2, 1, 1), np.float32), "fc.bias": B, "weights": W}
    with pytest.raises(UnsupportedModel) as caught:
        load(_write(tmp_path / f"m{suffix}", arrays))
    assert "'conv.weight' of shape (2, 2, 1, 1)" in str(caught.value)
    assert "'fc.bias' of shape (3,) without weight" in str(caught.value)


def test_other_names_are_listed(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"Got 'W' of shape \(3, 2\)\. Store"):
        load(_write(tmp_path / "m.npz", {"W": W}))
    with pytest.raises(UnsupportedModel, match="no arrays at all"):
        load(_write(tmp_path / "m.npz", {}))


@pytest.mark.parametrize(
    ("weight", "bias", "why"),
    [
        (W, B[:2], "Layer 'fc': Expected a bias of 3 numbers"),
        (W * np.nan, B, "Layer 'fc': Expected finite numbers in weight"),
        (W[:0], B, "Layer 'fc': Expected a weight with rows"),
        (W.astype(complex), B, "Layer 'fc': Expected weight in one of"),
        (W.astype(ml_dtypes.bfloat16), B, "Layer 'fc': Expected weight in one of"),
    ],
)
def test_layers_that_are_none(weight: Array, bias: Array, why: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=why):
        load(_write(tmp_path / "m.npz", {"fc.weight": weight, "fc.bias": bias}))


def test_safetensors_bfloat16(tmp_path: Path) -> None:
    weight = W.astype(ml_dtypes.bfloat16)
    read = _matrix(_layers(_write(tmp_path / "m.safetensors", {"fc.weight": weight}))["fc"])
    assert read.dtype.name == "bfloat16"
    assert read.tobytes() == weight.tobytes()


@pytest.mark.parametrize("without", [False, True])
def test_bfloat16_in_a_fresh_process(without: bool, tmp_path: Path) -> None:
    path = _write(tmp_path / "m.safetensors", {"fc.weight": W.astype(ml_dtypes.bfloat16)})
    code = (
        "import sys\n"
        + ("sys.modules['ml_dtypes'] = None\n" if without else "")
        + "from monic.io import load\n"
        + f"print(load({str(path)!r})['fc'].weight.dtype)"
    )
    source = str(Path(monic.io.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": source}, capture_output=True, text=True
    )
    assert ("pip install ml_dtypes" in done.stderr) if without else ("bfloat16" in done.stdout)


def _unreadable(path: Path) -> str:
    with pytest.raises(UnreadableModel) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        raise AssertionError("a pickle was made")


def test_pickles_are_refused(tmp_path: Path) -> None:
    objects = np.array([[1, "a"]], dtype=object)
    np.save(tmp_path / "w.npy", objects, allow_pickle=True)
    assert "pickled" in _unreadable(tmp_path / "w.npy")
    assert "pickled" in _unreadable(_write(tmp_path / "w.npz", {"weight": objects}))
    (tmp_path / "p.npy").write_bytes(b"\x80\x04]\x94.")  # a bare pickle
    _unreadable(tmp_path / "p.npy")


def _header(shape: object, version: tuple[int, int] = (1, 0), dtype: str = "<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ((2**20, 2**20), "more than 16 GiB"),
        ((2**62, 2**62), "more than 16 GiB"),
        ((-3, 2), "claims an array of shape"),
        ((3, 2), "24 bytes"),
        ("'text'", "shape"),
        ("(1,", ""),
    ],
)
def test_headers_that_lie(shape: object, why: str, tmp_path: Path) -> None:
    (tmp_path / "w.npy").write_bytes(_header(shape))
    assert why in _unreadable(tmp_path / "w.npy")
    with zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weight.npy", _header(shape))
    assert why in _unreadable(tmp_path / "w.npz")


def test_versions_of_npy(tmp_path: Path) -> None:
    (tmp_path / "w.npy").write_bytes(_header((3, 2), (2, 0)) + W.tobytes())
    assert _layers(tmp_path / "w.npy")["w"].shape == (3, 2)
    (tmp_path / "w.npy").write_bytes(_header((3, 2), (3, 0)) + W.tobytes())
    assert "version" in _unreadable(tmp_path / "w.npy")


def _npz_bytes() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, weight=W, bias=B)
    return stream.getvalue()


def test_zip_that_lies_about_sizes(tmp_path: Path) -> None:
    data = bytearray(_npz_bytes())
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = struct.pack("<I", 2**31)  # its uncompressed size
    (tmp_path / "m.npz").write_bytes(bytes(data))
    try:
        load(tmp_path / "m.npz")  # the array itself is whole
    except UnreadableModel:
        pass


def test_no_zip_at_all(tmp_path: Path) -> None:
    for data in (b"", b"PK", b"not a zip", W.tobytes()):
        (tmp_path / "m.npz").write_bytes(data)
        assert "m.npz" in _unreadable(tmp_path / "m.npz")


@given(st.integers(0, 10_000), st.integers(0, 255), st.booleans())
@settings(max_examples=400)
def test_damaged_npz(
    tmp_path_factory: pytest.TempPathFactory, position: int, byte: int, cut: bool
) -> None:
    data = bytearray(_npz_bytes())
    position %= len(data)
    data[position] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(bytes(data[:position] if cut else data))
    try:
        layers = _layers(path)
    except MonicError:
        return
    assert set(layers) == {"damaged"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 8,
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 9) + b"not json!",
        struct.pack("<Q", 2) + b"[]",
    ],
)
def test_safetensors_with_a_broken_header(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(data)
    assert "m.safetensors" in _unreadable(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [3, 3]},
        {"shape": [2**40, 2**40]},
        {"shape": [-3, 2]},
        {"data_offsets": [0, 2**40]},
        {"data_offsets": [24, 0]},
        {"dtype": "F99"},
    ],
)
def test_safetensors_that_lie(change: dict[str, object], tmp_path: Path) -> None:
    entry = {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]} | change
    header = json.dumps({"weight": entry}).encode()
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + W.tobytes())
    _unreadable(tmp_path / "m.safetensors")


@given(st.integers(0, 10_000), st.integers(0, 255), st.booleans())
@settings(max_examples=300)
def test_damaged_safetensors(
    tmp_path_factory: pytest.TempPathFactory, position: int, byte: int, cut: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    save_file({"weight": W, "bias": B}, path)
    data = bytearray(path.read_bytes())
    position %= len(data)
    data[position] = byte
    path.write_bytes(bytes(data[:position] if cut else data))
    try:
        _layers(path)
    except MonicError:
        return
