"""Compressed sensing with a generative prior: from data y = A G(z) to the signal G(z).

Layer by layer where that is exact: the measurement is joined with the last affine map of the
generator, and if what comes out is one-to-one (up to rounding), it is a network to invert. Else
the latent code is searched for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from monic.errors import InversionError, LayerError
from monic.inversion.chain import chain_of
from monic.inversion.invert import Inverter
from monic.inversion.result import Inversion
from monic.inversion.rounding import UNIT
from monic.io.files import is_module, load
from monic.model import Activation, Network, ReLULayer, Stage
from monic.model.affine import Linear
from monic.model.array import Array, freeze

__all__ = ["Recovery", "recover"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recovery:
    """A signal in the range of a generator that explains data.

    Arguments:
        latent: Latent codes of shape (N, *latent), or (*latent) for one vector of data; torch
            tensors for a torch generator, numpy arrays for a layer or network of monic.
        signal: The generator's values there.
        residual: |A G(z) - y|, one number a sample.
        method: "layerwise", or "search" (then the result is that of an optimisation, which may
            have ended in a local minimum: look at the residual).
        residuals: Of a search, the residuals of all restarts before the best was polished.
        seed: Of a search, the seed of its starts.
        inversion: Of a layerwise recovery, the inversion with its proved bounds: of the network
            x -> A G(x) where G ends in an affine map, else of G at the signal that solves A s = y
            in least squares.
    """

    latent: Any
    signal: Any
    residual: Any
    method: Literal["layerwise", "search"]
    residuals: Any = None
    seed: int | None = None
    inversion: Inversion | None = None


def recover(
    generator: object,
    A: object,  # noqa: N803 - the matrix has this name in the papers
    y: object,
    *,
    method: Literal["auto", "layerwise", "search"] = "auto",
    latent_shape: tuple[int, ...] | None = None,
    search: object = None,
    slopes: Mapping[str, object] | None = None,
) -> Recovery:
    """Returns a latent code z with A G(z) near y, and the signal G(z).

    Arguments:
        generator: Any callable from torch tensors (N, *latent) to (N, *signal) that can be
            differentiated, such as a torch module; or a layer or network of monic.
        A: A matrix of shape (k, d) that acts on flattened signals; a pair (forward, adjoint) of
            callables on batches of tensors; or an object with a differentiable method A, linear
            or not, such as a physics of deepinv. Of a physics, the noise plays no part.
        y: Data of shape (k,) or (N, *data); with callables always a batch. A list of batches is
            that of a stacked physics.
        method: "layerwise" inverts exactly and needs a matrix A that is one-to-one on what is
            measured, and a layer or network of monic, or a torch module that `monic.load` reads;
            "search" optimises (see `Search`); "auto" is layerwise for layers and networks of
            monic where that is possible, and a search for all else.
        latent_shape: The shape of a latent code; None is (generator.nz,), or (nz, 1, 1) where
            the generator's first layer is a two-dimensional convolution, as in DCGANs.
        search: The options of the search, a `monic.inversion.search.Search`; None for defaults.
        slopes: As for `monic.invert`.

    Raises:
        InversionError: when data, measurement and generator do not fit together, or layerwise
            was asked for and is impossible.
        UnsupportedModel: when layerwise was asked for and `monic.load` cannot read the module.

    Example:
        >>> prior = Network([Stage("hidden", ReLULayer([[1.0], [-1.0]]).map),
        ...                  Stage("out", ReLULayer([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]).map,
        ...                        Activation.IDENTITY)])
        >>> found = recover(prior, [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [0.5, 0.25])
        >>> found.method, found.latent.round(9).tolist(), found.signal.round(9).tolist()
        ('layerwise', [-0.25], [0.0, 0.5, 0.25])
    """
    # Eight arguments: three for the question, and options that go with each road.
    if method not in ("auto", "layerwise", "search"):
        raise InversionError(f"Expected method auto, layerwise or search. Got {method!r}.")
    own = isinstance(generator, (ReLULayer, Network))
    if method != "search" and own:
        found = _layerwise(generator, A, y, slopes)
        if isinstance(found, Recovery):
            return found
        if method == "layerwise":
            raise InversionError(found)
    elif method == "layerwise":
        return _through_module(generator, A, y, _Options(latent_shape, search, slopes))
    return _searched(generator, A, y, _Options(latent_shape, search, slopes))


@dataclass(frozen=True, slots=True)
class _Options:
    latent_shape: tuple[int, ...] | None
    search: object
    slopes: Mapping[str, object] | None


def _searched(generator: object, operator: object, y: object, options: _Options) -> Recovery:
    import torch

    from monic.inversion.operators import is_stacked, joined, measurement
    from monic.inversion.search import Search, as_torch, descend

    wanted = Search() if options.search is None else options.search
    if not isinstance(wanted, Search):
        raise InversionError(
            f"Expected search as a monic.inversion.search.Search. Got {type(wanted).__name__}."
        )
    matrix = _is_matrix(operator)
    if isinstance(y, torch.Tensor) or (not matrix and is_stacked(y)):
        data = joined(y)
    else:
        data = torch.as_tensor(_finite(y).copy())
    if not (data.is_floating_point() and bool(data.isfinite().all()) and data.ndim):
        raise InversionError("Expected y as an array of finite floats. Got NaN or other numbers.")
    if isinstance(generator, torch.nn.Module):
        data = data.to(next(iter(generator.parameters()), data))  # its device and number format
    single = matrix and data.ndim == 1
    batch = data[None] if single else data
    if isinstance(generator, (ReLULayer, Network)):
        chain = chain_of(generator, options.slopes)
        shape: tuple[int, ...] = (chain.in_dim,)
        make = as_torch(chain, batch)
    else:
        shape, make = _latent_shape(generator, options.latent_shape), generator  # type: ignore[assignment]
    found = descend(make, measurement(operator, batch), batch, shape, wanted)
    parts: list[Any] = [found.latent, found.signal, found.residual, found.residuals]
    if single:
        parts = [part[0] for part in parts]
    if isinstance(generator, (ReLULayer, Network)):
        parts = [part.numpy(force=True) for part in parts]
    return Recovery(
        latent=parts[0],
        signal=parts[1],
        residual=parts[2],
        residuals=parts[3],
        method="search",
        seed=wanted.seed,
    )


def _is_matrix(operator: object) -> bool:
    """Whether A is none of the callables; then nobody has looked whether it is a matrix."""
    pair = isinstance(operator, tuple) and all(map(callable, operator))
    return not pair and not callable(getattr(operator, "A", None))


def _through_module(generator: object, operator: object, y: object, options: _Options) -> Recovery:
    """Reads a torch module, recovers layer by layer, and returns what the module gives there."""
    if not is_module(generator):
        raise InversionError(
            "Expected a layer or network of monic or a torch module for a layerwise recovery. Got "
            f"{type(generator).__name__}; use method='search'."
        )
    import torch

    shape = _latent_shape(generator, options.latent_shape)
    found = _layerwise(load(generator, input_shape=shape), operator, y, options.slopes)
    if not isinstance(found, Recovery):
        raise InversionError(found)
    like = next(generator.parameters(), torch.empty(0, dtype=torch.float64))
    matrix, data = (
        torch.as_tensor(freeze(part, "A or y").copy()).to(like) for part in (operator, y)
    )
    latent = torch.as_tensor(found.latent).to(like).reshape(*data.shape[:-1], *shape)
    with torch.no_grad():
        signal = generator(latent.reshape(-1, *shape))
    residual = (signal.flatten(1) @ matrix.T).reshape(data.shape) - data
    return replace(
        found,
        latent=latent,
        signal=signal.reshape(*data.shape[:-1], *signal.shape[1:]),
        residual=residual.norm(dim=-1),
    )


def _latent_shape(generator: object, given: tuple[int, ...] | None) -> tuple[int, ...]:
    if not callable(generator):
        raise InversionError(
            "Expected a generator that can be called, a layer or a network. Got "
            f"{type(generator).__name__}."
        )
    if given is not None:
        return tuple(given)
    size = getattr(generator, "nz", None)
    if isinstance(size, int) and not isinstance(size, bool):
        return (size, *[1] * _grid_dims(generator))
    if isinstance(size, (tuple, list)):
        return tuple(int(side) for side in size)
    raise InversionError(
        "Expected the shape of a latent code: give latent_shape, such as (20,), or a "
        "generator with the attribute nz."
    )


def _grid_dims(generator: object) -> int:
    """How many axes of length 1 follow the nz channels of a code: those of a first convolution."""
    import torch

    if isinstance(generator, torch.nn.Module):
        for module in generator.modules():
            kernel = getattr(module, "kernel_size", None)
            if isinstance(kernel, tuple) and any(True for _ in module.parameters(recurse=False)):
                return len(kernel)
            if isinstance(module, torch.nn.Linear) or hasattr(module, "in_features"):
                return 0
    return 0


def _layerwise(
    generator: object, operator: object, y: object, slopes: Mapping[str, object] | None
) -> Recovery | str:
    """Returns a recovery, or why there is none layer by layer."""
    assert isinstance(generator, (ReLULayer, Network)), "the caller looked"
    if not _is_matrix(operator):
        return "Expected A as a matrix for a layerwise recovery. Got callables; use a search."
    try:
        matrix = freeze(operator, "A", ndim=2)
    except LayerError as error:
        raise InversionError(str(error)) from None
    chain = chain_of(generator, slopes)
    if matrix.shape[1] != chain.out_dim:
        raise InversionError(
            f"Expected A with {chain.out_dim} columns, as the generator gives {chain.out_dim} "
            f"numbers. Got shape {matrix.shape}."
        )
    data = _finite(y)
    if data.shape[-1] != matrix.shape[0]:
        raise InversionError(
            f"Expected data of {matrix.shape[0]} numbers, the rows of A. Got shape {data.shape}."
        )
    if chain.stages[-1].activation.kind is Activation.IDENTITY:
        found = _joined(generator, matrix, slopes)
        inversion = None if found is None else found.invert(data)
    else:
        inversion = _unmixed(Inverter(generator, chain), matrix, data)
    if inversion is None:
        return (
            f"Expected A of shape {matrix.shape} to be one-to-one on what the generator's last "
            "affine map gives. Got columns that are dependent up to rounding; use a search."
        )
    signal = chain.value(np.atleast_2d(inversion.latent).reshape(-1, chain.in_dim))
    signal = signal.reshape(*data.shape[:-1], chain.out_dim)
    residual = np.linalg.norm(signal @ matrix.astype(np.float64).T - data, axis=-1)
    return Recovery(
        latent=inversion.latent,
        signal=signal,
        residual=residual,
        method="layerwise",
        inversion=inversion,
    )


def _joined(
    generator: object, matrix: Array, slopes: Mapping[str, object] | None
) -> Inverter | None:
    """Returns the inverter of A after a generator that ends in an affine map."""
    assert isinstance(generator, Network), "a layer ends in a ReLU"
    last = generator.stages[-1]
    joined = Stage(last.name, Linear(matrix, last.map), Activation.IDENTITY)
    network = Network([*generator.stages[:-1], joined], generator.domain)
    inverter = Inverter.of(network, slopes=slopes)
    joint = inverter.chain.stages[-1].floats.matrix
    return inverter if joint is not None and _spans(joint) else None


def _unmixed(inverter: Inverter, matrix: Array, data: Array) -> Inversion | None:
    """Solves A s = y for all signals s first: only with at least as many data as numbers."""
    values = matrix.astype(np.float64)
    if not _spans(values):
        return None
    solved = np.linalg.lstsq(values, data.reshape(-1, data.shape[-1]).T, rcond=None)[0].T
    return inverter.invert(solved.reshape(*data.shape[:-1], values.shape[1]))


def _spans(matrix: Array) -> bool:
    if matrix.shape[0] < matrix.shape[1]:
        return False
    values = np.linalg.svd(matrix, compute_uv=False)
    return bool(values[-1] > max(matrix.shape) * 4 * UNIT * values[0])


def _finite(y: object) -> Array:
    try:
        data = freeze(y, "y")
    except LayerError as error:
        raise InversionError(str(error)) from None
    if data.ndim == 0:
        raise InversionError("Expected data of shape (k,) or (N, k). Got a single number.")
    return data.astype(np.float64)
