"""The decision engine: one question, several methods, one answer with its proof."""

from monic.decision.decide import decide

__all__ = ["decide"]
