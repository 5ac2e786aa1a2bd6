"""Stages that pass on fewer numbers than the network has inputs: no such network is one-to-one.

A continuous map from an open set of R^n to R^k with k < n is not one-to-one (invariance of
domain, [Brouwer, 1912]); for piecewise-linear maps it is linear algebra: inside a region the
local map has a kernel vector d, and x and x + a d meet. Two such inputs are written down where
they are short, by the slice of a few coordinates on which the stage has a kernel already.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from monic.certificate import bottleneck_certificate
from monic.decision.network.kernels import power_of_two_below
from monic.decision.network.region import Region
from monic.decision.network.sampling import Sampler
from monic.decision.network.slices import LateError, image, slice_region
from monic.decision.problem import Point
from monic.decision.result import Collision, FloatPair, NetworkDecision, StageDecision, Verdict
from monic.model import Activation, Network, Stage

__all__ = ["bottleneck", "bottleneck_decision", "pair_through"]

#: More numbers make inputs that are too long to be written down.
WIDEST = 48

#: Inputs that are tried.
TRIES = 6


def bottleneck(network: Network) -> int | None:
    """Returns the stage with the fewest outputs, if they are fewer than the network's inputs.

    Of several, the first. Stages after given statistics do not count: those are outputs, too.

    Example:
        >>> from monic.model import Linear, Input, Stage
        >>> import numpy as np
        >>> wide = Stage("wide", Linear(np.ones((3, 2)), Input(2)))
        >>> bottleneck(Network([wide, Stage("narrow", Linear(np.ones((1, 3)), Input(3)))]))
        1
    """
    given = [stage.activation is Activation.GIVEN_STATISTICS for stage in network.stages]
    counted = given.index(True) + 1 if any(given) else len(given)
    sizes = [stage.map.out_dim for stage in network.stages[:counted]]
    least = min(sizes)
    return sizes.index(least) if least < network.in_dim else None


def pair_through(
    network: Network, narrow: int, sampler: Sampler, until: float | None = None
) -> Collision | None:
    """Returns two inputs that meet before the activation of a narrow stage, or None.

    Arguments:
        network: The network.
        narrow: The number of the stage.
        sampler: Where points come from.
        until: When to give up, on the monotonic clock.
    """
    try:
        return _pair_through(network, narrow, sampler, until)
    except LateError:
        return None


def _pair_through(
    network: Network, narrow: int, sampler: Sampler, until: float | None
) -> Collision | None:
    stages = network.stages[: narrow + 1]
    size = stages[-1].map.out_dim
    if size > WIDEST or any(stage.slopes() is None for stage in stages[:-1]):
        return None
    for x in _inputs(network, sampler):
        ways = sorted(sampler.rng.choice(network.in_dim, size + 1, replace=False).tolist())
        around = slice_region(stages, x, ways, until)
        if around is not None:
            other = _other(network, around, x, ways)
            same = image(stages, x, until) == image(stages, other, until)
            assert same, "a kernel vector changes nothing"
            return Collision(x=x, other=other, floats=_floats(stages, x, other, until))
    return None


def _other(network: Network, around: Region, x: Point, ways: list[int]) -> Point:
    """Returns x moved along the kernel, inside the region and the domain."""
    kernel = around.kernel()
    assert kernel is not None, "more columns than rows leave a kernel"
    wanted, limit = Fraction(1, max(map(abs, kernel))), around.reach(kernel)
    step = power_of_two_below(wanted if limit is None else min(limit / 2, wanted))
    while not network.domain.contains(other := _moved(x, ways, kernel, step)):
        step /= 2
    return other


def _inputs(network: Network, sampler: Sampler) -> Iterator[Point]:
    """Yields short binary points inside the domain."""
    for point in sampler.draw(TRIES):
        for bits in (8, 16, 32):
            unit = Fraction(1, 1 << bits)
            x = tuple(round(Fraction(float(t)) / unit) * unit for t in point)
            if network.domain.contains(x, interior=True):
                yield x
                break


def _moved(x: Point, ways: list[int], kernel: list[int], step: Fraction) -> Point:
    other = list(x)
    for j, entry in zip(ways, kernel, strict=True):
        other[j] += step * entry
    return tuple(other)


def _floats(
    stages: Sequence[Stage], x: Point, other: Point, until: float | None
) -> FloatPair | None:
    """Returns the float pair; None where it is beyond float64, or the time is over."""
    try:
        first, second = (tuple(float(t) for t in point) for point in (x, other))
    except OverflowError:
        return None
    try:
        exact = [image(stages, tuple(map(Fraction, point)), until) for point in (first, second)]
    except LateError:
        return None
    gap = max(abs(a - b) for a, b in zip(*exact, strict=True))
    return FloatPair(x=first, other=second, difference=gap)


def bottleneck_decision(
    network: Network, narrow: int, stages: tuple[StageDecision, ...], inner: Point
) -> NetworkDecision:
    """Returns the decision that a narrow stage is enough for, without two inputs.

    Arguments:
        network: The network.
        narrow: The number of the stage.
        stages: The decisions about the stages.
        inner: A point inside the network's domain.
    """
    return NetworkDecision(
        verdict=Verdict.NOT_INJECTIVE,
        reason=f"{words(network, narrow)}, and no continuous map is one-to-one then; two such "
        "inputs were not written down",
        stages=stages,
        certificate=bottleneck_certificate(network, narrow, inner),
    )


def words(network: Network, narrow: int) -> str:
    """Says how narrow a stage is."""
    stage = network.stages[narrow]
    return (
        f"{stage.name!r} passes on {stage.map.out_dim:,} numbers, fewer than the "
        f"{network.in_dim:,} inputs"
    )
