"""Layers of pairs: x -> ReLU(z, -s^2 z, M x + c) with z = B x + b."""

import math
from abc import abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from monic.decision.result import Decision
from monic.errors import LayerError
from monic.model import ReLULayer
from monic.model.array import Array, freeze
from monic.nn import solving, stability, volume
from monic.nn.constraint import constrain
from monic.nn.dense import DENSE_LIMIT
from monic.nn.exact_operator import Operator
from monic.nn.membership import PairedWeights, beyond
from monic.nn.module import InjectiveModule, insist_in_range
from monic.nn.options import Options
from monic.nn.pairs import code_of, in_pairs
from monic.nn.precision import held, settled, working
from monic.nn.values import FloatBounds, LogDetEstimate

__all__ = ["PairedLayer"]


class PairedLayer(InjectiveModule):
    """The layer x -> ReLU(z, -s^2 z, M x + c) with z = B x + b; abstract.

    B is `basis`, M is `rest` (None when there is none). If every s is nonzero and B has full
    column rank the layer is one-to-one: of each pair one row is active at every x (Corollary 2
    of [Puthawala et al., 2020]). z is computed once, so that pairs are antiparallel exactly, and
    b is free.
    """

    basis: Tensor
    bias: Tensor | None
    s: Tensor
    rest: Tensor | None
    rest_bias: Tensor | None

    def __init__(
        self,
        basis: tuple[int, ...],
        rest: tuple[int, ...] | None,
        counts: tuple[int, int],
        options: Options,
    ) -> None:
        super().__init__()
        if options.scale not in ("diagonal", "scalar"):
            raise LayerError(f"Expected a scale 'diagonal' or 'scalar'. Got {options.scale!r}.")
        self.pairs, self.others = counts
        self.options, self.dense_limit = options, DENSE_LIMIT
        shapes = {
            "basis": basis,
            "s": (self.pairs if options.scale == "diagonal" else 1,),
            "bias": (self.pairs,) if options.bias else None,
            "rest": rest,
            "rest_bias": (self.others,) if options.bias and rest is not None else None,
        }
        for name, shape in shapes.items():
            value = (
                None
                if shape is None
                else nn.Parameter(torch.empty(shape, device=options.device, dtype=options.dtype))
            )
            self.register_parameter(name, value)
        self.reset_parameters()
        constrain(self, "basis", options.constraint)

    @property
    @abstractmethod
    def example_dims(self) -> int:
        """How many axes one example has; the first of them counts the channels."""

    @abstractmethod
    def example_shape(self) -> tuple[int, ...]:
        """Returns the shape of one example."""

    @abstractmethod
    def output_shape(self) -> tuple[int, ...]:
        """Returns the shape of what one example gives."""

    def count_pairs(self) -> int:
        """Returns the number of rows of B: pairs of channels times places on the grid."""
        return self.pairs * math.prod(self.output_shape()[1:])

    @abstractmethod
    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Returns B x + b for weights of the shape of B, or M x + c for those of M."""

    @abstractmethod
    def operator(self, weight: Array) -> Operator:
        """Returns the exact linear map of a weight."""

    @abstractmethod
    def reset_parameters(self) -> None:
        """Sets well-conditioned weights that keep the mean square of the entries."""

    def reset_scales(self) -> None:
        """Sets s = 1 and zero biases."""
        nn.init.ones_(self.s)
        for bias in (self.bias, self.rest_bias):
            if bias is not None:
                nn.init.zeros_(bias)

    def refill(self, fill: Callable[[Tensor], object]) -> None:
        """Gives B new values, also where it is parametrized.

        Arguments:
            fill: Fills a tensor in place.
        """
        basis = self.basis.detach()
        fill(basis)
        if parametrize.is_parametrized(self, "basis"):
            self.basis = basis  # through the parametrization's right inverse

    @property
    def scales(self) -> Tensor:
        """d = s^2, shaped to multiply z."""
        return (self.s * self.s).reshape(-1, *[1] * (self.example_dims - 1))

    def forward(self, x: Tensor) -> Tensor:
        z = self.linear(x, self.basis, self.bias)
        rest = None if self.rest is None else self.linear(x, self.rest, self.rest_bias)
        return in_pairs(z, self.scales.to(z.dtype), -self.example_dims, rest)

    def inverse(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        with settled(self, y):
            x = self._found(y)
            size = 0.0 if self.bias is None else self.bias.detach().abs().amax()
            insist_in_range(y, self._again(x), size, tolerance, self.example_dims)
        return x.to(y.dtype)

    def log_det(self, x: Tensor) -> Tensor:
        with settled(self, x):
            return volume.log_det(self, working(x))

    def estimate_log_det(
        self, x: Tensor, *, probes: int = 16, steps: int = 30, seed: int = 0
    ) -> LogDetEstimate:
        """Returns an estimate of 1/2 log det J^T J for inputs too large to do it exactly.

        Arguments:
            x: Examples.
            probes: Random vectors, at least 2; the standard error falls as one over their root.
            steps: Lanczos steps for each; ill-conditioned layers need more.
            seed: Of the random vectors.

        Raises:
            LayerError: for fewer probes than tell a standard error, or no steps.
        """
        if probes < 2 or steps < 1:
            raise LayerError(
                f"Expected at least 2 probes and 1 step. Got probes={probes}, steps={steps}: one "
                "probe has no standard error."
            )
        with settled(self, x):
            samples = volume.samples(self, working(x), (probes, steps), seed)
        spread = samples.std(0) if samples.numel() else samples.new_zeros(samples.shape[1:])
        return LogDetEstimate(
            value=samples.mean(0),
            standard_error=spread / probes**0.5,
            probes=probes,
            steps=steps,
            seed=seed,
        )

    def project(self, y: Tensor) -> Tensor:
        with settled(self, y):
            return self._again(self._found(y)).to(y.dtype)

    @property
    def projects_to_nearest(self) -> bool:
        return self.rest is None and self.count_pairs() == math.prod(self.example_shape())

    def bounds(self) -> FloatBounds:
        with torch.no_grad(), settled(self, self.s):
            return stability.bounds(self)

    def is_injective(self, *, limit: int = DENSE_LIMIT) -> Decision:
        """Returns the exact decision about the weights as they are now.

        Arguments:
            limit: Inputs with more numbers than this are UNDECIDED.
        """
        inputs = math.prod(self.example_shape())
        return self._weights().decide() if inputs <= limit else beyond(inputs, limit)

    def to_model(self) -> ReLULayer:
        """Returns the layer as monic's engines take it, exactly.

        Raises:
            LayerError: when taps meet in one weight, so that writing it out would round.
        """
        model = self._weights().model()
        if model is None:
            raise LayerError(
                "Expected a convolution no two taps of which read the same input. Got one that "
                "adds them; use a larger `input_size` or padding with zeros."
            )
        return model

    def _weights(self) -> PairedWeights:
        with held(self):
            basis = self.operator(self._array(self.basis))
        places = basis.taps.shape[1]
        rest = None if self.rest is None else self.operator(self._array(self.rest))

        def spread(values: Tensor | None, count: int) -> Array | None:
            if values is None:
                return None
            return np.repeat(np.broadcast_to(self._array(values), (count,)), places)

        scales = spread(self.s * self.s, self.pairs)
        assert scales is not None, "every layer has scales"
        return PairedWeights(
            basis,
            scales,
            spread(self.bias, self.pairs),
            rest,
            spread(self.rest_bias, self.others),
        )

    def _array(self, values: Tensor) -> Array:
        return freeze(values, "weight")

    def _found(self, y: Tensor) -> Tensor:
        """Returns the x whose B x is nearest to what the pairs of y tell, in float32 or better."""
        wanted = self.output_shape()
        if y.shape[y.dim() - len(wanted) :] != wanted:
            raise LayerError(
                f"Expected outputs of shape (*, {', '.join(map(str, wanted))}), for inputs of "
                f"shape {self.example_shape()}. Got {tuple(y.shape)}."
            )
        return solving.solve(self, self._code(working(y)), self.example_shape())

    def _code(self, y: Tensor) -> Tensor:
        """Returns B x for outputs y, as far as the pairs tell it."""
        sizes = [self.pairs, self.pairs, self.others]
        plus, minus, _ = torch.split(y, sizes, -self.example_dims)
        z = code_of(plus, minus, working(self.scales))
        if self.bias is None:
            return z
        return z - working(self.bias).reshape(-1, *[1] * (self.example_dims - 1))

    def _again(self, x: Tensor) -> Tensor:
        z, rest = self.branches(x)
        return in_pairs(z, working(self.scales), -self.example_dims, rest)

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Returns z = B x + b, and M x + c if there is M, in float32 or better."""
        z = self.linear(x, working(self.basis), _working(self.bias))
        if self.rest is None:
            return z, None
        return z, self.linear(x, working(self.rest), _working(self.rest_bias))

    def extra_repr(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.config().items())
        return f"{given}, pairs={self.pairs}" if "pairs" not in self.config() else given


def _working(values: Tensor | None) -> Tensor | None:
    return None if values is None else working(values)
