"""A layer or network in floats, with outputs that are enclosed rigorously."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from flint import fmpz_mat

from monic.decision.network import range_superset
from monic.errors import InversionError
from monic.inversion.activations import Enclosure, FloatActivation
from monic.inversion.following import activation_of
from monic.inversion.grid_pairs import grid_pairs, guess_stretch
from monic.inversion.linear_map import DenseMap, FloatMap, PairedMap
from monic.inversion.norms import FloatNorm
from monic.inversion.pairs import Pairs, find_pairs
from monic.inversion.region import Region
from monic.inversion.rounding import TINY, UNIT, length_above, tight_error
from monic.inversion.scaling import as_slice, unit
from monic.inversion.sigma import largest_of_absolute, smallest_singular_value
from monic.inversion.steps import StepMap, is_large
from monic.model import Activation, Network, ReLULayer, Stage, WholeSpace
from monic.model.affine import AffineMap, ExactAffine, Input, Linear, Shift
from monic.model.array import Array
from monic.model.asked import as_network

__all__ = ["Chain", "FloatStage", "chain_of"]

#: Errors are followed by lengths where |W| is so many times larger than W.
SPREADING = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class FloatStage:
    """One stage: u = W x + b in floats, then an activation.

    Arguments:
        name: The stage's name in the model.
        map: The exact affine map.
        floats: W and b in floats.
        activation: What follows.
        region: A convex superset of what reaches the stage.
        pairs: The pairs of rows w_j = -d w_i of a ReLU stage, or None when they do not span.
        least_stretch: A proved lower bound of |f(x) - f(x')| / |x - x'| on R^n, or 0; before a
            norm, that of the map alone.
        largest: An upper bound of sigma_max(W).
        absolute: An upper bound of sigma_max(|W|); infinite where W is not written out.
        typical_stretch: sigma_min(W)/2 in floats, a guess of how much the map pulls points
            apart; only thresholds for noise depend on it.
    """

    name: str
    map: AffineMap
    floats: FloatMap
    activation: FloatActivation
    region: Region
    pairs: Pairs | None
    least_stretch: float
    largest: float
    absolute: float
    typical_stretch: float

    @property
    def bias(self) -> Array:
        """b of shape (m,)."""
        return self.floats.bias

    @property
    def weight(self) -> Array:
        """W of shape (m, n).

        Raises:
            InversionError: when it is too large to be written out.
        """
        return self.floats.insist_on_matrix(f"at {self.name!r}")

    @property
    def has_closed_form(self) -> bool:
        """Whether pairs alone give the nearest input, whatever the output."""
        return self.pairs is not None and self.pairs.is_square

    def before(self, x: Array) -> Array:
        """Returns W x + b for a batch of shape (N, n)."""
        return self.floats.value(x)

    @property
    def by_lengths(self) -> bool:
        """Whether errors are followed by their lengths alone.

        Radii are multiplied by |W|. Where that is much larger than W, lengths are sharper; and no
        products of matrices are needed for them.
        """
        plain = self.activation.kind in (Activation.RELU, Activation.IDENTITY)
        return plain and np.isfinite(self.absolute) and self.absolute > SPREADING * self.largest

    def enclose(self, inputs: Enclosure) -> Enclosure:
        """Returns what holds the outputs over all inputs within the given ones."""
        center, _, length = inputs
        if self.by_lengths:
            shift = float(length_above(np.abs(self.bias[None]))[0])
            own = self.absolute * length_above(np.abs(center)) + shift
            own = tight_error(center.shape[1]) * own * (1 + 8 * UNIT)
            length = (self.largest * length + own) * (1 + 8 * UNIT) + TINY
            value = self.activation.value(self.before(center))
            return value, np.broadcast_to(length[:, None], value.shape), length
        return self.activation.enclose(self.enclose_before(inputs))

    def enclose_before(self, inputs: Enclosure) -> Enclosure:
        """Returns what holds W x + b over all inputs within the given ones."""
        center, radius, length = inputs
        before, own = self.floats.enclosed(center)
        length = (self.largest * length + length_above(own)) * (1 + 8 * UNIT) + TINY
        spread = self.floats.spread(radius) + own * (1 + 4 * UNIT)
        return before, np.minimum(spread, length[:, None]), length


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """The stages of a model in order, prepared for inversion."""

    stages: tuple[FloatStage, ...]

    @property
    def in_dim(self) -> int:
        """The dimension of latent codes."""
        return self.stages[0].floats.shape[1]

    @property
    def out_dim(self) -> int:
        """The dimension of data."""
        return self.stages[-1].floats.shape[0] + self.stages[-1].activation.more

    @property
    def is_dense(self) -> bool:
        """Whether every stage is written out."""
        return all(stage.floats.matrix is not None for stage in self.stages)

    @property
    def has_norms(self) -> bool:
        """Whether some stage acts on groups of numbers, so that derivatives are no diagonals."""
        return any(isinstance(stage.activation, FloatNorm) for stage in self.stages)

    def value(self, x: Array) -> Array:
        """Returns f(x) in floats for a batch of shape (N, n)."""
        for stage in self.stages:
            x = stage.activation.value(stage.before(x))
        return x

    def enclose(self, x: Array) -> Enclosure:
        """Returns what holds the real f(x)."""
        enclosure = x, np.zeros_like(x), np.zeros(len(x))
        with np.errstate(over="ignore", invalid="ignore"):
            for stage in self.stages:
                enclosure = stage.enclose(enclosure)
        return enclosure

    def undone(self, x: Array, error: Array, stretches: Sequence[float]) -> Array:
        """Returns bounds of |x - x'| for every x' with |f(x) - f(x')| <= error.

        Arguments:
            x: Of shape (N, n).
            error: Of shape (N,).
            stretches: For each stage, a proved inverse Lipschitz constant, or 0; of a norm's
                stage, one of its map alone.
        """
        inputs = [(x, np.zeros_like(x), np.zeros(len(x)))]
        with np.errstate(all="ignore"):
            for stage in self.stages[:-1]:
                inputs.append(stage.enclose(inputs[-1]))
            for stage, known, stretch in zip(
                reversed(self.stages), reversed(inputs), reversed(stretches), strict=True
            ):
                if isinstance(stage.activation, FloatNorm):
                    error = stage.activation.undone(error, stage.enclose_before(known))
                error = np.where(error > 0, error / stretch * (1 + 4 * UNIT), 0.0)
        return np.where(np.isnan(error), np.inf, error)

    def linearised(self, x: Array) -> tuple[Array, list[Array]]:
        """Returns f(x) and the slopes of all activations there, one-sided at kinks."""
        slopes = []
        for stage in self.stages:
            u = stage.before(x)
            slopes.append(stage.activation.slopes(u))
            x = stage.activation.value(u)
        return x, slopes

    def pull(self, slopes: list[Array], v: Array) -> Array:
        """Returns J^T v for the Jacobians J that belong to some slopes."""
        for stage, slope in zip(reversed(self.stages), reversed(slopes), strict=True):
            v = stage.floats.adjoint(stage.activation.pulled(slope, v))
        return v

    def push(self, slopes: list[Array], x: Array) -> Array:
        """Returns J x."""
        for stage, slope in zip(self.stages, slopes, strict=True):
            x = stage.activation.pushed(slope, stage.floats.linear(x))
        return x


def chain_of(model: ReLULayer | Network, slopes: Mapping[str, object] | None = None) -> Chain:
    """Returns a layer or network prepared for inversion.

    Raises:
        LayerError: when it is neither.
        InversionError: when a slope is missing or wrong, or a weight is no float.
    """
    network = as_network(model)
    given = dict(slopes or {})
    unknown = sorted(set(given) - {stage.name for stage in network.stages})
    if unknown:
        raise InversionError(
            f"Expected slopes for stages among {[stage.name for stage in network.stages]}. "
            f"Got {unknown}."
        )
    domain, stages = network.domain, []
    for stage in network.stages:
        activation = activation_of(stage, given)
        stages.append(_prepared(stage, activation, Region.of(domain, stage.map.in_dim)))
        domain = range_superset(stage, WholeSpace())  # a stage sees an orthant at most
    return Chain(tuple(stages))


def _prepared(stage: Stage, activation: FloatActivation, region: Region) -> FloatStage:
    floats: FloatMap
    pairs = None
    if is_large(stage.map):
        floats = steps = StepMap.of(stage.map)
        if stage.activation is Activation.RELU:
            pairs = grid_pairs(stage.map, floats.bias)
            if pairs is not None and pairs.solver.near is not None:
                floats = replace(steps, near=pairs.solver.near)
        typical = guess_stretch(stage.map, floats.largest())
    else:
        weight, bias, exact = float_affine(stage.map, stage.name)
        floats = dense = DenseMap(weight, bias)
        if stage.activation is Activation.RELU:
            pairs = find_pairs(weight, bias, exact)
        if pairs is not None and pairs.is_whole:
            rows = as_slice(pairs.first), as_slice(pairs.second)
            floats = PairedMap(dense, rows, pairs.ratio, weight[pairs.first])
        typical = _typical_stretch(weight)
    return FloatStage(
        name=stage.name,
        map=stage.map,
        floats=floats,
        activation=activation,
        region=region,
        pairs=pairs,
        least_stretch=_least_stretch(floats, activation, pairs),
        largest=floats.largest(),
        absolute=np.inf if floats.matrix is None else largest_of_absolute(floats.matrix),
        typical_stretch=typical,
    )


def _least_stretch(floats: FloatMap, activation: FloatActivation, pairs: Pairs | None) -> float:
    if activation.kind is Activation.RELU:
        return 0.0 if pairs is None else pairs.inverse_lipschitz()
    if floats.matrix is None:
        return 0.0
    own = 1.0 if isinstance(activation, FloatNorm) else activation.least_stretch
    return smallest_singular_value(floats.matrix) * own


def _typical_stretch(weight: Array) -> float:
    size = unit(weight)
    squares = np.linalg.eigvalsh((weight / size).T @ (weight / size))
    least, most = np.sqrt(np.maximum(squares[[0, -1]], 0.0))
    return size * max(float(least) / 2, 1e-8 * float(most)) or 1.0  # W = 0


def float_affine(affine: AffineMap, name: str) -> tuple[Array, Array, ExactAffine]:
    """Returns (W, b) in float64, with relative errors of at most 2 u an entry, and the exact map.

    Raises:
        InversionError: when an entry is beyond the range of float64.
    """
    exact = affine.exact()
    inner, shift = (affine.of, affine) if isinstance(affine, Shift) else (affine, None)
    if isinstance(inner, Linear) and isinstance(inner.of, Input):
        matrix = inner.matrix.astype(np.float64)
        weight = np.ascontiguousarray(matrix.T if inner.transposed else matrix)
        bias = np.zeros(affine.out_dim)
        if shift is not None:
            bias += (-1.0 if shift.negative else 1.0) * shift.vector.astype(np.float64).reshape(-1)
        return weight, bias, exact
    with np.errstate(over="ignore"):
        weight, bias = _floats(exact.weight, exact), _floats(exact.bias, exact)
    if not (np.all(np.isfinite(weight)) and np.all(np.isfinite(bias))):
        raise InversionError(
            f"Expected weights of {name!r} within the range of float64. Got larger ones."
        )
    return weight, bias.reshape(-1), exact


def _floats(matrix: fmpz_mat, unit: ExactAffine) -> Array:
    """Returns integers in the unit of a map, each entry cut to 64 bits and rounded."""
    longest = max((abs(int(v)).bit_length() for v in matrix.entries()), default=0)
    if longest <= 1000 and unit.divisor == 1:
        values = np.ldexp([float(int(v)) for v in matrix.entries()], unit.power)
    else:
        values = np.array([_cut(int(v), unit) for v in matrix.entries()])
    return np.asarray(values).reshape(matrix.nrows(), matrix.ncols())


def _cut(integer: int, unit: ExactAffine) -> float:
    more = 64 + unit.divisor.bit_length() - abs(integer).bit_length()
    whole = (integer << more if more >= 0 else integer >> -more) // unit.divisor
    return float(np.ldexp(float(whole), unit.power - more))
