"""torch tensors as numpy arrays: the same bytes, bfloat16 among them."""

import torch
from torch import Tensor

from monic.io.bfloat16 import bfloat16
from monic.io.onnx.values import Refused
from monic.model.array import Array

__all__ = ["CODES", "array_of"]

#: The number formats as ONNX numbers them.
CODES = {
    torch.float32: 1,
    torch.uint8: 2,
    torch.int8: 3,
    torch.int16: 5,
    torch.int32: 6,
    torch.int64: 7,
    torch.bool: 9,
    torch.float16: 10,
    torch.float64: 11,
    torch.bfloat16: 16,
}


def array_of(tensor: Tensor) -> Array:
    """Returns a tensor's numbers, in the tensor's own number format.

    Raises:
        Refused: when it is sparse, quantised, of a class of its own, of a format that numpy does
            not have, or without numbers (on the device "meta").
    """
    plain = tensor.detach()
    is_plain = type(plain) is Tensor and plain.layout is torch.strided
    if not is_plain or plain.is_quantized or plain.is_meta or plain.dtype not in CODES:
        kind = f"{type(plain).__name__}, {plain.layout}, {plain.dtype}, {plain.device}"
        raise Refused(
            f"it holds a tensor that is no plain array ({kind}); give it as plain floats"
        )
    plain = plain.cpu().resolve_neg()
    if plain.dtype is torch.bfloat16:
        bits: Array = plain.contiguous().view(torch.int16).numpy()
        return bits.view(bfloat16())
    array: Array = plain.numpy()
    return array
