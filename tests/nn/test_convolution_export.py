"""Injective convolutional networks, trained a little and exported, are read back and proved."""

import warnings
from pathlib import Path
from typing import Any

import pytest

import monic
from monic import Verdict

torch = pytest.importorskip("torch")

from monic import nn  # noqa: E402 - after the guard


def _generator() -> Any:
    return torch.nn.Sequential(
        nn.InjectiveConv2d(2, 8, 3, padding=1, input_size=(6, 6)),
        nn.InjectiveConvTranspose2d(8, 8, 4, stride=2, padding=1, input_size=(6, 6)),
    )


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")
def test_trained_exported_and_proved(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = _generator()
    x = torch.randn(4, 2, 6, 6)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        network(x).square().mean().backward()
        optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.export(network, x[:1], tmp_path / "generator.onnx")
    loaded = monic.load(tmp_path / "generator.onnx")
    assert isinstance(loaded, monic.Network)
    decision = monic.decide(loaded)
    assert decision.verdict is Verdict.INJECTIVE, decision.reason
    assert [stage.decision.method for stage in decision.stages] == ["paired filters"] * 2
    assert decision.certificate is not None
    monic.check(decision.certificate, tmp_path / "generator.onnx")
