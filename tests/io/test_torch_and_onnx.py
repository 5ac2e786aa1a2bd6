"""A module and its ONNX export get the same verdicts."""

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from monic import Limits, Network, decide, load
from tests.io.graphs import evaluate, run
from tests.io.torch_modules import CASES, seeded

#: What torch's own exporter writes in operators that the reader of ONNX files does not have, or
#: not at all.
OTHER_FORMS = {
    *("threshold", "nearest to a size", "orthogonal", "unfold"),
    *("standardized", "standardized tokens"),  # the mean of std_mean is a sum over a number
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logger.setLevel(level)


def _exported(module: nn.Module, shape: tuple[int, ...], path: Path) -> Network:
    example = torch.zeros(1, *shape, dtype=next(module.parameters(), torch.empty(0)).dtype)
    torch.onnx.export(module, (example,), path, dynamo=True, external_data=False, verbose=False)
    read = load(path)
    assert isinstance(read, Network)
    return read


def _verdicts(network: Network) -> list[str]:
    decision = decide(network, limits=Limits(nodes=2000))
    stages = [stage.decision.verdict.name for stage in decision.stages]
    return [decision.verdict.name, *stages]


def _agree(module: nn.Module, shape: tuple[int, ...], path: Path) -> None:
    ours, theirs = load(module, input_shape=shape), _exported(module, shape, path)
    assert (ours.in_dim, ours.out_dim) == (theirs.in_dim, theirs.out_dim)
    assert _verdicts(ours) == _verdicts(theirs)
    x = np.random.default_rng(0).standard_normal((1, *shape)).astype(np.float32)
    # Expected from onnxruntime too, so that neither reading is judged by itself.
    expected = run(path, x).ravel()
    for network in (ours, theirs):
        assert np.allclose(evaluate(network, x, slope=0.5), expected, rtol=1e-4, atol=1e-5)


MIXED = {
    "dense": lambda: nn.Sequential(
        nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 16), nn.LeakyReLU(0.1), nn.Linear(16, 4)
    ),
    "images": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 8, 1),
        nn.ReLU6(),
        nn.Flatten(),
    ),
    "generator": lambda: nn.Sequential(
        nn.Linear(2, 8),
        nn.ReLU(),
        nn.Unflatten(1, (2, 2, 2)),
        nn.ConvTranspose2d(2, 8, 2, stride=2),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.ReflectionPad2d(1),
        nn.Conv2d(8, 1, 3),
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", MIXED)
def test_networks(name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    shape = {"dense": (3,), "images": (1, 4, 4), "generator": (2,)}[name]
    _agree(MIXED[name]().eval(), shape, tmp_path / "m.onnx")


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["skip", "weight norm"])
def test_operators(name: str, tmp_path: Path) -> None:
    _agree(*seeded(name, torch.float32), tmp_path / "m.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in OTHER_FORMS])
def test_every_operator(name: str, tmp_path: Path) -> None:
    _agree(*seeded(name, torch.float32), tmp_path / "m.onnx")


@st.composite
def _networks(draw: st.DrawFn) -> tuple[nn.Module, tuple[int, ...]]:
    """Small networks of fully connected layers and whatever may lie between them."""
    torch.manual_seed(draw(st.integers(0, 2**20)))
    size = first = draw(st.integers(1, 3))
    layers: list[nn.Module] = []
    for _ in range(draw(st.integers(1, 3))):
        width = size * draw(st.integers(1, 3)) + draw(st.integers(0, 1))
        layers.append(nn.Linear(size, width, bias=draw(st.booleans())))
        kinds = (nn.ReLU(), nn.LeakyReLU(0.25), nn.PReLU(width), nn.Tanh(), nn.ReLU6(), nn.ELU())
        layers.append(draw(st.sampled_from(kinds)))
        layers.append(draw(st.sampled_from((nn.Dropout(), nn.Identity(), nn.Flatten()))))
        size = width
    return nn.Sequential(*layers), (first,)


def _image_layers(draw: st.DrawFn, shape: torch.Size) -> list[nn.Module]:
    """What may follow an image of a shape (1, channels, height, width)."""
    channels, side = shape[1], min(shape[2:])
    kernel, wide = draw(st.integers(1, min(3, side))), draw(st.integers(1, 2))
    groups = draw(st.sampled_from([g for g in (1, 2) if channels % g == 0]))
    pad = draw(st.integers(0, side - 1))
    mode: Any = draw(st.sampled_from(["zeros", "circular", "reflect", "replicate"]))
    stride, out = draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    return [
        nn.Conv2d(channels, out, kernel, stride, pad, 1, groups, padding_mode=mode),
        nn.ConvTranspose2d(channels, out, kernel, stride, groups=groups, bias=wide == 1),
        nn.BatchNorm2d(channels),
        nn.MaxPool2d(kernel, stride),
        nn.AvgPool2d(kernel, stride),
        nn.Upsample(scale_factor=wide),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ZeroPad2d((0, wide, 1, 0)),
        nn.ReflectionPad2d((0, side - 1, 0, 0)),
        nn.ReplicationPad2d(wide),
        nn.CircularPad2d((side, 0, 0, 1)),
        nn.ReLU(),
        nn.LeakyReLU(0.25),
        nn.PReLU(channels),
        nn.Hardtanh(-0.5, 0.75),
        nn.Dropout2d(),
    ]


@st.composite
def _image_networks(draw: st.DrawFn) -> tuple[nn.Module, tuple[int, ...]]:
    """Small networks on images; no value has more than 60 numbers."""
    torch.manual_seed(draw(st.integers(0, 2**20)))
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    x, layers = torch.randn(1, *shape), list[nn.Module]()
    for _ in range(draw(st.integers(1, 4))):
        layer = draw(st.sampled_from(_image_layers(draw, x.shape))).eval()
        y = layer(x)
        if 0 < y.numel() <= 60:
            layers, x = [*layers, layer], y
    return nn.Sequential(*layers, nn.Flatten()), shape


def _computes_what_torch_does(module: nn.Module, shape: tuple[int, ...]) -> None:
    module = module.double().eval()
    network = load(module, input_shape=shape)
    x = torch.randn(1, *shape, dtype=torch.float64)
    with torch.no_grad():
        expected = module(x).numpy().ravel()
    assert np.allclose(evaluate(network, x.numpy(), slope=1.0), expected, rtol=1e-7, atol=1e-9)


COMMON = settings(
    deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, max_examples=8
)


@pytest.mark.thorough
@COMMON
@given(_networks())
def test_random_networks(case: tuple[nn.Module, tuple[int, ...]]) -> None:
    _computes_what_torch_does(*case)


@pytest.mark.thorough
@COMMON
@given(_image_networks())
def test_random_networks_on_images(case: tuple[nn.Module, tuple[int, ...]]) -> None:
    _computes_what_torch_does(*case)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@settings(COMMON, max_examples=100)
@given(st.one_of(_networks(), _image_networks()))
def test_many_random_networks(case: tuple[nn.Module, tuple[int, ...]]) -> None:
    _computes_what_torch_does(*case)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@settings(COMMON, max_examples=30)
@given(st.one_of(_networks(), _image_networks()))
def test_verdicts_of_random_networks(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[nn.Module, tuple[int, ...]]
) -> None:
    module, shape = case
    ours = load(module.train(), input_shape=shape)
    theirs = _exported(module.eval(), shape, tmp_path_factory.mktemp("random") / "m.onnx")
    assert _verdicts(ours) == _verdicts(theirs)
