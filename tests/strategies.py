"""Small layers of every kind, from a seed or drawn by hypothesis."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from monic.model import Ball, Box, Domain, Orthant, Polyhedron, ReLULayer, WholeSpace
from monic.model.array import Array
from tests.reference import Question, has_interior

__all__ = [
    "DOMAINS",
    "FAMILIES",
    "gaussian_layer",
    "integer_layers",
    "misleading_layer",
    "random_domain",
    "random_layer",
    "unimodular",
]

#: Where entries of W and b come from.
FAMILIES = ("gaussian", "ternary", "quinary")

#: The five kinds of domain.
DOMAINS = ("whole", "orthant", "box", "polyhedron", "ball")

DTYPES = (np.float64, np.float64, np.float32, np.float16)


def random_layer(
    rng: np.random.Generator, *, family: str, domain: str, n: int, bias: bool, m: int | None = None
) -> ReLULayer:
    """Returns a layer with 1 to 7n rows, in half of the cases with degenerate rows put in."""
    if m is None:
        m = int(rng.integers(1, 7 * n + 1))
    weight, vector = _entries(rng, family, (m, n)), _entries(rng, family, (m,))
    if rng.random() < 0.5:
        _degenerate(rng, weight, vector)
    if rng.random() < 0.3:
        _paired(rng, weight, vector)
    if bias and rng.random() < 0.3:  # many rows active at the origin: more layers are injective
        vector = np.abs(vector)
    first, second = rng.choice(len(DTYPES), size=2)
    return ReLULayer(
        weight.astype(DTYPES[first]),
        vector.astype(DTYPES[second]) if bias else None,
        random_domain(rng, domain, n),
    )


def gaussian_layer(seed: int, m: int, n: int) -> ReLULayer:
    """Returns a Gaussian layer without bias on the whole space, in float64."""
    return ReLULayer(np.random.default_rng(seed).standard_normal((m, n)))


def misleading_layer(rng: np.random.Generator, *, domain: str, n: int, bias: bool) -> ReLULayer:
    """Returns a layer that floats misjudge: degenerate up to the last bits, of unequal sizes.

    Small integers decide; then a few entries move by one unit in the last place or by a subnormal
    number, and coordinates and rows are scaled by powers of two as far apart as 2^300.
    """
    m = int(rng.integers(n, 6 * n + 1))
    weight, vector = _entries(rng, "quinary", (m, n)), _entries(rng, "quinary", (m,))
    _degenerate(rng, weight, vector)
    _paired(rng, weight, vector)
    for _ in range(int(rng.integers(1, 4))):
        i, j = rng.integers(m), rng.integers(n)
        weight[i, j] = np.nextafter(weight[i, j], rng.choice([-np.inf, np.inf]))
        vector[i] = np.nextafter(vector[i], rng.choice([-np.inf, np.inf]))
    weight *= 2.0 ** rng.choice([0, 0, 30, -200, 300], (m, 1))
    if domain == "whole" and not bias:
        weight *= 2.0 ** rng.choice([0, 0, -30, 200, -300], n)
    return ReLULayer(weight, vector if bias else None, random_domain(rng, domain, n))


def random_domain(rng: np.random.Generator, kind: str, n: int) -> Domain:
    """Returns a domain with interior of one of the five kinds."""
    makers: dict[str, Callable[[], Domain]] = {
        "whole": WholeSpace,
        "orthant": Orthant,
        "box": lambda: _box(rng, n),
        "polyhedron": lambda: _polyhedron(rng, n),
        "ball": lambda: _ball(rng, n),
    }
    return makers[kind]()


def _entries(rng: np.random.Generator, family: str, shape: tuple[int, ...]) -> Array:
    if family == "gaussian":
        return rng.standard_normal(shape)
    largest = 1 if family == "ternary" else 2
    return rng.integers(-largest, largest, shape, endpoint=True).astype(np.float64)


def _degenerate(rng: np.random.Generator, weight: Array, bias: Array) -> None:
    """Turns some rows into zero rows, duplicates, or multiples of other rows."""
    for _ in range(int(rng.integers(1, 4))):
        target, source = rng.integers(len(weight), size=2)
        factor = float(rng.choice([0.0, 1.0, 1.0, 2.0, 0.5, -1.0, -2.0]))
        weight[target] = factor * weight[source]
        if factor and rng.random() < 0.5:
            bias[target] = factor * bias[source]


def _paired(rng: np.random.Generator, weight: Array, bias: Array) -> None:
    """Makes the first rows [B; -DB], with biases on either side of the condition or on it."""
    m, n = weight.shape
    for i in range(min(n, m // 2)):
        factor = float(rng.choice([1.0, 1.0, 2.0, 0.5]))
        weight[n + i if m >= 2 * n else m // 2 + i] = -factor * weight[i]
        slack = float(rng.choice([0.0, 0.0, 1.0, -0.25]))
        bias[n + i if m >= 2 * n else m // 2 + i] = -factor * bias[i] + slack


def _box(rng: np.random.Generator, n: int) -> Box:
    kind = rng.integers(4)
    if kind == 0:
        return Box(-np.ones(n), np.ones(n))
    if kind == 1:  # arbitrary floats, the origin often outside
        lower = rng.normal(size=n)
        return Box(lower, lower + rng.exponential(size=n) + 0.01)
    lower = rng.integers(-2, 2, n).astype(np.float64)
    upper = lower + rng.integers(1, 4, n)
    if kind == 2:
        lower[rng.random(n) < 0.5] = -np.inf
        upper[rng.random(n) < 0.5] = np.inf
    return Box(lower, upper)


def _polyhedron(rng: np.random.Generator, n: int) -> Polyhedron:
    while True:
        count = 1 if rng.random() < 0.4 else int(rng.integers(1, n + 4))
        normals = _entries(rng, str(rng.choice(FAMILIES)), (count, n))
        offsets = rng.integers(-1, 3, count) * (1.0 if rng.random() < 0.7 else rng.random())
        sides = [
            (tuple(map(Fraction, row.tolist())), Fraction(float(c)))
            for row, c in zip(normals, offsets, strict=True)
        ]
        asked = Question([(Fraction(1),) * n], [Fraction(0)], sides, None)
        if normals.any(axis=1).all() and has_interior(asked):
            return Polyhedron(normals, offsets)


def _ball(rng: np.random.Generator, n: int) -> Ball:
    """Integer centres and radii make hyperplanes tangent often enough."""
    radius = float(rng.choice([0.5, 1.0, 2.0, 5.0, float(rng.exponential()) + 0.01]))
    kind = rng.integers(3)
    if kind == 0:
        return Ball(radius)
    center = rng.integers(-2, 3, n).astype(np.float64) if kind == 1 else rng.normal(size=n)
    return Ball(radius, center)


@st.composite
def integer_layers(
    draw: st.DrawFn, *, domains: tuple[str, ...] = DOMAINS, largest: int = 2, rows: int = 7
) -> ReLULayer:
    """Draws a layer with integer entries, n from 1 to 3 and at most `rows` n rows."""
    n = draw(st.integers(1, 3))
    m = draw(st.integers(1, rows * n))
    entry = st.integers(-largest, largest).map(float)
    weight = draw(st.lists(st.lists(entry, min_size=n, max_size=n), min_size=m, max_size=m))
    bias = draw(st.none() | st.lists(entry, min_size=m, max_size=m))
    kind = draw(st.sampled_from(domains))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return ReLULayer(weight, bias, random_domain(rng, kind, n))


@st.composite
def unimodular(draw: st.DrawFn, n: int) -> Array:
    """Draws an integer matrix with determinant 1 or -1: a short product of elementary ones."""
    matrix = np.eye(n)[draw(st.permutations(range(n)))]
    for _ in range(draw(st.integers(0, 3)) if n > 1 else 0):
        i, j = draw(st.permutations(range(n)))[:2]
        matrix[i] += draw(st.integers(-2, 2)) * matrix[j]
    return matrix * draw(st.sampled_from([1.0, -1.0]))
