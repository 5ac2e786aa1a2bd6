"""What layers say about themselves in numbers: bounds and estimates, all in floats."""

from dataclasses import dataclass

from torch import Tensor

__all__ = ["FloatBounds", "LogDetEstimate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatBounds:
    """Bounds on stability, computed in floats and rounded: estimates, not certified.

    Arguments:
        inverse_lipschitz: A lower and an upper bound on the infimum of |f(x) - f(y)| / |x - y|.
        lipschitz: A lower and an upper bound on the supremum of the same quotient.

    Example:
        >>> FloatBounds(inverse_lipschitz=(0.5, 0.5), lipschitz=(2.0, 2.0)).condition
        4.0
    """

    inverse_lipschitz: tuple[float, float]
    lipschitz: tuple[float, float]

    @property
    def condition(self) -> float:
        """The largest quotient that the bounds allow; infinite when the lower bound is 0."""
        lower = self.inverse_lipschitz[0]
        return self.lipschitz[1] / lower if lower > 0 else float("inf")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogDetEstimate:
    """An estimate of 1/2 log det J^T J by stochastic Lanczos quadrature.

    Arguments:
        value: The estimate, one number for each example.
        standard_error: The standard error over the probes; the error of the quadrature itself
            (few Lanczos steps) is not in it.
        probes: The number of random vectors.
        steps: The number of Lanczos steps.
        seed: The seed of the random vectors.
    """

    value: Tensor
    standard_error: Tensor
    probes: int
    steps: int
    seed: int
