"""Domains: what they hold, their open half-spaces, and what is none."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import monic
from monic import Ball, Box, Domain, DomainError, Orthant, Polyhedron, ReLULayer, WholeSpace
from monic.model.array import Array
from monic.model.domain import HalfSpace
from tests.reference import polyhedral_sides
from tests.strategies import DOMAINS, random_domain

INF = float("inf")
boxed: Any = Box  # lists are accepted, as in the docstrings
balled: Any = Ball
sided: Any = Polyhedron


def _dot(a: tuple[Fraction, ...], b: list[Fraction]) -> Fraction:
    return sum((s * t for s, t in zip(a, b, strict=True)), Fraction(0))


def _point(*numbers: float | str) -> list[Fraction]:
    return [Fraction(v) for v in numbers]


@given(st.sampled_from(DOMAINS), st.integers(1, 4), st.integers(0, 2**32), st.data())
def test_membership_is_what_the_inequalities_say(
    kind: str, n: int, seed: int, data: st.DataObject
) -> None:
    domain = random_domain(np.random.default_rng(seed), kind, n)
    x = data.draw(st.lists(st.fractions(-3, 3, max_denominator=8), min_size=n, max_size=n))
    values = [
        sum(a * t for a, t in zip(normal, x, strict=True)) - c
        for normal, c in polyhedral_sides(domain, n)
    ]
    if isinstance(domain, Ball):
        center = [0.0] * n if domain.center is None else domain.center.tolist()
        moved = [t - Fraction(c) for t, c in zip(x, center, strict=True)]
        away = _dot(tuple(moved), moved)
        values.append(away - Fraction(domain.radius) ** 2)
    assert domain.contains(x) == all(v <= 0 for v in values)
    assert domain.contains(x, interior=True) == all(v < 0 for v in values)


@given(st.sampled_from(DOMAINS), st.integers(1, 4), st.integers(0, 2**32))
def test_half_spaces_come_in_the_order_of_the_specification(kind: str, n: int, seed: int) -> None:
    domain = random_domain(np.random.default_rng(seed), kind, n)
    assert sorted(domain.half_spaces(n)) == sorted(polyhedral_sides(domain, n))
    if not isinstance(domain, Box):
        assert domain.half_spaces(n) == polyhedral_sides(domain, n)


def test_a_box_lists_lower_before_upper_for_each_coordinate() -> None:
    assert boxed([-1, -INF, 3], [2, 5, INF]).half_spaces(3) == [
        ((-1, 0, 0), 1),
        ((1, 0, 0), 2),
        ((0, 1, 0), 5),
        ((0, 0, -1), -3),
    ]
    assert boxed([-INF], [INF]).half_spaces(1) == []


def test_the_boundary_belongs_to_the_domain_and_not_to_its_interior() -> None:
    cases: list[tuple[Domain, list[Fraction]]] = [
        (Orthant(), _point(0, 1)),
        (boxed([0, 0], [1, 1]), _point(1, 0.5)),
        (sided([[1, 1]], [1]), _point("1/3", "2/3")),
        (balled(1.0), _point("3/5", "4/5")),
        (balled(5, [1, 1]), _point(4, 5)),
    ]
    for domain, x in cases:
        assert domain.contains(x)
        assert not domain.contains(x, interior=True)
        beyond = [2 * t for t in x]
        assert domain.contains(beyond) == isinstance(domain, Orthant)
    assert WholeSpace().contains(_point(10**400, -1), interior=True)


def test_numbers_are_taken_exactly() -> None:
    assert boxed([0], [0.1]).contains([Fraction(0.1)])
    assert not boxed([0], [0.1]).contains([Fraction(0.1) + Fraction(1, 10**40)])
    assert balled(0.1).contains([Fraction(0.1)])
    assert not balled(0.1).contains([Fraction(0.1) + Fraction(1, 10**40)])
    assert sided([[5e-324]], [5e-324]).half_spaces(1) == [((Fraction(5e-324),), Fraction(5e-324))]


def test_integers_beyond_float64_are_not_rounded() -> None:
    big = 2**53 + 1
    assert sided(np.array([[big]]), np.array([big])).half_spaces(1) == [((big,), big)]
    assert balled(1, np.array([big])).middle(1) == (big,)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8])
def test_other_number_formats(dtype: type) -> None:
    one: Array = np.ones(1, dtype=dtype)
    for domain in (Box(-one, one), Polyhedron(np.eye(1, dtype=dtype), one), Ball(one[0], 0 * one)):
        assert domain.contains(_point(1))
        assert not domain.contains(_point(1), interior=True)
        assert not domain.contains(_point(1.5))


def test_domains_are_frozen_copies() -> None:
    lower, center, normals = np.zeros(1), np.zeros(1), np.ones((1, 1))
    box, ball, polyhedron = Box(lower, lower + 1), Ball(1.0, center), Polyhedron(normals, lower)
    lower[0], center[0], normals[0, 0] = -9, -9, -9
    one, zero = Fraction(1), Fraction(0)
    assert box.half_spaces(1) == [((-one,), zero), ((one,), one)]
    assert ball.middle(1) == (zero,)
    assert polyhedron.half_spaces(1) == [((one,), zero)]
    with pytest.raises(ValueError, match="read-only"):
        box.lower[0] = 3
    with pytest.raises(AttributeError):
        ball.radius = 2.0  # type: ignore[misc]


def test_zero_rows_of_a_polyhedron_that_hold_everywhere_are_dropped() -> None:
    assert sided([[0, 0], [1, 0]], [1, 2]).half_spaces(2) == [((1, 0), 2)]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: boxed([0], [0]), "lower < upper"),
        (lambda: boxed([0, 1], [1, 0]), "coordinate 1"),
        (lambda: boxed([INF], [INF]), "lower < upper"),
        (lambda: boxed([-INF], [-INF]), "lower < upper"),
        (lambda: boxed([float("nan")], [1]), "NaN"),
        (lambda: boxed([0, 0], [1]), "one shape"),
        (lambda: boxed([], []), "shape"),
        (lambda: boxed(0, 1), "shape"),
        (lambda: boxed(["low"], [1]), "numbers"),
        (lambda: sided([[1.0, 2.0]], [1.0, 2.0]), "as many offsets"),
        (lambda: sided([1.0], [1.0]), "2 dimensions"),
        (lambda: sided([[1.0]], [INF]), "NaN or infinity"),
        (lambda: sided([[0.0, 0.0]], [0.0]), "interior"),
        (lambda: sided([[0.0, 0.0]], [-1.0]), "interior"),
        (lambda: balled(0), "positive"),
        (lambda: balled(-1.0), "positive"),
        (lambda: balled(INF), "positive"),
        (lambda: balled(float("nan")), "positive"),
        (lambda: balled("wide"), "Expected"),
        (lambda: balled(1.0, [float("nan")]), "NaN or infinity"),
        (lambda: balled(1.0, [[1.0]]), "1 dimensions"),
    ],
)
def test_what_is_no_domain_is_refused(make: Any, match: str) -> None:
    with pytest.raises(DomainError, match=match) as caught:
        make()
    assert "Expected" in str(caught.value)


@pytest.mark.parametrize(
    "domain", [boxed([0, 0], [1, 1]), balled(1, [0, 0]), sided([[1, 1]], [1])], ids=str
)
def test_a_domain_of_another_dimension_is_refused(domain: Domain) -> None:
    with pytest.raises(DomainError, match=r"R\^3.*R\^2"):
        domain.half_spaces(3)
    with pytest.raises(DomainError):
        domain.contains(_point(0, 0, 0))


@pytest.mark.parametrize(
    "domain",
    [WholeSpace(), Orthant(), boxed([0], [1]), sided([[1]], [1]), balled(2)],
    ids=lambda domain: type(domain).__name__,
)
def test_domains_describe_themselves(domain: Domain) -> None:
    assert 0 < len(domain.describe()) < 40


class Simplex(Domain):
    """x >= 0 and sum x <= 1: a domain that monic does not know."""

    def half_spaces(self, dim: int) -> list[HalfSpace]:
        sides: list[HalfSpace] = [
            (tuple(Fraction(-(i == j)) for j in range(dim)), Fraction(0)) for i in range(dim)
        ]
        return [*sides, ((Fraction(1, 3),) * dim, Fraction(1, 3))]

    def describe(self) -> str:
        return "simplex"


def test_a_domain_of_ones_own_is_its_polyhedron(tmp_path: Path) -> None:
    layer = ReLULayer(np.eye(2), domain=Simplex())
    same = sided([[-1.0, 0.0], [0.0, -1.0], [1.0, 1.0]], [0.0, 0.0, 1.0])
    assert isinstance(layer.domain, Polyhedron)
    assert layer.domain.half_spaces(2) == same.half_spaces(2)
    for rows in (np.eye(2), -np.eye(2), np.array([[1.0, -1.0], [1.0, 1.0]])):
        mine, theirs = (
            monic.decide(ReLULayer(rows, domain=domain)) for domain in (Simplex(), same)
        )
        assert mine.verdict is theirs.verdict
        assert mine.certificate is not None
        proof = mine.certificate.save(tmp_path / "proof")
        monic.check(proof, ReLULayer(rows, domain=Simplex()))
    network = monic.Network([monic.Stage("fc", layer.map)], Simplex())
    assert monic.decide(network).certificate is not None
    assert monic.fibre(layer, [0.25, 0.25]).injective
    assert monic.bound(layer).inverse_lipschitz.lower > 0
    found = monic.invert(layer, [0.25, 0.5])
    np.testing.assert_allclose(found.latent, [0.25, 0.5], atol=1e-9)
    assert ReLULayer(np.eye(2), domain=Everything()).domain.half_spaces(2) == []


class Everything(Domain):
    def half_spaces(self, dim: int) -> list[HalfSpace]:
        return []

    def describe(self) -> str:
        return "everything"


@pytest.mark.parametrize(
    "side",
    [
        ((Fraction(1),), Fraction(0)),
        ((Fraction(1), float("nan")), Fraction(0)),
        ((Fraction(10) ** 400, Fraction(1)), Fraction(0)),
        ((Fraction(2**60 + 1), Fraction(1)), Fraction(0)),
        ("not", "numbers"),
        3,
        ((Fraction(0), Fraction(0)), Fraction(-1)),
    ],
    ids=str,
)
def test_half_spaces_that_are_none_are_refused(side: Any) -> None:
    class Odd(Domain):
        def half_spaces(self, dim: int) -> list[HalfSpace]:
            return [side]

        def describe(self) -> str:
            return "odd"

    with pytest.raises(DomainError, match="Expected"):
        ReLULayer(np.eye(2), domain=Odd())


def test_final_domains_and_other_memberships_are_refused_at_once() -> None:
    for base in (WholeSpace, Orthant, Box, Polyhedron, Ball, Simplex):
        with pytest.raises(DomainError, match="final"):
            type("Mine", (base,), {})
    with pytest.raises(DomainError, match="half_spaces"):
        type("Round", (Domain,), {"contains": lambda self, x: True})
    with pytest.raises(DomainError, match="such as WholeSpace"):
        monic.Network([monic.Stage("fc", ReLULayer([[1.0]]).map)], "orthant")  # type: ignore[arg-type]
