"""What is asked about: layers, domains, networks. Frozen values, no torch."""

from monic.model.affine import AffineMap, Concat, Input, Linear, Product, Scale, Shift
from monic.model.domain import Ball, Box, Domain, Orthant, Polyhedron, WholeSpace
from monic.model.layer import ReLULayer
from monic.model.network import Activation, Network, Stage

__all__ = [
    "Activation",
    "AffineMap",
    "Ball",
    "Box",
    "Concat",
    "Domain",
    "Input",
    "Linear",
    "Network",
    "Orthant",
    "Polyhedron",
    "Product",
    "ReLULayer",
    "Scale",
    "Shift",
    "Stage",
    "WholeSpace",
]
