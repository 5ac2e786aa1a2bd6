"""The three ways in which a check can fail."""

__all__ = ["CheckError", "InvalidProof", "MalformedProof", "UnreadableModel"]


class CheckError(Exception):
    """The base of all errors that monic_checker raises on purpose.

    Arguments:
        address: The place that is at fault, such as "node 17" or "evidence.pairs[3]".
        reason: What was expected there, and what was found.
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address}: {reason}")
        self.address = address
        self.reason = reason


class MalformedProof(CheckError):
    """Raised when a file is not a proof at all: wrong version, truncated, broken syntax."""


class InvalidProof(CheckError):
    """Raised when a well-formed proof does not prove its claim about the given weights."""


class UnreadableModel(CheckError):
    """Raised when a model file is truncated, hostile or of an unknown kind."""
