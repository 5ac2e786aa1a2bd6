"""Stability: certified intervals for how much layers squeeze and stretch distances."""

from monic.bounds.bound import bound
from monic.bounds.interval import Interval
from monic.bounds.result import Bounds, NetworkBounds, StageBounds

__all__ = ["Bounds", "Interval", "NetworkBounds", "StageBounds", "bound"]
