"""All inputs with the same output as a given one."""

from monic.decision.fibre.fibre import Fibre, fibre
from monic.decision.fibre.polytope import Piece, Polytope

__all__ = ["Fibre", "Piece", "Polytope", "fibre"]
