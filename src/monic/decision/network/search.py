"""The search for two inputs of a network with the same output."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from monic.clock import monotonic
from monic.decision.network.chain import Chain, Floats, Point
from monic.decision.network.kernels import collision_inside, deficient_points, roundings
from monic.decision.network.lifting import lifted
from monic.decision.network.pairs import collision_between, meeting_points
from monic.decision.network.programs import is_small_enough, proposals
from monic.decision.network.sampling import Sampler
from monic.decision.result import StageDecision, Verdict

__all__ = ["Found", "search"]

#: Seconds when no limit is given.
SECONDS = 20.0

#: Regions whose exact maps are computed, at most, and starts of the search for two regions.
REGIONS, STARTS = 64, 400

#: The same, before a complete search.
BRIEF = 16


@dataclass(frozen=True, slots=True)
class Found:
    """Two colliding inputs, and how they were found."""

    pair: tuple[Point, Point]
    how: str


def search(
    chain: Chain,
    stages: Sequence[StageDecision],
    sampler: Sampler,
    seconds: float,
    *,
    briefly: bool = False,
) -> Found | str:
    """Returns a collision of a chain, or the sentence that says how far the search went.

    In turn: a collision of an inner layer is traced back to inputs; a region with a
    rank-deficient local map is looked for; two inputs in two regions are moved together; on a box,
    a small chain is searched as a whole by mixed-integer programs.

    Arguments:
        chain: The chain.
        stages: The decisions about its stages.
        sampler: Where points come from.
        seconds: How long to look.
        briefly: Whether a complete search follows: then a few regions and pairs are tried.
    """
    deadline = monotonic() + seconds
    found = _lift(chain, stages, deadline)
    if found is not None:
        return found
    if not chain.is_finite:
        return "its weights are beyond float64, so no points were proposed"
    most = (BRIEF, BRIEF) if briefly else (REGIONS, STARTS)
    regions = 0
    for found, regions in _inside(chain, sampler, deadline):
        if found is not None:
            return found
        if regions >= most[0] or monotonic() > deadline:
            break
    pairs = 0
    for found, pairs in _between(chain, sampler) if monotonic() <= deadline else ():
        if found is not None:
            return found
        if pairs >= most[1] or monotonic() > deadline:
            break
    if monotonic() <= deadline and not briefly:
        found = _by_program(chain, deadline)
        if found is not None:
            return found
    tried = f"{regions} regions and {pairs} pairs of points tried"
    if monotonic() > deadline:
        return (
            f"the search for a collision ended after its {seconds:g} s ({tried}); raise the time "
            "limit"
        )
    return f"the search for a collision found none ({tried}); try another seed"


def _lift(chain: Chain, stages: Sequence[StageDecision], deadline: float) -> Found | None:
    for k, stage in enumerate(stages[: len(chain.layers)]):
        if monotonic() > deadline:
            break
        decision = stage.decision
        if k == 0 or decision.verdict is not Verdict.NOT_INJECTIVE or decision.collision is None:
            continue
        pair = lifted(chain, k, (decision.collision.x, decision.collision.other))
        if pair is not None:
            return Found(pair, f"the collision of {stage.name!r} is reached from two inputs")
    return None


def _inside(chain: Chain, sampler: Sampler, deadline: float) -> Iterator[tuple[Found | None, int]]:
    count = 0
    for length, x in deficient_points(chain, sampler, deadline):
        count += 1
        short = chain.prefix(length)
        for point in roundings(short, x):
            pair = collision_inside(short, point)
            if pair is not None:
                yield Found(pair, "the local linear map at an input is rank-deficient"), count
                return
        yield None, count


def _between(chain: Chain, sampler: Sampler) -> Iterator[tuple[Found | None, int]]:
    count = 0
    for points in meeting_points(chain, sampler, STARTS):
        count += 1
        pair = None
        if points is not None:
            pair = collision_between(chain, _exact(points[0]), _exact(points[1]))
        if pair is not None:
            yield Found(pair, "two inputs in two linear regions meet"), count
            return
        yield None, count


def _by_program(chain: Chain, deadline: float) -> Found | None:
    if not is_small_enough(chain):
        return None
    for x, other in proposals(chain, deadline):
        pair = collision_between(chain, _exact(x), _exact(other))
        if pair is not None:
            return Found(pair, "two inputs in two linear regions meet (a mixed-integer program)")
    return None


def _exact(x: Floats) -> Point:
    return tuple(Fraction(t) for t in x.tolist())
