"""From the output of a layer or network to its latent code."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

import numpy as np

from monic.errors import InversionError, LayerError, MonicError
from monic.inversion.chain import Chain, chain_of
from monic.inversion.distance import distance_below, distances_at
from monic.inversion.exactness import reproduces
from monic.inversion.refine import refine
from monic.inversion.result import DistanceBounds, Inversion
from monic.inversion.rounding import UNIT
from monic.inversion.scaling import lengths
from monic.inversion.stages import Method, Norm, Way, invert_stage
from monic.model import Domain, Network, ReLULayer, Stage
from monic.model.array import Array, freeze
from monic.model.asked import as_network

__all__ = ["Inverter", "invert"]

#: Errors of recovered hidden values are taken to be at most so many roundings of the largest.
SLACK = 1e4
#: An entry of noise of length 1 in R^m is hardly ever larger than this over sqrt(m).
TYPICAL = 3.0
#: How long a stage's inverse Lipschitz constant may be searched for, when none is given.
BOUND_SECONDS = 10.0
#: Without noise, data are explained when the residual is below this, relative to |y|.
EXPLAINED = 1e-9


def invert(
    model: ReLULayer | Network,
    y: object,
    *,
    norm: Norm | None = None,
    noise: float | None = None,
    inverse_lipschitz: float | None = None,
    method: Method = "active-set",
    slopes: Mapping[str, object] | None = None,
) -> Inversion:
    """Returns the latent code of an output y = f(x), or of one with noise, and how good it is.

    Exact data of a one-to-one model have one latent code, which least squares on the active
    rows finds; layers [B; -DB] are inverted in closed form. A network is inverted from its last
    stage to its first. Data with noise are fitted in the norm asked for: "l2" by least squares
    with updates of the active set, "linf" and "l1" by linear programs [Lei et al., 2019]. f need
    not be one-to-one, and y need not be in its range: the answer says how far it is.

    Arguments:
        model: A layer or a chain of stages.
        y: Outputs of shape (m,) or (..., m).
        norm: The norm of the residual to minimise; None is "l2".
        noise: A bound of |y - f(x)|, Euclidean, for each sample; asks for an error bound.
        inverse_lipschitz: A proved constant k > 0 with |f(x) - f(x')| >= k |x - x'| on the domain;
            None takes what pairs of rows prove, else what `monic.bounds` proves within seconds.
        method: How least squares are solved: "active-set", or "frame" for the ReLU frame
            algorithm, which solves no systems and converges slowly.
        slopes: The slopes of leaky ReLUs and PReLUs and the alphas of ELUs by the name of the
            stage, as the model does not keep them.

    Raises:
        InversionError: when y has another shape or no finite numbers, an option makes no sense,
            or a slope is missing.

    Example:
        >>> layer = ReLULayer([[1.0], [-1.0]])
        >>> answer = invert(layer, [0.25, 0.0])
        >>> answer.latent.tolist(), answer.is_exact
        ([0.25], True)
        >>> invert(layer, [0.25, 0.25], noise=0.25).distance_to_range.lower > 0.2499
        True
    """
    # Seven arguments, because a one-line question needs all of them at times.
    return Inverter.of(model, slopes=slopes).invert(
        y, norm=norm, noise=noise, inverse_lipschitz=inverse_lipschitz, method=method
    )


@dataclass(frozen=True, slots=True, eq=False)
class Inverter:
    """A layer or network prepared once, for many calls of `invert`.

    Example:
        >>> inverter = Inverter.of(ReLULayer([[2.0], [-1.0]]))
        >>> inverter.invert([[1.0, 0.0], [0.0, 1.0]]).latent.tolist()
        [[0.5], [-1.0]]
    """

    model: ReLULayer | Network
    chain: Chain

    @classmethod
    def of(
        cls, model: ReLULayer | Network, *, slopes: Mapping[str, object] | None = None
    ) -> "Inverter":
        """Returns the inverter of a model; the arguments are those of `invert`."""
        return cls(model, chain_of(model, slopes))

    def invert(
        self,
        y: object,
        *,
        norm: Norm | None = None,
        noise: float | None = None,
        inverse_lipschitz: float | None = None,
        method: Method = "active-set",
    ) -> Inversion:
        """Returns what `monic.invert` returns."""
        way = _way(norm, method)
        _insist_on_positive(noise, "noise", zero=True)
        _insist_on_positive(inverse_lipschitz, "inverse_lipschitz", zero=False)
        data, accuracy = _outputs(y, self.chain.out_dim)
        batch = data.reshape(-1, self.chain.out_dim)
        x, residual, above = self._latent(batch, accuracy, noise or 0.0, way)
        equal = np.flatnonzero(residual == 0)
        if equal.size:
            exact = equal[reproduces(self.chain, x[equal], batch[equal])]
            above[exact] = 0.0
        below = distance_below(self.chain, batch, above)
        bound = None
        if noise is not None:
            bound = self._error_bound(x, above, noise, inverse_lipschitz)
        shape = data.shape[:-1]
        return Inversion(
            latent=x.reshape(*shape, self.chain.in_dim),
            residual=_shaped(residual, shape),
            distance_to_range=DistanceBounds(_shaped(below, shape), _shaped(above, shape)),
            error_bound=None if bound is None else _shaped(bound, shape),
        )

    def _latent(
        self, y: Array, accuracy: float, noise: float, way: Way
    ) -> tuple[Array, Array, Array]:
        """Returns codes, residuals and their bounds; where too large, other thresholds are tried.

        Entries above the threshold are taken to be active. First it is what noise of the given
        length typically makes of one entry, then the most it can, then what is left suggests.
        """
        typical = TYPICAL / np.sqrt(y.shape[1])
        x = self._walk(y, np.full(len(y), typical * noise), accuracy, noise, way)
        left, above = distances_at(self.chain, x, y)
        if way.norm != "l2":
            return x, left, above
        for level in (np.full(len(y), noise), typical * left):
            some = np.flatnonzero(left > np.maximum(noise, EXPLAINED * lengths(y)))
            if some.size and np.any(level > 0):
                other = self._walk(y[some], level[some], accuracy, noise, way)
                rest, bound = distances_at(self.chain, other, y[some])
                better = rest < left[some]
                places = some[better]
                x[places], left[places], above[places] = other[better], rest[better], bound[better]
        return x, left, above

    def _walk(self, y: Array, level: Array, accuracy: float, noise: float, way: Way) -> Array:
        """Inverts stage by stage, carrying along how wrong entries may be by now."""
        value, error = y, np.full(len(y), noise)
        refined = way.norm == "l2" and way.method == "active-set"
        # closed forms ask for no levels
        closed = refined and all(stage.has_closed_form for stage in self.chain.stages)
        for stage in reversed(self.chain.stages):
            x = invert_stage(stage, value, level, way, error)
            x = np.where(np.isfinite(x).all(axis=1, keepdims=True), x, 0.0)  # no code is known
            if closed:
                value = x
                continue
            left = value - stage.activation.value(stage.before(x))
            apart = stage.activation.typical_stretch(value) * stage.typical_stretch
            with np.errstate(over="ignore"):
                error = (error + lengths(left)) / apart
            level = np.maximum(error, SLACK * accuracy * np.abs(x).max(axis=1))
            value = x
        return refine(self.chain, value, y) if refined else value

    def _error_bound(self, x: Array, above: Array, noise: float, given: float | None) -> Array:
        """Returns (|y - f(x)| + noise) / k; where there are norms, by what is known at x."""
        error = (above + noise) * (1 + 4 * UNIT)
        if given is None and self.chain.has_norms:
            return self.chain.undone(x, error, self._stretches())
        stretch = self._stretch() if given is None else given
        if stretch <= 0:
            return np.full(above.shape, np.inf)
        return np.asarray(error / stretch * (1 + 4 * UNIT))

    def _stretch(self) -> float:
        """Returns a proved inverse Lipschitz constant, or 0."""
        proved = 1.0
        for stage in self.chain.stages:
            proved *= stage.least_stretch * (1 - 4 * UNIT)
        return proved if proved > 0 or not self.chain.is_dense else _from_bounds(self.model)

    def _stretches(self) -> list[float]:
        """Returns proved constants of the stages, those of norms without what follows the map."""
        return [
            known.least_stretch
            if known.least_stretch > 0 or known.floats.matrix is None
            else _from_bounds_of(stage, known.region.domain)
            for stage, known in zip(as_network(self.model).stages, self.chain.stages, strict=True)
        ]


@lru_cache(maxsize=16)  # a search of seconds, and the same for every call of one inverter
def _from_bounds(model: ReLULayer | Network) -> float:
    """Returns what `monic.bounds` proves within seconds, if it is there and takes the model."""
    try:
        bounds = importlib.import_module("monic.bounds")
        found = bounds.bound(model, time_limit=BOUND_SECONDS)
    except (ImportError, MonicError):
        return 0.0
    return float(found.inverse_lipschitz.lower)


@lru_cache(maxsize=64)
def _from_bounds_of(stage: Stage, domain: Domain) -> float:
    return 0.0 if stage.norm is not None else _from_bounds(Network([stage], domain))


def _way(norm: Norm | None, method: Method) -> Way:
    norm = "l2" if norm is None else norm
    if norm not in get_args(Norm) or method not in get_args(Method):
        raise InversionError(
            f"Expected a norm of {get_args(Norm)} and a method of {get_args(Method)}. "
            f"Got {norm!r} and {method!r}."
        )
    if method == "frame" and norm != "l2":
        raise InversionError(
            f'Expected norm="l2" with method="frame", which solves least squares. Got {norm!r}.'
        )
    return Way(norm, method)


def _insist_on_positive(number: float | None, name: str, *, zero: bool) -> None:
    if number is None:
        return
    if not np.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise InversionError(
            f"Expected {name} as a finite number {'>= 0' if zero else '> 0'}. Got {number!r}."
        )


def _outputs(y: object, size: int) -> tuple[Array, float]:
    """Returns the data in float64, and the relative accuracy of the format they came in."""
    try:
        data = freeze(y, "y")
    except LayerError as error:
        raise InversionError(str(error)) from None
    if data.ndim == 0 or data.shape[-1] != size:
        raise InversionError(
            f"Expected outputs of shape ({size},) or (..., {size}). Got shape {data.shape}."
        )
    accuracy = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
    return data.astype(np.float64), accuracy.get(data.dtype.name, 2.0**-52)


def _shaped(values: Array, shape: tuple[int, ...]) -> float | Array:
    return values.reshape(shape) if shape else float(values[0])
