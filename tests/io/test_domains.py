"""Domains from a few words, from arrays and from VNN-LIB."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from monic.errors import DomainError
from monic.io import load_domain
from monic.io.vnnlib import parse_vnnlib
from monic.model import Ball, Box, Orthant, Polyhedron, WholeSpace
from monic.model.array import Array


def test_words() -> None:
    assert isinstance(load_domain("whole"), WholeSpace)
    assert isinstance(load_domain("orthant", 4), Orthant)
    box = load_domain("box:-0.5,1e2", 3)
    assert isinstance(box, Box)
    assert (box.lower.tolist(), box.upper.tolist()) == ([-0.5] * 3, [100.0] * 3)
    half = load_domain("box:0,inf", 1)
    assert half.half_spaces(1) == [((Fraction(-1),), Fraction(0))]
    ball = load_domain("ball:0.1")
    assert isinstance(ball, Ball)
    assert ball.radius == 0.1
    assert ball.center is None


@pytest.mark.parametrize(
    ("text", "dim", "why"),
    [
        ("cube", 2, "Expected whole, orthant, box:LO,HI"),
        ("", 2, "Expected whole"),
        ("box:-1,1", None, "dimension"),
        ("box:1,-1", 2, "lower < upper"),
        ("box:1", 2, "two bounds"),
        ("box:a,b", 2, "decimal"),
        ("box:nan,1", 2, "NaN"),
        ("ball:-1", 2, "positive"),
        ("ball:x", 2, "decimal"),
        ("ball:", 2, "decimal"),
        ("none.npz", 2, "Found no file"),
        ("none.vnnlib", 2, "Found no file"),
    ],
)
def test_words_that_are_no_domain(text: str, dim: int | None, why: str) -> None:
    with pytest.raises(DomainError, match=why):
        load_domain(text, dim)


def _npz(folder: Path, **arrays: Array) -> str:
    np.savez(folder / "d.npz", allow_pickle=True, **arrays)
    return str(folder / "d.npz")


def test_arrays(tmp_path: Path) -> None:
    ends = np.array([0.1, 0.2], np.float32)
    box = load_domain(_npz(tmp_path, lower=-ends, upper=ends), 2)
    assert isinstance(box, Box)
    assert Fraction(box.upper[0].item()) == Fraction(ends[0].item())
    half = load_domain(_npz(tmp_path, A=np.array([[1.0, -1.0]]), c=np.zeros(1)), 2)
    assert isinstance(half, Polyhedron)
    ball = load_domain(_npz(tmp_path, radius=np.array(2), center=np.ones(2)))
    assert isinstance(ball, Ball)
    assert ball.radius == 2
    assert ball.center is not None
    assert isinstance(load_domain(_npz(tmp_path, radius=np.array([2.5]))), Ball)


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"lower": np.zeros(2)}, "Expected the arrays lower and upper"),
        ({"lower": np.zeros(2), "upper": np.ones(2), "A": np.ones((1, 2))}, "Expected the arrays"),
        ({"lower": np.zeros(3), "upper": np.ones(3)}, r"domain in R\^2.*Got R\^3"),
        ({"A": np.ones((1, 3)), "c": np.ones(1)}, r"Got R\^3"),
        ({"A": np.ones((2, 2)), "c": np.ones(1)}, "as many offsets"),
        ({"radius": np.ones(2)}, "one number as radius"),
        ({"radius": np.array(1.0), "center": np.ones(3)}, r"Got R\^3"),
        ({"radius": np.array("x")}, "real numbers"),
        ({"lower": np.array([None, 1]), "upper": np.ones(2)}, "pickled"),
    ],
)
def test_arrays_that_are_no_domain(arrays: dict[str, Array], why: str, tmp_path: Path) -> None:
    with pytest.raises(DomainError, match=why):
        load_domain(_npz(tmp_path, **arrays), 2)


def test_damaged_domain_files(tmp_path: Path) -> None:
    for name in ("d.npz", "d.vnnlib"):
        (tmp_path / name).write_bytes(b"\xff\xfe(")
        with pytest.raises(DomainError):
            load_domain(str(tmp_path / name), 2)


DECLARED = "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)\n"

ACAS = """; ACAS Xu property, shortened
(set-logic QF_LRA)
(declare-const X_0 Real)
(declare-const X_1 Real)

(declare-const Y_0 Real)
(declare-const Y_1 Real)

; Unscaled Input 0: (55947.691, 60760)
(assert (<= X_0 0.679857769))
(assert (>= X_0 0.6))
(assert (<= X_1 0.5))
(assert (>= X_1 -0.5))

(assert (<= Y_0 Y_1))
(assert (or (and (<= Y_0 1.0)) (and (>= Y_1 3.991125645861615))))
(check-sat)
"""


def test_vnnlib_box(tmp_path: Path) -> None:
    (tmp_path / "p.vnnlib").write_text(ACAS)
    box = load_domain(str(tmp_path / "p.vnnlib"), 2)
    assert isinstance(box, Box)
    assert box.lower.tolist() == [0.6, -0.5]  # the float64 nearest to the decimal number
    assert box.upper.tolist() == [0.679857769, 0.5]


@pytest.mark.parametrize(
    ("conditions", "lower", "upper"),
    [
        ("(assert (and (>= X_0 0) (<= X_0 1) (<= Y_0 3)))", [0, -np.inf], [1, np.inf]),
        ("(assert (or (and (>= X_0 0) (<= X_0 1) (<= Y_0 3))))", [0, -np.inf], [1, np.inf]),
        ("(assert (< 0 X_1))(assert (> 1e-1 X_1))", [-np.inf, 0], [np.inf, 0.1]),
        ("(assert (<= (* 2 X_0) 0.6))", [-np.inf] * 2, [0.3, np.inf]),
        ("(assert (<= (- X_0) (/ 1 3)))", [-1 / 3, -np.inf], [np.inf] * 2),
        ("(assert (<= (+ X_0 X_0 1) (- 3 X_0 -.5)))", [-np.inf] * 2, [2.5 / 3, np.inf]),
        ("(assert (<= X_0 2))(assert (<= X_0 1))", [-np.inf] * 2, [1, np.inf]),
        ("(assert (<= (- X_1 X_1) 2))(assert (<= X_0 1))", [-np.inf] * 2, [1, np.inf]),
    ],
)
def test_vnnlib_bounds(conditions: str, lower: list[float], upper: list[float]) -> None:
    box = parse_vnnlib(DECLARED + conditions, 2)
    assert isinstance(box, Box)
    assert (box.lower.tolist(), box.upper.tolist()) == (lower, upper)


def test_vnnlib_polyhedron() -> None:
    text = "(assert (<= (+ X_0 (* 0.1 X_1)) 1))(assert (>= X_1 (* X_0 -2)))(assert (<= X_0 5))"
    domain = parse_vnnlib(DECLARED + text)
    assert isinstance(domain, Polyhedron)
    assert domain.A.tolist() == [[1, 0.1], [-2, -1], [1, 0]]
    assert domain.c.tolist() == [1, 0, 5]


def test_vnnlib_without_input_conditions() -> None:
    assert isinstance(parse_vnnlib(DECLARED + "(assert (<= Y_0 0))"), WholeSpace)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (DECLARED + "(assert (or (<= X_0 0) (>= X_0 1)))", "one file for each"),
        (DECLARED + "(assert (or (and (<= X_0 0)) (and (>= X_0 1))))", "one file for each"),
        (DECLARED + "(assert (<= (* X_0 X_1) 0))", "not linear"),
        (DECLARED + "(assert (<= (/ 1 X_0) 0))", "not linear"),
        (DECLARED + "(assert (<= (/ X_0 0) 0))", "not linear"),
        (DECLARED + "(assert (<= (sin X_0) 0))", "not linear"),
        (DECLARED + "(assert (<= X_0 Y_0))", "neither an input nor"),
        (DECLARED + "(assert (<= X_0 0x10))", "neither an input nor"),
        (DECLARED + "(assert (<= X_0 1e999999999))", "neither an input nor"),
        (DECLARED + "(assert (<= X_0 1e999))", "larger"),
        (DECLARED + "(assert (= X_0 1))", "no interior"),
        (DECLARED + "(assert (not (<= X_0 1)))", "not a linear inequality"),
        (DECLARED + "(assert (<= X_0 1 2))", "not a linear inequality"),
        (DECLARED + "(assert X_0)", "not a linear inequality"),
        (DECLARED + "(assert (<= X_0 1))(assert (>= X_0 1))", "lower < upper"),
        (DECLARED + "(assert (<= (- X_0 X_0) -1))", "no point fulfils it"),
        (DECLARED + "(assert (<= X_2 1))", "X_0 to X_1. Got X_2"),
        (DECLARED + "(assert", "brackets"),
        (DECLARED + "(assert (<= X_0 1)))", "brackets"),
        (DECLARED + "(assert " + "(" * 200, "nested"),
        ("(declare-const X_1 Real)", "without gaps"),
        ("(check-sat)", "Got none"),
        ("", "Got none"),
        ("(vnnlib-version <2.0>)", "one network"),
        ("(declare-network f (declare-input X float32 [1,5]))", "VNN-LIB 1"),
        ("stray", "VNN-LIB 1"),
    ],
)
def test_vnnlib_that_is_refused(text: str, why: str) -> None:
    with pytest.raises(DomainError, match=why) as caught:
        parse_vnnlib(text)
    assert "\n" not in str(caught.value)


def test_vnnlib_of_another_dimension() -> None:
    with pytest.raises(DomainError, match=r"R\^5.*R\^2"):
        parse_vnnlib(DECLARED, 5)
    assert isinstance(parse_vnnlib("(assert (<= Y_0 1))", 5), WholeSpace)


def test_vnnlib_takes_time_in_proportion() -> None:
    size = 20_000
    text = "".join(f"(declare-const X_{j} Real)(assert (<= X_{j} 1))" for j in range(size))
    total = "(assert (<= (+ " + " ".join(f"X_{j}" for j in range(2000)) + ") 1))"
    assert isinstance(parse_vnnlib(text), Box)
    small = "".join(f"(declare-const X_{j} Real)" for j in range(2000))
    assert isinstance(parse_vnnlib(small + total), Polyhedron)


NETWORK = "(declare-network f (declare-input X real [1, 2]) (declare-output Y real [1,3]))"
VERSION_2 = f"(vnnlib-version <2.0>)\n{NETWORK}\n"


def test_vnnlib_2_of_one_network() -> None:
    text = VERSION_2 + (
        "(assert (and (>= X[0,0] -1.0) (<= X[0, 0] 0.5) (>= X[0,1] 0) (<= X[0,1] 2)))"
        "(assert (<= Y[0,0] Y[0,2])) ; says nothing about the domain"
    )
    box = parse_vnnlib(text, 2)
    assert isinstance(box, Box)
    assert box.lower.tolist() == [-1.0, 0.0]
    assert box.upper.tolist() == [0.5, 2.0]
    corner = parse_vnnlib(VERSION_2 + "(assert (<= (+ X[0,0] (* 2 X[0,1])) 1))")
    assert isinstance(corner, Polyhedron)
    assert corner.A.tolist() == [[1.0, 2.0]]
    image = parse_vnnlib(
        "(vnnlib-version <2.0>)(declare-network g (declare-input in float32 [2,3,2])"
        "(declare-hidden h real [4] some_node)(declare-output out float32 [1]))"
        "(assert (<= in[1,0,1] 3))",
        12,
    )
    assert isinstance(image, Box)
    assert np.flatnonzero(np.isfinite(image.upper)).tolist() == [7]


def test_vnnlib_2_as_its_own_package_reads_it(tmp_path: Path) -> None:
    vnnlib = pytest.importorskip("vnnlib")
    (tmp_path / "q.vnnlib").write_text(VERSION_2 + "(assert (<= X[0,1] 2.5))\n")
    query = vnnlib.parse_query_file(str(tmp_path / "q.vnnlib"))
    assert len(query.networks) == 1
    box = load_domain(str(tmp_path / "q.vnnlib"), 2)
    assert isinstance(box, Box)
    assert box.upper.tolist() == [np.inf, 2.5]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (VERSION_2 + NETWORK.replace("f ", "g "), "one network.*Got 2: f, g"),
        ("(vnnlib-version <2.0>)", "one network.*Got 0"),
        (VERSION_2 + "(assert (<= X[0,2] 1))", "no such element"),
        (VERSION_2 + "(assert (<= X[0] 1))", "no such element"),
        (VERSION_2 + "(assert (<= X 1))", "no such element"),
        (VERSION_2 + "(assert (<= X[0,0] Y[0,0]))", "neither an input"),
        (VERSION_2 + "(assert (== X[0,0] 1))", "no interior"),
        (VERSION_2 + "(assert (or (<= X[0,0] 1) (>= X[0,1] 2)))", "not convex"),
        (VERSION_2 + "(assert (!= X[0,0] 1))", "not a linear inequality"),
        (VERSION_2.replace("[1, 2]", "[0]"), "0 numbers"),
        (VERSION_2.replace("[1, 2]", "[99999,99999]"), "numbers"),
        (VERSION_2.replace("[1, 2]", "[x]"), "no list of sizes"),
        (VERSION_2.replace("(declare-output Y real [1,3])", "(equal-to g)"), "another one"),
        (VERSION_2.replace("declare-output Y", "declare-input Z"), "one input"),
        (VERSION_2 + "(declare-const X_0 Real)", "expected declare-network"),
        ("(vnnlib-version <3.0>)" + NETWORK, "or VNN-LIB 2"),
        (VERSION_2 + "(declare-network)", "Got 2"),
        (VERSION_2 + "()", "expected declare-network"),
        (VERSION_2 + "stray", "expected declare-network"),
        (VERSION_2 + "(assert ((<= X[0,0] 1)))", "not a linear inequality"),
    ],
)
def test_vnnlib_2_that_is_refused(text: str, why: str) -> None:
    with pytest.raises(DomainError, match=why):
        parse_vnnlib(text, 2)
