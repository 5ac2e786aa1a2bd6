"""Repair: the neighbour is exactly paired, near, and nothing else in the file changes."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import monic
from monic import Box, Network, ReLULayer, Stage, repair
from monic.errors import LayerError, UnreadableModel, UnsupportedModel, UnwritableModel
from monic.io import load
from monic.model import ChannelShift, Convolution, Geometry, Input, TransposedConvolution
from monic.model.array import Array
from monic.repairing import repair_file
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE

RNG = np.random.default_rng


def written_out(n: int, seed: int, dtype: str = "f4") -> tuple[Array, Array]:
    """[B; fl(-DB)] with biases (b, fl(-d b)), not paired exactly."""
    rng = RNG(seed)
    basis, bias = rng.standard_normal((n, n)).astype(dtype), rng.standard_normal(n).astype(dtype)
    scale = rng.uniform(0.5, 2, n).astype(dtype)
    return (
        np.vstack([basis, -scale[:, None] * basis]).astype(dtype),
        np.concatenate([bias, -scale * bias]).astype(dtype),
    )


def mirrored(filters: int, width: int, taps: tuple[int, ...], seed: int) -> Array:
    rng = RNG(seed)
    kernel = rng.standard_normal((filters, width, *taps)).astype("f4")
    scale = rng.uniform(0.5, 2, (filters, *[1] * (1 + len(taps)))).astype("f4")
    return np.vstack([kernel, -scale * kernel])


@pytest.mark.parametrize("way", ["entries", "powers"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("n", [2, 5, 16])
def test_a_layer(n: int, dtype: str, way: str) -> None:
    weight, bias = written_out(n, n, dtype)
    layer = ReLULayer(weight, bias)
    assert monic.decide(layer).verdict is NOT_INJECTIVE
    found = repair(layer, way=way)
    assert isinstance(found.decision, monic.Decision)
    assert found.decision.verdict is INJECTIVE
    assert found.decision.method == "paired rows"
    assert found.decision.certificate is not None
    assert isinstance(found.model, ReLULayer)
    monic.check(found.decision.certificate, found.model)
    (one,) = found.layers
    assert one.pairs == n
    assert one.gaps == 0
    new = np.array(found.model.map.exact().weight.tolist(), dtype=object)
    scale = 2.0 ** found.model.map.exact().exponent
    moved = np.linalg.norm(new.astype(float) * scale - weight, axis=1)
    assert (moved <= one.relative * np.linalg.norm(weight.astype(float), axis=1) * 1.0001).all()
    limits = {"f2": 0.02, "f4": 5e-5, "f8": 1e-9}
    assert one.relative < (limits[dtype] if way == "entries" else 0.42)


def test_what_is_exactly_paired_or_not_at_all_stays() -> None:
    basis = RNG(0).standard_normal((3, 3))
    for rows in (np.vstack([basis, -2 * basis]), np.vstack([basis, RNG(1).random((4, 3))])):
        layer = ReLULayer(rows)
        found = repair(layer)
        assert found.layers == ()
        assert isinstance(found.model, ReLULayer)
        assert found.model.map is layer.map


def test_biases_that_leave_a_gap_are_not_rounding() -> None:
    weight, bias = written_out(4, 3, "f8")
    bias[5] -= 0.5
    found = repair(ReLULayer(weight, bias))
    (one,) = found.layers
    assert (one.pairs, one.gaps) == (3, 1)
    assert found.decision.verdict is NOT_INJECTIVE


def test_a_network_with_convolutions_of_all_kinds() -> None:
    shape = Geometry((2, 6), padding=1, groups=2)
    rng = RNG(4)
    half = rng.standard_normal((2, 1, 3)).astype("f4")
    scale = rng.uniform(0.5, 2, (2, 1, 1)).astype("f4")
    # group 0 has filters 0 to 1, group 1 has filters 2 to 3
    grouped = np.stack([half[0], -scale[0] * half[0], half[1], -scale[1] * half[1]])
    first = Convolution(grouped, Input(12), shape)
    up = mirrored(4, 4, (2,), 5).transpose(1, 0, 2)
    second = TransposedConvolution(up, Input(24), Geometry((4, 6), stride=2))
    biased = ChannelShift(np.zeros(8, "f4"), second)
    network = Network([Stage("groups", first), Stage("up", biased)])
    found = repair(network)
    assert [(layer.name, layer.pairs) for layer in found.layers] == [("groups", 2), ("up", 4)]
    assert isinstance(found.decision, monic.NetworkDecision)
    assert found.decision.stages[0].decision.method in ("paired filters", "paired rows")
    assert found.decision.stages[1].decision.verdict is INJECTIVE


def test_the_domain_stays() -> None:
    weight, bias = written_out(3, 6)
    domain = Box(np.full(3, -1.0), np.full(3, 1.0))
    found = repair(ReLULayer(weight, bias, domain=domain))
    assert found.model.domain is domain
    assert found.decision.verdict is INJECTIVE


def test_unknown_ways() -> None:
    layer = ReLULayer(np.eye(2))
    for way in ("best", "factored"):
        with pytest.raises(LayerError, match="Expected a way among entries, powers"):
            repair(layer, way=way)


# --- files of bare weights ---


def test_npz_keeps_every_other_member_byte_for_byte(tmp_path: Path) -> None:
    weight, bias = written_out(4, 7)
    source, target = tmp_path / "a.npz", tmp_path / "b.npz"
    others: dict[str, Any] = {
        "note": np.array("text"),
        "step": np.array(3),
        "x.weight": RNG(0).random((2, 3)),
    }
    arrays: dict[str, Any] = {"fc.weight": np.asfortranarray(weight), "fc.bias": bias}
    np.savez_compressed(source, **arrays, **others)
    (layer,) = repair_file(source, target)
    assert layer.name == "fc"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target) as new:
        assert old.namelist() == new.namelist()
        for name in others:
            assert old.read(f"{name}.npy") == new.read(f"{name}.npy")
        assert all(entry.compress_type == zipfile.ZIP_DEFLATED for entry in new.infolist())
        assert old.read("fc.weight.npy") != new.read("fc.weight.npy")
        assert old.read("fc.weight.npy")[:128] == new.read("fc.weight.npy")[:128]
    assert decided(target, "fc").verdict is INJECTIVE


def test_npy_keeps_its_byte_order(tmp_path: Path) -> None:
    weight, _ = written_out(4, 8)
    source, target = tmp_path / "a.npy", tmp_path / "b.npy"
    np.save(source, weight.astype(">f4"))
    repair_file(source, target)
    assert np.load(target).dtype == np.dtype(">f4")
    assert decided(target, "b").verdict is INJECTIVE


@pytest.mark.parametrize("dtype", ["f4", "bfloat16"])
def test_safetensors_keeps_its_header(tmp_path: Path, dtype: str) -> None:
    from safetensors.numpy import save_file

    from monic.io.bfloat16 import bfloat16

    kind = bfloat16() if dtype == "bfloat16" else np.dtype(dtype)
    weight, bias = (array.astype(kind) for array in written_out(4, 9, "f8"))
    source, target = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    other = RNG(0).standard_normal((5, 3))
    tensors = {"fc.weight": weight, "fc.bias": bias, "o": other}
    save_file(tensors, source, metadata={"made": "here"})
    repair_file(source, target)
    old, new = source.read_bytes(), target.read_bytes()
    length = 8 + int.from_bytes(old[:8], "little")
    assert old[:length] == new[:length]
    begin, end = json.loads(old[8:length])["o"]["data_offsets"]
    assert old[length + begin : length + end] == new[length + begin : length + end]
    assert decided(target, "fc").verdict is INJECTIVE


def test_kernels_of_bare_weights(tmp_path: Path) -> None:
    kernel = mirrored(3, 2, (3, 3), 10)
    source, target = tmp_path / "a.npz", tmp_path / "b.npz"
    arrays: dict[str, Any] = {"conv.weight": kernel}
    np.savez(source, **arrays)
    (layer,) = repair_file(source, target)
    assert layer.pairs == 3
    new = np.load(target)["conv.weight"]
    step = Convolution(new, Input(50), Geometry((2, 5, 5), padding=1))
    assert monic.decide(ReLULayer(step)).method in ("paired filters", "paired rows")
    with pytest.raises(UnsupportedModel):
        load(target)


def decided(path: Path, name: str) -> monic.Decision:
    loaded = load(path)
    assert isinstance(loaded, dict)
    return monic.decide(loaded[name])


# --- ONNX ---


def graph(node: Any, arrays: dict[str, Array], sizes: tuple[list[int], list[int]]) -> Any:
    nodes = [*node, helper.make_node("Relu", ["y"], ["z"])]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, size)
        for name, size in zip("xz", sizes, strict=True)
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    made = helper.make_graph(nodes, "g", ports[:1], ports[1:], tensors)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    model.metadata_props.add(key="made", value="here")
    return model


def gemm(seed: int, order: Array | None = None, extra: int = 0) -> Any:
    weight, bias = written_out(4, seed)
    rest = RNG(seed).standard_normal((extra, 4)).astype("f4")
    weight = np.vstack([weight[:4], rest, weight[4:]])
    bias = np.concatenate([bias[:4], np.zeros(extra, "f4"), bias[4:]])
    order = np.arange(len(bias)) if order is None else order
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="fc", transB=1)
    arrays = {"w": weight[order], "b": bias[order]}
    return graph([node], arrays, ([1, 4], [1, len(bias)]))


def matmul(seed: int) -> Any:
    weight, bias = written_out(4, seed)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"], name="fc"),
        helper.make_node("Add", ["p", "b"], ["y"]),
    ]
    arrays = {"w": np.ascontiguousarray(weight.T), "b": bias}
    return graph(nodes, arrays, ([1, 4], [1, 8]))


def conv(seed: int) -> Any:
    kernel, bias = mirrored(4, 2, (3, 3), seed), np.zeros(8, "f4")
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], name="c", pads=[1, 1, 1, 1])
    return graph([node], {"w": kernel, "b": bias}, ([1, 2, 5, 5], [1, 8, 5, 5]))


def up(seed: int) -> Any:
    kernel = np.ascontiguousarray(mirrored(2, 4, (2,), seed).swapaxes(0, 1))
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], name="up", strides=[2])
    return graph([node], {"w": kernel}, ([1, 4, 4], [1, 4, 8]))


MODELS = {
    "gemm": gemm(1),
    "gemm with other rows": gemm(2, extra=3),
    "interleaved": gemm(3, order=np.array([0, 4, 1, 5, 2, 6, 3, 7])),
    "matmul": matmul(4),
    "conv": conv(5),
    "transposed": up(6),
}


@pytest.mark.thorough
@pytest.mark.parametrize("way", [None, "entries", "powers"])
@pytest.mark.parametrize("name", MODELS)
def test_graphs(tmp_path: Path, name: str, way: str | None) -> None:
    source, target = tmp_path / "a.onnx", tmp_path / "b.onnx"
    onnx.save(MODELS[name], source)
    before = source.read_bytes()
    assert decide_file(source).verdict is not INJECTIVE
    (layer,) = repair_file(source, target, way=way)
    factored = way is None and name != "interleaved"
    assert layer.way == ("factored" if factored else way or "entries")
    decision = decide_file(target)
    assert decision.verdict is INJECTIVE
    assert decision.certificate is not None
    monic.check(decision.certificate, target)
    assert source.read_bytes() == before
    new = onnx.load(target)
    onnx.checker.check_model(new, full_check=True)
    assert [(p.key, p.value) for p in new.metadata_props] == [("made", "here")]
    gap = difference(source, target)
    assert gap < (1e-5 if factored else 2e-3 if way != "powers" else 5)
    assert layer.relative < (1e-6 if factored else 1e-4 if way != "powers" else 0.42)


def decide_file(path: Path) -> monic.NetworkDecision:
    network = load(path)
    assert isinstance(network, Network)
    return monic.decide(network, time_limit=0.2)


def difference(first: Path, second: Path) -> float:
    """How far the outputs of two files are apart, in onnxruntime, at random inputs."""
    sessions = [onnxruntime.InferenceSession(path) for path in (first, second)]
    x = RNG(0).standard_normal(sessions[0].get_inputs()[0].shape).astype("f4")
    outputs = [session.run(None, {"x": x})[0] for session in sessions]
    return float(np.abs(outputs[0] - outputs[1]).max())


def test_what_cannot_be_factored_says_so(tmp_path: Path) -> None:
    source = tmp_path / "a.onnx"
    onnx.save(MODELS["interleaved"], source)
    with pytest.raises(UnsupportedModel, match="--way entries"):
        repair_file(source, tmp_path / "b.onnx", way="factored")
    assert not (tmp_path / "b.onnx").exists()


def test_external_data_comes_inside(tmp_path: Path) -> None:
    source, target = tmp_path / "a.onnx", tmp_path / "elsewhere" / "b.onnx"
    target.parent.mkdir()
    model = gemm(11)
    onnx.save(model, source, save_as_external_data=True, location="a.data", size_threshold=0)
    repair_file(source, target)
    assert decide_file(target).verdict is INJECTIVE
    assert [file.name for file in target.parent.iterdir()] == ["b.onnx"]


# --- what goes wrong ---


def test_the_input_is_never_overwritten_unless_asked(tmp_path: Path) -> None:
    weight, _ = written_out(3, 12)
    source = tmp_path / "a.npy"
    np.save(source, weight)
    before = source.read_bytes()
    link = tmp_path / "link.npy"
    link.symlink_to(source)
    for target in (source, link):
        with pytest.raises(UnwritableModel, match="--overwrite"):
            repair_file(source, target)
    assert source.read_bytes() == before
    repair_file(source, source, overwrite=True)
    assert decided(source, "a").verdict is INJECTIVE


def test_nothing_is_written_where_nothing_is_to_repair(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(3))
    assert repair_file(tmp_path / "a.npy", tmp_path / "b.npy") == ()
    assert not (tmp_path / "b.npy").exists()


def test_another_kind_of_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(3))
    with pytest.raises(UnwritableModel, match=r"Expected an output \.npy"):
        repair_file(tmp_path / "a.npy", tmp_path / "b.onnx")
    with pytest.raises(UnreadableModel):
        repair_file(tmp_path / "none.npz", tmp_path / "b.npz")
    with pytest.raises(UnreadableModel):
        repair_file(tmp_path / "none.pt", tmp_path / "b.pt")


def test_a_folder_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", written_out(3, 13)[0])
    with pytest.raises(UnwritableModel, match="nothing was left behind"):
        repair_file(tmp_path / "a.npy", tmp_path / "no" / "b.npy")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", written_out(3, 14)[0])

    def full(file: int) -> None:
        with open("/dev/full", "wb", buffering=0) as device:
            device.write(b"x")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UnwritableModel, match="ENOSPC"):
        repair_file(tmp_path / "a.npy", tmp_path / "b.npy")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.npy"]
