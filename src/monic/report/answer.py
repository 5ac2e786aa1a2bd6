"""What `monic decide` has to say about a file, as a value; the renderers take nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from monic.decision.result import Collision, Limits, StageDecision, Verdict
from monic.model import Domain
from monic.model.comparison import Comparison

__all__ = ["Answer", "Conditions", "LayerAnswer", "Question", "worst"]


class Question(Enum):
    """What the verdict of an answer is about; the value names it in a sentence."""

    NETWORK = "the network"
    LAYER = "the layer"
    WEIGHTS = "the layers"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerAnswer:
    """The decision about one layer and the file that holds its certificate, if there is one."""

    stage: StageDecision
    certificate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What was asked besides the model, so that the question can be asked again.

    Arguments:
        domain: The domain of the input, and its dimension; None where layers have their own.
        method: How it was to be decided.
        assumptions: What a verdict might rest on.
        limits: How much work each layer might cost.
        seed: The seed of the floating-point searches.
    """

    domain: tuple[Domain, int] | None
    method: str
    assumptions: tuple[str, ...]
    limits: Limits
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The decision about a file.

    Arguments:
        model: The file, as the user wrote it.
        sha256: The SHA-256 of the file.
        question: What the verdict is about.
        verdict: The verdict that the exit code tells.
        assumption: None, or the assumption under which the verdict holds.
        reason: The sentence that explains the verdict.
        layers: The layers in order.
        collision: Two inputs of the network with the same output, where one was found.
        certificate: The file with the certificate about the network, if there is one.
        conditions: What was asked besides the model, where that is known.
        reading: How what was read was compared with the file; None for a file of bare weights.
    """

    model: str
    sha256: str
    question: Question
    verdict: Verdict
    reason: str
    layers: Sequence[LayerAnswer]
    assumption: str | None = None
    collision: Collision | None = None
    certificate: str | None = None
    reading: Comparison | None = None
    conditions: Conditions | None = None


_BADNESS = {Verdict.INJECTIVE: 0, Verdict.UNDECIDED: 1, Verdict.NOT_INJECTIVE: 2}


def worst(stages: Sequence[StageDecision]) -> StageDecision:
    """Returns the first of the worst: NOT_INJECTIVE, then UNDECIDED, then INJECTIVE."""
    return max(stages, key=lambda stage: _BADNESS[stage.decision.verdict])
