"""What a search by branching comes back with."""

import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from numpy.linalg import LinAlgError

from monic.certificate import Certificate
from monic.decision.result import Decision, Statistics, Verdict
from monic.decision.witness import Witness
from monic.errors import LimitReached

if TYPE_CHECKING:
    from monic.decision.checkpoint import Checkpoint

__all__ = ["LIMITS", "Outcome", "limited", "new_body"]

#: A body of up to this many bytes stays in memory.
IN_MEMORY = 1 << 24


@dataclass(frozen=True, slots=True)
class Outcome:
    """What branching found: a certificate, a witness, or the limit that was hit."""

    statistics: Statistics
    certificate: Certificate | None = None
    witness: Witness | None = None
    limit: str | None = None
    checkpoint: "Checkpoint | None" = None


#: What ends the work on a layer without an answer, and is none of its mistakes.
LIMITS = (LimitReached, MemoryError, OverflowError, LinAlgError)


def limited(limit: Exception) -> Decision:
    """Returns what is said of a layer that a limit of size, time or memory left undecided.

    Example:
        >>> limited(MemoryError()).reason
        'the memory of this machine was not enough'
    """
    short = "the memory of this machine was not enough"
    if isinstance(limit, MemoryError):
        reason = f"{short}: {limit}" if str(limit) else short
    elif isinstance(limit, OverflowError | LinAlgError):
        reason = "products of its numbers are beyond float64, in which proofs are looked for"
    else:
        reason = str(limit)
    return Decision(verdict=Verdict.UNDECIDED, reason=reason, method="limits")


def new_body() -> IO[bytes]:
    """Returns an empty stream for a proof: in memory, and on disk once it is long."""
    return tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)
