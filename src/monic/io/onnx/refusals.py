"""Why operators are not read, and what to do: one sentence for each."""

__all__ = ["reason"]

_FALLS_AND_RISES = (
    "it falls and then rises, so it is not one-to-one on R, and no criterion for its layers is "
    "known; ask about a network with Relu or LeakyRelu"
)
_FLAT = (
    "it is constant on an interval, and only Relu's layers are decided; ask about a network with "
    "Relu"
)
_ONE_TO_ONE = "this activation is not read; it is one-to-one, and Tanh or Elu may take its place"
_LOSES_A_SUM = (
    "x and x + c give the same output, so it is never one-to-one; ask about the network without it"
)
_CONVOLUTION = "this kind of convolution is not read; write it as Conv with constant weights"
_POOLING = "this pooling is not read; ask about the layers before it"
_STATISTICS = (
    "its statistics depend on the input; ask about the layers before it, or fold fixed statistics "
    "into them"
)
_RECURRENT = "recurrent layers are not read; ask about their single maps"
_BRANCHING = "control flow is not read; export one branch"
_QUANTISED = (
    "it rounds what depends on the input, and inputs in one cell of a rounding collide: no such "
    "network is one-to-one; export it with quantised weights only (DequantizeLinear), or none"
)
_ROOT = (
    "roots are read in norms only: x / sqrt(mean(x^2) + epsilon), all means along the same axes, "
    "and x less its mean or not; write it so, with the root itself as a further output if wanted"
)
_TWO_TENSORS = "it combines tensors by other means than Add, Concat, Max and Min"

_REASONS = {
    **dict.fromkeys(("Gelu", "Silu", "Swish", "HardSwish", "Mish"), _FALLS_AND_RISES),
    **dict.fromkeys(("HardSigmoid", "ThresholdedRelu", "Shrink", "Sign"), _FLAT),
    **dict.fromkeys(("Selu", "Softplus", "Softsign", "Exp", "Sinh", "Asinh", "Atan"), _ONE_TO_ONE),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), _LOSES_A_SUM),
    **dict.fromkeys(("DeformConv",), _CONVOLUTION),
    **dict.fromkeys(("LpPool", "GlobalLpPool", "MaxUnpool"), _POOLING),
    **dict.fromkeys(
        (*("LpNormalization", "LRN", "MeanVarianceNormalization"),),
        _STATISTICS,
    ),
    **dict.fromkeys(("LSTM", "GRU", "RNN", "Scan"), _RECURRENT),
    **dict.fromkeys(("If", "Loop"), _BRANCHING),
    **dict.fromkeys(
        (
            *("QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul"),
            *("ConvInteger", "MatMulInteger", "Round", "Floor", "Ceil"),
        ),
        _QUANTISED,
    ),
    **dict.fromkeys(("Mean", "Einsum"), _TWO_TENSORS),
    **dict.fromkeys(("Sqrt", "Reciprocal"), _ROOT),
    "Pow": "powers are not affine; export the network with constants folded",
}


def reason(op: str) -> str:
    """Returns why an operator is not read and what to do.

    Example:
        >>> reason("LpPool")
        'this pooling is not read; ask about the layers before it'
    """
    if ":" in op:
        return "operators outside ONNX's own are not read; export with standard operators"
    return _REASONS.get(
        op, "this operator is not read; write it with Gemm, Add, Mul, Concat and activations"
    )
