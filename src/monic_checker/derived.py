"""Arrays computed from arrays of the model: the factors of batch norms, and scaled integers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flint import fmpq, fmpz

from monic_checker.budget import PYTHON, Budget, bits
from monic_checker.costs import times
from monic_checker.document import integer, items, members, rational
from monic_checker.errors import InvalidProof, MalformedProof
from monic_checker.vector import Vector, over_one_denominator
from monic_checker.words import shortened

__all__ = ["Dequantized", "Derived", "Factors", "derived_vector", "read_derived"]

#: The bits of a factor, and those of its root before it is rounded.
_BITS, _GUARDED = 53, 64

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Factors:
    """gamma_i / sqrt(variance_i + epsilon), rounded to 53 bits."""

    sources: tuple[int, ...]
    epsilon: fmpq
    shape: Shape

    def words(self, names: Sequence[str]) -> str:
        """Returns in words what the numbers are, given the names of the sources."""
        gamma, variance = names
        root = f"sqrt({variance} + {shortened(str(self.epsilon))})"
        return f"{gamma} / {root}, each rounded to {_BITS} bits"

    def compute(self, vectors: Sequence[Vector]) -> list[fmpq]:
        """Returns the numbers; raises ValueError where the variance is not positive."""
        gamma, variance = (_fractions(vector) for vector in vectors)
        gamma = gamma if len(gamma) == len(variance) else gamma * len(variance)
        pairs = zip(gamma, variance, strict=True)
        return [_factor(g, v + self.epsilon) for g, v in pairs]


@dataclass(frozen=True, slots=True)
class Dequantized:
    """scale (integers - zero), where scale and zero may run along an axis."""

    sources: tuple[int, ...]
    axis: int
    shape: Shape

    def words(self, names: Sequence[str]) -> str:
        """Returns in words what the numbers are, given the names of the sources."""
        integers, scale, *zero = names
        steps = f"({integers} - {zero[0]})" if zero else integers
        return f"{scale} times {steps} along axis {self.axis}"

    def compute(self, vectors: Sequence[Vector]) -> list[fmpq]:
        """Returns the numbers."""
        integers, *others = (_fractions(vector) for vector in vectors)
        scale, zero = others[0], others[1] if len(others) > 1 else [fmpq(0)]
        inner = math.prod(self.shape[self.axis + 1 :])
        height = self.shape[self.axis] if self.axis < len(self.shape) else 1
        found = []
        for i, number in enumerate(integers):
            k = i // inner % height
            shift = zero[k if len(zero) > 1 else 0]
            found.append(scale[k if len(scale) > 1 else 0] * (number - shift))
        return found


Derived = Factors | Dequantized


def read_derived(value: dict[str, Any], address: str, shapes: Sequence[Shape]) -> Derived:
    """Reads an array that is computed from earlier ones, given their shapes.

    Raises:
        MalformedProof: when it breaks a rule of Section 3 of the specification.
    """
    if "factors" in value:
        pair, epsilon, dims = members(value, address, ["factors", "epsilon", "shape"])
        sources = _sources(pair, f"{address}.factors", shapes, (2,))
        first, second = (math.prod(shapes[source]) for source in sources)
        if first not in (1, second) or dims != [second]:
            raise MalformedProof(address, "expected one factor for each variance")
        return Factors(sources, rational(epsilon, f"{address}.epsilon"), (second,))
    used, place, dims = members(value, address, ["dequantized", "axis", "shape"])
    sources = _sources(used, f"{address}.dequantized", shapes, (2, 3))
    shape = shapes[sources[0]]
    if dims != list(shape):
        raise MalformedProof(f"{address}.shape", f"expected {list(shape)}")
    axis = integer(place, f"{address}.axis", 0, max(len(shape), 1))
    along = shape[axis] if shape else 1
    if any(math.prod(shapes[source]) not in (1, along) for source in sources[1:]):
        raise MalformedProof(address, f"expected one scale and zero point, or {along} of each")
    return Dequantized(sources, axis, shape)


def derived_vector(
    entry: Derived, known: Sequence[Vector] | Mapping[int, Vector], budget: Budget, name: str
) -> Vector:
    """Returns the numbers of a derived array, given the arrays before it.

    Raises:
        InvalidProof: when a root is asked for that does not exist.
        MalformedProof: when the numbers do not fit the memory limit.
    """
    vectors = [known[source] for source in entry.sources]
    length = sum(bits([*vector.entries, vector.denominator]) for vector in vectors)
    count = math.prod(entry.shape)
    budget.spend(3 * count, 2 * length + 2 * _GUARDED, name)
    budget.work(count * (32 * PYTHON + 8 * times(length, length)), name)
    try:
        numbers = entry.compute(vectors)
    except ValueError as error:
        raise InvalidProof(name, str(error)) from None
    return over_one_denominator(numbers, budget, name)


def _sources(
    value: object, address: str, shapes: Sequence[Shape], counts: Sequence[int]
) -> tuple[int, ...]:
    found = items(value, address)
    if len(found) not in counts:
        raise MalformedProof(address, f"expected {' or '.join(map(str, counts))} arrays")
    return tuple(integer(k, f"{address}[{i}]", 0, len(shapes)) for i, k in enumerate(found))


def _fractions(vector: Vector) -> list[fmpq]:
    return [fmpq(entry, vector.denominator) for entry in vector.entries]


def _factor(gamma: fmpq, variance: fmpq) -> fmpq:
    """The number with at most 53 bits nearest to gamma / sqrt(variance), ties to even."""
    if variance <= 0:
        raise ValueError("expected variances that are positive once epsilon is added")
    square = gamma * gamma / variance
    if square == 0:
        return fmpq(0)
    size = int(square.p.bit_length()) - int(square.q.bit_length())
    shift = _GUARDED - size // 2
    top, bottom = square.p << max(2 * shift, 0), square.q << max(-2 * shift, 0)
    root = (top // bottom).isqrt()
    spare = int(root.bit_length()) - _BITS
    whole, rest, half = root >> spare, root % (fmpz(1) << spare), fmpz(1) << (spare - 1)
    beyond = root * root * bottom != top
    if rest > half or (rest == half and (beyond or whole % 2 == 1)):
        whole += 1
    power = spare - shift
    number = fmpq(whole << max(power, 0), fmpz(1) << max(-power, 0))
    return number if gamma > 0 else -number
