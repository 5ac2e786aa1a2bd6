"""The question: one ReLU layer on one domain."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from monic.errors import LayerError
from monic.model.affine import AffineMap, FloatArray, Input, Linear, Shift
from monic.model.array import freeze
from monic.model.domain import Domain, WholeSpace, known_domain
from monic.model.enclosed import Enclosed

if TYPE_CHECKING:
    from monic.model.network import Network

__all__ = ["ReLULayer"]


@dataclass(frozen=True, slots=True, eq=False)
class ReLULayer:
    """The layer f(x) = ReLU(W x + b) on a domain X, and that function.

    Its rows are w_1, ..., w_m in R^n. f is one-to-one on X if and only if for every x in the
    interior of X the active rows {w_i : w_i.x + b_i >= 0} span R^n (Theorem 1 of [Puthawala et
    al., 2020] for b = 0 and X = R^n; docs/criterion.md for biases and domains).

    Arguments:
        weight: W of shape (m, n), or an affine map such as `Product(A, B)`, kept exact.
        bias: b of shape (m,); None means 0.
        domain: A convex set with interior; all of R^n by default.

    Raises:
        LayerError: when the shapes do not fit or numbers are not finite.
        DomainError: when the domain lies in another dimension.

    Example:
        >>> ReLULayer([[1.0], [-1.0]]).shape
        (2, 1)
    """

    weight: object
    bias: object = None
    domain: Domain = field(default_factory=WholeSpace)
    map: AffineMap = field(init=False, repr=False)

    def __post_init__(self) -> None:
        value = self.weight
        if not isinstance(value, AffineMap):
            matrix = freeze(value, "weight", ndim=2)
            object.__setattr__(self, "weight", matrix)
            value = Linear(matrix, Input(matrix.shape[1] or 1))
        if self.bias is not None:
            bias = freeze(self.bias, "bias", ndim=1)
            if bias.size != value.out_dim:
                raise LayerError(
                    f"Expected a bias of {value.out_dim} numbers, one a row. Got {bias.size}."
                )
            value = Shift(bias, value)
            object.__setattr__(self, "bias", value.vector)
        object.__setattr__(self, "domain", known_domain(self.domain, value.in_dim))
        object.__setattr__(self, "map", value)

    def __call__(self, x: Any) -> FloatArray:
        """Returns f(x) in float64, at points of shape (*, n): an array of shape (*, m).

        Raises:
            LayerError: when x is of another shape, or not finite.

        Example:
            >>> ReLULayer([[1.0], [-2.0]])([[3.0], [-3.0]]).tolist()
            [[3.0, 0.0], [0.0, 6.0]]
        """
        return self.enclosed(x).value

    def enclosed(self, x: Any) -> Enclosed:
        """Returns f(x) in float64 with a proved bound of each rounding error.

        Raises:
            LayerError: as a call does.
        """
        return self._network().enclosed(x)

    def exact(self, x: Any) -> tuple[Fraction, ...]:
        """Returns f(x) at one point, exactly; floats are taken exactly.

        Raises:
            LayerError: when x is no point of n finite numbers.

        Example:
            >>> ReLULayer([[1.0], [-2.0]]).exact([Fraction(-1, 3)])
            (Fraction(0, 1), Fraction(2, 3))
        """
        return self._network().exact(x)

    def _network(self) -> "Network":
        from monic.model.asked import as_network

        return as_network(self)

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n): the number of rows and the dimension of the input."""
        return self.map.out_dim, self.map.in_dim

    @property
    def expansivity(self) -> float:
        """m / n; frame theory calls it redundancy."""
        return self.map.out_dim / self.map.in_dim
