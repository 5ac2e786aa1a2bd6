"""Reading the input set of a VNN-LIB file: a box, or a polyhedron, over X_0, X_1, ....

Output conditions (over Y) say nothing about the domain and are ignored.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from monic.errors import DomainError
from monic.io.linear_terms import HalfSpace, Term, half_spaces, input_number, mentions
from monic.io.vnnlib_networks import is_version_2, joined_indices, of_one_network
from monic.model import Box, Domain, Polyhedron, WholeSpace

__all__ = ["load_vnnlib", "parse_vnnlib"]

_LIMIT = 1 << 28  # bytes
_DEPTH = 100
_TOKEN = re.compile(r";[^\n]*|[()]|[^\s();]+")


def load_vnnlib(path: Path, dim: int | None = None) -> Domain:
    """Returns the domain that the input conditions of a VNN-LIB file describe.

    Conditions that compare linear terms in X_0, X_1, ... are read, one by one or joined by `and`.
    Numbers are decimal: every bound and coefficient stands for the float64 nearest to it. Strict
    inequalities are read as the others: the interior is the same.

    Arguments:
        path: The file, in version 1 of the format, or in version 2 about one network.
        dim: The number of inputs; None takes it from the declarations.

    Raises:
        DomainError: when the file is malformed, or its input set is not one convex polyhedron.
    """
    try:
        if path.stat().st_size > _LIMIT:
            raise DomainError(f"Expected at most {_LIMIT >> 20} MiB of VNN-LIB in {path.name!r}.")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DomainError(f"Expected a VNN-LIB file in {path.name!r}: {error}.") from None
    return parse_vnnlib(text, dim)


def parse_vnnlib(text: str, dim: int | None = None) -> Domain:
    """Returns the domain that the input conditions of VNN-LIB text describe.

    Example:
        >>> text = "(declare-const X_0 Real) (assert (<= X_0 0.5)) (assert (>= X_0 0))"
        >>> parse_vnnlib(text).upper
        array([0.5])
    """
    inputs: set[int] = set()
    sides: list[HalfSpace] = []
    commands = list(_commands(joined_indices(text)))
    if is_version_2(commands):
        count, conditions = of_one_network(commands)
        about = (term for term in conditions if mentions(term, "X_"))
        sides = [side for term in about for side in half_spaces(term)]
        return _domain(sides, _dimension(set(range(count)), sides, dim))
    for command in commands:
        match command:
            case ["declare-const", str(name), "Real"] | ["declare-fun", str(name), [], "Real"]:
                inputs.add(-1 if (number := input_number(name)) is None else number)
            case ["assert", term]:
                sides.extend(half_spaces(term) if mentions(term, "X_") else ())
            case [("set-logic" | "set-info" | "set-option" | "check-sat" | "exit"), *_]:
                pass
            case _:
                raise DomainError(
                    "Expected VNN-LIB 1 with declare-const and assert, or VNN-LIB 2. Got the "
                    f"command {str(command)[:60]}."
                )
    return _domain(sides, _dimension(inputs, sides, dim))


def _commands(text: str) -> Iterator[Term]:
    stack: list[list[Term]] = [[]]
    for token in _TOKEN.findall(text):
        if token.startswith(";"):
            continue
        if token == "(":
            stack.append([])
        elif token == ")" and len(stack) > 1:
            done = stack.pop()
            stack[-1].append(done)
        elif token == ")":
            raise DomainError("Expected balanced brackets in VNN-LIB. Got one ')' too many.")
        else:
            stack[-1].append(token)
        if len(stack) > _DEPTH:
            raise DomainError(f"Expected VNN-LIB nested at most {_DEPTH} deep. Got more.")
    if len(stack) > 1:
        raise DomainError(f"Expected balanced brackets in VNN-LIB. {len(stack) - 1} stay open.")
    yield from stack[0]


def _dimension(inputs: set[int], sides: list[HalfSpace], dim: int | None) -> int:
    inputs = inputs - {-1}  # names of outputs
    if inputs != set(range(len(inputs))):
        raise DomainError(f"Expected inputs X_0, X_1, ... without gaps. Got {sorted(inputs)[:9]}.")
    size = len(inputs) or dim or 0
    if dim is not None and size != dim:
        raise DomainError(f"Expected a domain in R^{dim}, as the model's input. Got R^{size}.")
    if size == 0:
        raise DomainError("Expected declarations of the inputs X_0, X_1, .... Got none.")
    unknown = sorted({j for normal, _ in sides for j in normal if j >= size})
    if unknown:
        raise DomainError(f"Expected conditions on X_0 to X_{size - 1}. Got X_{unknown[0]}.")
    return size


def _domain(sides: list[HalfSpace], dim: int) -> Domain:
    if not sides:
        return WholeSpace()
    if all(len(normal) == 1 for normal, _ in sides):
        return _box(sides, dim)
    normals = np.zeros((len(sides), dim))
    for row, (normal, _) in zip(normals, sides, strict=True):
        for j, entry in normal.items():
            row[j] = _nearest(entry)
    return Polyhedron(normals, np.array([_nearest(offset) for _, offset in sides]))


def _box(sides: list[HalfSpace], dim: int) -> Box:
    lower, upper = np.full(dim, -np.inf), np.full(dim, np.inf)
    for normal, offset in sides:
        ((j, entry),) = normal.items()
        bound = _nearest(offset / entry)
        if entry > 0:
            upper[j] = min(upper[j], bound)
        else:
            lower[j] = max(lower[j], bound)
    return Box(lower, upper)


def _nearest(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        raise DomainError(
            "Expected numbers within float64 in VNN-LIB. Got a larger one."
        ) from None
