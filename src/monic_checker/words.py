"""What of a subject is said in full: what is short; the rest is in its digest."""

__all__ = ["shortened"]

#: No part of a sentence is longer.
_LETTERS = 400


def shortened(text: str) -> str:
    """Returns a text, or where to find it if it is long.

    Example:
        >>> shortened("1/2"), shortened("9" * 1000)
        ('1/2', '(long: as in the subject digest)')
    """
    return text if len(text) <= _LETTERS else "(long: as in the subject digest)"
