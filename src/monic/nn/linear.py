"""The injective dense layer."""

from typing import Any, Unpack

from torch import Tensor, nn

from monic.errors import LayerError
from monic.model.array import Array
from monic.nn.exact_operator import Operator
from monic.nn.initialization import matrix_
from monic.nn.options import Options, OptionsDict
from monic.nn.paired import PairedLayer

__all__ = ["InjectiveLinear"]


class InjectiveLinear(PairedLayer):
    r"""Creates the injective layer from R^n to R^m, the drop-in for `nn.Linear` and `nn.ReLU`.

    .. math:: y = ReLU(z, -s^2 z, M x + c), \quad z = B x + b

    The ReLU is part of the layer. It is one-to-one when B has full column rank and no s is 0,
    which `is_injective` decides exactly.

    References:
        Globally Injective ReLU Networks (Puthawala et al., 2020), Corollary 2.

    Arguments:
        in_features: n.
        out_features: m >= 2n.
        options: `pairs`, `bias`, `scale`, `constraint`, `device`, `dtype`; see `Options`.

    Raises:
        LayerError: when m < 2n: such a layer is never one-to-one.

    Example:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> layer = InjectiveLinear(3, 8, dtype=torch.float64)
        >>> x = torch.randn(5, 3, dtype=torch.float64)
        >>> bool(torch.allclose(layer.inverse(layer(x)), x))
        True
        >>> layer.is_injective().verdict.name
        'INJECTIVE'
    """

    def __init__(
        self, in_features: int, out_features: int, **options: Unpack[OptionsDict]
    ) -> None:
        asked = Options(**options)
        pairs = out_features // 2 if asked.pairs is None else asked.pairs
        others = out_features - 2 * pairs
        if in_features < 1 or pairs < in_features or others < 0:
            raise LayerError(
                f"Expected out_features >= 2 in_features, and between in_features and "
                f"out_features / 2 pairs. Got in_features={in_features}, "
                f"out_features={out_features}, pairs={asked.pairs}. A layer with fewer outputs "
                "is never one-to-one on the whole space."
            )
        self.in_features, self.out_features = in_features, out_features
        rest = (others, in_features) if others else None
        super().__init__((pairs, in_features), rest, (pairs, others), asked)

    @property
    def example_dims(self) -> int:
        return 1

    def example_shape(self) -> tuple[int, ...]:
        return (self.in_features,)

    def output_shape(self) -> tuple[int, ...]:
        return (self.out_features,)

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return nn.functional.linear(x, weight, bias)

    def operator(self, weight: Array) -> Operator:
        return Operator.dense(weight)

    def reset_parameters(self) -> None:
        self.refill(matrix_)
        if self.rest is not None:
            matrix_(self.rest)
        self.reset_scales()

    def config(self) -> dict[str, Any]:
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            **self.options.config(),
        }
