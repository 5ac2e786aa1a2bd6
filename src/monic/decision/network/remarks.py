"""What is said beside a verdict: dead channels, and numbers that were rounded while reading."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from monic.decision.result import NetworkDecision, StageDecision
from monic.model import AffineMap, ChannelScale, Network, Scale
from monic.model.derived import BatchFactors, origin_of

__all__ = ["remarked", "with_remarks"]

#: So many dead channels are named; of more, their number is told.
NAMED = 8

FOLDED = (
    "batch norms are folded: their factors gamma / sqrt(var + epsilon) are rounded to float64, "
    "and the verdict is about the network with these"
)


def with_remarks(stage: StageDecision, value: AffineMap) -> StageDecision:
    """Returns a decision about a stage that also names channels which a factor of 0 kills."""
    words = [_dead(step.vector == 0) for step in _scales(value) if (step.vector == 0).any()]
    if not words:
        return stage
    reason = "; ".join([stage.decision.reason, *dict.fromkeys(words)])
    return replace(stage, decision=replace(stage.decision, reason=reason))


def remarked(decision: NetworkDecision, network: Network) -> NetworkDecision:
    """Returns a decision about a network that also says whether batch norms were folded."""
    scales = (step for stage in network.stages for step in _scales(stage.map))
    if not any(isinstance(origin_of(step.vector), BatchFactors) for step in scales):
        return decision
    return replace(decision, reason=f"{decision.reason}; {FOLDED}")


def _scales(value: AffineMap) -> Iterable[Scale | ChannelScale]:
    return (step for step in value.steps() if isinstance(step, Scale | ChannelScale))


def _dead(zero: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> str:
    places = np.flatnonzero(zero.reshape(-1)).tolist()
    if len(places) > NAMED:
        return f"{len(places)} of {zero.size} channels are dead: their factor is 0"
    names = ", ".join(map(str, places))
    return f"channel{'s' if len(places) > 1 else ''} {names} (from 0): dead, by a factor of 0"
