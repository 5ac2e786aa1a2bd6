"""What is asked about: layers, domains, networks. Frozen values, no torch."""

from monic.model.affine import AffineMap, Concat, Input, Linear, Product, Scale, Shift
from monic.model.channels import ChannelScale, ChannelShift
from monic.model.comparison import Comparison
from monic.model.convolution import Convolution, TransposedConvolution
from monic.model.domain import Ball, Box, Domain, Orthant, Polyhedron, WholeSpace
from monic.model.enclosed import Enclosed
from monic.model.grid import Geometry
from monic.model.layer import ReLULayer
from monic.model.mean import Centre, Combine
from monic.model.network import Activation, Network, Stage
from monic.model.normalization import Normalization
from monic.model.pooling import NormPooling
from monic.model.quotient import Quotient
from monic.model.wiring import Select, Sum

__all__ = [
    "Activation",
    "AffineMap",
    "Ball",
    "Box",
    "Centre",
    "ChannelScale",
    "ChannelShift",
    "Combine",
    "Comparison",
    "Concat",
    "Convolution",
    "Domain",
    "Enclosed",
    "Geometry",
    "Input",
    "Linear",
    "Network",
    "NormPooling",
    "Normalization",
    "Orthant",
    "Polyhedron",
    "Product",
    "Quotient",
    "ReLULayer",
    "Scale",
    "Select",
    "Shift",
    "Stage",
    "Sum",
    "TransposedConvolution",
    "WholeSpace",
]
