"""The decision engine: one question, several methods, one answer with its proof."""

from monic.decision.decide import decide
from monic.decision.pooling import PoolingDecision, decide_pooling

__all__ = ["PoolingDecision", "decide", "decide_pooling"]
