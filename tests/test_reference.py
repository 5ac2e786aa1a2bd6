"""The brute force itself, against roads that know only intervals (n = 1) or angles (n = 2)."""

from fractions import Fraction
from functools import cmp_to_key
from itertools import combinations, pairwise

import numpy as np
import pytest

from monic.model import Ball, Orthant, ReLULayer, WholeSpace
from tests.reference import Question, Vector, brute_force, gordan, question, rank, relu
from tests.strategies import DOMAINS, FAMILIES, random_layer

ZERO = Fraction(0)


def _active_span(asked: Question, x: Vector) -> bool:
    values = [_value(asked, i, x) for i in range(len(asked.rows))]
    return rank([asked.rows[i] for i, v in enumerate(values) if v >= 0]) == asked.dim


def _value(asked: Question, i: int, x: Vector) -> Fraction:
    return sum((a * t for a, t in zip(asked.rows[i], x, strict=True)), asked.bias[i])


def _on_the_line(asked: Question) -> bool:
    """n = 1: one point in each interval between neighbouring breakpoints is enough."""
    rows = [(row[0], b) for row, b in zip(asked.rows, asked.bias, strict=True)]
    rows += [(a[0], -c) for a, c in asked.sides]
    stops = {-b / w for w, b in rows if w}
    if asked.ball is not None:
        stops |= {asked.ball[0][0] + s * asked.ball[1] for s in (-1, 1)}
    line = sorted(stops | {ZERO})
    line = [line[0] - 1, *line, line[-1] + 1]
    middles = [((a + b) / 2,) for a, b in pairwise(line)]
    return all(_active_span(asked, x) for x in middles if asked.holds(x, []))


def _angle(u: Vector, v: Vector) -> int:
    """Orders directions of the plane by their angle from 0 to 2 pi, exactly."""
    upper = [(0 if (t[1], t[0]) > (ZERO, ZERO) else 1) for t in (u, v)]
    cross = u[0] * v[1] - u[1] * v[0]
    return upper[0] - upper[1] or (-1 if cross > 0 else int(cross < 0))


def _sectors(lines: list[Vector]) -> list[Vector]:
    """Returns one direction inside each sector that lines through 0 with these normals cut."""
    rays = [(s * -w[1], s * w[0]) for w in lines for s in (Fraction(1), Fraction(-1))]
    rays.sort(key=cmp_to_key(_angle))
    kept = [u for u, v in pairwise([*rays, rays[0]]) if _angle(u, v)]
    return [
        (u[0] / _size(u) + v[0] / _size(v), u[1] / _size(u) + v[1] / _size(v))
        for u, v in pairwise([*kept, kept[0]])
    ]


def _size(u: Vector) -> Fraction:
    return abs(u[0]) + abs(u[1])


def _in_the_plane(asked: Question) -> bool:
    """n = 2, polyhedra: each cell of the lines has a vertex; look into each sector there.

    The two axes are among the lines, so that there are vertices.
    """
    one = Fraction(1)
    lines = [(w, b) for w, b in zip(asked.rows, asked.bias, strict=True) if any(w)]
    lines += [(a, -c) for a, c in asked.sides] + [((one, ZERO), ZERO), ((ZERO, one), ZERO)]
    vertices: set[Vector] = set()
    for (u, a), (v, b) in combinations(lines, 2):
        det = u[0] * v[1] - u[1] * v[0]
        if det:
            vertices.add(((b * u[1] - a * v[1]) / det, (a * v[0] - b * u[0]) / det))
    for x, y in vertices:
        through = [w for w, b in lines if w[0] * x + w[1] * y + b == 0]
        for d in _sectors(through):
            steps = [
                -(w[0] * x + w[1] * y + b) / slope
                for w, b in lines
                if (slope := w[0] * d[0] + w[1] * d[1])
            ]
            step = min((s for s in steps if s > 0), default=one) / 2
            point = (x + step * d[0], y + step * d[1])
            if asked.holds(point, []) and not _active_span(asked, point):
                return False
    return True


def _layers(n: int, domain: str, count: int, rows: int) -> list[ReLULayer]:
    layers = []
    for k in range(count):
        rng = np.random.default_rng([n, DOMAINS.index(domain), k])
        family, bias, m = FAMILIES[k % 3], k % 2 == 0, 1 + k % rows
        layers.append(random_layer(rng, family=family, domain=domain, n=n, bias=bias, m=m))
    return layers


@pytest.mark.parametrize("domain", DOMAINS)
def test_agrees_with_intervals(domain: str) -> None:
    verdicts = set()
    for layer in _layers(1, domain, 100, 7):
        asked = question(layer)
        verdicts.add(_on_the_line(asked))
        assert brute_force(asked).injective == _on_the_line(asked)
    assert verdicts == {True, False}


@pytest.mark.thorough
@pytest.mark.parametrize("domain", DOMAINS[:4])
def test_agrees_with_the_cells_of_the_plane(domain: str) -> None:
    verdicts = set()
    for layer in _layers(2, domain, 60, 10):
        asked = question(layer)
        verdicts.add(_in_the_plane(asked))
        assert brute_force(asked).injective == _in_the_plane(asked)
    assert verdicts == {True, False}


@pytest.mark.parametrize("domain", DOMAINS)
def test_witnesses_collide(domain: str) -> None:
    for layer in _layers(3, domain, 40, 15):
        asked = question(layer)
        answer = brute_force(asked)
        if answer.witness is None:
            continue
        x, d = answer.witness
        assert any(d)
        inactive = [i for i in range(len(asked.rows)) if _value(asked, i, x) < 0]
        assert asked.holds(x, inactive)
        assert rank([w for i, w in enumerate(asked.rows) if i not in inactive]) < asked.dim
        step = Fraction(1)
        while True:
            ends = [tuple(a + s * step * b for a, b in zip(x, d, strict=True)) for s in (1, -1)]
            if all(asked.holds(end, inactive) for end in ends):
                break
            step /= 2
        assert len({relu(asked.rows, asked.bias, end) for end in ends}) == 1


def test_a_tangent_ball_is_decided_exactly() -> None:
    """The line 3 x + 4 y = 5 touches the unit ball, so that 5 - 3 x - 4 y > 0 inside it."""
    rows = [[-3.0, -4.0], [1.0, 0.0], [-1.0, 0.0]]
    for radius, injective in ((1.0, True), (np.nextafter(1.0, 2.0), False)):
        layer = ReLULayer(rows, [5.0, 2.0, 2.0], Ball(radius))
        assert brute_force(question(layer)).injective is injective


def test_the_identity_depends_on_the_domain() -> None:
    assert brute_force(question(ReLULayer(np.eye(3), domain=Orthant()))).injective
    assert not brute_force(question(ReLULayer(np.eye(3), domain=WholeSpace()))).injective


def test_gordan_gives_one_of_two_answers() -> None:
    assert gordan([[1, 1], [-1, -1]]) == {0: 1, 1: 1}
    point = gordan([[1, 0], [0, 1], [1, 1]])
    assert isinstance(point, tuple)
    assert max(point) < 0


def test_gordan_on_random_systems() -> None:
    rng = np.random.default_rng(7)
    kinds = set()
    for _ in range(300):
        size, count = rng.integers(1, 6), rng.integers(1, 12)
        rows = rng.integers(-3, 4, (count, size)).tolist()
        kinds.add(type(gordan(rows)))  # which asserts whatever it returns
    assert kinds == {tuple, dict}
