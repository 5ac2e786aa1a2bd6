"""How the command line spells bytes and units of work."""

import re
from fractions import Fraction

__all__ = ["amount"]

_AMOUNT = re.compile(
    r"([0-9]{1,18}(?:\.[0-9]{1,18})?)(?:[eE]([0-9]{1,2}))?(?:([KMGTkmgt])(?:i?B)?)?"
)


def amount(text: str) -> int:
    """Returns the number that a text such as "512M", "2GiB", "1e11" or "4096" stands for.

    K, M, G and T stand for powers of 1024, with or without B or iB behind them.

    Raises:
        ValueError: when it is no such number.

    Example:
        >>> amount("1.5G"), amount("2e11")
        (1610612736, 200000000000)
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a number such as 512M, 2G or 1e11. Got {text!a:.40}")
    digits, power, unit = match[1], int(match[2] or 0), (match[3] or "").upper()
    return int(Fraction(digits) * 10**power * 1024 ** " KMGT".index(unit or " "))
