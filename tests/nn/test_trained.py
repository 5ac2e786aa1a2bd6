"""Every layer, trained: a member after each step, and proved by `decide` after export."""

from pathlib import Path

import pytest
import torch

import monic
from monic import Verdict
from monic.nn import InjectiveModule, export
from tests.nn.layers import CASES, Case

#: Almost surely one-to-one; the matrix at hand may be proved to be, and then nothing is assumed.
OFTEN_PROVED = {"skip"}
#: One of each kind is trained in the default tests, the others in slow runs.
QUICK = {"linear with rest", "conv2d stride", "transposed 2d", "group norm", "augmented norm"}
TABLE = [
    pytest.param(
        case,
        dtype,
        id=f"{case.name}-{dtype}",
        marks=[] if case.name in QUICK and dtype is torch.float32 else [pytest.mark.slow],
    )
    for case in CASES
    for dtype in (torch.float32, torch.float64)
]


def own_verdict(module: InjectiveModule, case: Case) -> Verdict:
    if case.assume:
        return module.is_injective(assume=case.assume).verdict  # type: ignore[call-arg]
    return module.is_injective().verdict


@pytest.mark.thorough
@pytest.mark.parametrize(("case", "dtype"), TABLE)
def test_fifty_steps_of_adam_and_a_proof(case: Case, dtype: torch.dtype, tmp_path: Path) -> None:
    module, x = case.module(dtype), case.batch(8, dtype)
    target = torch.randn(module(x).shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = (module(x) - target).square().mean()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
        assert own_verdict(module, case) is Verdict.INJECTIVE
    assert losses[-1] < losses[0]
    export(module, x, tmp_path / "net.onnx")
    networks = [monic.load(tmp_path / "net.onnx")]
    if dtype is torch.float32:
        networks.append(monic.load(module.eval(), input_shape=case.shape))
    for network in networks:
        assert isinstance(network, monic.Network)
        decision = monic.decide(network, assume=case.assume or None, time_limit=60)
        assert decision.verdict is Verdict.INJECTIVE, decision
        if case.name not in OFTEN_PROVED or decision.assumption is not None:
            assert decision.assumption == (" and ".join(case.assume) or None)
        assert decision.certificate is not None
        monic.check(decision.certificate, network)
