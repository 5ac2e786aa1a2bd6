"""One walk of every injective module through the laws."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from monic import Verdict
from monic.nn import InjectiveGroupNorm, InjectiveModule, InjectiveSkip, load, save
from tests.nn.layers import CASES, IDS, Case

all_layers = pytest.mark.parametrize("case", CASES, ids=IDS)
#: Those that are functions with a Jacobian of their own.
FUNCTIONS = [case for case in CASES if case.name != "group norm"]
functions = pytest.mark.parametrize("case", FUNCTIONS, ids=[case.name for case in FUNCTIONS])


def verdict(module: InjectiveModule, case: Case) -> Verdict:
    if case.assume:
        decision = module.is_injective(assume=case.assume)  # type: ignore[call-arg]
        assert decision.assumption == " and ".join(case.assume)
        return decision.verdict
    decision = module.is_injective()
    assert decision.assumption is None
    return decision.verdict


def relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().abs().amax() / b.detach().abs().amax())


@all_layers
def test_inverse_undoes_forward(case: Case) -> None:
    module, x = case.module(), case.batch()
    assert relative(module.inverse(module(x)), x) < 1e-10


@all_layers
def test_inverse_undoes_forward_in_single_precision(case: Case) -> None:
    module, x = case.module(torch.float32), case.batch(dtype=torch.float32)
    found = module.inverse(module(x))
    assert found.dtype == torch.float32
    assert relative(found, x) < 2e-4


@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float32, 1e-5), (torch.float64, 1e-12)], ids=["float32", "float64"]
)
@pytest.mark.parametrize("case", CASES[:15], ids=IDS[:15])
def test_conditioned_weights_are_inverted_to_the_precision_of_the_format(
    case: Case, dtype: torch.dtype, error: float
) -> None:
    """Weights as they are initialised."""
    torch.manual_seed(3)
    module, x = case.make().to(dtype), case.batch(dtype=dtype)
    assert module.bounds().condition < 10
    assert relative(module.inverse(module(x)), x) < error


@functions
def test_log_det_is_that_of_the_jacobian(case: Case) -> None:
    module, x = case.module(), case.batch()
    y, log_det = module.forward_and_log_det(x)
    assert torch.equal(y, module(x))
    for i, example in enumerate(x):
        jacobian = torch.func.jacrev(lambda v: module(v[None])[0])(example)
        matrix = jacobian.reshape(-1, example.numel()).detach().numpy()
        values = np.linalg.svd(matrix, compute_uv=False)
        assert log_det[i].item() == pytest.approx(np.log(values).sum(), abs=1e-9)
    back, inverse_log_det = module.inverse_and_log_det(y)
    assert relative(back, x) < 1e-10
    assert torch.allclose(inverse_log_det, -log_det, atol=1e-8)


@all_layers
def test_gradients_reach_every_parameter(case: Case) -> None:
    module, x = case.module(), case.batch(16).requires_grad_()
    module(x).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all()
        assert parameter.grad.abs().sum() > 0, name


@all_layers
def test_gradcheck(case: Case) -> None:
    module, x = case.module(), case.batch(1).requires_grad_()
    assert torch.autograd.gradcheck(module, (x,), fast_mode=True)


@pytest.mark.parametrize(
    "case", [c for c in FUNCTIONS if c.shape == (3,)], ids=lambda case: case.name
)
def test_gradcheck_of_inverse_and_volume(case: Case) -> None:
    module, x = case.module(), case.batch(2)
    y = module(x).detach().requires_grad_()

    def back(y: Tensor) -> Tensor:
        return module.inverse(y, tolerance=float("inf"))

    def volume(x: Tensor) -> Tensor:
        return module.log_det(x)

    if case.name != "residual":  # an iteration: differentiable, to the precision of its steps
        assert torch.autograd.gradcheck(back, (y,), fast_mode=True)
    assert torch.autograd.gradcheck(volume, (x.requires_grad_(),), fast_mode=True)


@all_layers
def test_it_is_injective_and_stays_so(case: Case) -> None:
    """The pattern of geotorch: after every step the weights are still in the space."""
    module, x = case.module(torch.float32), case.batch(8, torch.float32)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    target = torch.zeros_like(module(x))
    assert verdict(module, case) is Verdict.INJECTIVE
    for _ in range(3):
        optimizer.zero_grad()
        (module(x) - target).square().mean().backward()
        optimizer.step()
        assert verdict(module, case) is Verdict.INJECTIVE


@all_layers
def test_state_copies_and_files(case: Case, tmp_path: Path) -> None:
    module, x = case.module(), case.batch()
    y = module(x).detach()
    other = case.make().double()
    other.load_state_dict(module.state_dict())
    twin = copy.deepcopy(module)
    save(module, tmp_path / "module.safetensors")
    saved = load(tmp_path / "module.safetensors")
    for same in (other, twin, saved):
        assert torch.allclose(same(x), y, atol=1e-12, rtol=1e-12)
    assert repr(saved) == repr(module)
    assert type(module).__name__ in repr(module)


@functions
def test_projection_keeps_the_range(case: Case) -> None:
    module, x = case.module(), case.batch()
    y = module(x)
    assert relative(module.project(y), y) < 1e-9
    noisy = y + 0.01 * torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y)
    if isinstance(module, InjectiveSkip):
        return  # its inverse is a search, with no promise off the range
    near = module.project(noisy)
    module.inverse(near)  # in the range: raises otherwise
    assert relative(near, noisy) < 0.2


@all_layers
def test_bounds_hold(case: Case) -> None:
    module, x = case.module(), case.batch(40)
    y = module(x).detach()
    if isinstance(module, InjectiveGroupNorm):
        with pytest.raises(ValueError, match="statistics"):
            case.module().bounds()
        return
    bounds = module.bounds()
    away = (x[:20] - x[20:]).flatten(1).norm(dim=1)
    quotients = (y[:20] - y[20:]).flatten(1).norm(dim=1) / away
    assert bounds.inverse_lipschitz[0] <= float(quotients.min()) * (1 + 1e-9)
    assert float(quotients.max()) <= bounds.lipschitz[1] * (1 + 1e-9)
    assert bounds.inverse_lipschitz[0] <= bounds.inverse_lipschitz[1] * (1 + 1e-12)
    assert bounds.lipschitz[0] <= bounds.lipschitz[1] * (1 + 1e-12)


@all_layers
def test_formats_and_autocast(case: Case) -> None:
    module, x = case.module(torch.float32), case.batch(dtype=torch.float32)
    y = module(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = module(x)
    assert relative(rough.float(), y) < 0.1
    assert module.double()(x.double()).dtype == torch.float64
