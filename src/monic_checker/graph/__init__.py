"""Compares a proof's subject with the graph of an ONNX file, exactly, at points.

A proof names weights. What ties it to the function in a file is that the file's graph, carried out
node by node over the rationals, gives what the subject gives. Nothing here is needed to believe
what a proof says about its weights.
"""

from monic_checker.graph.comparison import Comparison, compare

__all__ = ["Comparison", "compare"]
