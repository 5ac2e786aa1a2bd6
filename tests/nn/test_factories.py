"""Where modules are made, and in which number format: the keywords of torch's constructors."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import monic.nn
from monic.errors import LayerError
from monic.nn import InjectiveModule

#: How each public module that has weights or buffers of its own is made.
MAKERS: dict[str, Callable[..., nn.Module]] = {
    "AugmentedLayerNorm": lambda **f: monic.nn.AugmentedLayerNorm(4, **f),
    "InjectiveConv1d": lambda **f: monic.nn.InjectiveConv1d(1, 5, 3, **f),
    "InjectiveConv2d": lambda **f: monic.nn.InjectiveConv2d(1, 5, 3, **f),
    "InjectiveConv3d": lambda **f: monic.nn.InjectiveConv3d(1, 5, 3, **f),
    "InjectiveConvTranspose1d": lambda **f: monic.nn.InjectiveConvTranspose1d(2, 5, 3, **f),
    "InjectiveConvTranspose2d": lambda **f: monic.nn.InjectiveConvTranspose2d(2, 5, 3, **f),
    "InjectiveConvTranspose3d": lambda **f: monic.nn.InjectiveConvTranspose3d(2, 5, 3, **f),
    "InjectiveGroupNorm": lambda **f: monic.nn.InjectiveGroupNorm(2, 4, **f),
    "InjectiveLinear": lambda **f: monic.nn.InjectiveLinear(2, 5, **f),
    "InjectiveRNNCell": lambda **f: monic.nn.InjectiveRNNCell(2, 4, injective_in="both", **f),
    "InjectiveSkip": lambda **f: monic.nn.InjectiveSkip(nn.ReLU(), 1, 3, **f),
    "RandomProjection": lambda **f: monic.nn.RandomProjection(2, 8, 5, **f),
}
#: Those that hold other modules and nothing else, as `nn.Sequential` does.
CONTAINERS = {"InjectiveConcat", "InjectiveModule", "InjectiveResidual", "InjectiveSequential"}


def test_every_public_module_is_asked() -> None:
    public: list[Any] = [getattr(monic.nn, name) for name in monic.nn.__all__]
    modules = {
        kind.__name__ for kind in public if isinstance(kind, type) and issubclass(kind, nn.Module)
    }
    assert modules == MAKERS.keys() | CONTAINERS


def test_device_and_format_are_arguments() -> None:
    for name, make in MAKERS.items():
        for dtype in (torch.float32, torch.float64):
            module = make(device="meta", dtype=dtype)
            held = [*module.parameters(), *module.buffers()]
            assert {(t.device.type, t.dtype) for t in held} == {("meta", dtype)}, name


def test_what_was_made_without_memory_is_filled_by_reset() -> None:
    """As torch's FSDP does: `to_empty`, then `reset_parameters`."""
    torch.manual_seed(0)
    for name, make in MAKERS.items():
        module: Any = make(device="meta").to_empty(device="cpu")
        held = [*module.parameters(), *module.buffers()]
        with torch.no_grad():
            for tensor in held:
                tensor.fill_(torch.nan)
        module.reset_parameters()
        assert all(bool(tensor.isfinite().all()) for tensor in held), name


def test_random_matrices_are_those_of_their_seed_wherever_they_were_made() -> None:
    for name, matrix in (("RandomProjection", "projection"), ("InjectiveSkip", "matrix")):
        there: Any = MAKERS[name](device="meta").to_empty(device="cpu")
        there.reset_parameters()
        assert torch.equal(getattr(there, matrix), getattr(MAKERS[name](), matrix))


def test_norms_of_another_format_compute_in_it() -> None:
    for name in ("AugmentedLayerNorm", "InjectiveGroupNorm"):
        norm: Any = MAKERS[name](dtype=torch.float64)
        x = torch.randn(3, 4, dtype=torch.float64)
        assert isinstance(norm, InjectiveModule)
        assert norm(x).dtype == torch.float64
        assert torch.allclose(norm.inverse(norm(x)), x)


def test_nothing_is_said_about_weights_that_are_no_numbers() -> None:
    for name, make in MAKERS.items():
        count = len([*make().parameters(), *make().buffers()])
        for number in range(count):
            module: Any = make()
            if name[-1] == "d":
                module.input_size = (4,) * int(name[-2])
            held = [*module.parameters(), *module.buffers()][number]
            with torch.no_grad():
                held.reshape(-1)[:1].fill_(torch.nan)
            assume = {"InjectiveGroupNorm": "statistics", "RandomProjection": "random-projections"}
            asked = {"assume": assume[name]} if name in assume else {}
            with pytest.raises(LayerError, match="Expected finite numbers"):
                module.is_injective(**asked)
