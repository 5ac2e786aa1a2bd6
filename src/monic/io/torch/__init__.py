"""torch modules and checkpoints become networks and layers; torch is imported here and not before.

A module is exported by `torch.export`, and its graph is written in the operators of ONNX: one
reader serves both, so that a module and its ONNX file get the same verdicts.
"""

from monic.io.torch.checkpoint import load_checkpoint
from monic.io.torch.module import arrays_of_module, load_module

__all__ = ["arrays_of_module", "load_checkpoint", "load_module"]
