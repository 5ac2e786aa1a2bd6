"""Residual blocks, recurrent cells, skips, projections, normalisations."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from monic import Verdict
from monic.errors import LayerError
from monic.nn import (
    AugmentedLayerNorm,
    InjectiveGroupNorm,
    InjectiveResidual,
    InjectiveRNNCell,
    InjectiveSkip,
    RandomProjection,
)
from monic.nn.lipschitz import Contraction, norm_bound
from monic.nn.residual import branch_bound
from tests.nn.layers import branch


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**6))
def test_norm_bounds_are_above_and_near(rows: int, columns: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).standard_normal((rows, columns))
    norm = np.linalg.norm(matrix, 2)
    bound = norm_bound(matrix)
    slack = min(rows, columns) ** (1 / 16)
    assert norm * (1 - 1e-12) <= float(bound) <= norm * slack * (1 + 1e-5)
    inside = Contraction(0.5)(torch.tensor(matrix)).numpy()
    assert norm_bound(inside) <= Fraction(1, 2) * (1 + Fraction(1, 10**5))


def test_norm_bounds_of_nothing_and_of_extremes() -> None:
    assert norm_bound(np.zeros((2, 2))) == 0
    assert norm_bound(np.array([[2.0**-60]])) >= Fraction(1, 2**60)
    assert torch.isfinite(Contraction(0.5)(torch.full((3, 3), 1e30))).all()


def test_a_branch_that_expands_is_undecided() -> None:
    block: Any = InjectiveResidual(branch(3))
    assert branch_bound(block.branch) < 1
    nn.utils.parametrize.remove_parametrizations(block.branch[0], "weight")
    with torch.no_grad():
        block.branch[0].weight.mul_(100)
    decision = block.is_injective()
    assert decision.verdict is Verdict.UNDECIDED
    assert "coefficient" in decision.reason
    assert block.bounds().inverse_lipschitz[0] == 0
    with torch.no_grad():
        block.branch[0].weight.zero_()
    assert block.is_injective().verdict is Verdict.INJECTIVE
    block.branch.append(nn.GELU())
    assert block.is_injective().verdict is Verdict.UNDECIDED


class Steeper(nn.Tanh):
    """A subclass that computes something else."""

    def forward(self, x: Tensor) -> Tensor:
        return 5 * super().forward(x)


@pytest.mark.parametrize(
    "inner",
    [
        nn.Sequential(nn.Linear(3, 4)),
        nn.Sequential(nn.Linear(3, 3), nn.GELU()),
        nn.Sequential(nn.Linear(3, 3), nn.LeakyReLU(2.0)),
        nn.Sequential(nn.Tanh()),
        nn.Sequential(nn.Linear(3, 3), nn.Softplus(threshold=1)),
        nn.Sequential(nn.Linear(3, 3), Steeper()),
    ],
)
def test_other_branches_are_refused(inner: nn.Sequential) -> None:
    with pytest.raises(LayerError, match="branch"):
        InjectiveResidual(inner)


def test_a_branch_as_strong_as_can_be_is_still_inverted() -> None:
    torch.manual_seed(0)
    block: Any = InjectiveResidual(nn.Sequential(nn.Linear(2, 2)), coefficient=0.99).double()
    with torch.no_grad():
        block.branch[0].parametrizations.weight.original.copy_(-100 * torch.eye(2))
    x = torch.randn(5, 2, dtype=torch.float64)
    assert torch.allclose(block.inverse(block(x)), x, atol=1e-9)


@pytest.mark.parametrize("where", ["input", "state", "both"])
def test_recurrent_cells(where: str) -> None:
    torch.manual_seed(1)
    cell = InjectiveRNNCell(2, 6, injective_in=where).double()  # type: ignore[arg-type]
    h = torch.randn(7, 6, dtype=torch.float64)
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
    for _ in range(5):
        x = torch.randn(7, 2, dtype=torch.float64)
        new = cell(x, h)
        if where != "state":
            assert torch.allclose(cell.inverse_input(new, h), x, atol=1e-9)
            assert cell.is_injective(given="state").verdict is Verdict.INJECTIVE
        if where != "input":
            assert torch.allclose(cell.inverse_state(new, x), h, atol=1e-9)
            assert cell.is_injective(given="input").verdict is Verdict.INJECTIVE
        optimizer.zero_grad()
        (new - 1).square().mean().backward()
        optimizer.step()
        h = new.detach()


def test_a_recurrent_cell_stays_bounded_on_long_sequences() -> None:
    torch.manual_seed(5)
    cell = InjectiveRNNCell(3, 8, injective_in="both")
    states, inputs = [torch.zeros(5, 8)], torch.randn(100, 5, 3)
    for x in inputs:
        states.append(cell(x, states[-1]))
        assert torch.allclose(cell.inverse_input(states[-1], states[-2]), x, atol=1e-4)
    assert float(states[-1].detach().abs().amax()) < 100
    before = cell.inverse_state(states[-1], inputs[-1])
    assert torch.allclose(before, states[-2], atol=1e-3)


@pytest.mark.thorough
@pytest.mark.parametrize(("coefficient", "carry"), [(0.999, 1.0), (0.5, 3.0)])
def test_strong_recurrences_are_still_undone(coefficient: float, carry: float) -> None:
    torch.manual_seed(6)
    cell: Any = InjectiveRNNCell(
        3, 8, injective_in="both", coefficient=coefficient, carry=carry, dtype=torch.float64
    )
    with torch.no_grad():
        cell.parametrizations.recurrent.original.mul_(100)
    x, h = torch.randn(5, 3).double(), torch.randn(5, 8).double()
    assert torch.allclose(cell.inverse_state(cell(x, h), x), h, atol=1e-9)
    assert cell.is_injective(given="input").verdict is Verdict.INJECTIVE
    with pytest.raises(LayerError, match="positive carry"):
        InjectiveRNNCell(3, 8, carry=0.0)


def test_a_recurrent_cell_under_autocast_and_with_empty_batches() -> None:
    torch.manual_seed(7)
    cell = InjectiveRNNCell(2, 6, injective_in="both")
    x, h = torch.randn(3, 2), torch.randn(3, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        new = cell(x, h)
        assert new.dtype == torch.bfloat16
        assert torch.allclose(cell.inverse_input(new, h).float(), x, atol=0.1)
        assert torch.allclose(cell.inverse_state(new, x).float(), h, atol=0.3)
    assert cell.inverse_input(cell(x[:0]), h[:0]).shape == (0, 2)
    assert cell.inverse_state(cell(x[:0]), x[:0]).shape == (0, 6)


@pytest.mark.parametrize("hidden", [4, 6])
def test_recurrent_cells_have_volumes_bounds_and_projections(hidden: int) -> None:
    torch.manual_seed(3)
    cell = InjectiveRNNCell(2, hidden, injective_in="both").double()
    x, h = torch.randn(40, 2).double(), torch.randn(40, hidden).double()
    other = torch.randn(40, 2).double(), torch.randn(40, hidden).double()
    ways: list[tuple[Any, Callable[[Tensor], Tensor], Tensor, Tensor]] = [
        ("state", lambda v: cast(Tensor, cell(v, h[: len(v)])), x, other[0]),
        ("input", lambda v: cast(Tensor, cell(x[: len(v)], v)), h, other[1]),
    ]
    for kept, function, at, away in ways:
        new, volume = cell.forward_and_log_det(x, h, given=kept)
        assert torch.equal(new, cell(x, h))
        (jacobian,) = torch.autograd.functional.jacobian(function, (at[:1],))  # type: ignore[no-untyped-call]
        values = torch.linalg.svdvals(jacobian[0, :, 0])
        assert float(volume[0].detach()) == pytest.approx(float(values.log().sum()), abs=1e-9)
        assert volume.shape == (40,)
        bounds = cell.bounds(given=kept)
        quotients = (function(at) - function(away)).norm(dim=1) / (at - away).norm(dim=1)
        assert bounds.inverse_lipschitz[0] <= float(quotients.min().detach()) * (1 + 1e-9)
        assert float(quotients.max().detach()) <= bounds.lipschitz[1] * (1 + 1e-9)
        assert bounds.inverse_lipschitz[0] <= bounds.inverse_lipschitz[1]
        assert bounds.lipschitz[0] <= bounds.lipschitz[1]
    noisy = cell(x, h) + 0.1 * torch.randn(40, hidden)
    near = cell.project(noisy, h, given="state")
    cell.inverse_input(near, h)  # can be reached: raises otherwise
    if cell.projects_to_nearest():
        for _ in range(50):  # no random point that can be reached is nearer
            reached = cell(torch.randn(40, 2).double(), h)
            assert bool(((noisy - near).norm(dim=1) <= (noisy - reached).norm(dim=1)).all())
    assert torch.equal(cell.project(noisy, x, given="input"), noisy)
    cell.inverse_state(noisy, x)


def test_the_volume_of_a_recurrent_cell_has_gradients() -> None:
    cell = InjectiveRNNCell(2, 4, injective_in="both").double()
    x, h = torch.randn(3, 2).double(), torch.randn(3, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: cell.log_det(x, v, given="input"), (h,))
    torch.autograd.backward(cell.log_det(x, h).sum())
    assert cell.basis.grad is not None


def test_recurrent_cells_refuse_what_they_were_not_asked() -> None:
    cell = InjectiveRNNCell(2, 4)
    x, h = torch.ones(1, 2), torch.zeros(1, 4)
    assert torch.equal(cell(x), cell(x, h))
    assert cell.is_injective(given="input").verdict is Verdict.UNDECIDED
    with pytest.raises(LayerError, match="one-to-one in its state"):
        cell.inverse_state(cell(x, h), x)
    with pytest.raises(LayerError, match="one-to-one in its input"):
        InjectiveRNNCell(2, 2, injective_in="state").inverse_input(h, h)
    with pytest.raises(LayerError, match="one-to-one in its state"):
        cell.bounds(given="input")
    with pytest.raises(LayerError, match="one-to-one in its state"):
        cell.project(h, x, given="input")
    with pytest.raises(LayerError, match="one-to-one in its input"):
        InjectiveRNNCell(2, 2, injective_in="state").bounds()
    for sizes in ((2, 3), (3, 4)):
        with pytest.raises(LayerError, match="even hidden_size"):
            InjectiveRNNCell(*sizes)


def test_skips_stay_near_their_module() -> None:
    torch.manual_seed(2)
    inner = nn.Sequential(nn.Linear(3, 7), nn.ReLU())
    skip = InjectiveSkip(inner, 3, 7, epsilon=0.1, seed=4)
    x = torch.randn(50, 3)
    away = (skip(x) - inner(x)).norm(dim=1)
    norm = torch.linalg.matrix_norm(skip.matrix, 2)
    assert bool((away <= 0.1 * norm * x.norm(dim=1) * (1 + 1e-5)).all())
    before = skip.matrix.clone()
    skip.resample(4)
    assert torch.equal(skip.matrix, before)
    skip.resample(5)
    assert not torch.equal(skip.matrix, before)
    assert skip.is_injective().verdict is Verdict.UNDECIDED
    assert InjectiveSkip(inner.double(), 3, 7).matrix.dtype == torch.float64
    assert RandomProjection(3, 10, 7, dtype=torch.float64).projection.dtype == torch.float64
    with pytest.raises(LayerError, match=r"2 in_features \+ 1"):
        InjectiveSkip(inner, 3, 6)
    with pytest.raises(LayerError, match=r"2 latent_dim \+ 1"):
        RandomProjection(3, 10, 6)


def test_searches_have_the_derivatives_of_the_inverse() -> None:
    torch.manual_seed(8)
    skip = InjectiveSkip(nn.Sequential(nn.Linear(2, 5), nn.Tanh()), 2, 5, epsilon=0.5).double()
    x = torch.randn(3, 2, dtype=torch.float64)
    y = skip(x).detach().requires_grad_()
    back: Any = skip.inverse(y)
    (found,) = torch.autograd.grad(back[0, 0], y, retain_graph=True)
    slope = torch.func.jacrev(lambda v: skip(v[None])[0])(x[0]).detach()
    assert torch.allclose(found[0], torch.linalg.pinv(slope)[0], atol=1e-8)
    torch.autograd.backward(back.sum())
    assert all(parameter.grad is not None for parameter in skip.parameters())


def test_a_lost_mean_collides_whatever_gamma_is() -> None:
    norm = InjectiveGroupNorm(2, 4)
    with torch.no_grad():
        norm.weight[0] = 0
    decision = norm.is_injective()
    assert decision.verdict is Verdict.NOT_INJECTIVE
    assert decision.collision is not None
    pair = (decision.collision.x, decision.collision.other)
    x, other = (torch.tensor([[float(t) for t in point]]) for point in pair)
    assert torch.equal(norm(x), norm(other))
    assert norm.is_injective(assume="statistics").verdict is Verdict.UNDECIDED


def test_normalisations_lose_the_mean_without_their_statistics() -> None:
    norm = InjectiveGroupNorm(2, 4)
    decision = norm.is_injective()
    assert decision.verdict is Verdict.NOT_INJECTIVE
    assert decision.collision is not None
    x, other = (
        torch.tensor([[float(t) for t in point]])
        for point in (decision.collision.x, decision.collision.other)
    )
    assert torch.equal(norm(x), norm(other))
    assert torch.equal(norm.inverse(norm(other)), other)
    y, statistics = norm.normalize(torch.tensor([[1.0, 3.0, 5.0, 9.0]]))
    norm(x)
    found = norm.inverse(y, statistics=statistics)
    assert torch.allclose(found, torch.tensor([[1.0, 3.0, 5.0, 9.0]]))
    with torch.no_grad():
        norm.weight[0] = 0
    assert norm.is_injective(assume="statistics").verdict is Verdict.UNDECIDED
    with pytest.raises(LayerError, match="those of 1 examples"):
        norm.inverse(torch.zeros(3, 4))


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_norm_is_that_of_torch(groups: int) -> None:
    torch.manual_seed(3)
    x = torch.randn(4, 6, 5, 3)
    theirs = nn.GroupNorm(groups, 6)
    assert torch.allclose(InjectiveGroupNorm(groups, 6)(x), theirs(x), atol=1e-5)


def test_volume_of_a_normalisation_is_that_of_its_affine_map() -> None:
    torch.manual_seed(4)
    norm = InjectiveGroupNorm(2, 4).double()
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    _, statistics = norm.normalize(x)
    assert torch.allclose(norm.inverse(norm(x)), x)
    for i in range(2):
        slopes = norm.weight[:, None] / statistics.deviation[i].repeat_interleave(2, 0)
        expected = slopes.expand(4, 3).log().sum()
        assert torch.allclose(norm.log_det(x)[i], expected)
    norm(x)
    bounds = norm.bounds()
    assert 0 < bounds.inverse_lipschitz[0] <= bounds.lipschitz[1]


def test_augmented_norm_needs_all_slopes_but_one() -> None:
    norm = AugmentedLayerNorm(4).double()
    with torch.no_grad():
        norm.weight[1] = 0
    x = torch.tensor([[1.0, -2.0, 5.0, 0.5], [3.0, 3.0, 3.0, 3.0]], dtype=torch.float64)
    assert norm.is_injective().verdict is Verdict.INJECTIVE
    assert torch.allclose(norm.inverse(norm(x)), x)
    assert torch.linalg.matrix_rank(torch.func.jacrev(norm)(x[0])) == 4
    with torch.no_grad():
        norm.weight[3] = 0
    decision = norm.is_injective()
    assert decision.verdict is Verdict.NOT_INJECTIVE
    assert decision.collision is not None
    pair = [[float(t) for t in p] for p in (decision.collision.x, decision.collision.other)]
    first, second = norm(torch.tensor(pair, dtype=torch.float64))
    assert torch.allclose(first, second, atol=1e-15)
    assert pair[0] != pair[1]


def test_augmented_norm_of_one_number_needs_no_slope() -> None:
    norm = AugmentedLayerNorm(1)
    with torch.no_grad():
        norm.weight[0] = 0
    assert norm.is_injective().verdict is Verdict.INJECTIVE
    assert norm.inverse(norm(torch.tensor([[7.0]]))).item() == 7.0
    with pytest.raises(LayerError, match="eps"):
        AugmentedLayerNorm(3, eps=0)
