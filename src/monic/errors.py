"""Every error that monic raises on purpose: one base, few children."""

__all__ = [
    "ContradictionError",
    "DomainError",
    "GraphNotCompared",
    "InvalidProof",
    "InversionError",
    "LayerError",
    "LimitReached",
    "MalformedProof",
    "MonicError",
    "NotInRange",
    "OutOfTime",
    "OverBudget",
    "ReadingError",
    "TooLarge",
    "UnreadableCheckpoint",
    "UnreadableModel",
    "UnsupportedModel",
    "UnwritableModel",
]


class MonicError(Exception):
    """The base of all errors that monic raises on purpose; catch it to catch them all."""


class ContradictionError(MonicError, AssertionError):
    """Raised in place of an answer that contradicts itself: a mistake in monic, to be reported."""


class LayerError(MonicError, ValueError):
    """Raised when arrays do not form a layer: wrong shapes, NaN, infinities, no rows."""


class LimitReached(MonicError):
    """Raised where work is beyond a limit; what decides takes it as the reason of UNDECIDED."""


class OutOfTime(LimitReached):
    """Raised where the time of a question is over."""


class TooLarge(LimitReached, LayerError):
    """Raised where a matrix would be larger than memory is meant to hold."""


class DomainError(MonicError, ValueError):
    """Raised when a domain is not a convex set with interior, or does not fit its layer."""


class InversionError(MonicError, ValueError):
    """Raised when data are no outputs of the model's shape, or a layer cannot be inverted."""


class NotInRange(MonicError, ValueError):
    """Raised when points are to be inverted that are no outputs of the module."""


class UnreadableModel(MonicError):
    """Raised when a model file is missing, truncated, hostile or of an unknown kind."""


class UnreadableCheckpoint(MonicError):
    """Raised when a checkpoint is missing, damaged, of another format or about another layer."""


class UnsupportedModel(MonicError):
    """Raised when a readable model holds operators that monic does not decide; lists them all."""


class ReadingError(MonicError):
    """Raised when a network that was read computes something else than its file or module."""


class MalformedProof(MonicError):
    """Raised when a file is not a proof at all: wrong version, truncated, broken syntax."""


class InvalidProof(MonicError):
    """Raised when a well-formed proof does not prove its claim about the given weights."""


class GraphNotCompared(MonicError):
    """Raised when a proof that holds was to be compared with a model's graph, and was not."""


class OverBudget(MonicError):
    """Raised when checking a proof takes more memory or work than was allowed."""


class UnwritableModel(MonicError):
    """Raised when a repaired model cannot be written: no room, no folder, the input itself."""
