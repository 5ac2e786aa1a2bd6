"""Numbers, points and names as short pieces of text."""

from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction

from flint import fmpz

__all__ = ["float_or_none", "point", "printable", "rational", "sentence", "short"]

_COORDINATES = 8  # shown in full
_FIRST = 4  # shown of more
_CONTEXT = Context(prec=6, Emax=MAX_EMAX, Emin=MIN_EMIN)


def printable(name: str, limit: int = 60) -> str:
    r"""Returns a name that is safe to print: no control characters, no line breaks, not long.

    Names come from other people's files and may hold terminal escapes.

    Example:
        >>> printable("fc1\x1b[2J")
        'fc1�[2J'
    """
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def rational(number: Fraction) -> str:
    """Returns "p/q", or "p" for an integer, however many digits they have.

    Example:
        >>> rational(Fraction(-1, 3))
        '-1/3'
    """
    top = str(fmpz(number.numerator))  # str(int) refuses more than 4300 digits
    return top if number.denominator == 1 else f"{top}/{fmpz(number.denominator)}"


def float_or_none(number: Fraction) -> float | None:
    """Returns the nearest float64, or None where the number is beyond all of them."""
    try:
        return float(number)
    except OverflowError:
        return None


def short(number: Fraction) -> str:
    """Returns a number to six digits.

    Example:
        >>> short(Fraction(1, 3))
        '0.333333'
        >>> short(Fraction(10) ** 400)
        '1e+400'
    """
    value = float_or_none(number)
    if value is not None and (value or not number):
        return f"{value:.6g}"
    digits = _CONTEXT.divide(Decimal(number.numerator), Decimal(number.denominator))
    return f"{digits.normalize(_CONTEXT):.6g}"


def point(coordinates: Sequence[Fraction]) -> str:
    """Returns a point as a short tuple; of many coordinates the first and the last are shown.

    Example:
        >>> point([Fraction(1, 2), Fraction(-3)])
        '(0.5, -3)'
        >>> point([Fraction(k) for k in range(50)])
        '(0, 1, 2, 3, …, 49; 50 coordinates)'
    """
    if len(coordinates) <= _COORDINATES:
        return f"({', '.join(map(short, coordinates))})"
    first = ", ".join(map(short, coordinates[:_FIRST]))
    return f"({first}, …, {short(coordinates[-1])}; {len(coordinates)} coordinates)"


def sentence(reason: str) -> str:
    """Returns a reason as a sentence: with a capital letter and a full stop.

    Example:
        >>> sentence("the limit of 5 nodes was hit; raise limits.nodes")
        'The limit of 5 nodes was hit; raise limits.nodes.'
    """
    return f"{reason[:1].upper()}{reason[1:]}{'' if reason.endswith('.') else '.'}"
