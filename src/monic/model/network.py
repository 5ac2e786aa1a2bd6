"""Networks: affine maps and activations in turn, some numbers carried along unchanged."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np

from monic.errors import LayerError
from monic.model.affine import AffineMap, Concat, FloatArray, Scale
from monic.model.array import Array, exact, freeze
from monic.model.comparison import Comparison
from monic.model.domain import Domain, WholeSpace, known_domain
from monic.model.enclosed import Enclosed
from monic.model.normalization import Normalization
from monic.model.wiring import Select

__all__ = ["Activation", "Network", "Stage"]


class Activation(Enum):
    """What is applied to every coordinate after an affine map.

    All but RELU are one-to-one on R, so that a stage with them is one-to-one if and only if its
    affine map is one-to-one on the domain. LEAKY_RELU stands for positive slopes only.
    NORMALIZATION is y -> y / sqrt(|y|^2 / k + epsilon) on each group of k
    coordinates: what layer, instance, group and RMS norm do once the mean is taken off
    (docs/normalization.md). With epsilon > 0 it is one-to-one on every group; with epsilon = 0
    see `Stage.loses_scale`. Its `Normalization` says whether the roots are given out as well.
    GIVEN_STATISTICS is the same as a
    whole, means included, where only inputs with equal statistics are told apart.
    """

    RELU = "ReLU"
    LEAKY_RELU = "leaky ReLU"
    PRELU = "PReLU"
    ELU = "ELU"
    TANH = "tanh"
    SIGMOID = "sigmoid"
    IDENTITY = "identity"
    NORMALIZATION = "normalisation"
    GIVEN_STATISTICS = "normalisation, its statistics given"

    @property
    def is_one_to_one(self) -> bool:
        """Whether the activation is one-to-one on R; of norms, those with epsilon > 0 are."""
        return self is not Activation.RELU


_SLOPED = (Activation.LEAKY_RELU, Activation.PRELU)


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One affine map followed by one activation, with the user's name for it.

    With y = W x + b the stage gives (y_1, ..., y_c, a(y_(c+1)), ..., a(y_m)): the first c
    numbers are *carried* past the activation a. So x + W2 ReLU(W1 x) is the stage
    x -> (x, ReLU(W1 x)) with c = n and then the affine map (x, h) -> x + W2 h; docs/networks.md.

    Arguments:
        name: The name of the layer in the user's own file; only a name, never a path.
        map: The affine map, exact; neighbouring affine maps are composed into one.
        activation: What follows the affine map, coordinate by coordinate.
        slope: The slopes below 0 of a leaky ReLU or PReLU: k positive numbers, one for each of
            k equal parts of the coordinates that are not carried. None where they are not known;
            nothing is traced exactly through such a stage.
        alpha: Of an ELU, t -> alpha (exp t - 1) for t < 0: a positive number; None where it is
            not known, and of all other activations.
        carried: How many of the first outputs of the map are carried past the activation.
        norm: The groups and the epsilon of a normalisation, and whether it gives out its
            deviations, behind all other numbers; None for other activations.

    Raises:
        LayerError: when slopes do not fit, or they or alpha are not positive or superfluous, a
            norm is missing, superfluous or does not fit, or everything is carried past an
            activation.

    Example:
        >>> from monic.model import Concat, Input, Linear
        >>> x = Input(1)
        >>> stage = Stage("skip", Concat((x, Linear(np.array([[-2.0]]), x))), carried=1)
        >>> [int(slope) for slope in stage.slopes()]
        [1, 0]
    """

    name: str
    map: AffineMap
    activation: Activation = Activation.RELU
    slope: Array | None = None
    carried: int = 0
    norm: Normalization | None = None
    alpha: float | None = None

    def __post_init__(self) -> None:
        rest = self.map.out_dim - self.carried
        if self.carried < 0 or rest < 1:
            raise LayerError(
                f"Expected {self.name!r} to carry from 0 to {self.map.out_dim - 1} of its "
                f"{self.map.out_dim} numbers past its activation. Got {self.carried}."
            )
        self._insist_on_norm(rest)
        self._insist_on_alpha()
        if self.slope is None:
            return
        if self.activation not in _SLOPED:
            raise LayerError(
                f"Expected slopes for a leaky ReLU or PReLU only. Got some for {self.name!r}, "
                f"whose activation is {self.activation.value}."
            )
        slope = freeze(self.slope, f"slope of {self.name!r}")
        if not slope.size or rest % slope.size or not np.all(slope > 0):
            raise LayerError(
                f"Expected positive slopes for {self.name!r}, so many that {rest} numbers fall "
                f"into as many equal parts. Got {slope.size}, the least "
                f"{np.min(slope.astype(np.float64), initial=np.inf):g}. Write a slope <= 0 by "
                "carrying the number beside its ReLU."
            )
        object.__setattr__(self, "slope", slope)

    def _insist_on_alpha(self) -> None:
        if self.alpha is None:
            return
        if self.activation is not Activation.ELU or not 0 < self.alpha < math.inf:
            raise LayerError(
                f"Expected alpha for an ELU only, and positive. Got {self.alpha!r} for "
                f"{self.name!r}, whose activation is {self.activation.value}."
            )

    def _insist_on_norm(self, rest: int) -> None:
        normalizes = self.activation in (Activation.NORMALIZATION, Activation.GIVEN_STATISTICS)
        if normalizes != (self.norm is not None):
            raise LayerError(
                f"Expected a Normalization with a normalisation, and only there. Got {self.norm} "
                f"for {self.name!r}, whose activation is {self.activation.value}."
            )
        if self.norm is not None and rest % self.norm.groups:
            raise LayerError(
                f"Expected the numbers of {self.name!r} to fall into {self.norm.groups} equal "
                f"groups. Got {rest}."
            )
        given = self.activation is Activation.GIVEN_STATISTICS
        if self.norm is not None and self.norm.deviations and given:
            raise LayerError(
                f"Expected no deviations as outputs of {self.name!r}, whose statistics are given. "
                "Got some; use Activation.NORMALIZATION."
            )

    def __call__(self, x: Any) -> FloatArray:
        """Returns what the stage gives in float64, at points of shape (*, n)."""
        return Network([self])(x)

    def describe(self) -> str:
        """Returns what follows the map in a few words, such as "ReLU" or "ReLU, 2 carried"."""
        past = f", {self.carried} carried" if self.carried else ""
        zero = " with epsilon = 0" if self.is_partial else ""
        more = " and deviations" if self.norm is not None and self.norm.deviations else ""
        return f"{self.activation.value}{more}{zero}{past}"

    @property
    def out_dim(self) -> int:
        """How many numbers the stage gives: those of its map, and deviations given out."""
        return self.map.out_dim + (0 if self.norm is None else self.norm.more)

    @property
    def is_partial(self) -> bool:
        """Whether it is a norm with epsilon = 0, which is not defined where a group is zero."""
        normalizes = self.activation is Activation.NORMALIZATION
        return normalizes and self.norm is not None and self.norm.epsilon == 0

    @property
    def loses_scale(self) -> bool:
        """Whether it is the same for positive multiples of a group.

        That is so for norms with epsilon = 0 that do not give out their deviations.
        """
        return self.is_partial and self.norm is not None and not self.norm.deviations

    @property
    def is_one_to_one(self) -> bool:
        """Whether what follows the map is one-to-one."""
        return self.activation.is_one_to_one and not self.loses_scale

    def slopes(self) -> tuple[Fraction, ...] | None:
        """Returns s_i with t -> max(t, 0) + s_i min(t, 0) at every coordinate, if it is so.

        None for smooth activations, and for leaky ones whose slopes are not known.
        """
        rest = self.map.out_dim - self.carried
        ones = (Fraction(1),) * self.carried
        if self.activation in (Activation.RELU, Activation.IDENTITY):
            return ones + (Fraction(self.activation is Activation.IDENTITY),) * rest
        if self.slope is None:
            return None
        each = rest // self.slope.size
        return ones + tuple(s for t in self.slope.reshape(-1).tolist() for s in [exact(t)] * each)

    def layer_map(self) -> AffineMap:
        """Returns the affine map whose ReLU layer is one-to-one exactly where a ReLU stage is.

        With carried rows A and rows W under the ReLU it has the rows (A, -A, W), since
        t -> (ReLU(t), ReLU(-t)) is one-to-one on R.
        """
        if not self.carried:
            return self.map
        carried, rest = self.parted()
        return Concat((*carried, *(Scale(MINUS, part) for part in carried), *rest))

    def parted(self) -> tuple[list[AffineMap], list[AffineMap]]:
        """Returns maps that give the carried outputs, and maps that give the others."""
        value, count = self.map, self.carried
        if not count:
            return [], [value]
        if isinstance(value, Concat):
            ends = np.cumsum([branch.out_dim for branch in value.branches]).tolist()
            if count in ends:
                cut = ends.index(count) + 1
                return list(value.branches[:cut]), list(value.branches[cut:])
        places = range(value.out_dim)
        return [Select(places[:count], value)], [Select(places[count:], value)]


#: The factor of carried rows in the layer that stands for a stage.
MINUS = np.array([-1.0])


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A chain of stages on a domain of its input; as a function, what they compute.

    Arguments:
        stages: The stages in order; the last may have the activation IDENTITY.
        domain: The domain of the network's input.
        reading: How it was compared with the file or module that it was read from, if it was.

    Raises:
        LayerError: when there is no stage or neighbouring dimensions do not fit.
        DomainError: when the domain lies in another dimension.
    """

    stages: tuple[Stage, ...]
    domain: Domain = field(default_factory=WholeSpace)
    reading: Comparison | None = field(default=None, repr=False)

    def __init__(
        self,
        stages: Iterable[Stage],
        domain: Domain | None = None,
        reading: Comparison | None = None,
    ) -> None:
        object.__setattr__(self, "stages", tuple(stages))
        object.__setattr__(self, "reading", reading)
        for stage in self.stages:
            if not isinstance(stage, Stage):
                raise LayerError(f"Expected stages. Got {stage!r}; see monic.Stage.")
        if not self.stages:
            raise LayerError("Expected a network with at least one affine map. Got none.")
        for first, second in zip(self.stages, self.stages[1:], strict=False):
            if first.out_dim != second.map.in_dim:
                raise LayerError(
                    f"Expected {second.name!r} to take the {first.out_dim} numbers that "
                    f"{first.name!r} gives. Got a map that takes {second.map.in_dim}."
                )
        asked = WholeSpace() if domain is None else known_domain(domain, self.in_dim)
        object.__setattr__(self, "domain", asked)

    def __call__(self, x: Any) -> FloatArray:
        """Returns f(x) in float64, at points of shape (*, n): an array of shape (*, m).

        Convolutions and sparse steps are carried out as such, so that memory is proportional to
        the values. `enclosed` says how far the floats may be from f(x).

        Raises:
            LayerError: when x is of another shape or not finite, or the slope of an activation
                is not known.

        Example:
            >>> from monic.model import Input, Linear
            >>> difference = Linear(np.array([[1.0, -1.0]]), Input(2))
            >>> Network([Stage("difference", difference)])([[3.0, 1.0], [1.0, 3.0]]).tolist()
            [[2.0], [0.0]]
        """
        return self.enclosed(x).value

    def enclosed(self, x: Any) -> Enclosed:
        """Returns f(x) in float64 with, for each number, a bound of its rounding error.

        Bounds are proved but for exponential functions, whose errors in numpy are taken to be
        below 2^-48 of the value.

        Raises:
            LayerError: as a call does.

        Example:
            >>> from monic.model import Input, Linear
            >>> tenth = Network([Stage("tenth", Linear(np.array([[0.1]]), Input(1)))])
            >>> found = tenth.enclosed([3.0])
            >>> bool(0 < found.error[0] < 1e-14)
            True
        """
        from monic.model.evaluation import as_columns, enclosed

        columns, shape = as_columns(x, self.in_dim)
        whole = *shape, self.out_dim
        if not columns.size:  # no points
            return Enclosed.exactly(np.zeros(whole))
        found = Enclosed.exactly(columns)
        for stage in self.stages:
            found = enclosed(stage, found)
        return Enclosed(found.value.T.reshape(whole), found.error.T.reshape(whole))

    def exact(self, x: Any) -> tuple[Fraction, ...]:
        """Returns f(x) at one point, exactly.

        Arguments:
            x: n numbers: fractions, integers or floats, which are taken exactly.

        Raises:
            LayerError: when x is no such point, or some stage is not piecewise linear or has
                slopes that are not known.

        Example:
            >>> from monic.model import Input, Linear
            >>> network = Network([Stage("double", Linear(np.array([[2.0]]), Input(1)))])
            >>> network.exact([Fraction(1, 3)])
            (Fraction(2, 3),)
        """
        from monic.model.evaluation import exact, rationals

        point = rationals(x, self.in_dim)
        for stage in self.stages:
            point = exact(stage, point)
        return point

    @property
    def in_dim(self) -> int:
        """The dimension of the network's input."""
        return self.stages[0].map.in_dim

    @property
    def out_dim(self) -> int:
        """The dimension of the network's output."""
        return self.stages[-1].out_dim
