"""Functions whose values are irrational: each stands for one function, with rational values.

What a proof says of a network with tanh, it says of exact real values. An exact comparison puts in
the place of tanh a function with short rational values: near tanh, and else drawn from the exact
argument. Equal arguments have equal values, so that equal maps stay equal; arguments that differ
have values that differ, so that maps that differ are seen.
"""

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flint import fmpq

from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node

__all__ = ["Smooth", "function_of", "root", "sigmoid", "tanh"]

#: Bits of a value that are those of the function, and bits drawn from the argument.
_NEAR, _DRAWN = 12, 12

_PRIME, _FACTOR = 2**61 - 1, 0x1F35D1A7B0C49E63
_LARGEST = 60.0


@dataclass(frozen=True, slots=True)
class Function:
    """A function that is increasing on R, by a name that tells it from others."""

    name: str
    near: Callable[[float], float]

    def __call__(self, t: fmpq) -> fmpq:
        """Returns its value: a multiple of 2^-24 near the true one, and 0 at 0 if that is so."""
        if t == 0 and self.near(0.0) == 0:
            return t
        whole = round(self.near(_float(t)) * 2**_NEAR)
        return fmpq((whole << _DRAWN) + _draw(self.name, t), 2 ** (_NEAR + _DRAWN))


def _float(t: fmpq) -> float:
    """The argument as a float that does not overflow, nor do exponentials of it."""
    p, q = int(t.p), int(t.q)
    if abs(p) > _LARGEST * q:
        return _LARGEST if p > 0 else -_LARGEST
    return p / q


def _draw(name: str, t: fmpq) -> int:
    mixed: int = int(t.p) % _PRIME * _FACTOR + int(t.q) % _PRIME * (_FACTOR >> 7)
    mixed = (mixed + zlib.crc32(name.encode())) % _PRIME * _FACTOR % _PRIME
    return mixed % (1 << _DRAWN)


def _elu(alpha: float) -> Callable[[float], float]:
    return lambda t: t if t > 0 else alpha * math.expm1(t)


def _celu(alpha: float) -> Callable[[float], float]:
    return lambda t: t if t > 0 else alpha * math.expm1(max(t / alpha, -_LARGEST))


def _selu(alpha: float, gamma: float) -> Callable[[float], float]:
    return lambda t: gamma * (t if t > 0 else alpha * math.expm1(t))


def _softplus(t: float) -> float:
    return max(t, 0.0) + math.log1p(math.exp(-abs(t)))


def _log(t: float) -> float:
    if t <= 0:
        raise NotCompared("a logarithm of a number that is not positive is taken at a point")
    return math.log(t)


tanh = Function("Tanh", math.tanh)
sigmoid = Function("Sigmoid", lambda t: 0.5 + 0.5 * math.tanh(0.5 * t))

_PLAIN = {
    "Tanh": tanh,
    "Sigmoid": sigmoid,
    "Softplus": Function("Softplus", _softplus),
    "Softsign": Function("Softsign", lambda t: t / (1 + abs(t))),
    "Exp": Function("Exp", math.exp),
    "Log": Function("Log", _log),
    "Erf": Function("Erf", math.erf),
}


def function_of(node: Node) -> Function:
    """Returns the function of a node; those with another parameter are others.

    Raises:
        NotCompared: when its parameters make it no increasing function.
    """
    if node.op in _PLAIN:
        return _PLAIN[node.op]
    default = fmpq(14036349, 2**23) if node.op == "Selu" else fmpq(1)
    alpha, gamma = node.number("alpha", default), node.number("gamma", fmpq(8813919, 2**23))
    if alpha <= 0 or gamma <= 0:
        raise NotCompared("its alpha or gamma is not positive")
    a, g = (int(number.p) / int(number.q) for number in (alpha, gamma))
    near = {"Elu": _elu(a), "Celu": _celu(a), "Selu": _selu(a, g)}[node.op]
    return Function(f"{node.op}({alpha}, {gamma})", near)


def root(t: fmpq) -> fmpq:
    """Returns what stands for the square root: the reciprocal of a multiple of 2^-24.

    Raises:
        NotCompared: when the argument is not positive.
    """
    if t <= 0:
        raise NotCompared("a root of a number that is not positive is taken at a point")
    p, q = int(t.p), int(t.q)
    exponent = (p.bit_length() - q.bit_length()) // 2
    near = math.sqrt(p / (q << (2 * exponent)) if exponent >= 0 else (p << (-2 * exponent)) / q)
    whole = round(2**_NEAR / near)
    unit = fmpq((whole << _DRAWN) + _draw("Sqrt", t), 2 ** (_NEAR + _DRAWN))
    power = fmpq(2) ** abs(exponent)
    return (power if exponent >= 0 else 1 / power) / unit


@dataclass(slots=True)
class Smooth:
    """What the functions of a graph were applied to at one point, and gave.

    Arguments:
        values: For each function by name the values by argument.
        roots: What roots were taken of.
        added: Single constants of the graph, such as the epsilon of a norm.
    """

    values: dict[str, dict[fmpq, fmpq]] = field(default_factory=dict)
    roots: set[fmpq] = field(default_factory=set)
    added: set[fmpq] = field(default_factory=set)

    def apply(self, function: Function, numbers: Sequence[fmpq]) -> list[fmpq]:
        """Returns the values of a function."""
        known = self.values.setdefault(function.name, {})
        for t in numbers:
            if t not in known:
                known[t] = function(t)
        return [known[t] for t in numbers]

    def root(self, t: fmpq) -> fmpq:
        """Returns what stands for a square root."""
        self.roots.add(t)
        return root(t)

    def offsets(self, square: fmpq, *, added: bool) -> list[fmpq]:
        """Returns what must be added to a number for a root that was taken, the least first.

        Arguments:
            square: The number.
            added: Whether to return only constants of the graph, or the others.
        """
        found = {v - square for v in self.roots}
        return sorted(found & self.added if added else found - self.added)
