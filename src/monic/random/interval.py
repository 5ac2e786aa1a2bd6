"""Confidence intervals of shares."""

from monic.bounds.interval import Interval

__all__ = ["clopper_pearson"]


def clopper_pearson(counts: tuple[int, int], total: int, confidence: float) -> Interval:
    """Returns the interval of Clopper and Pearson (1934) for a probability.

    Arguments:
        counts: The least and the greatest number of successes that the samples allow.
        total: The sample size.
        confidence: The probability with which such intervals hold, at least.

    Example:
        >>> interval = clopper_pearson((0, 0), 10, 0.95)
        >>> interval.lower, round(interval.upper, 4)
        (0.0, 0.3085)
    """
    from scipy.stats import beta

    low, high = counts
    tail = (1 - confidence) / 2
    lower = 0.0 if low == 0 else float(beta.ppf(tail, low, total - low + 1))
    upper = 1.0 if high == total else float(beta.ppf(1 - tail, high + 1, total - high))
    return Interval(lower, upper)
