"""Strict JSON: one line without duplicate keys, and values of exactly the expected types."""

import json
import re
from collections.abc import Sequence
from typing import Any, BinaryIO

from flint import fmpq, fmpz

from monic_checker.budget import PYTHON, Budget
from monic_checker.errors import MalformedProof

__all__ = [
    *("charge_json", "choice", "integer", "items", "members"),
    *("rational", "rationals", "read_json_line"),
]

#: The header's length that Section 2 of the specification allows.
HEADER_LIMIT = 2**30

#: No number of a header that is not a string may have more digits.
_DIGITS = 18
_RATIONAL = re.compile(r"(-?[0-9]+)(?:/([0-9]+))?")


def read_json_line(stream: BinaryIO, budget: Budget) -> object:
    """Reads one line of JSON.

    Raises:
        MalformedProof: when it is too long, does not end, or is not the JSON that SPEC.md allows.
        OverBudget: when what it stands for does not fit the budget.
    """
    longest = min(HEADER_LIMIT, max(budget.memory_left, 0))
    line = stream.readline(longest + 1)
    if not line.endswith(b"\n"):
        budget.hold(len(line), "header")
        raise MalformedProof("header", f"expected one line of at most {HEADER_LIMIT} bytes")
    charge_json(line, budget, "header")
    try:
        return _DECODER.decode(str(line, "utf-8"))
    except (ValueError, RecursionError, MemoryError) as error:
        raise MalformedProof("header", f"expected JSON. Got an error: {error!a:.200}") from None


def charge_json(text: bytes, budget: Budget, address: str) -> None:
    """Charges what a text in JSON becomes, and the rationals that its strings may stand for.

    Raises:
        OverBudget: when it does not fit the budget.
    """
    lists, tables, strings = text.count(b"["), text.count(b"{"), text.count(b'"') // 2
    entries = text.count(b",") + text.count(b":") + lists + tables
    size = len(text) * (3 if text.isascii() else 10)  # as bytes, as text, and in pieces
    budget.hold(size + 104 * lists + 280 * tables + 160 * strings + 44 * entries, address)
    budget.work(4 * len(text) + 4 * PYTHON * (lists + tables + strings + entries), address)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return table


def _short_integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError(f"an integer of {len(digits)} digits")
    return int(digits)


def _refuse(number: str) -> None:
    raise ValueError(f"the number {number[:40]}, which is no integer")


#: Made once: a decoder takes longer to make than a short header to decode.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_int=_short_integer,
    parse_float=_refuse,
    parse_constant=_refuse,
)


def members(value: object, address: str, names: Sequence[str]) -> list[Any]:
    """Returns the values of an object that has exactly the given keys.

    Raises:
        MalformedProof: when it is no object, or a key is missing or not allowed.
    """
    if isinstance(value, dict) and len(value) == len(names):
        found = [value[name] for name in names if name in value]
        if len(found) == len(names):
            return found
    raise MalformedProof(address, f"expected an object with the keys {', '.join(names)}")


def items(value: object, address: str, length: int | None = None) -> list[Any]:
    """Returns a list, of the given length if there is one.

    Raises:
        MalformedProof: when it is no list or has another length.
    """
    if not isinstance(value, list):
        raise MalformedProof(address, "expected a list")
    if length is not None and len(value) != length:
        raise MalformedProof(address, f"expected {length} entries. Got {len(value)}")
    return value


def integer(value: object, address: str, low: int, high: int | None = None) -> int:
    """Returns an integer with low <= value, and value < high if there is a bound.

    Raises:
        MalformedProof: when it is no integer (true and false are none) or out of range.
    """
    if type(value) is not int or value < low or (high is not None and value >= high):
        bound = "" if high is None else f" and below {high}"
        raise MalformedProof(address, f"expected an integer, at least {low}{bound}")
    return value


def choice(value: object, address: str, choices: Sequence[str]) -> str:
    """Returns a string that is one of the choices.

    Raises:
        MalformedProof: when it is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        raise MalformedProof(address, f"expected one of {', '.join(choices)}")
    return value


def rational(value: object, address: str) -> fmpq:
    """Returns the rational that a string such as "-5/7" stands for.

    Raises:
        MalformedProof: when it is no such string, or its denominator is zero.
    """
    match = _RATIONAL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise MalformedProof(address, 'expected a rational as a string, such as "-5/7"')
    denominator = fmpz(match[2] or "1")
    if denominator == 0:
        raise MalformedProof(address, "expected a positive denominator. Got 0")
    return fmpq(fmpz(match[1]), denominator)


def rationals(value: object, address: str, length: int) -> list[fmpq]:
    """Returns a list of rationals.

    Raises:
        MalformedProof: when it is no list of that many rationals.
    """
    entries = items(value, address, length)
    return [rational(entry, f"{address}[{i}]") for i, entry in enumerate(entries)]
