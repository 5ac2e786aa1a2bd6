"""Networks: what their layers say about the whole, and collisions of the whole."""

from monic.decision.network.bounds import range_superset
from monic.decision.network.projections import with_projections
from monic.decision.network.rules import (
    decide_network,
    decide_stage,
    decide_stages,
    network_decision,
)
from monic.decision.network.statistics import given_statistics

__all__ = [
    "decide_network",
    "decide_stage",
    "decide_stages",
    "given_statistics",
    "network_decision",
    "range_superset",
    "with_projections",
]
