"""What is read is compared: every network, as it is loaded, beside its file or module."""

from monic.io.comparing.compare import DEFAULT_SECONDS, Subject, compared, insist_on_outputs
from monic.io.comparing.evaluator import Deadline, Evaluator, Unevaluated, as_floats
from monic.io.comparing.gap import Track
from monic.io.comparing.landmark import Landmark

__all__ = [
    "DEFAULT_SECONDS",
    "Deadline",
    "Evaluator",
    "Landmark",
    "Subject",
    "Track",
    "Unevaluated",
    "as_floats",
    "compared",
    "insist_on_outputs",
]
