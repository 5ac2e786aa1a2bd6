"""What `monic decide` has to say about a file, as a value; the renderers take nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from monic.decision.result import Collision, StageDecision, Verdict
from monic.model.comparison import Comparison

__all__ = ["Answer", "LayerAnswer", "Question", "worst"]


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


_BADNESS = {Verdict.INJECTIVE: 0, Verdict.UNDECIDED: 1, Verdict.NOT_INJECTIVE: 2}


def worst(stages: Sequence[StageDecision]) -> StageDecision:
    """Returns the first of the worst: NOT_INJECTIVE, then UNDECIDED, then INJECTIVE."""
    return max(stages, key=lambda stage: _BADNESS[stage.decision.verdict])
