"""Torch modules that are one-to-one by construction, with their inverses.

Imported on purpose: `import monic.nn` needs torch, `import monic` does not.
"""

from monic.nn.adapters import as_torch_transform, to_nflows, to_normflows
from monic.nn.augmented import AugmentedLayerNorm
from monic.nn.concatenation import InjectiveConcat
from monic.nn.convert import Change, ConversionReport, convert
from monic.nn.convolution import InjectiveConv1d, InjectiveConv2d, InjectiveConv3d
from monic.nn.export import export, without_parametrizations
from monic.nn.files import load, save
from monic.nn.linear import InjectiveLinear
from monic.nn.module import InjectiveModule
from monic.nn.normalization import InjectiveGroupNorm, Statistics
from monic.nn.parametrization import injective
from monic.nn.random_projection import RandomProjection
from monic.nn.recurrent import InjectiveRNNCell
from monic.nn.residual import InjectiveResidual
from monic.nn.sequential import InjectiveSequential
from monic.nn.skip import InjectiveSkip
from monic.nn.transposed import (
    InjectiveConvTranspose1d,
    InjectiveConvTranspose2d,
    InjectiveConvTranspose3d,
)
from monic.nn.values import FloatBounds, LogDetEstimate

__all__ = [
    "AugmentedLayerNorm",
    "Change",
    "ConversionReport",
    "FloatBounds",
    "InjectiveConcat",
    "InjectiveConv1d",
    "InjectiveConv2d",
    "InjectiveConv3d",
    "InjectiveConvTranspose1d",
    "InjectiveConvTranspose2d",
    "InjectiveConvTranspose3d",
    "InjectiveGroupNorm",
    "InjectiveLinear",
    "InjectiveModule",
    "InjectiveRNNCell",
    "InjectiveResidual",
    "InjectiveSequential",
    "InjectiveSkip",
    "LogDetEstimate",
    "RandomProjection",
    "Statistics",
    "as_torch_transform",
    "convert",
    "export",
    "injective",
    "load",
    "save",
    "to_nflows",
    "to_normflows",
    "without_parametrizations",
]
