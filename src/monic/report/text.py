"""Numbers, points and names as short pieces of text."""

from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from fractions import Fraction

from flint import fmpz

__all__ = [
    "SHOWN",
    "differences",
    "float_or_none",
    "point",
    "printable",
    "rational",
    "sentence",
    "short",
]

#: So many coordinates are shown in full.
SHOWN = 8

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
    if len(coordinates) <= SHOWN:
        return f"({', '.join(map(short, coordinates))})"
    first = ", ".join(map(short, coordinates[:_FIRST]))
    return f"({first}, …, {short(coordinates[-1])}; {len(coordinates)} coordinates)"


def differences(x: Sequence[Fraction], other: Sequence[Fraction]) -> str:
    """Returns where two points differ, numbered from 0, in the first few coordinates of those.

    Example:
        >>> differences([Fraction(k) for k in range(9)], [Fraction(2 * k) for k in range(9)])
        '8 coordinates: 1 (1, 2), 2 (2, 4), 3 (3, 6), …'
    """
    places = [k for k, (a, b) in enumerate(zip(x, other, strict=True)) if a != b]
    shown = [f"{k} ({short(x[k])}, {short(other[k])})" for k in places[: _FIRST - 1]]
    more = ["…"] if len(places) >= _FIRST else []
    word = "coordinate" if len(places) == 1 else "coordinates"
    return f"{len(places)} {word}: {', '.join([*shown, *more])}"


def sentence(reason: str) -> str:
    """Returns a reason as a sentence: with a capital letter and a full stop.

    Example:
        >>> sentence("the limit of 5 nodes was hit; raise limits.nodes")
        'The limit of 5 nodes was hit; raise limits.nodes.'
    """
    return f"{reason[:1].upper()}{reason[1:]}{'' if reason.endswith('.') else '.'}"
