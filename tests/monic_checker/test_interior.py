"""Polyhedra without interior are refused; the second road is z3."""

import io
import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from monic_checker import InvalidProof, MalformedProof, check
from monic_checker.domain import read_domain
from monic_checker.errors import OverBudget
from monic_checker.interior import _Table, insist_on_interior
from tests.monic_checker.budgets import plenty
from tests.monic_checker.tiny_prover import VERSION


def domain(rows: Sequence[Sequence[int | str]], c: Sequence[int | str], **more: Any) -> Any:
    table = [[str(entry) for entry in row] for row in rows]
    return {"kind": "polyhedron", "A": table, "c": [str(t) for t in c]} | more


def has_interior(value: Any, n: int) -> bool:
    try:
        insist_on_interior(read_domain(value, n, plenty()), n, plenty())
    except InvalidProof:
        return False
    return True


def is_open(value: Any, n: int) -> bool:
    """The second road."""
    solver, x = z3.Solver(), [z3.Real(f"x{j}") for j in range(n)]
    for row, c in zip(value["A"], value["c"], strict=True):
        terms = [z3.RealVal(str(Fraction(a))) * t for a, t in zip(row, x, strict=True)]
        solver.add(z3.Sum(terms) < z3.RealVal(str(Fraction(c))))
    return bool(solver.check() == z3.sat)


@st.composite
def polyhedra(draw: st.DrawFn) -> tuple[Any, int]:
    n, m = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    size = draw(st.sampled_from([1, 2, 5]))
    row = st.lists(st.integers(-size, size), min_size=n, max_size=n).filter(any)
    rows = draw(st.lists(row, min_size=m, max_size=m))
    c = draw(st.lists(st.integers(-3, 2), min_size=m, max_size=m))
    return domain(rows, c), n


@given(polyhedra())
def test_agrees_with_z3(given_: tuple[Any, int]) -> None:
    value, n = given_
    assert has_interior(value, n) == is_open(value, n)


@pytest.mark.parametrize(
    ("rows", "c", "expected"),
    [
        ([[1, 0], [-1, 0]], [0, 0], False),  # a line
        ([[1, 0], [-1, 0]], [0, -1], False),  # nothing
        ([[1, 0], [-1, 0]], ["1/1000000000000", 0], True),
        ([[1, 1], [-1, 0], [0, -1]], [0, 0, 0], False),  # a point
        ([[1, 1], [-1, 0], [0, -1]], ["1/7", 0, 0], True),
        ([[-1, 3]], [-5], True),  # without end
        ([[-1, 0], [0, -1], [1, -1], [-1, 1]], [-5, -5, 0, 0], False),  # a ray
    ],
)
def test_some_polyhedra(rows: list[list[int]], c: list[Any], expected: bool) -> None:
    assert has_interior(domain(rows, c), 2) == expected


def test_degenerate_corners_end() -> None:
    """Every corner of the cone over a cube lies on many sides; Bland's rule does not go round."""
    signs = [[a, b, c, -1] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]
    assert has_interior(domain(signs, [0] * 8), 4)
    assert not has_interior(domain([*signs, [0, 0, 0, 1]], [0] * 9), 4)


@given(polyhedra())
def test_a_point_that_is_found_is_greatest_or_good_enough(given_: tuple[Any, int]) -> None:
    value, n = given_
    read = read_domain(value, n, plenty())
    point = _Table(read, n, plenty(), exact=True).point()
    assert read.contains(point, plenty(), interior=True) == is_open(value, n)


def proof(value: Any) -> bytes:
    subject = {
        "kind": "relu-layer",
        "arrays": [{"values": ["1", "-1", "0", "0"], "shape": [2, 2]}],
        "map": [["input", 2], ["linear-transposed", 0, 0]],
        "domain": value,
    }
    evidence = {"kind": "collision", "x": ["0", "0"], "other": ["0", "1"]}
    header = {"claim": "NOT_INJECTIVE", "assumption": None}
    whole = header | {"subject": subject, "evidence": evidence}
    return VERSION + json.dumps(whole).encode() + b"\n"


def test_a_point_of_the_proof_is_looked_at_and_does_not_change_the_digest() -> None:
    square = domain([[1, 0], [-1, 0], [0, 1], [0, -1]], [1, 1, 1, 1])
    digest = check(io.BytesIO(proof(square)), []).subject_digest
    good = check(io.BytesIO(proof(square | {"interior": ["1/2", "0"]})), [])
    assert good.subject_digest == digest
    for point in (["1", "0"], ["2", "0"]):
        with pytest.raises(InvalidProof) as caught:
            check(io.BytesIO(proof(square | {"interior": point})), [])
        assert caught.value.address == "subject.domain"
    strange: list[Any] = [["0"], ["0", "0", "0"], "0", [0, 0]]
    for other in strange:
        with pytest.raises(MalformedProof):
            check(io.BytesIO(proof(square | {"interior": other})), [])
    with pytest.raises(MalformedProof):
        check(io.BytesIO(proof({"kind": "whole", "interior": ["0", "0"]})), [])


def test_floats_find_a_point_of_many_sides() -> None:
    """Rationals would take minutes for it."""
    rng, n, m = np.random.default_rng(0), 50, 130
    table, x = rng.standard_normal((m, n)), 3 * rng.standard_normal(n)
    c = table @ x + rng.uniform(0.01, 1.0, m)
    rows = [[str(Fraction(t)) for t in row] for row in table.tolist()]
    assert has_interior(domain(rows, [str(Fraction(t)) for t in c.tolist()]), n)


def test_numbers_beyond_floats_are_settled_by_rationals() -> None:
    far = 10**400
    assert has_interior(domain([[-1, 0], [1, 0]], [-far, far + 1]), 2)
    assert not has_interior(domain([[-1, 0], [1, 0]], [-far, far]), 2)
    assert has_interior(domain([[-1], [far]], [-1, far + 1]), 1)
    assert not has_interior(domain([[-1], [far]], [-1, far]), 1)


def test_a_search_that_is_too_long_is_over_budget() -> None:
    n = 12
    rows = [[(3 * i * i + 7 * j * i + j) % 11 - 5 for j in range(n)] for i in range(40)]
    value = domain(rows, [-(i % 5) for i in range(40)])
    with pytest.raises(OverBudget):
        check(io.BytesIO(proof_on(value, n)), [], work=200_000)


def proof_on(value: Any, n: int) -> bytes:
    evidence = {"kind": "collision", "x": ["0"] * n, "other": ["1"] * n}
    subject = {"kind": "affine", "arrays": [], "map": [["input", n]], "domain": value}
    header = {"claim": "NOT_INJECTIVE", "assumption": None, "subject": subject}
    return VERSION + json.dumps(header | {"evidence": evidence}).encode() + b"\n"
