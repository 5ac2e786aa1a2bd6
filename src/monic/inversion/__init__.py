"""From outputs back to latent codes: one layer, networks, and generative priors."""

from monic.inversion.invert import Inverter, invert
from monic.inversion.recovery import Recovery, recover
from monic.inversion.result import DistanceBounds, Inversion

__all__ = ["DistanceBounds", "Inversion", "Inverter", "Recovery", "invert", "recover"]
