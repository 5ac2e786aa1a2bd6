"""Latent codes by optimisation with restarts, for any generator that torch can differentiate.

The method of [Bora, Jalal, Price and Dimakis, 2017]: minimise |A G(z) - y|^2 + penalty |z|^2
over z by gradient descent from several random z, and keep the best. All restarts of all samples
descend at once, as one batch; the best of each sample is then polished by L-BFGS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from monic.errors import InversionError
from monic.inversion.activations import Entrywise, FloatActivation
from monic.inversion.chain import Chain
from monic.inversion.linear_map import FloatMap
from monic.inversion.norms import FloatNorm
from monic.inversion.operators import Measurement, with_adjoint
from monic.model import Activation
from monic.model.array import Array

__all__ = ["Generator", "Search", "as_torch", "descend"]

#: Takes latent codes (N, *latent) to signals (N, *signal).
Generator = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How latent codes are searched for.

    Arguments:
        restarts: How many random latent codes, standard normal, each sample starts from.
        steps: Steps of Adam from each.
        rate: The step length, which falls to 0 along a cosine.
        penalty: The weight of |z|^2.
        polish: Steps of L-BFGS from the best one; 0 for none.
        seed: Of the generator that draws the starts.

    Raises:
        InversionError: when a number is out of range.
    """

    restarts: int = 8
    steps: int = 500
    rate: float = 0.05
    penalty: float = 0.0
    polish: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"restarts": 1, "steps": 0, "polish": 0, "penalty": 0.0}
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise InversionError(f"Expected {name} >= {bound}. Got {getattr(self, name)}.")
        if not self.rate > 0:
            raise InversionError(f"Expected a rate > 0. Got {self.rate}.")


@dataclass(frozen=True, slots=True)
class Found:
    """The best latent codes (N, *latent), their signals, and all residuals (N, restarts)."""

    latent: torch.Tensor
    signal: torch.Tensor
    residual: torch.Tensor
    residuals: torch.Tensor


def descend(
    generator: Generator,
    operator: Measurement,
    y: torch.Tensor,
    latent_shape: tuple[int, ...],
    search: Search,
) -> Found:
    """Returns what a search finds for a batch of data of shape (N, *data).

    Raises:
        InversionError: when generator, measurement and data do not fit together.
    """
    count, repeats = len(y), search.restarts
    random = torch.Generator().manual_seed(search.seed)
    start = torch.randn(count * repeats, *latent_shape, generator=random, dtype=y.dtype)
    target = y.repeat_interleave(repeats, dim=0)

    def misfit(z: torch.Tensor, data: torch.Tensor) -> torch.Tensor:
        measured = operator(generator(z))
        if measured.shape != data.shape:
            raise InversionError(
                f"Expected A G(z) of the shape of the data, {tuple(data.shape[1:])}. Got "
                f"{tuple(measured.shape[1:])}."
            )
        return (measured - data).flatten(1).square().sum(dim=1)

    z = _adam(start.to(y.device), partial(misfit, data=target), search)
    with torch.no_grad():
        squares = torch.nan_to_num(misfit(z, target), nan=torch.inf).reshape(count, repeats)
    rows = torch.arange(count, device=y.device) * repeats + squares.argmin(dim=1)
    best = z[rows].clone()
    with torch.no_grad():
        before = misfit(best, y)
    polished = best
    if search.polish:  # sample by sample, so that none is held back by another
        parts = [
            _lbfgs(best[k : k + 1], partial(misfit, data=y[k : k + 1]), search)
            for k in range(count)
        ]
        polished = torch.cat(parts)
    with torch.no_grad():
        after = misfit(polished, y)
        keep = (after < before) | torch.tensor(search.penalty > 0, device=y.device)
        best = torch.where(keep.reshape(-1, *[1] * len(latent_shape)), polished, best)
        return Found(best, generator(best), misfit(best, y).sqrt(), squares.sqrt())


def _adam(
    start: torch.Tensor, misfit: Callable[[torch.Tensor], torch.Tensor], search: Search
) -> torch.Tensor:
    z = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([z], lr=search.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, search.steps))
    for _ in range(search.steps):
        loss = misfit(z).sum() + search.penalty * z.square().sum()
        (z.grad,) = torch.autograd.grad(loss, z)  # the generator's weights get no gradients
        optimiser.step()
        schedule.step()
    return z.detach()


def _lbfgs(
    start: torch.Tensor, misfit: Callable[[torch.Tensor], torch.Tensor], search: Search
) -> torch.Tensor:
    z = start.clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [z],
        max_iter=search.polish,
        tolerance_grad=1e-14,
        tolerance_change=1e-16,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        loss = misfit(z).sum() + search.penalty * z.square().sum()
        (z.grad,) = torch.autograd.grad(loss, z)
        return loss.detach()

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return z.detach()


def as_torch(chain: Chain, like: torch.Tensor) -> Generator:
    """Returns a model as a function of torch tensors, in the number format of some data."""
    layers = [(_affine(s.floats, like), _activation(s.activation, like)) for s in chain.stages]

    def generate(z: torch.Tensor) -> torch.Tensor:
        for affine, activate in layers:
            z = activate(affine(z))
        return z

    return generate


def _affine(floats: FloatMap, like: torch.Tensor) -> Generator:
    """Returns W x + b; a map that is not written out is computed by numpy, on the CPU."""
    bias = torch.as_tensor(floats.bias, dtype=like.dtype, device=like.device)
    if floats.matrix is not None:
        weight = torch.as_tensor(floats.matrix, dtype=like.dtype, device=like.device)
        return lambda z: z @ weight.T + bias

    def through(function: Callable[[Array], Array]) -> Generator:
        return lambda z: torch.as_tensor(function(z.double().numpy(force=True))).to(z)

    linear = with_adjoint(through(floats.linear), through(floats.adjoint))
    return lambda z: linear(z) + bias


def _activation(known: FloatActivation, like: torch.Tensor) -> Generator:
    if isinstance(known, FloatNorm):
        return partial(_normalized, known)
    assert isinstance(known, Entrywise), "there are no others"
    slope = torch.as_tensor(known.slope, dtype=like.dtype, device=like.device)
    return lambda u: _activate(known.kind, u, slope)


def _normalized(known: FloatNorm, u: torch.Tensor) -> torch.Tensor:
    groups = u[:, known.carried :].reshape(len(u), known.norm.groups, -1)
    deviation = (groups.square().mean(dim=-1) + known.norm.epsilon).sqrt()
    parts = [u[:, : known.carried], (groups / deviation[..., None]).flatten(1)]
    return torch.cat([*parts, deviation] if known.norm.deviations else parts, dim=1)


def _activate(kind: Activation, u: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    if kind is Activation.RELU:
        return u.relu()
    if kind in (Activation.LEAKY_RELU, Activation.PRELU):
        return torch.where(u >= 0, u, slope * u)
    if kind is Activation.ELU:
        return torch.where(u >= 0, u, slope * torch.expm1(u.clamp(max=0)))
    if kind is Activation.TANH:
        return u.tanh()
    return u.sigmoid() if kind is Activation.SIGMOID else u
