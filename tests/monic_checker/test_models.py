"""The readers of model files, against the libraries that write them."""

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from monic_checker import Array, UnreadableModel, read_arrays
from monic_checker.arrays import ITEM_SIZES, decode
from tests.monic_checker.budgets import plenty

NUMPY_DTYPES = [name for name in ITEM_SIZES if name != "bfloat16"]


def example(dtype: str, shape: tuple[int, ...] = (3, 4)) -> np.ndarray[Any, Any]:
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    values = np.arange(int(np.prod(shape)), dtype=np.float64) * (1 if "int" in dtype else 0.375)
    return (values if dtype.startswith("u") else values - 3).reshape(shape).astype(kind)


def same(array: Array, expected: np.ndarray[Any, Any]) -> None:
    assert (array.dtype, array.shape) == (expected.dtype.name, expected.shape)
    assert array.data == expected.tobytes()
    numbers = decode(array, plenty())
    found = [float(int(x)) / float(int(numbers.denominator)) for x in numbers.entries]
    assert found == expected.astype(np.float64).ravel().tolist()


def only(path: Path) -> Array:
    (array,) = read_arrays(path)
    return array


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 4), (2, 3, 4), (0, 3)])
def test_npy(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "w.npy", example(dtype, shape))
    same(only(tmp_path / "w.npy"), example(dtype, shape))


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
def test_npy_in_fortran_order_and_big_endian(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = example("float32", shape)
    np.save(tmp_path / "w.npy", np.asfortranarray(values.astype(">f4")))
    same(only(tmp_path / "w.npy"), values)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_versions(tmp_path: Path, version: tuple[int, int]) -> None:
    with (tmp_path / "w.npy").open("wb") as stream:
        np.lib.format.write_array(stream, example("float32"), version=version)
    same(only(tmp_path / "w.npy"), example("float32"))


@pytest.mark.parametrize("compressed", [False, True])
def test_npz(tmp_path: Path, compressed: bool) -> None:
    arrays = {"weight": example("float32"), "bias": example("float16", (7,))}
    (np.savez_compressed if compressed else np.savez)(tmp_path / "m.npz", **arrays)  # type: ignore[arg-type]
    found = list(read_arrays(tmp_path / "m.npz"))
    assert [array.name for array in found] == ["weight", "bias"]
    for array in found:
        same(array, arrays[array.name])


@pytest.mark.parametrize(
    "count", [9, 4080, 4100, 40_000]
)  # small and large, in both kinds of file
@pytest.mark.parametrize("changed", [False, True])
def test_members_of_every_size_are_read_and_their_checksums_compared(
    tmp_path: Path, count: int, changed: bool
) -> None:
    path, values = tmp_path / "m.npz", np.arange(count, dtype="float32")
    np.savez(path, w=values)
    data = bytearray(path.read_bytes())
    place = bytes(data).index(values[1:3].tobytes())
    if not changed:
        same(only(path), values)
        return
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(UnreadableModel, match="CRC"):
        only(path)


def test_other_things_than_numbers_are_left_out(tmp_path: Path) -> None:
    words, flags = np.array(["a", "b"]), np.array([True, False])
    np.savez(tmp_path / "m.npz", words=words, flags=flags, w=example("int8"))
    assert [array.name for array in read_arrays(tmp_path / "m.npz")] == ["w"]


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(UnreadableModel):
        list(read_arrays(tmp_path / "w.npy"))


@pytest.mark.parametrize("dtype", list(ITEM_SIZES))
def test_safetensors(tmp_path: Path, dtype: str) -> None:
    arrays = {
        "fc.weight": example(dtype),
        "fc.bias": example(dtype, (5,)),
        "s": example(dtype, ()),
    }
    safetensors.numpy.save_file(arrays, tmp_path / "m.safetensors", {"by": "a test"})
    found = {array.name: array for array in read_arrays(tmp_path / "m.safetensors")}
    assert set(found) == set(arrays)
    for name, array in found.items():
        same(array, arrays[name])


def tensor(values: np.ndarray[Any, Any], raw: bool) -> TensorProto:
    if raw:
        return numpy_helper.from_array(values, "w")
    kind = helper.np_dtype_to_tensor_dtype(values.dtype)
    if values.dtype.name in ("float16", "bfloat16"):  # bit patterns in int32_data
        proto = TensorProto(name="w", data_type=kind, dims=values.shape)
        proto.int32_data.extend(values.view(np.uint16).ravel().tolist())
        return proto
    return helper.make_tensor("w", kind, values.shape, values.ravel().tolist())


def save(path: Path, initializers: list[TensorProto], nodes: list[Any] | None = None) -> None:
    graph = helper.make_graph(nodes or [], "g", [], [], initializers)
    path.write_bytes(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("dtype", list(ITEM_SIZES))
@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("shape", [(), (5,), (3, 4)])
def test_onnx_initialisers(tmp_path: Path, dtype: str, raw: bool, shape: tuple[int, ...]) -> None:
    save(tmp_path / "m.onnx", [tensor(example(dtype, shape), raw)])
    same(only(tmp_path / "m.onnx"), example(dtype, shape))


def field(number: int, wire: int, content: bytes) -> bytes:
    return bytes([number << 3 | wire]) + content


def sized(number: int, content: bytes) -> bytes:
    assert len(content) < 128
    return field(number, 2, bytes([len(content)]) + content)


@pytest.mark.parametrize(
    ("dtype", "data"),
    [
        ("float32", b"".join(field(4, 5, struct.pack("<f", x)) for x in (0.5, -2.0))),
        ("float64", b"".join(field(10, 1, struct.pack("<d", x)) for x in (0.5, -2.0))),
        ("int32", field(5, 0, b"\x03") + field(5, 0, b"\xff" * 9 + b"\x01")),
        ("int64", field(7, 0, b"\x03") + field(7, 0, b"\xff" * 9 + b"\x01")),
        ("uint64", field(11, 0, b"\x03") + field(11, 0, b"\x80\x01")),
    ],
)
def test_onnx_numbers_that_are_not_packed(tmp_path: Path, dtype: str, data: bytes) -> None:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    proto = field(1, 0, b"\x02") + field(2, 0, bytes([kind])) + data
    parsed = TensorProto.FromString(proto)
    (tmp_path / "m.onnx").write_bytes(sized(7, sized(5, proto)))
    same(only(tmp_path / "m.onnx"), numpy_helper.to_array(parsed))


def test_onnx_constants(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["t"], value=tensor(example("float32"), True)),
        helper.make_node("Constant", [], ["f"], value_float=-1.0),
        helper.make_node("Constant", [], ["fs"], value_floats=[1.0, 2.5]),
        helper.make_node("Constant", [], ["i"], value_int=-7),
        helper.make_node("Constant", [], ["is"], value_ints=[1, -2]),
        helper.make_node("Constant", [], ["s"], value_string=b"no number"),
        helper.make_node("Gemm", ["x", "w"], ["y"], alpha=2.0),
    ]
    save(tmp_path / "m.onnx", [], nodes)
    found = {array.name: array for array in read_arrays(tmp_path / "m.onnx")}
    assert sorted(found) == ["f", "fs", "i", "is", "t"]
    same(found["t"], example("float32"))
    same(found["f"], np.array(-1.0, np.float32))
    same(found["fs"], np.array([1.0, 2.5], np.float32))
    same(found["i"], np.array(-7))
    same(found["is"], np.array([1, -2]))


def external(path: Path, **entries: str) -> None:
    proto = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3, 4])
    proto.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        proto.external_data.add(key=key, value=value)
    save(path, [proto])


def test_an_onnx_constant_without_its_number(tmp_path: Path) -> None:
    """Found by fuzzing: the attribute value_float whose only field is another."""
    path = tmp_path / "model.onnx"
    path.write_bytes(
        bytes.fromhex(
            "3a382a130802080110014201774a080000803f000080bf0a211201632208436f"
            "6e7374616e742a120a0b76616c75655f666c6f61741d0000803f"
        )
    )
    arrays = list(read_arrays(path))
    assert [array.name for array in arrays] == ["w", "c"]
    assert all(array.whole for array in arrays)
    assert arrays[1].data == bytes(4)  # a float that is not there is 0


def test_onnx_external_data(tmp_path: Path) -> None:
    model = helper.make_model(
        helper.make_graph([], "g", [], [], [tensor(example("float32"), True)])
    )
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0)
    same(only(tmp_path / "m.onnx"), example("float32"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "w.bin").write_bytes(b"\0" * 8 + example("float32").tobytes())
    external(tmp_path / "n.onnx", location="data/w.bin", offset="8", length="48")
    same(only(tmp_path / "n.onnx"), example("float32"))


@pytest.mark.parametrize(
    "entries",
    [
        {"location": "../w.bin"},
        {"location": "inside/../../w.bin"},
        {"location": "link.bin"},
        {"location": "linked/w.bin"},
        {"location": "absent.bin"},
        {"location": "."},
        {"location": ""},
        {"location": "w\0.bin"},
        {"location": "..\\w.bin"},
        {"location": "short.bin"},
        {"location": "good.bin", "offset": "-1"},
        {"location": "good.bin", "offset": "1"},
        {"location": "good.bin", "offset": "9" * 50},
        {"location": "good.bin", "offset": "٣"},
        {"location": "good.bin", "length": "47"},
        {},
    ],
)
def test_onnx_external_data_lies_beside_the_file(tmp_path: Path, entries: dict[str, str]) -> None:
    data = example("float32").tobytes()
    folder = tmp_path / "model"
    (folder / "inside").mkdir(parents=True)
    (tmp_path / "w.bin").write_bytes(data)
    (folder / "good.bin").write_bytes(data)
    (folder / "short.bin").write_bytes(data[:-1])
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    (folder / "linked").symlink_to(tmp_path)
    external(folder / "m.onnx", **entries)
    with pytest.raises(UnreadableModel):
        list(read_arrays(folder / "m.onnx"))


def test_onnx_external_data_at_an_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(example("float32").tobytes())
    external(tmp_path / "m.onnx", location=str(tmp_path / "w.bin"))
    with pytest.raises(UnreadableModel, match="not beside the file"):
        list(read_arrays(tmp_path / "m.onnx"))


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(b"anything")
    with pytest.raises(UnreadableModel, match=r"\.npy, \.npz, \.onnx, \.pt, \.pth, \.safeten"):
        list(read_arrays(tmp_path / "m.h5"))
    with pytest.raises(FileNotFoundError):
        list(read_arrays(tmp_path / "absent.npy"))


def npy_header(text: str, data: bytes = b"") -> bytes:
    line = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line + data


def test_npy_sizes_are_believed_only_with_bytes_behind_them(tmp_path: Path) -> None:
    path = tmp_path / "w.npy"
    for shape in ("(1000000000000, 1000000000)", "(3,)", f"({'9' * 5000},)", "(-1,)", "(True,)"):
        text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
        path.write_bytes(npy_header(text, b"\0" * 16))
        with pytest.raises(UnreadableModel):
            list(read_arrays(path))


def test_zip_bombs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", b"\0" * 1000)
    small = path.read_bytes()
    sizes = struct.pack("<I", 1000)
    for size in (0xFFFFFFFE, 10**6):
        path.write_bytes(small.replace(sizes, struct.pack("<I", size)))
        with pytest.raises(UnreadableModel):
            list(read_arrays(path))


def safetensors_file(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ([], 0),
        ({"w": []}, 0),
        ({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, 3),
        ({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, 4),
        ({"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, 8),
        ({"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, 4),
        ({"w": {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]}}, 4),
        ({"w": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, 4),
        ({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 4]}}, 4),
        ({"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, 4),
        (
            {
                "v": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            },
            8,
        ),
        (b'{"w": 1, "w": 2}', 0),
        (b"[" * 100_000, 0),
        (b"\xff", 0),
    ],
)
def test_safetensors_that_break_the_rules(tmp_path: Path, header: object, size: int) -> None:
    (tmp_path / "m.safetensors").write_bytes(safetensors_file(header, b"\0" * size))
    with pytest.raises(UnreadableModel):
        list(read_arrays(tmp_path / "m.safetensors"))


@pytest.mark.parametrize("length", [0, 5, 8, 2**40])
def test_safetensors_of_a_wrong_length(tmp_path: Path, length: int) -> None:
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", length)[: length or 8])
    with pytest.raises(UnreadableModel):
        list(read_arrays(tmp_path / "m.safetensors"))


def valid_files() -> dict[str, bytes]:
    npy, npz, deflated = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(npy, example("float32"))
    np.savez(npz, w=example("float32"), b=example("float64", (3,)))
    np.savez_compressed(deflated, w=example("float32"))
    nodes = [helper.make_node("Constant", [], ["f"], value_floats=[1.0, 2.5])]
    initializers = [tensor(example("int32"), False), tensor(example("float32"), True)]
    graph = helper.make_graph(nodes, "g", [], [], initializers)
    return {
        "a.npy": npy.getvalue(),
        "b.npz": npz.getvalue(),
        "c.npz": deflated.getvalue(),
        "d.safetensors": safetensors.numpy.save({"w": example("float32")}),
        "e.onnx": helper.make_model(graph).SerializeToString(),
    }


FILES = valid_files()


@pytest.mark.thorough
@settings(max_examples=1000)
@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6),
    st.integers(0, 10**6),
)
def test_broken_files_are_unreadable_at_worst(
    tmp_path_factory: pytest.TempPathFactory, name: str, edits: list[tuple[int, int]], end: int
) -> None:
    data = bytearray(FILES[name])
    for place, byte in edits:
        data[place % len(data)] = byte
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data[: max(end % (2 * len(data)), 1)])
    try:
        for array in read_arrays(path):
            assert array.whole
    except UnreadableModel as error:
        str(error).encode()


@given(st.sampled_from(sorted(FILES)), st.binary(max_size=100))
def test_random_files_are_unreadable_at_worst(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    try:
        assert all(array.whole for array in read_arrays(path))
    except UnreadableModel as error:
        str(error).encode()
