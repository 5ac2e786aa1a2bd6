"""Normalisations in evaluation mode; gamma and beta that a module does not have are left out."""

import torch

from monic.io.onnx.values import Refused
from monic.io.torch.tape import Call, rounded

__all__ = ["NORMALIZATION"]


def batch_norm(call: Call) -> str:
    """Y = gamma (X - mean) / sqrt(var + epsilon) + beta with running statistics."""
    if call.given.get("training") or call.given.get("running_mean") is None:
        raise Refused(
            "its statistics are those of the batch; train it with track_running_stats=True"
        )
    return _running(call)


def _running(call: Call) -> str:
    mean, var = call["running_mean"], call["running_var"]
    inputs = call["input"], call["weight"], call["bias"], mean, var
    return call.emit("BatchNormalization", *inputs, epsilon=rounded(call["eps"], call.dtype))


def instance_norm(call: Call) -> str:
    """Y = each channel of each example with mean 0 and variance 1, then gamma and beta."""
    if not call["use_input_stats"]:
        return _running(call)
    inputs = call["input"], call["weight"], call["bias"]
    return call.emit("InstanceNormalization", *inputs, epsilon=rounded(call["eps"], call.dtype))


def layer_norm(call: Call) -> str:
    """Y = each example with mean 0 and variance 1 along the last axes, then gamma and beta."""
    return call.emit(
        "LayerNormalization",
        *(call["input"], call["weight"], call["bias"]),
        axis=-len(call["normalized_shape"]),
        epsilon=rounded(call["eps"], call.dtype),
    )


def group_norm(call: Call) -> str:
    """Y = each group of channels with mean 0 and variance 1, then gamma and beta."""
    return call.emit(
        "GroupNormalization",
        *(call["input"], call["weight"], call["bias"]),
        num_groups=call["num_groups"],
        epsilon=rounded(call["eps"], call.dtype),
    )


def rms_norm(call: Call) -> str:
    """Y = X over the root of its mean square along the last axes, times gamma."""
    given = call["eps"]
    epsilon = torch.finfo(call.dtype).eps if given is None else rounded(given, call.dtype)
    return call.emit(
        "RMSNormalization",
        *(call["input"], call["weight"]),
        axis=-len(call["normalized_shape"]),
        epsilon=float(epsilon),
    )


NORMALIZATION = {
    "batch_norm": batch_norm,
    "_native_batch_norm_legit_no_training": batch_norm,
    "_native_batch_norm_legit": batch_norm,
    "native_batch_norm": batch_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
}
