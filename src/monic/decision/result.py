"""The answer: a verdict with its evidence, the sentence that explains it, and what it cost."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING

from monic.certificate import Certificate
from monic.model.comparison import Comparison

if TYPE_CHECKING:
    from monic.decision.checkpoint import Checkpoint
    from monic.model import Domain

__all__ = [
    "Collision",
    "Decision",
    "Execution",
    "FloatPair",
    "Limits",
    "Margin",
    "NetworkDecision",
    "Progress",
    "StageDecision",
    "Statistics",
    "Verdict",
]


class Verdict(Enum):
    """One of three outcomes; each carries its sentence."""

    INJECTIVE = "different inputs give different outputs"
    NOT_INJECTIVE = "two different inputs give the same output"
    UNDECIDED = "neither was proved"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much work a decision may cost; None is no limit.

    Arguments:
        seconds: Wall-clock time, without that of compiling kernels (once on a machine).
        nodes: Nodes of the branching tree.
    """

    seconds: float | None = None
    nodes: int | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """Where and how a decision is computed; it never changes the verdict.

    Arguments:
        workers: Processes on this machine.
        executor: Any `concurrent.futures.Executor`, used instead of local processes.
        device: A torch device for the floating-point search, such as "cuda"; None is numpy.
        seed: The seed of the floating-point search.
    """

    workers: int = 1
    executor: Executor | None = None
    device: str | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a decision cost.

    Arguments:
        nodes: Nodes of the branching tree (0 when no tree was needed).
        seconds: Wall-clock time, without that of compiling kernels (once on a machine).
        depth: The largest number of rows declared active at a node.
        repairs: Nodes at which floats were not enough and exact arithmetic decided.
        open: Nodes of a network's pair tree that wait.
        share: The share of a network's pair tree that is done; None for other trees.
    """

    nodes: int = 0
    seconds: float = 0.0
    depth: int = 0
    repairs: int = 0
    open: int = 0
    share: float | None = None

    def plus(self, more: "Statistics") -> "Statistics":
        """Returns the cost with that of another search added; the seconds are this one's."""
        return replace(
            self,
            nodes=self.nodes + more.nodes,
            depth=max(self.depth, more.depth),
            repairs=self.repairs + more.repairs,
        )


#: Called now and then during long work.
Progress = Callable[[Statistics], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatPair:
    """The float64 points nearest to a collision and what rounding them does to the outputs.

    Arguments:
        x: The first point, rounded to float64.
        other: The second point, rounded to float64.
        difference: The largest difference between the exact outputs of the rounded points.
        outputs: For a network: what its piecewise-linear part gives for the rounded points when
            it is evaluated in float64 arithmetic.
    """

    x: tuple[float, ...]
    other: tuple[float, ...]
    difference: Fraction
    outputs: tuple[tuple[float, ...], tuple[float, ...]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collision:
    """Two different inputs with exactly equal outputs, as rational points.

    Arguments:
        x: The first input.
        other: The second input.
        floats: The nearest float64 points; None where a coordinate is beyond float64.
    """

    x: tuple[Fraction, ...]
    other: tuple[Fraction, ...]
    floats: FloatPair | None = None

    def __repr__(self) -> str:
        return f"<Collision of two points of R^{len(self.x)}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """How far a point is from being harmless: how negative its inactive rows are.

    For a point x outside whose flat every row has w_i.x + b_i <= -t |w_i|, with |x| <= 1 when
    the layer is homogeneous on a cone, the margin is t: a perturbation of the rows by less than
    t (relative to their norms) leaves the point a proof of non-injectivity.

    Arguments:
        value: t, rounded down.
        rounding: True when the neighbour with exactly paired rows, at the stated distance, is
            itself decided INJECTIVE: the verdict is then only at the level of rounding.
        distance: The largest relative change of a row that leads to that neighbour, or None.
    """

    value: float
    rounding: bool = False
    distance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to `decide` for one layer; as a string, its verdict and the reason.

    Arguments:
        verdict: One of three; `bool(decision)` raises, since three outcomes do not fit in two.
        assumption: None, or the assumption under which the verdict holds.
        method: How it was decided, in a word or two.
        reason: The sentence that explains the verdict; UNDECIDED says which limit was hit.
        certificate: What the independent checker reads; None when UNDECIDED.
        collision: Two inputs with the same output, where they could be written down.
        point: A point that proves that a collision exists.
        margin: For NOT_INJECTIVE: how far the point found is from being harmless.
        statistics: What it cost.
        checkpoint: Where branching has come, for `resume`; None when there was none.
    """

    verdict: Verdict
    reason: str
    method: str
    assumption: str | None = None
    certificate: Certificate | None = None
    collision: Collision | None = None
    point: tuple[Fraction, ...] | None = field(default=None, repr=False)
    margin: Margin | None = None
    statistics: Statistics = field(default_factory=Statistics)
    checkpoint: "Checkpoint | None" = field(default=None, repr=False)

    def __str__(self) -> str:
        return _sentence(self)

    def __bool__(self) -> bool:
        raise TypeError(
            "Expected a comparison such as `decision.verdict is Verdict.INJECTIVE`. Got a "
            "decision used as true or false; it has three outcomes."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDecision:
    """The decision about one stage of a network, with the domain on which it was asked.

    Arguments:
        name: The user's own name of the layer.
        shape: (m, n).
        domain: The domain in words, such as "orthant".
        activation: The activation in words, such as "ReLU".
        decision: The answer.
        kind: What the affine map is, such as "dense" or "convolution".
        where: The domain itself, where it is known.
    """

    name: str
    shape: tuple[int, int]
    domain: str
    activation: str
    decision: Decision
    kind: str = "dense"
    where: "Domain | None" = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDecision:
    """The answer to `decide` for a network; as a string, its verdict and those of its stages.

    Arguments:
        verdict: The verdict on the network as a whole.
        assumption: None, or the assumption under which the verdict holds.
        reason: The sentence that explains the verdict.
        stages: The decisions about its stages, in order.
        collision: Two inputs of the network with the same output, where one was found.
        certificate: What the independent checker reads about the network as a whole.
        reading: How the network was compared with the file or module that it was read from;
            None for a network that was not read from one.
    """

    verdict: Verdict
    reason: str
    stages: Sequence[StageDecision]
    assumption: str | None = None
    collision: Collision | None = None
    certificate: Certificate | None = None
    reading: Comparison | None = None

    def __str__(self) -> str:
        stages = (f"  {s.name} (on the {s.domain}): {s.decision}" for s in self.stages)
        return "\n".join([_sentence(self), *stages])

    def __bool__(self) -> bool:
        raise TypeError(
            "Expected a comparison such as `decision.verdict is Verdict.INJECTIVE`. Got a "
            "decision used as true or false; it has three outcomes."
        )


def _sentence(decision: Decision | NetworkDecision) -> str:
    assumed = "" if decision.assumption is None else f" (assuming {decision.assumption})"
    return f"{decision.verdict.name}{assumed}: {decision.reason}"
