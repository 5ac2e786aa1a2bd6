"""Networks: affine maps and activations in turn."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from monic.errors import LayerError
from monic.model.affine import AffineMap
from monic.model.domain import Domain, WholeSpace
from monic.model.normalization import Normalization

__all__ = ["Activation", "Network", "Stage"]


class Activation(Enum):
    """What is applied to every coordinate after an affine map.

    All but RELU are one-to-one on R, so that a stage with them is one-to-one if and only if its
    affine map is one-to-one on the domain. LEAKY_RELU stands for positive slopes only.
    NORMALIZATION is y -> y / sqrt(|y|^2 / k + epsilon) with epsilon > 0 on each group of k
    coordinates: what layer, instance, group and RMS norm do once the mean is taken off
    (docs/normalization.md). It is one-to-one on every group. GIVEN_STATISTICS is the same as a
    whole, means included, where only inputs with equal statistics are told apart.
    """

    RELU = "ReLU"
    LEAKY_RELU = "leaky ReLU"
    PRELU = "PReLU"
    ELU = "ELU"
    TANH = "tanh"
    SIGMOID = "sigmoid"
    IDENTITY = "identity"
    NORMALIZATION = "normalisation"
    GIVEN_STATISTICS = "normalisation, its statistics given"

    @property
    def is_one_to_one(self) -> bool:
        """Whether the activation is one-to-one on R."""
        return self is not Activation.RELU


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One affine map followed by one activation, with the user's name for it.

    Arguments:
        name: The name of the layer in the user's own file; only a name, never a path.
        map: The affine map, exact; neighbouring affine maps are composed into one.
        activation: What follows the affine map.
        norm: The groups and the epsilon of a normalisation; None for other activations.

    Raises:
        LayerError: when a norm is missing, superfluous, or does not fit the map.
    """

    name: str
    map: AffineMap
    activation: Activation = Activation.RELU
    norm: Normalization | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        normalizes = self.activation in (Activation.NORMALIZATION, Activation.GIVEN_STATISTICS)
        if normalizes != (self.norm is not None):
            raise LayerError(
                f"Expected a Normalization with a normalisation, and only there. Got {self.norm} "
                f"for {self.name!r}, whose activation is {self.activation.value}."
            )
        if self.norm is not None and self.map.out_dim % self.norm.groups:
            raise LayerError(
                f"Expected the numbers of {self.name!r} to fall into {self.norm.groups} equal "
                f"groups. Got {self.map.out_dim}."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A chain of stages on a domain of its input.

    Arguments:
        stages: The stages in order; the last may have the activation IDENTITY.
        domain: The domain of the network's input.

    Raises:
        LayerError: when there is no stage or neighbouring dimensions do not fit.
    """

    stages: tuple[Stage, ...]
    domain: Domain = field(default_factory=WholeSpace)

    def __init__(self, stages: Iterable[Stage], domain: Domain | None = None) -> None:
        object.__setattr__(self, "stages", tuple(stages))
        object.__setattr__(self, "domain", WholeSpace() if domain is None else domain)
        for stage in self.stages:
            if not isinstance(stage, Stage):
                raise LayerError(f"Expected stages. Got {stage!r}; see monic.Stage.")
        if not self.stages:
            raise LayerError("Expected a network with at least one affine map. Got none.")
        for first, second in zip(self.stages, self.stages[1:], strict=False):
            if first.map.out_dim != second.map.in_dim:
                raise LayerError(
                    f"Expected {second.name!r} to take the {first.map.out_dim} numbers that "
                    f"{first.name!r} gives. Got a map that takes {second.map.in_dim}."
                )
        self.domain.fit(self.in_dim)

    @property
    def in_dim(self) -> int:
        """The dimension of the network's input."""
        return self.stages[0].map.in_dim

    @property
    def out_dim(self) -> int:
        """The dimension of the network's output."""
        return self.stages[-1].map.out_dim
