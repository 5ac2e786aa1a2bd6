"""VNN-LIB 2: networks with tensors, written as the names X_0, X_1, ... of version 1.

The input set of a query about one network is a domain. Elements of its input, such as X[0,1], are
numbered in C order; those of its outputs and hidden tensors say nothing about the domain.
"""

import math
import re
from collections.abc import Sequence
from typing import TypeAlias

from monic.errors import DomainError
from monic.io.linear_terms import Term

__all__ = ["is_version_2", "joined_indices", "of_one_network"]

Shape: TypeAlias = "tuple[int, ...]"

_VERSION = re.compile(r"<2(\.[0-9]{1,3})?>")
_INDICES = re.compile(r"\[[\s0-9,]{0,400}\]")
_SHAPE = re.compile(r"\[((?:[0-9]{1,9}(?:,[0-9]{1,9}){0,15})?)\]")
_ELEMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]{0,99})(?:\[([0-9]{1,9}(?:,[0-9]{1,9}){0,15})\])?")

#: The input of a network has at most so many numbers.
_MOST = 1 << 24

#: What a network declares besides its input, and how it is compared with another one.
_OTHERS = ("declare-output", "declare-hidden")
_RELATIONS = ("equal-to", "isomorphic-to")


def is_version_2(commands: Sequence[Term]) -> bool:
    """Returns whether the first command says that the text is of version 2."""
    match commands[:1]:
        case [["vnnlib-version", str(version)]]:
            return _VERSION.fullmatch(version) is not None
    return False


def joined_indices(text: str) -> str:
    """Returns text without spaces in indices, which are one token then.

    Example:
        >>> joined_indices("(<= X[0, 1] 2)")
        '(<= X[0,1] 2)'
    """
    return _INDICES.sub(lambda found: "".join(found[0].split()), text)


def of_one_network(commands: Sequence[Term]) -> tuple[int, list[Term]]:
    """Returns the number of inputs, and the conditions with their elements as X_0, X_1, ....

    Raises:
        DomainError: when the query is about several networks or inputs, or is none.
    """
    networks = [c for c in commands if isinstance(c, list) and c[:1] == ["declare-network"]]
    if len(networks) != 1:
        names = ", ".join(str(network[1])[:40] for network in networks if len(network) > 1)
        raise DomainError(
            f"Expected a VNN-LIB query about one network, whose input set is a domain. Got "
            f"{len(networks)}{f': {names}' if names else ''}. For a query about two copies of a "
            "network, write the conditions on the input of one of them."
        )
    shapes = _tensors(networks[0])
    [(name, shape)] = [(n, s) for n, (kind, s) in shapes.items() if kind == "declare-input"]
    conditions: list[Term] = []
    for command in commands[1:]:
        match command:
            case ["assert", condition]:
                conditions.append(_renamed(condition, name, shapes))
            case [("declare-network" | "vnnlib-version"), *_]:
                continue
            case _:
                raise _refused(command, "expected declare-network and assert")
    return math.prod(shape), conditions


def _tensors(network: Term) -> dict[str, tuple[str, Shape]]:
    """Returns the tensors of a network by name: how each is declared, and its shape."""
    found: dict[str, tuple[str, Shape]] = {}
    for part in network[2:]:
        match part:
            case [str(kind), str(name), str(), str(shape), *_] if (
                kind in (*_OTHERS, "declare-input") and name not in found
            ):
                found[name] = kind, _shape(part, shape)
            case [str(kind), *_] if kind in _RELATIONS:
                raise _refused(part, "it relates the network to another one")
            case _:
                raise _refused(part, "expected inputs, hidden tensors and outputs with shapes")
    inputs = [name for name, (kind, _) in found.items() if kind == "declare-input"]
    if len(inputs) != 1:
        raise DomainError(
            f"Expected a network of one input in VNN-LIB. Got {len(inputs)}: "
            f"{', '.join(inputs)[:80] or 'none'}."
        )
    return found


def _shape(part: Term, text: str) -> Shape:
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise _refused(part, "its shape is no list of sizes such as [1,2]")
    shape = tuple(int(size) for size in match[1].split(",") if size)
    if not 0 < math.prod(shape) <= _MOST:
        raise _refused(part, f"it has {math.prod(shape)} numbers")
    return shape


def _renamed(term: Term, name: str, shapes: dict[str, tuple[str, Shape]]) -> Term:
    """Returns a condition with elements of the input as X_j, and of all else as Y."""
    if not isinstance(term, str):
        return [_renamed(part, name, shapes) for part in term]
    if term == "==":
        return "="
    match = _ELEMENT.fullmatch(term)
    if match is None or match[1] not in shapes:
        return term
    if match[1] != name:
        return "Y"
    shape, number = shapes[name][1], 0
    index = tuple(int(i) for i in match[2].split(",")) if match[2] else ()
    if len(index) != len(shape) or any(i >= n for i, n in zip(index, shape, strict=True)):
        raise _refused(term, f"no such element exists in the shape {list(shape)}")
    for i, size in zip(index, shape, strict=True):
        number = number * size + i
    return f"X_{number}"


def _refused(term: Term, why: str) -> DomainError:
    return DomainError(f"Expected VNN-LIB 2. Got {str(term)[:80]}: {why}.")
