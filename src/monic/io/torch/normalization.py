"""Normalisations in evaluation mode."""

import torch
from torch import Tensor

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
    gamma, beta = _affine(call, mean.numel())
    epsilon = rounded(call["eps"], call.dtype)
    return call.emit("BatchNormalization", call["input"], gamma, beta, mean, var, epsilon=epsilon)


def instance_norm(call: Call) -> str:
    """Y = each channel of each example with mean 0 and variance 1, then gamma and beta."""
    if not call["use_input_stats"]:
        return _running(call)
    gamma, beta = _affine(call, call.shape[1])
    epsilon = rounded(call["eps"], call.dtype)
    return call.emit("InstanceNormalization", call["input"], gamma, beta, epsilon=epsilon)


def layer_norm(call: Call) -> str:
    """Y = each example with mean 0 and variance 1 along the last axes, then gamma and beta."""
    shape = tuple(call["normalized_shape"])
    gamma, beta = _affine(call, *shape)
    return call.emit(
        "LayerNormalization",
        *(call["input"], gamma, beta),
        axis=-len(shape),
        epsilon=rounded(call["eps"], call.dtype),
    )


def group_norm(call: Call) -> str:
    """Y = each group of channels with mean 0 and variance 1, then gamma and beta."""
    gamma, beta = _affine(call, call.shape[1])
    return call.emit(
        "GroupNormalization",
        *(call["input"], gamma, beta),
        num_groups=call["num_groups"],
        epsilon=rounded(call["eps"], call.dtype),
    )


def rms_norm(call: Call) -> str:
    """Y = X over the root of its mean square along the last axes, times gamma."""
    shape = tuple(call["normalized_shape"])
    given = call["eps"]
    epsilon = torch.finfo(call.dtype).eps if given is None else rounded(given, call.dtype)
    gamma = call["weight"]
    scale = torch.ones(shape, dtype=call.dtype) if gamma is None else gamma
    return call.emit(
        "RMSNormalization", call["input"], scale, axis=-len(shape), epsilon=float(epsilon)
    )


def _affine(call: Call, *shape: int) -> tuple[Tensor, Tensor]:
    gamma, beta = call["weight"], call["bias"]
    return (
        torch.ones(shape, dtype=call.dtype) if gamma is None else gamma,
        torch.zeros(shape, dtype=call.dtype) if beta is None else beta,
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
