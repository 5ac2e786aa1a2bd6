"""What is known exactly about random layers of finite size."""

from fractions import Fraction
from math import comb

from monic.errors import LayerError

__all__ = ["noninjective_probability_bound", "probability_in_the_plane", "sufficient_rows"]


def probability_in_the_plane(rows: int) -> Fraction:
    """Returns the probability that a random layer on R^2 is injective: 1 - m (m - 2) / 2^(m - 1).

    The rows are independent, their law has a density and is the same for w and -w. The layer is
    injective if and only if every open half-plane holds two rows: the bivariate sign test
    statistic of Hodges (1955) is at least 2.

    Arguments:
        rows: m, at least 1; below 4 the probability is 0.

    Raises:
        LayerError: when rows is below 1.

    Example:
        >>> probability_in_the_plane(6)
        Fraction(1, 4)
    """
    _insist(rows, 2)
    return Fraction(0) if rows < 4 else 1 - Fraction(rows * (rows - 2), 2 ** (rows - 1))


def noninjective_probability_bound(rows: int, columns: int) -> Fraction:
    r"""Returns an upper bound of the probability that a random layer is not injective.

    The rows are independent, their law has a density and is the same for w and -w. Then the bound
    is the smallest of 1 and

    * C(m, n-1) 2^(n-m) \sum_{i<n} C(m-n, i): for each of the flats through n - 1 rows, the
      probability that the m - n + 1 others lie in an open half-space (Wendel, 1962);
    * (2/n) C(m, n-1) 2^(n-m-1) \sum_{i<n} C(m-n+1, i): a region with fewer than n active rows has
      at least n extreme rays, each on n - 1 of the hyperplanes, with fewer than n of the other
      rows positive; the bound is the expected number of such rays, divided by n.

    Arguments:
        rows: m.
        columns: n, at least 2.

    Raises:
        LayerError: when rows is below 1, or columns below 2.

    Example:
        >>> float(noninjective_probability_bound(92, 10)) < 0.01
        True
    """
    _insist(rows, columns)
    m, n = rows, columns
    if m < 2 * n:
        return Fraction(1)
    flats = comb(m, n - 1)
    halves = Fraction(flats * sum(comb(m - n, i) for i in range(n)), 2 ** (m - n))
    rays = Fraction(flats * sum(comb(m - n + 1, i) for i in range(n)), n * 2 ** (m - n))
    return min(Fraction(1), halves, rays)


def sufficient_rows(columns: int, probability: float = 0.99) -> int:
    """Returns a number of rows with which a random layer is proved injective with a probability.

    It is the smallest m for which `noninjective_probability_bound` is at most 1 - probability.

    Arguments:
        columns: n, at least 2.
        probability: Above 0 and below 1.

    Raises:
        LayerError: when columns is below 2, or the probability is none.

    Example:
        >>> [sufficient_rows(n) for n in (2, 3, 10)]
        [16, 25, 92]
    """
    _insist(1, columns)
    if not 0 < probability < 1:
        raise LayerError(f"Expected a probability above 0 and below 1. Got {probability}.")
    allowed = 1 - Fraction(probability)
    high = 4 * columns
    while noninjective_probability_bound(high, columns) > allowed:
        high *= 2
    low = 2 * columns - 1  # the bound is 1 there, and falls from where it is below 1
    while high - low > 1:
        middle = (low + high) // 2
        if noninjective_probability_bound(middle, columns) > allowed:
            low = middle
        else:
            high = middle
    return high


def _insist(rows: int, columns: int) -> None:
    if rows < 1 or columns < 2:
        raise LayerError(f"Expected rows >= 1 and columns >= 2. Got {rows} and {columns}.")
