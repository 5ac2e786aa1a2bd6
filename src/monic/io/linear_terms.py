"""Linear inequalities over X_0, X_1, ... written as s-expressions, taken exactly."""

import re
from fractions import Fraction
from typing import TypeAlias

from monic.errors import DomainError

__all__ = ["HalfSpace", "Term", "half_spaces", "input_number", "mentions"]

#: A token, or a list of terms.
Term: TypeAlias = "str | list[Term]"

#: ({j: a_j}, c) stands for sum a_j X_j <= c; no a_j is 0, and there is at least one.
HalfSpace = tuple[dict[int, Fraction], Fraction]

#: Coefficients by input; the key -1 holds the constant.
_Form = dict[int, Fraction]
_CONSTANT = -1

_INPUT = re.compile(r"X_(0|[1-9][0-9]{0,8})")
_NUMBER = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,3})?")


def input_number(token: str) -> int | None:
    """Returns j for X_j, and None for any other name."""
    found = _INPUT.fullmatch(token)
    return int(found[1]) if found else None


def mentions(term: Term, prefix: str) -> bool:
    """Returns whether some name in a term starts with a prefix."""
    if isinstance(term, str):
        return term.startswith(prefix)
    return any(mentions(part, prefix) for part in term)


def half_spaces(condition: Term) -> list[HalfSpace]:
    """Returns the half-spaces whose intersection is a condition on the inputs.

    Raises:
        DomainError: when the condition is not a conjunction of linear inequalities.
    """
    match condition:
        case ["and", *parts]:
            return [side for p in parts if mentions(p, "X_") for side in half_spaces(p)]
        case ["or", only]:
            return half_spaces(only)
        case ["or", *_]:
            raise _refused(condition, "a union of sets is not convex: write one file for each")
        case [("<=" | "<"), left, right]:
            return _half_space(condition, left, right)
        case [(">=" | ">"), left, right]:
            return _half_space(condition, right, left)
        case ["=", *_]:
            raise _refused(condition, "such a set has no interior: fix that input in the network")
        case _:
            raise _refused(condition, "it is not a linear inequality")


def _half_space(condition: Term, small: Term, large: Term) -> list[HalfSpace]:
    form = _sum(_form(condition, small), _form(condition, large), -1)
    offset = -form.pop(_CONSTANT, Fraction(0))
    normal = {j: entry for j, entry in form.items() if entry}
    if normal:
        return [(normal, offset)]
    if offset < 0:
        raise _refused(condition, "no point fulfils it")
    return []


def _form(condition: Term, term: Term) -> _Form:
    match term:
        case str():
            return _atom(condition, term)
        case ["+", *parts]:
            return _total([_form(condition, part) for part in parts])
        case ["-", part]:
            return _times(_form(condition, part), Fraction(-1))
        case ["-", first, *parts]:
            return _sum(_form(condition, first), _total([_form(condition, p) for p in parts]), -1)
        case ["*", first, second]:
            return _product(condition, _form(condition, first), _form(condition, second))
        case ["/", part, by]:
            divisor = _form(condition, by)
            if divisor.keys() <= {_CONSTANT} and divisor.get(_CONSTANT):
                return _times(_form(condition, part), 1 / divisor[_CONSTANT])
    raise _refused(condition, "it is not linear in the inputs")


def _atom(condition: Term, token: str) -> _Form:
    number = input_number(token)
    if number is not None:
        return {number: Fraction(1)}
    if _NUMBER.fullmatch(token):
        return {_CONSTANT: Fraction(token)}
    raise _refused(condition, f"{token[:40]!r} is neither an input nor a decimal number")


def _product(condition: Term, first: _Form, second: _Form) -> _Form:
    for factor, other in ((first, second), (second, first)):
        if factor.keys() == {_CONSTANT}:
            return _times(other, factor[_CONSTANT])
    raise _refused(condition, "it is not linear in the inputs")


def _total(forms: list[_Form]) -> _Form:
    total: _Form = {}
    for form in forms:
        for key, entry in form.items():
            total[key] = total.get(key, Fraction(0)) + entry
    return total


def _sum(first: _Form, second: _Form, sign: int) -> _Form:
    keys = [*first, *(key for key in second if key not in first)]
    zero = Fraction(0)
    return {key: first.get(key, zero) + sign * second.get(key, zero) for key in keys}


def _times(form: _Form, factor: Fraction) -> _Form:
    return {key: factor * entry for key, entry in form.items()}


def _refused(condition: Term, why: str) -> DomainError:
    return DomainError(
        "Expected linear inequalities on X_0, X_1, ... in VNN-LIB, alone or joined by `and`. Got "
        f"{_written(condition, 4)[:80]}: {why}."
    )


def _written(term: Term, depth: int) -> str:
    if isinstance(term, str):
        return term
    return "(" + " ".join(_written(part, depth - 1) if depth else "..." for part in term) + ")"
