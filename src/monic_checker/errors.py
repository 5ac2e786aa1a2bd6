"""The four ways in which a check can fail."""

__all__ = ["CheckError", "InvalidProof", "MalformedProof", "OverBudget", "UnreadableModel"]


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


class OverBudget(CheckError):
    """Raised when a check needs more memory or work than it was given; nothing is known then.

    Arguments:
        address: What asked for it.
        resource: "memory" or "work", which is also the name of the option.
        unit: What it is counted in.
        needed: How much it would have been by then.
        limit: How much the check was given.
    """

    def __init__(self, address: str, resource: str, unit: str, needed: int, limit: int) -> None:
        needed = min(needed, 10**30)
        super().__init__(
            address,
            f"expected to need at most {limit:,} {unit} of {resource}. Got to {needed:,}. "
            f"Raise --{resource} (in Python {resource}=...) if the proof is worth it",
        )
        self.resource = resource
        self.needed = needed
        self.limit = limit
