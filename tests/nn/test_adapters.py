"""Adapters, against the libraries where they are installed."""

import copy
import pickle
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, TransformedDistribution

from monic.errors import LayerError
from monic.nn import (
    InjectiveConv2d,
    InjectiveLinear,
    InjectiveSequential,
    as_torch_transform,
    to_nflows,
    to_normflows,
)
from tests.nn.layers import stirred


def layer() -> InjectiveLinear:
    torch.manual_seed(0)
    return stirred(InjectiveLinear(2, 4)).double()


def standard() -> Any:
    return Independent(Normal(torch.zeros(2).double(), torch.ones(2).double()), 1)


def log_prob(distribution: Any, y: Tensor) -> Tensor:
    found: Tensor = distribution.log_prob(y)
    return found


def test_torch_transforms_give_densities_on_the_range() -> None:
    module = layer()
    base = standard()
    flow: Any = TransformedDistribution(base, [as_torch_transform(module)], validate_args=False)
    y = flow.sample((6,))
    x, log_det = module.inverse_and_log_det(y)
    assert y.shape == (6, 4)
    assert torch.allclose(flow.log_prob(y), base.log_prob(x) + log_det)
    transform = as_torch_transform(module)
    assert not transform.bijective
    assert transform.forward_shape(torch.Size((3, 2))) == (3, 4)
    assert transform.inv(transform(x.detach())).shape == x.shape


def test_a_density_integrates_to_one() -> None:
    """Over the range, a surface in R^4: areas of small triangles times densities there."""
    module = layer()
    flow = TransformedDistribution(standard(), [as_torch_transform(module)], validate_args=False)
    side = torch.linspace(-5, 5, 201, dtype=torch.float64)
    x = torch.cartesian_prod(side, side).reshape(201, 201, 2)
    total = torch.zeros((), dtype=torch.float64)
    for corners in (
        (x[:-1, :-1], x[1:, :-1], x[:-1, 1:]),
        (x[1:, 1:], x[1:, :-1], x[:-1, 1:]),
    ):
        at, right, left = (module(corner).reshape(-1, 4).detach() for corner in corners)
        edges = torch.stack((right - at, left - at), 1)
        area = (edges @ edges.mT).det().clamp_min(0).sqrt() / 2
        middle = module(sum(corners, torch.zeros(2)).reshape(-1, 2) / 3)
        total += (area * log_prob(flow, middle).exp()).sum()
    # triangles across a fold are a little too small: the error falls with the side
    assert total.item() == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("adapt", [to_nflows, to_normflows])
def test_missing_libraries_say_how_to_install_them(
    adapt: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nflows.transforms.base", "normflows.flows.base"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(LayerError, match="python -m pip install n"):
        adapt(layer())  # type: ignore[operator]


@pytest.mark.parametrize(("name", "adapt"), [("nflows", to_nflows), ("normflows", to_normflows)])
def test_libraries_for_flows(name: str, adapt: object) -> None:
    pytest.importorskip(name)
    module = layer()
    flow = adapt(module)  # type: ignore[operator]
    x = torch.randn(5, 2, dtype=torch.float64)
    y, log_det = flow.forward(x)
    back, inverse_log_det = flow.inverse(y)
    assert torch.allclose(back, x)
    assert torch.allclose(log_det, module.log_det(x))
    assert torch.allclose(inverse_log_det, -log_det)
    assert len(list(flow.parameters())) == len(list(module.parameters()))


def test_nflows_composes_it_with_its_own() -> None:
    transforms = pytest.importorskip("nflows.transforms")
    whole = transforms.CompositeTransform([transforms.LULinear(2).double(), to_nflows(layer())])
    x = torch.randn(5, 2, dtype=torch.float64)
    y, log_det = whole.forward(x)
    back, inverse_log_det = whole.inverse(y)
    assert torch.allclose(back, x, atol=1e-8)
    assert torch.allclose(log_det, -inverse_log_det)


def test_zuko_takes_the_transform() -> None:
    """A flow of zuko maps data to codes: ours, inverted, then one of zuko's own."""
    distributions = pytest.importorskip("zuko.distributions")
    transforms = pytest.importorskip("zuko.transforms")
    module, base = layer(), standard()
    slopes = torch.tensor([0.3, -0.2]).double()
    own = transforms.MonotonicAffineTransform(torch.ones(2).double(), slopes)
    whole = transforms.ComposedTransform(
        as_torch_transform(module).inv, transforms.DependentTransform(own, 1)
    )
    flow = distributions.NormalizingFlow(whole, base)
    y = module(torch.randn(6, 2, dtype=torch.float64)).detach()
    x, log_det = module.inverse_and_log_det(y)
    code, more = own(x), own.log_abs_det_jacobian(x, own(x)).sum(-1)
    assert torch.allclose(flow.log_prob(y), log_prob(base, code) + log_det + more)


def test_axes_of_examples_may_differ_between_input_and_output() -> None:
    network = InjectiveSequential(InjectiveLinear(2, 4), nn.Unflatten(1, (2, 2)))
    transform = as_torch_transform(network, event_dim=(1, 2))
    flow: Any = TransformedDistribution(
        Independent(Normal(torch.zeros(2), torch.ones(2)), 1), [transform], validate_args=False
    )
    assert flow.event_shape == (2, 2)
    assert flow.log_prob(flow.sample((5,))).shape == (5,)
    conv = InjectiveConv2d(1, 4, 3, padding=1, input_size=3)
    assert as_torch_transform(conv).domain.event_dim == 3
    assert as_torch_transform(conv).forward_shape(torch.Size((7, 1, 3, 3))) == (7, 4, 3, 3)


def test_transforms_are_pickled_and_copied() -> None:
    transform = as_torch_transform(layer())
    x = torch.randn(3, 2, dtype=torch.float64)
    for twin in (pickle.loads(pickle.dumps(transform)), copy.deepcopy(transform)):
        assert torch.equal(twin(x), transform(x))
