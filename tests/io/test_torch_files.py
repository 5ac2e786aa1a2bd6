"""Checkpoints of torch: weights are read as they are, and nothing pickled is ever run."""

import io
import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from monic import MonicError, ReLULayer, UnreadableModel, UnsupportedModel, check, decide, load
from monic.model.array import Array


def _saved(folder: Path, found: Any, name: str = "m.pt", **options: Any) -> Path:
    torch.save(found, folder / name, **options)
    return folder / name


def _layers(path: Path) -> dict[str, ReLULayer]:
    loaded = load(path)
    assert isinstance(loaded, dict)
    return loaded


def _weight(layer: ReLULayer) -> Array:
    assert isinstance(layer.weight, np.ndarray)
    return layer.weight


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".PT"])
@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str
)
def test_state_dicts(dtype: torch.dtype, suffix: str, tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 10, bias=False)).to(dtype)
    layers = _layers(_saved(tmp_path, module.state_dict(), f"m{suffix}"))
    assert list(layers) == ["0", "2"]
    assert [layer.shape for layer in layers.values()] == [(5, 2), (10, 5)]
    assert layers["2"].bias is None
    for name, tensor in module.state_dict().items():
        layer, _, kind = name.partition(".")
        array = getattr(layers[layer], kind)
        assert array.dtype.name == str(dtype).removeprefix("torch.")
        assert array.tobytes() == tensor.contiguous().view(torch.uint8).numpy().tobytes()


def test_proofs_are_checked_against_the_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Linear(2, 3)
    path = _saved(tmp_path, module.state_dict(), "dense.pt")
    certificate = decide(_layers(path)["dense"]).certificate
    assert certificate is not None
    check(certificate, path)
    check(certificate, module)


def test_nested_state_dicts(tmp_path: Path) -> None:
    net, other = nn.Linear(2, 3), nn.Linear(3, 4)
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    one = {"epoch": 3, "state_dict": net.state_dict(), "optimizer": optimizer.state_dict()}
    assert list(_layers(_saved(tmp_path, one, "net.pt"))) == ["net"]
    two = {"generator": net.state_dict(), "critic": other.state_dict()}
    layers = _layers(_saved(tmp_path, two))
    assert {name: layer.shape for name, layer in layers.items()} == {
        "generator": (3, 2),
        "critic": (4, 3),
    }


def test_one_tensor(tmp_path: Path) -> None:
    assert _layers(_saved(tmp_path, torch.ones(3, 2), "alone.pt"))["alone"].shape == (3, 2)


def test_views_and_parameters(tmp_path: Path) -> None:
    """A transpose is saved as it lies in memory, a parameter as an object of its own."""
    whole = torch.arange(12.0).reshape(3, 4)
    found = {"t.weight": whole.t(), "s.weight": whole[1:, 1:3], "p.weight": nn.Parameter(whole)}
    layers = _layers(_saved(tmp_path, found))
    for name, tensor in found.items():
        array = _weight(layers[name.partition(".")[0]])
        assert np.array_equal(array, tensor.detach().numpy())


def test_files_of_old_versions(tmp_path: Path) -> None:
    state = nn.Linear(2, 3).state_dict()
    path = _saved(tmp_path, state, _use_new_zipfile_serialization=False)
    assert _layers(path)["m"].shape == (3, 2)


def test_a_mapped_file_may_change_after_loading(tmp_path: Path) -> None:
    path = _saved(tmp_path, {"weight": torch.ones(64, 64)})
    layer = _layers(path)["m"]
    path.write_bytes(bytes(path.stat().st_size))
    assert np.all(_weight(layer) == 1)


# hostile files


class Hostile:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def _unreadable(path: Path) -> str:
    with pytest.raises(UnreadableModel) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize("old", [False, True])
def test_pickled_code_is_never_run(old: bool, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    found = {"0.weight": torch.ones(4, 2), "extra": Hostile(touched)}
    path = _saved(tmp_path, found, _use_new_zipfile_serialization=not old)
    text = _unreadable(path)
    assert "code" in text
    assert "save module.state_dict()" in text
    assert not touched.exists()
    torch.load(path, weights_only=False)  # the file is as dangerous as it claims to be
    assert touched.exists()


def test_whole_modules_are_refused(tmp_path: Path) -> None:
    text = _unreadable(_saved(tmp_path, nn.Linear(2, 3)))
    assert "pass the module to monic.load" in text


def test_bare_pickles_are_refused(tmp_path: Path) -> None:
    touched, path = tmp_path / "touched", tmp_path / "m.pt"
    path.write_bytes(pickle.dumps(Hostile(touched)))
    _unreadable(path)
    assert not touched.exists()


def test_scripts_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(nn.Linear(2, 3)), path)
    assert "TorchScript" in _unreadable(path)


def test_exported_programs_are_refused(tmp_path: Path) -> None:
    program = torch.export.export(nn.Linear(2, 3), (torch.zeros(1, 2),))
    path = tmp_path / "m.pt2"
    torch.export.save(program, path)
    assert "monic.load(torch.export.load(path).module()" in _unreadable(path)
    assert load(torch.export.load(path).module(), input_shape=(2,)).out_dim == 3


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x02", b"anything at all" * 9])
def test_damaged_files(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(data)
    assert "'m.pt'" in _unreadable(tmp_path / "m.pt")


def test_truncated_files(tmp_path: Path) -> None:
    whole = _saved(tmp_path, nn.Linear(2, 3).state_dict()).read_bytes()
    for length in range(0, len(whole), 197):
        (tmp_path / "cut.pt").write_bytes(whole[:length])
        _unreadable(tmp_path / "cut.pt")


def test_no_layers(tmp_path: Path) -> None:
    for found in ({"step": 3}, [1, 2], OrderedDict(), {"weight": torch.ones(2, 2, 1)}):
        with pytest.raises(UnsupportedModel, match="Expected a weight of shape"):
            load(_saved(tmp_path, found))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.eye(3).to_sparse(),
        torch.ones(3, 3, dtype=torch.complex64),
        torch.full((3, 3), float("inf")),
        torch.ones(3, 3, dtype=torch.bool),
    ],
    ids=["sparse", "complex", "infinite", "bool"],
)
def test_tensors_that_are_no_weights(tensor: torch.Tensor, tmp_path: Path) -> None:
    with pytest.raises(MonicError):
        load(_saved(tmp_path, {"weight": tensor}))


def test_without_torch(tmp_path: Path) -> None:
    path = _saved(tmp_path, nn.Linear(2, 3).state_dict())
    code = (
        "import sys; sys.modules['torch'] = None; import monic\n"
        f"try: monic.load({str(path)!r})\n"
        "except monic.UnreadableModel as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert "Expected torch" in done.stdout
    assert "pip install 'monic-nn[torch]'" in done.stdout


def test_a_member_too_many_is_no_danger(tmp_path: Path) -> None:
    data = io.BytesIO(_saved(tmp_path, nn.Linear(2, 3).state_dict()).read_bytes())
    with zipfile.ZipFile(data, "a") as archive:
        archive.writestr("../evil.py", "raise SystemExit")
    (tmp_path / "m.pt").write_bytes(data.getvalue())
    _unreadable(tmp_path / "m.pt")
    assert not (tmp_path.parent / "evil.py").exists()
