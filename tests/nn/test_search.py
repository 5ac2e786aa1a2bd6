"""Inverses by search find what there is to be found, and have the derivatives of inverses."""

import pytest
import torch
from torch import Tensor, nn

from monic.nn import InjectiveLinear, InjectiveSequential, InjectiveSkip, RandomProjection
from monic.nn.search import find_code


def helix(x: Tensor) -> Tensor:
    """A curve with a local minimum of the distance on every turn."""
    return torch.cat((torch.cos(3 * x), torch.sin(3 * x), 0.1 * x), 1)


def test_far_turns_of_a_helix_are_found() -> None:
    x = torch.linspace(-5, 5, 400, dtype=torch.float64)[:, None]  # five turns, 0.2 apart
    torch.testing.assert_close(find_code(helix, helix(x), 1), x)


@pytest.mark.parametrize("dim", [1, 2])
def test_all_codes_of_a_projected_network_are_found(dim: int) -> None:
    torch.manual_seed(1)
    network = InjectiveSequential(
        InjectiveLinear(dim, 16), InjectiveLinear(16, 32), RandomProjection(dim, 32, 2 * dim + 1)
    ).double()
    x = 2 * torch.randn(200, dim, dtype=torch.float64)
    torch.testing.assert_close(network.inverse(network(x)), x)


def test_points_off_the_range_get_the_nearest_there_is() -> None:
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    away = helix(x) * torch.tensor([1.2, 1.2, 1.0])  # along the normal
    torch.testing.assert_close(find_code(helix, away, 1), x, rtol=0, atol=0.02)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_derivatives_are_those_of_the_inverse(dtype: torch.dtype) -> None:
    """x(f(x, w), w) = x, whatever the weights: the derivatives of the left side are known."""
    torch.manual_seed(0)
    skip = InjectiveSkip(nn.Linear(2, 5), 2, 5, epsilon=0.5).to(dtype)
    x = torch.randn(7, 2, dtype=dtype, requires_grad=True)
    again = skip.inverse(skip(x))
    torch.testing.assert_close(again, x, rtol=1e-3, atol=1e-4)
    parameters = [x, *skip.parameters()]
    along_x, *rest = torch.autograd.grad(again[:, 0].sum(), parameters)
    expected = torch.tensor([1.0, 0.0], dtype=dtype).expand(7, 2)
    torch.testing.assert_close(along_x, expected, rtol=0, atol=1e-4)
    assert all(float(g.abs().max()) < 1e-4 for g in rest)
    fixed = skip(x).detach()
    slope = torch.autograd.grad(skip.inverse(fixed)[:, 0].sum(), parameters[1:])
    assert all(float(g.abs().max()) > 1e-2 for g in slope)
    assert not skip.requires_grad_(False).inverse(fixed).requires_grad
