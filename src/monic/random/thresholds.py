"""How many rows per column large Gaussian layers need: what is proved, and what is conjectured.

All thresholds are about W of shape (m, n) with independent standard normal entries, b = 0, on R^n,
with n to infinity and c = m / n fixed. They say little about small n, where fewer rows are enough:
see `monic.random.estimate_rows_needed`.
"""

from dataclasses import dataclass
from math import erfc, log, sqrt
from typing import Literal

from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

__all__ = ["Threshold", "gordon", "single_direction", "thresholds", "union_bound"]

#: Where injectivity begins by the replica method with full replica symmetry breaking.
CONJECTURED = 6.698


@dataclass(frozen=True, slots=True)
class Threshold:
    """A ratio c = m / n, and what is known of Gaussian layers beside it.

    Arguments:
        ratio: c.
        name: A short name.
        claim: What happens with probability tending to 1.
        status: "proved" or "conjectured".
        source: Who showed it.
    """

    ratio: float
    name: str
    claim: str
    status: Literal["proved", "conjectured"]
    source: str


def single_direction() -> float:
    """Returns the root c* = 3.4028... of erfc(1 / sqrt(2 c)) / 2 = 1 / c.

    With fewer rows, less than n of them are active at minus their mean, and the layer is not
    injective.

    References:
        Globally Injective ReLU Networks (Puthawala et al., 2020), Theorem 2, Appendix A.3.

    Example:
        >>> round(single_direction(), 4)
        3.4028
    """
    root: float = brentq(lambda c: erfc(1 / sqrt(2 * c)) / 2 - 1 / c, 2.1, 10.0)
    return root


def union_bound() -> float:
    """Returns the root c = 10.3207... of the exponent of `noninjective_probability_bound`.

    Theorem 2 of [Puthawala et al., 2020] has a rounder bound of the same sum: 10.5 in the revised
    paper (the preprint's 5.7 does not follow). With h(p) the entropy in nats, the exponent is
    c h(1/c) + (c - 1) h(1/(c - 1)) - (c - 1) log 2.

    Example:
        >>> round(union_bound(), 4)
        10.3207
    """

    def exponent(c: float) -> float:
        return c * _entropy(1 / c) + (c - 1) * (_entropy(1 / (c - 1)) - log(2))

    root: float = brentq(exponent, 3.5, 50.0)
    return root


def gordon() -> float:
    """Returns 7.6477..., above which large layers are injective: the replica-symmetric threshold.

    By Gordon's inequality the least number of active rows at a point of the sphere is, per n, at
    least the maximum over b > 0 of c (I(b) / b^2 + Q(b)) - 1 / b^2, with
    I(b) the integral of t^2 phi(t) from 0 to b and Q(b) the integral of phi from b on, phi the
    normal density. The threshold is the c for which that is 1.

    References:
        Injectivity of ReLU networks: perspectives from statistical physics (Maillard, Bandeira,
        Belius, Dokmanic, Nakajima, 2023).

    Example:
        >>> round(gordon(), 4)
        7.6477
    """

    def ratio(b: float) -> float:
        inner = norm.cdf(b) - 0.5 - b * norm.pdf(b)
        return float((1 + b**-2) / (inner / b**2 + norm.sf(b)))

    return float(minimize_scalar(ratio, bounds=(0.1, 5.0), method="bounded").fun)


def thresholds() -> tuple[Threshold, ...]:
    """Returns all of them, the smallest first.

    Example:
        >>> [(t.name, round(t.ratio, 2), t.status) for t in thresholds()][-1]
        ('union bound', 10.32, 'proved')
    """
    first, second = "Puthawala et al. (2020)", "Maillard et al. (2023)"
    never, always = "not injective below", "injective above"
    return (
        Threshold(2.0, "dimension", "never injective below", "proved", f"{first}, Corollary 2"),
        Threshold(single_direction(), "single direction", never, "proved", f"{first}, Theorem 2"),
        Threshold(
            CONJECTURED, "replica", "injective above, not injective below", "conjectured", second
        ),
        Threshold(gordon(), "Gordon", always, "proved", second),
        Threshold(union_bound(), "union bound", always, "proved", f"{first}, Theorem 2"),
    )


def _entropy(p: float) -> float:
    return -p * log(p) - (1 - p) * log(1 - p)
