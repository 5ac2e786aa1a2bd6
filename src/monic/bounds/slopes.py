"""Between which slopes the activation of a stage runs, output by output, for certain.

For an increasing a whose slope on an interval lies in [l, h], l |s - t| <= |a(s) - a(t)| <=
h |s - t| there. So a stage a(W x + b) squeezes by at least sigma_min(diag(l) W) and stretches by
at most sigma_max(diag(h) W).
"""

from dataclasses import dataclass
from fractions import Fraction
from math import inf, isfinite, nextafter

import numpy as np
from flint import arb, ctx

from monic.bounds.singular import Gram, largest, smallest
from monic.bounds.subject import Subject
from monic.decision.network.bounds import intervals
from monic.decision.network.chain import is_small
from monic.model import Activation, Ball, Box, Domain, Orthant, Stage
from monic.model.array import Array

__all__ = ["Slopes", "slopes_of", "squeezed", "stretched"]

#: Bits of ball arithmetic.
BITS = 160
#: Slopes below this count as 0, so that exact numbers stay short.
TINY = 2.0**-200


@dataclass(frozen=True, slots=True)
class Slopes:
    """Bounds of the slopes of a stage's activation, one for each output.

    Arguments:
        lower: Rounded down, 0 or more.
        upper: Rounded up; infinite where they are not known.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]


def slopes_of(stage: Stage, domain: Domain) -> Slopes:
    """Returns the slopes of a stage whose input runs through a domain.

    Example:
        >>> from monic.model import Input
        >>> stage = Stage("s", Input(1), Activation.TANH)
        >>> slopes_of(stage, Box([-1.0], [1.0])).upper
        (1.0,)
    """
    low, high = _before(stage, domain)
    known = stage.slopes()
    pairs = []
    for i, (a, b) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        if i < stage.carried:
            pairs.append((1.0, 1.0))
        elif stage.norm is not None:  # it acts on groups, and nothing is bounded
            pairs.append((0.0, inf))
        elif known is not None:
            pairs.append(_bent(known[i], a, b))
        elif stage.activation in (Activation.TANH, Activation.SIGMOID):
            pairs.append(_smooth(stage.activation, a, b))
        else:  # an ELU, or a leaky ReLU of unknown slope
            pairs.append((1.0, 1.0) if a >= 0 else (0.0, inf))
    return Slopes(tuple(p[0] for p in pairs), tuple(p[1] for p in pairs))


def squeezed(subject: Subject, slopes: tuple[float, ...]) -> tuple[float, float]:
    """Returns an interval for the least singular value of diag(slopes) W."""
    if not all(map(isfinite, slopes)):
        return 0.0, inf
    found = smallest(_gram(subject, slopes))
    return found.lower, found.upper


def stretched(subject: Subject, slopes: tuple[float, ...]) -> tuple[float, float]:
    """Returns an interval for the greatest singular value of diag(slopes) W."""
    if not all(map(isfinite, slopes)):
        return 0.0, inf
    found = largest(_gram(subject, slopes))
    return found.lower, found.upper


def _gram(subject: Subject, slopes: tuple[float, ...]) -> Gram:
    from monic.bounds.inverse_lipschitz import weighted

    return weighted(subject, [(Fraction(slopes[i]) ** 2, i) for i in subject.used if slopes[i]])


def _before(stage: Stage, domain: Domain) -> tuple[Array, Array]:
    """Bounds of what comes before the activation."""
    size, box = stage.map.out_dim, _as_box(domain, stage.map.in_dim)
    if box is None or not is_small(stage.map):
        return np.full(size, -inf), np.full(size, inf)
    return intervals(stage.map.exact(), box)


def _as_box(domain: Domain, dim: int) -> Box | None:
    if isinstance(domain, Orthant):
        return Box(np.zeros(dim), np.full(dim, inf))
    if isinstance(domain, Ball):
        middle = [float(t) for t in domain.middle(dim)]
        lower = [nextafter(t - domain.radius, -inf) for t in middle]
        upper = [nextafter(t + domain.radius, inf) for t in middle]
        return Box(np.array(lower), np.array(upper))
    return domain if isinstance(domain, Box) else None


def _bent(slope: Fraction, low: float, high: float) -> tuple[float, float]:
    """t above 0, slope t below."""
    below = float(slope)
    down = below if Fraction(below) <= slope else nextafter(below, 0.0)
    up = below if Fraction(below) >= slope else nextafter(below, inf)
    if low >= 0:
        return 1.0, 1.0
    if high <= 0:
        return down, up
    return min(1.0, down), max(1.0, up)


def _smooth(activation: Activation, low: float, high: float) -> tuple[float, float]:
    """The slope falls with the distance from 0: 1 - tanh^2 t, or s (1 - s) for the sigmoid s."""
    far, near = max(abs(low), abs(high)), 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    with ctx.workprec(BITS):
        ends = [_slope(activation, t) for t in (far, near)]
        lower, upper = float(ends[0].lower()), float(ends[1].upper())
    top = 1.0 if activation is Activation.TANH else 0.25
    lower = nextafter(lower, 0.0)
    return (lower if lower > TINY else 0.0), min(top, nextafter(upper, inf))


def _slope(activation: Activation, t: float) -> arb:
    if t == inf:
        return arb(0)
    half = arb(t) if activation is Activation.TANH else arb(t) / 2
    value = half.tanh()
    rest = 1 - value * value
    return rest if activation is Activation.TANH else rest / 4
