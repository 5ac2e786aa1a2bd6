"""Compositions: what is taken, what is refused, and what is said about the whole."""

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

from monic import Verdict
from monic.errors import LayerError, NotInRange
from monic.nn import (
    InjectiveConcat,
    InjectiveConv2d,
    InjectiveConvTranspose2d,
    InjectiveGroupNorm,
    InjectiveLinear,
    InjectiveSequential,
    RandomProjection,
)
from monic.nn.dense import log_volume


class Squared(nn.Linear):
    """A layer that computes something else than its weight says."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).square()


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ((), "at least one module"),
        ((nn.Linear(3, 6), nn.ReLU()), "InjectiveLinear and InjectiveConv contain"),
        ((InjectiveLinear(2, 4), InjectiveLinear(5, 10)), "take the 4 features that module 0"),
        ((InjectiveLinear(2, 4), nn.Linear(4, 3)), "maps lines to points"),
        ((InjectiveLinear(2, 4), nn.MaxPool1d(2)), "loses numbers"),
        ((InjectiveLinear(2, 4), nn.BatchNorm1d(4)), "InjectiveGroupNorm"),
        ((InjectiveLinear(2, 8), RandomProjection(3, 8, 7)), "latent_dim=2"),
        ((RandomProjection(2, 8, 7),), "before a RandomProjection"),
        ((InjectiveConv2d(1, 4, 3), InjectiveConv2d(3, 12, 3)), "take the 4 features"),
        ((nn.GELU(),), "one-to-one"),
        ((nn.Flatten(2),), "one-to-one"),
        ((nn.LeakyReLU(-1.0),), "one-to-one"),
        ((Squared(2, 2),), "subclass of nn.Linear"),
    ],
)
def test_pairs_that_cannot_be_one_to_one_are_refused(
    modules: tuple[nn.Module, ...], message: str
) -> None:
    with pytest.raises(LayerError, match=message):
        InjectiveSequential(*modules)


def test_keys_are_those_of_torch() -> None:
    ours = InjectiveSequential(InjectiveLinear(2, 4), nn.Linear(4, 4))
    theirs = nn.Sequential(InjectiveLinear(2, 4), nn.Linear(4, 4))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert len(ours) == 2
    assert ours[1] is list(ours)[1]


def test_every_plain_step_is_undone() -> None:
    torch.manual_seed(0)
    network = InjectiveSequential(
        nn.Linear(3, 5),
        nn.ELU(1.5),
        nn.Identity(),
        nn.LeakyReLU(0.3),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.Unflatten(1, (5, 1)),
        nn.Flatten(),
    ).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    assert torch.allclose(network.inverse(network(x)), x, atol=1e-9)
    assert network.is_injective().verdict is Verdict.INJECTIVE


def test_flatten_needs_a_call() -> None:
    network = InjectiveSequential(nn.Flatten(), InjectiveLinear(4, 8))
    with pytest.raises(LayerError, match="call it once"):
        network.inverse(torch.zeros(1, 8))
    knows_its_grid = InjectiveConv2d(1, 4, 3, padding=1, input_size=2)
    network = InjectiveSequential(knows_its_grid, nn.LeakyReLU(0.5), nn.Flatten())
    assert network.inverse(torch.zeros(1, 16)).shape == (1, 1, 2, 2)


def test_volume_is_not_the_sum_of_volumes() -> None:
    """J_2 J_1 for tall J_2, by hand."""
    torch.manual_seed(1)
    first, second = InjectiveLinear(2, 4).double(), InjectiveLinear(4, 8).double()
    with torch.no_grad():
        second.s.uniform_(0.3, 2)
    network = InjectiveSequential(first, second)
    x = torch.randn(1, 2, dtype=torch.float64)

    def jacobian(layer: InjectiveLinear, x: torch.Tensor) -> torch.Tensor:
        z = layer.linear(x, layer.basis, layer.bias)[0]
        return torch.cat(
            (
                (z > 0)[:, None] * layer.basis,
                -((z < 0) * layer.scales)[:, None] * layer.basis,
            )
        )

    whole = jacobian(second, first(x)) @ jacobian(first, x)
    assert torch.allclose(network.log_det(x), log_volume(whole))
    apart = first.log_det(x) + second.log_det(first(x))
    assert not torch.allclose(network.log_det(x), apart)


def test_a_lost_basis_leaves_the_network_undecided() -> None:
    network = InjectiveSequential(InjectiveLinear(2, 4), InjectiveLinear(4, 8))
    with torch.no_grad():
        network.get_parameter("1.basis").zero_()
    decision = network.is_injective()
    assert decision.verdict is Verdict.UNDECIDED
    assert "layer 1" in decision.reason


def test_assumptions_are_asked_for_and_written_down() -> None:
    network = InjectiveSequential(
        InjectiveLinear(2, 8), InjectiveGroupNorm(1, 8), RandomProjection(2, 8, 5)
    )
    assert network.is_injective().verdict is Verdict.UNDECIDED
    half = network.is_injective(assume="statistics")
    assert half.verdict is Verdict.UNDECIDED
    assert "random-projections" in half.reason
    whole = network.is_injective(assume=("statistics", "random-projections"))
    assert whole.verdict is Verdict.INJECTIVE
    assert whole.assumption == "random-projections and statistics"
    with pytest.raises(LayerError, match="assumptions among"):
        network.is_injective(assume="luck")


def test_a_nested_network_is_one_layer() -> None:
    network = InjectiveSequential(InjectiveSequential(InjectiveLinear(2, 4)), nn.LeakyReLU(0.1))
    decision = network.is_injective()
    assert decision.verdict is Verdict.INJECTIVE
    assert decision.stages[0].decision.method == "composition"


def test_search_refuses_points_off_the_range() -> None:
    torch.manual_seed(2)
    network = InjectiveSequential(InjectiveLinear(1, 4), RandomProjection(1, 4, 3)).double()
    with pytest.raises(NotInRange):
        network.inverse(torch.tensor([[5.0, -7.0, 9.0]], dtype=torch.float64))


def test_volume_with_statistics_kept_aside_is_refused() -> None:
    network = InjectiveSequential(InjectiveLinear(2, 4), InjectiveGroupNorm(1, 4))
    with pytest.raises(LayerError, match="AugmentedLayerNorm"):
        network.log_det(torch.zeros(1, 2))


def test_volumes_count_the_axes_of_the_first_module_that_has_any() -> None:
    """A Jacobian of the whole, whatever comes first; against autograd."""
    torch.manual_seed(3)
    conv = InjectiveConv2d(1, 4, 3, padding=1, input_size=2)
    up = InjectiveConvTranspose2d(4, 4, 2, stride=2, input_size=2)
    networks = (
        (InjectiveSequential(nn.Linear(4, 16), nn.Unflatten(1, (4, 2, 2)), up), (4,)),
        (InjectiveSequential(InjectiveSequential(conv)), (1, 2, 2)),
        (InjectiveSequential(nn.LeakyReLU(0.5), conv, nn.Flatten()), (1, 2, 2)),
        (InjectiveSequential(nn.Flatten(), InjectiveLinear(4, 8)), (1, 2, 2)),
    )
    for network, shape in networks:
        x = torch.randn(2, *shape).double()
        found = network.double().log_det(x)
        for example, value in zip(x, found, strict=True):
            jacobian = torch.func.jacrev(lambda v, f=network: f(v[None])[0])(example)
            values = torch.linalg.svdvals(jacobian.reshape(-1, 4))
            assert torch.allclose(value, values.log().sum())


def test_slices_and_names() -> None:
    named = OrderedDict(first=InjectiveLinear(2, 4), then=nn.Tanh(), last=InjectiveLinear(4, 8))
    network = InjectiveSequential(named)
    assert next(iter(network.state_dict())) == "first.basis"
    assert [stage.name for stage in network.is_injective().stages] == ["first", "then", "last"]
    part = network[1:]
    assert isinstance(part, InjectiveSequential)
    assert next(iter(part.state_dict())) == "last.basis"
    assert part[-1] is network[-1]
    with pytest.raises(LayerError, match="at least one module"):
        network[3:]


@pytest.mark.parametrize("last", [nn.Tanh(), nn.Sigmoid(), nn.ELU()], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_projection_moves_points_beyond_an_activation_inside(
    last: nn.Module, dtype: torch.dtype
) -> None:
    network = InjectiveSequential(InjectiveLinear(2, 4), nn.Linear(4, 4), last).to(dtype)
    y = torch.tensor([[-3.0, 3.0, 0.5, 0.5]], dtype=dtype)
    assert bool(network.project(y).isfinite().all())
    with pytest.raises(NotInRange):
        network.inverse(y)
    saturated = last(torch.tensor([[90.0, -90.0]], dtype=dtype))
    assert bool(InjectiveSequential(last).inverse(saturated).isfinite().all())


def test_a_limit_reaches_the_layers() -> None:
    network = InjectiveSequential(
        InjectiveSequential(InjectiveLinear(3, 6)), InjectiveLinear(6, 12)
    )
    assert network.is_injective(limit=5).verdict is Verdict.UNDECIDED
    assert network.is_injective(limit=6).verdict is Verdict.INJECTIVE


def test_what_goes_into_a_module_is_what_the_one_before_gives() -> None:
    """Also behind a network inside, and behind a block that enlarges its input."""
    inner = InjectiveSequential(InjectiveLinear(4, 8), nn.Tanh())
    network = InjectiveSequential(InjectiveLinear(2, 4), inner, InjectiveLinear(8, 16))
    assert network(torch.zeros(1, 2)).shape == (1, 16)
    InjectiveSequential(InjectiveConcat(nn.Linear(2, 3), 2), nn.Tanh(), InjectiveLinear(5, 10))
    with pytest.raises(LayerError, match="take the 8 features that module 0"):
        InjectiveSequential(inner, InjectiveLinear(4, 8))
    with pytest.raises(LayerError, match="take the 2 features"):
        InjectiveSequential(nn.Linear(2, 2), inner)
    with pytest.raises(LayerError, match="as `in_features` says"):
        InjectiveConcat(nn.ReLU(), 2)(torch.zeros(1, 3))


def test_a_projection_counts_the_numbers_of_the_input() -> None:
    """Those of a grid, and not its channels."""
    conv = InjectiveConv2d(1, 4, 3, padding=1, input_size=2)
    InjectiveSequential(conv, nn.Flatten(), RandomProjection(4, 16, 9))
    with pytest.raises(LayerError, match="latent_dim=4"):
        InjectiveSequential(conv, nn.Flatten(), RandomProjection(1, 16, 3))
    learns = InjectiveConv2d(1, 4, 3, padding=1)
    network = InjectiveSequential(learns, nn.Flatten(), RandomProjection(1, 16, 3))
    network(torch.zeros(1, 1, 2, 2))
    with pytest.raises(LayerError, match="latent_dim=4"):
        network.is_injective(assume="random-projections")


def test_small_numbers_inside_a_network_do_not_refuse_its_outputs() -> None:
    """The inverse of a plain layer is off by its condition; beside 0 that is much."""
    torch.manual_seed(4)
    network = InjectiveSequential(InjectiveLinear(4, 8), nn.Linear(8, 8), nn.LeakyReLU(0.1))
    for size in (0.0, 1e-8, 1e-3, 1.0, 1e4):
        x = size * torch.randn(16, 4)
        found = network.inverse(network(x))
        assert torch.allclose(found, x, atol=1e-3 * (1 + size))
    cancelled = InjectiveSequential(nn.Linear(3, 3), nn.LeakyReLU(0.1), InjectiveLinear(3, 6))
    first: Any = cancelled[0]
    x = torch.linalg.solve(first.weight, -first.bias)[None].detach()
    assert torch.allclose(cancelled.inverse(cancelled(x)), x, atol=1e-5)
    far = network(torch.randn(16, 4)).detach()
    far[0] = torch.tensor([5.0, -3.0] * 4)
    with pytest.raises(NotInRange):
        network.inverse(far)


def test_searches_find_the_codes_of_whole_batches() -> None:
    torch.manual_seed(5)
    network = InjectiveSequential(InjectiveLinear(2, 8), RandomProjection(2, 8, 5, seed=3))
    x = torch.randn(200, 2)
    assert torch.allclose(network.inverse(network(x)), x, atol=1e-3)
