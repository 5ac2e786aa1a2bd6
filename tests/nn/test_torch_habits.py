"""What torch users expect of a module: compiling, exporting, copying, moving."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import monic
from monic import Verdict
from monic.nn import (
    InjectiveConcat,
    InjectiveConv2d,
    InjectiveGroupNorm,
    InjectiveLinear,
    InjectiveModule,
    InjectiveResidual,
    InjectiveRNNCell,
    InjectiveSequential,
    InjectiveSkip,
    RandomProjection,
    export,
    injective,
    without_parametrizations,
)
from tests.nn.layers import CASES, IDS, Case, branch

all_layers = pytest.mark.parametrize("case", CASES, ids=IDS)


@all_layers
def test_torch_export(case: Case) -> None:
    module, x = case.module(), case.batch()
    y = module(x)
    exported = torch.export.export(module, (x,)).module()
    assert torch.allclose(exported(x), y, atol=1e-12)


@pytest.mark.parametrize("case", CASES[::4], ids=IDS[::4])
def test_torch_compile(case: Case) -> None:
    module, x = case.module(), case.batch()
    torch._dynamo.reset()
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(x), module(x), atol=1e-12)
    compiled(x).sum().backward()
    assert next(module.parameters()).grad is not None


def test_log_det_of_compositions_breaks_off_what_is_compiled() -> None:
    net = InjectiveSequential(InjectiveLinear(3, 6), InjectiveLinear(6, 12))
    x = torch.randn(5, 3)
    compiled: Any = torch.compile(net.forward_and_log_det, backend="aot_eager")
    for found, expected in zip(compiled(x), net.forward_and_log_det(x), strict=True):
        assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.slow
def test_torch_compile_with_inductor() -> None:
    layer = InjectiveConv2d(2, 8, 3, padding=1, input_size=4)
    x = torch.randn(2, 2, 4, 4)
    assert torch.allclose(torch.compile(layer, fullgraph=True)(x), layer(x), atol=1e-5)


@all_layers
def test_vmap_and_batches_agree(case: Case) -> None:
    module, x = case.module(), case.batch()
    alone = torch.cat([module(example[None]) for example in x])
    assert torch.allclose(module(x), alone, atol=1e-12)


def test_inverses_and_volumes_of_empty_batches() -> None:
    network = InjectiveSequential(
        InjectiveLinear(2, 4), torch.nn.LeakyReLU(0.1), InjectiveResidual(branch(4))
    )
    x = torch.zeros(0, 2)
    assert network.inverse(network(x)).shape == (0, 2)
    assert network.log_det(x).shape == (0,)
    skip = InjectiveSkip(torch.nn.Linear(2, 5), 2, 5)
    assert skip.inverse(skip(x)).shape == (0, 2)


def test_inverses_under_autocast_are_exact() -> None:
    """What was computed before in single precision is inverted in single precision."""
    torch.manual_seed(13)
    network = InjectiveSequential(
        InjectiveLinear(2, 4), torch.nn.Linear(4, 6), InjectiveResidual(branch(6))
    )
    x = torch.randn(3, 2)
    y, log_det = network.forward_and_log_det(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.allclose(network.inverse(y), x, atol=1e-4)
        assert torch.allclose(network.log_det(x), log_det, atol=1e-4)
        rough = network(x)
        assert torch.allclose(network.inverse(rough, tolerance=0.1).float(), x, atol=0.2)


def test_stored_statistics_under_autocast() -> None:
    torch.manual_seed(16)
    network = InjectiveSequential(
        InjectiveConv2d(2, 8, 3, padding=1),
        InjectiveGroupNorm(2, 8),
        InjectiveConv2d(8, 16, 3, padding=1),
    )
    x = torch.randn(4, 2, 5, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = network(x)
        assert torch.allclose(network.inverse(y).float(), x, atol=0.2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_blocks_in_half_precision(dtype: torch.dtype) -> None:
    torch.manual_seed(14)
    skip = InjectiveSkip(torch.nn.Linear(2, 5), 2, 5, epsilon=0.5)
    for module in (InjectiveResidual(branch(2)), InjectiveConcat(torch.nn.Linear(2, 2), 2), skip):
        x = torch.randn(3, 2, dtype=dtype)
        y, log_det = module.to(dtype).forward_and_log_det(x)
        assert log_det.dtype == torch.float32
        found = module.inverse(y, tolerance=0.1)
        assert found.dtype == dtype
        assert torch.allclose(found, x, atol=0.2)


def test_a_default_device_does_not_reach_what_is_done_on_the_cpu() -> None:
    """Exact decisions, random numbers and small tables belong to the CPU or to the weights."""
    layer = InjectiveConv2d(1, 4, 3, padding=1, padding_mode="circular", input_size=4)
    skip = InjectiveSkip(torch.nn.Linear(2, 5), 2, 5, epsilon=0.5)
    x, codes = torch.randn(1, 1, 4, 4), torch.randn(2, 2)
    with torch.device("meta"):
        assert layer.is_injective().verdict is Verdict.INJECTIVE
        assert torch.allclose(layer.inverse(layer(x)), x, atol=1e-5)
        assert layer.log_det(x).device.type == "cpu"
        assert layer.estimate_log_det(x).value.device.type == "cpu"
        assert torch.allclose(skip.inverse(skip(codes)), codes, atol=1e-3)
        skip.resample(3)
        elsewhere = RandomProjection(2, 8, 5)
    assert elsewhere.projection.is_meta


def test_construction_without_memory_and_then_with() -> None:
    with torch.device("meta"):
        layers = (
            InjectiveLinear(2, 4),
            InjectiveConv2d(1, 4, 3, padding=1, input_size=4),
            InjectiveRNNCell(2, 4),
        )
    for layer in layers:
        layer.to_empty(device="cpu").reset_parameters()
        assert layer.is_injective().verdict is Verdict.INJECTIVE


def trained(module: InjectiveModule, x: Tensor) -> InjectiveModule:
    """50 steps of Adam towards a random target, with the membership test after each."""
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    target = torch.rand(module(x).shape, generator=torch.Generator().manual_seed(2)).to(x)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = (module(x) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        assert module.is_injective().verdict is Verdict.INJECTIVE
    assert losses[-1] < losses[0]
    return module


@pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(torch.float32, id="float32"),
        pytest.param(torch.float64, id="float64", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "build",
    [
        lambda: InjectiveLinear(3, 6),
        lambda: InjectiveLinear(3, 9, pairs=4, scale="scalar"),
        lambda: InjectiveLinear(3, 8, constraint="orthogonal"),
        lambda: InjectiveLinear(3, 8, constraint="spectral"),
        lambda: InjectiveSequential(
            InjectiveLinear(2, 4), InjectiveLinear(4, 9), torch.nn.Linear(9, 9)
        ),
    ],
    ids=["square", "rest", "orthogonal", "spectral", "network"],
)
def test_trained_and_exported_networks_are_proved_injective(
    build: object, dtype: torch.dtype, tmp_path: Path
) -> None:
    """Through torch.onnx, monic.load, monic.decide and the checker, with nothing in between."""
    torch.manual_seed(9)
    module: InjectiveModule = build().to(dtype)  # type: ignore[operator]
    first = next(m for m in module.modules() if isinstance(m, InjectiveLinear))
    x = torch.randn(16, first.in_features, dtype=dtype)
    module = trained(module, x)
    path = tmp_path / "network.onnx"
    export(module, x, path)
    assert [file.name for file in tmp_path.iterdir()] == ["network.onnx"]
    network = monic.load(path)
    assert isinstance(network, monic.Network)
    decision = monic.decide(network)
    assert decision.verdict is Verdict.INJECTIVE
    for stage in decision.stages:
        assert stage.decision.method in ("paired rows", "rank")
        assert stage.decision.certificate is not None
    first_stage = decision.stages[0].decision
    layer = monic.ReLULayer(network.stages[0].map)
    assert first_stage.certificate is not None
    monic.check(first_stage.certificate, layer)


def test_exports_compute_the_same(tmp_path: Path) -> None:
    from onnxruntime import InferenceSession

    torch.manual_seed(10)
    module = InjectiveSequential(InjectiveLinear(3, 8), InjectiveLinear(8, 17, pairs=8))
    x = torch.randn(4, 3)
    export(module, x, tmp_path / "network.onnx")
    session = InferenceSession(tmp_path / "network.onnx")
    for count in (1, 4):
        [y] = session.run(None, {session.get_inputs()[0].name: x[:count].numpy()})
        assert np.allclose(y, module(x[:count]).detach().numpy(), atol=1e-5)


@pytest.mark.thorough
def test_recurrent_cells_are_exported(tmp_path: Path) -> None:
    """With both inputs; from the zero state it is one layer of pairs, and is proved."""
    from onnxruntime import InferenceSession

    torch.manual_seed(15)
    cell = InjectiveRNNCell(3, 8, injective_in="both")
    x, h = torch.randn(5, 3), torch.randn(5, 8)
    export(cell, (x[:1], h[:1]), tmp_path / "cell.onnx")
    session = InferenceSession(tmp_path / "cell.onnx")
    names = [given.name for given in session.get_inputs()]
    [new] = session.run(None, dict(zip(names, (x.numpy(), h.numpy()), strict=True)))
    assert np.allclose(new, cell(x, h).detach().numpy(), atol=1e-5)
    export(cell, x, tmp_path / "first.onnx")
    network = monic.load(tmp_path / "first.onnx")
    assert isinstance(network, monic.Network)
    assert monic.decide(network).verdict is Verdict.INJECTIVE


def test_written_out_weights_are_not_what_is_exported(tmp_path: Path) -> None:
    """The counterpart: written out in floats, the same layer is not one-to-one."""
    torch.manual_seed(11)
    layer = InjectiveLinear(4, 8, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.s.uniform_(0.5, 1.5)
    d = layer.scales[:, None]
    written = torch.cat((layer.basis, -d * layer.basis)).detach()
    assert monic.decide(monic.ReLULayer(written)).verdict is Verdict.NOT_INJECTIVE
    export(layer, torch.zeros(2, 4, dtype=torch.float64), tmp_path / "x.onnx")
    loaded = monic.load(tmp_path / "x.onnx")
    assert isinstance(loaded, monic.Network)
    assert monic.decide(loaded).verdict is Verdict.INJECTIVE


def test_parametrized_modules_are_proved_after_export(tmp_path: Path) -> None:
    torch.manual_seed(12)
    module = torch.nn.Sequential(injective(torch.nn.Linear(3, 7)), torch.nn.ReLU())
    export(module, torch.zeros(2, 3), tmp_path / "x.onnx")
    network = monic.load(tmp_path / "x.onnx")
    assert isinstance(network, monic.Network)
    decision = monic.decide(network)
    assert decision.verdict is Verdict.INJECTIVE
    assert decision.stages[0].decision.method == "paired rows"


def test_parametrizations_can_be_taken_off() -> None:
    module = InjectiveSequential(InjectiveLinear(3, 8, constraint="orthogonal"))
    plain = without_parametrizations(module)
    x = torch.randn(2, 3)
    assert torch.allclose(plain(x), module(x))
    assert {name for name, _ in plain.named_parameters()} == {"0.basis", "0.s", "0.bias"}
    moving: Any = InjectiveLinear(3, 8, constraint="spectral")  # at every look, in training
    with torch.no_grad():
        moving.parametrizations.basis.original.normal_()
    y = moving(x)
    assert torch.allclose(without_parametrizations(moving)(x), y, atol=1e-6)
    block = InjectiveResidual(branch(2))
    assert torch.allclose(without_parametrizations(block)(x[:, :2]), block(x[:, :2]))
