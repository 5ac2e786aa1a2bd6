"""The parametrization of existing modules: in the space before, during and after training."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

import monic
from monic import ReLULayer, Verdict
from monic.errors import LayerError
from monic.nn import injective
from monic.nn.parametrization import PairedRows

MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(3, 6), (3,)),
    "linear odd": (lambda: nn.Linear(3, 7, bias=False), (3,)),
    "conv1d": (lambda: nn.Conv1d(2, 4, 3), (2, 5)),
    "conv2d": (lambda: nn.Conv2d(2, 5, 3, groups=1), (2, 4, 4)),
    "conv2d groups": (lambda: nn.Conv2d(4, 10, 3, groups=2), (4, 4, 4)),
    "conv3d": (lambda: nn.Conv3d(1, 2, 2), (1, 3, 3, 3)),
    "transposed 1d": (lambda: nn.ConvTranspose1d(2, 4, 3), (2, 4)),
    "transposed 2d": (lambda: nn.ConvTranspose2d(2, 5, 3), (2, 3, 3)),
    "transposed 2d groups": (lambda: nn.ConvTranspose2d(4, 10, 3, groups=2), (4, 3, 3)),
    "transposed 3d": (lambda: nn.ConvTranspose3d(1, 2, 2), (1, 2, 2, 2)),
}


@pytest.mark.parametrize("name", MODULES)
def test_weights_stay_in_pairs_while_they_are_trained(name: str) -> None:
    build, shape = MODULES[name]
    torch.manual_seed(0)
    module: Any = injective(build())
    rows = module.parametrizations.weight[0]
    x = torch.randn(4, *shape)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(3):
        assert rows.in_image(module.weight)
        # forward, after right_inverse, is the identity on the image
        back = rows.right_inverse(module.weight)
        again = rows(*back) if isinstance(back, tuple) else rows(back)
        assert torch.equal(again, module.weight)
        if isinstance(module, nn.Linear):
            layer = ReLULayer(module.weight, module.bias)
            decision = monic.decide(layer)
            assert decision.verdict is Verdict.INJECTIVE
            assert decision.method == "paired rows"
        optimizer.zero_grad()
        (module(x).relu() - 1).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", [nn.Conv1d, nn.ConvTranspose1d])
def test_pairs_of_convolutions_lie_in_one_group(kind: Any) -> None:
    """With one tap a group is a matrix: the whole layer, written out, is decided."""
    torch.manual_seed(3)
    for _ in range(5):
        module: Any = injective(kind(4, 10, 1, groups=2))
        columns = torch.eye(4)[:, :, None]
        bias = module.bias.detach()
        weight = (module(columns).detach() - bias[:, None])[..., 0].T
        nonzero = weight[:5, :2].abs().sum() > 0, weight[:5, 2:].abs().sum() > 0
        assert [bool(flag) for flag in nonzero] == [True, False]
        exact = torch.block_diag(*_matrices(module))  # type: ignore[no-untyped-call]
        assert torch.allclose(exact, weight, atol=1e-6)
        decision = monic.decide(ReLULayer(exact, bias))
        assert decision.verdict is Verdict.INJECTIVE
        assert decision.method == "paired rows"


def _matrices(module: Any) -> list[torch.Tensor]:
    weight = module.weight.detach()[..., 0]
    if isinstance(module, nn.ConvTranspose1d):
        return [part.T for part in weight.chunk(2)]
    return list(weight.chunk(2))


def test_a_weight_in_pairs_is_taken_over_exactly() -> None:
    half = torch.randn(4, 3)
    scales = torch.tensor([0.25, 1.0, 2.0, 8.0])[:, None]
    module = nn.Linear(3, 9, bias=False)
    rest = torch.randn(1, 3)
    with torch.no_grad():
        module.weight.copy_(torch.cat((half, -scales * half, rest)))
    before = module.weight.clone()
    injective(module)
    assert torch.equal(module.weight, before)


def test_rows_that_are_equal_do_not_vanish() -> None:
    module = nn.Linear(2, 4, bias=False)
    with torch.no_grad():
        module.weight[2:] = module.weight[:2]
    before = module.weight.clone()
    injective(module)
    assert torch.allclose(module.weight[:2], before[:2])
    assert torch.allclose(module.weight[2:], -before[2:])


@given(st.integers(0, 10**6), st.integers(-5, 5))
def test_energies_of_pairs_are_kept(seed: int, power: int) -> None:
    weight = torch.randn(6, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rows = PairedRows(0, torch.full((3,), 2.0**power, dtype=torch.float64))
    half = rows.right_inverse(weight)
    assert isinstance(half, torch.Tensor)
    new = rows(half)
    assert rows.in_image(new)
    old = weight[:3].square().sum(1) + weight[3:].square().sum(1)
    assert torch.allclose(new[:3].square().sum(1) + new[3:].square().sum(1), old)


def test_states_round_trip_and_parametrizations_come_off() -> None:
    module: Any = injective(nn.Linear(2, 5))
    other: Any = injective(nn.Linear(2, 5))
    assert set(module.state_dict()) == {
        *("parametrizations.weight.original0", "parametrizations.weight.original1"),
        *("parametrizations.weight.0.scales", "parametrizations.bias.0.scales"),
        *("parametrizations.bias.original0", "parametrizations.bias.original1"),
    }
    other.load_state_dict(module.state_dict())
    assert torch.equal(other.weight, module.weight)
    nn.utils.parametrize.remove_parametrizations(module, "weight")
    assert torch.equal(other.weight, module.weight)


@pytest.mark.parametrize(
    ("module", "pairs"),
    [
        (nn.Linear(3, 5), None),
        (nn.Linear(3, 8), 2),
        (nn.Linear(3, 8), 5),
        (nn.BatchNorm1d(4), None),
        (nn.ConvTranspose1d(2, 2, 3, groups=2), None),
        (nn.Conv1d(2, 8, 3, groups=2), 3),
        (nn.utils.parametrizations.weight_norm(nn.Linear(2, 4)), None),
        (prune.identity(nn.Linear(2, 4), "weight"), None),  # type: ignore[no-untyped-call]
        (injective(nn.Linear(2, 4)), None),
    ],
)
def test_refusals(module: nn.Module, pairs: int | None) -> None:
    with pytest.raises(LayerError, match="Expected"):
        injective(module, pairs=pairs)
