"""Why a graph was not compared."""

__all__ = ["NotCompared"]


class NotCompared(Exception):
    """Raised when a graph cannot be carried out exactly; the message says why.

    It is no error of a proof: the answer is then about the weights only.
    """
