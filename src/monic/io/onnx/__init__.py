"""ONNX files become networks whose affine maps are exact expressions over the file's arrays."""

from monic.io.onnx.file import load_onnx

__all__ = ["load_onnx"]
