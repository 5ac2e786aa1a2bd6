"""Safetensors files of injective networks, and files that are none."""

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from monic.errors import MonicError, UnreadableModel, UnsupportedModel
from monic.nn import InjectiveLinear, InjectiveRNNCell, InjectiveSequential, injective, load, save


def test_a_file_holds_weights_and_architecture(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    network = InjectiveSequential(InjectiveLinear(2, 5, dtype=torch.bfloat16), nn.LeakyReLU(0.3))
    save(network, path)
    with safe_open(path, framework="pt") as file:
        described = json.loads(file.metadata()["monic.nn"])
        assert set(file.keys()) == set(network.state_dict())
    assert described["inside"][0] == {
        "type": "InjectiveLinear",
        "with": {"in_features": 2, "out_features": 5},
    }
    loaded: Any = load(path)
    assert torch.equal(loaded[0].basis, network.get_parameter("0.basis"))
    assert loaded[0].basis.dtype == torch.bfloat16
    assert all(p.requires_grad for p in loaded.parameters())


def test_other_modules(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    cell = InjectiveRNNCell(2, 6, injective_in="both")
    save(cell, path)
    x, h = torch.randn(1, 2), torch.randn(1, 6)
    assert torch.equal(load(path)(x, h), cell(x, h))
    plain = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.ELU(0.5))
    save(plain, path)
    assert torch.equal(load(path)(x), plain(x))
    for strange in (nn.GELU(), nn.Sequential(injective(nn.Linear(2, 4)))):
        with pytest.raises(UnsupportedModel, match="state_dict"):
            save(strange, path)


def test_names_and_modules_used_twice(tmp_path: Path) -> None:
    path, relu = tmp_path / "x.safetensors", nn.ReLU()
    x = torch.randn(5, 2)
    networks: tuple[nn.Module, ...] = (
        nn.Sequential(nn.Linear(2, 3), relu, nn.Linear(3, 3), relu),
        nn.Sequential(OrderedDict(first=nn.Linear(2, 3), second=relu)),
        InjectiveSequential(OrderedDict(first=InjectiveLinear(2, 4), second=nn.Tanh())),
    )
    for network in networks:
        save(network, path)
        loaded = load(path)
        assert torch.equal(loaded(x), network(x))
        assert list(loaded.state_dict()) == list(network.state_dict())


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[1]",
        "{",
        '{"type": "os.system"}',
        '{"type": "InjectiveLinear", "with": {"in_features": 2}}',
        '{"type": "InjectiveLinear", "with": {"in_features": 2, "out_features": 3}}',
        '{"type": "InjectiveLinear", "with": {"in_features": 2, "out_features": "x"}}',
        '{"type": "InjectiveLinear", "with": 3}',
        '{"type": "InjectiveLinear", "with": {"in_features": 3, "out_features": 6}}',
        '{"type": "Sequential", "inside": [{"type": "GELU"}]}',
        '{"type": "Sequential", "inside": 7}',
        '{"type": "Sequential", "inside": [7]}',
        '{"type": "Sequential", "inside": [{"type": "Tanh"}], "names": []}',
        '{"type": "Sequential", "inside": [{"type": "Tanh"}], "names": [7]}',
    ],
)
def test_wrong_files_are_refused(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    state = InjectiveLinear(2, 4).state_dict()
    save_file(dict(state), path, metadata=None if text is None else {"monic.nn": text})
    with pytest.raises(MonicError, match="Expected"):
        load(path)


def test_damaged_files_are_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(UnreadableModel):
        load(path)
    save(InjectiveLinear(2, 4), path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UnreadableModel):
        load(path)


def test_a_failed_save_leaves_the_older_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save(InjectiveLinear(2, 4), path)
    before = path.read_bytes()
    with pytest.raises(UnsupportedModel):
        save(torch.nn.Sequential(torch.nn.Bilinear(2, 2, 2)), path)
    assert path.read_bytes() == before
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
        save(InjectiveLinear(2, 4), tmp_path / "nowhere" / "x.safetensors")
    assert [item.name for item in tmp_path.iterdir()] == ["x.safetensors"]
