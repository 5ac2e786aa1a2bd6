"""Maps are followed exactly: every step, against fractions that share no code with the checker."""

import math
import struct
from fractions import Fraction
from typing import Any

import pytest
from flint import fmpz
from hypothesis import assume, given
from hypothesis import strategies as st

from monic_checker import Array, InvalidProof, MalformedProof
from monic_checker.subject import read_subject
from monic_checker.system import System, find_arrays
from monic_checker.validity import ValidArrays
from monic_checker.vector import Vector
from tests.monic_checker.budgets import plenty
from tests.monic_checker.slow_check import evaluate_map
from tests.monic_checker.tiny_prover import doubles, named

Rows = list[list[Fraction]]


def system(subject: dict[str, Any], arrays: list[Array]) -> System:
    read = read_subject(subject, plenty())
    return System(read, ValidArrays(read, find_arrays(read, arrays)))


def rows(subject: dict[str, Any], arrays: list[Array]) -> Rows:
    found = system(subject, arrays)
    return [[Fraction(int(x), int(found.scale)) for x in row] for row in found.rows]


def about(steps: list[Any], entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": "affine", "arrays": entries, "map": steps, "domain": {"kind": "whole"}}


A = Array("A", "float64", (2, 3), doubles([1.0, 2.0, -0.5, 0.0, 0.125, 3.0]))
IDENTITY = [["1", "0", "0"], ["0", "1", "0"]]
CASES: list[tuple[list[Any], list[list[str]]]] = [
    ([["input", 3]], [["1", "0", "0", "0"], ["0", "1", "0", "0"], ["0", "0", "1", "0"]]),
    ([["input", 3], ["linear", 0, 0]], [["1", "2", "-1/2", "0"], ["0", "1/8", "3", "0"]]),
    (
        [["input", 2], ["linear-transposed", 0, 0]],
        [["1", "0", "0"], ["2", "1/8", "0"], ["-1/2", "3", "0"]],
    ),
    ([["input", 2], ["shift", 1, 0]], [["1", "0", "1/3"], ["0", "1", "-2"]]),
    ([["input", 2], ["shift-negative", 1, 0]], [["1", "0", "-1/3"], ["0", "1", "2"]]),
    ([["input", 2], ["shift", 2, 0]], [["1", "0", "5"], ["0", "1", "5"]]),
    ([["input", 2], ["scale", 1, 0]], [["1/3", "0", "0"], ["0", "-2", "0"]]),
    (
        [["input", 2], ["scale", 2, 0], ["shift", 1, 1], ["scale", 1, 2]],
        [["5/3", "0", "1/9"], ["0", "-10", "4"]],
    ),
    (
        [["input", 2], ["shift", 1, 0], ["concat", 0, 1, 0]],
        [*IDENTITY, ["1", "0", "1/3"], ["0", "1", "-2"], *IDENTITY],
    ),
    (
        [["input", 3], ["linear", 0, 0], ["linear-transposed", 0, 1]],
        [["1", "2", "-1/2", "0"], ["2", "257/64", "-5/8", "0"], ["-1/2", "-5/8", "37/4", "0"]],
    ),
]


@pytest.mark.parametrize(("steps", "expected"), CASES)
def test_each_step(steps: list[Any], expected: list[list[str]]) -> None:
    constants: list[dict[str, Any]] = [
        {"values": ["1/3", "-2"], "shape": [1, 2, 1]},
        {"values": ["5"], "shape": []},
    ]
    found = rows(about(steps, [named(A), *constants]), [A])
    assert found == [[Fraction(x) for x in row] for row in expected]


def test_the_antiparallel_layer_is_exactly_so() -> None:
    # [I; -S] C x with S = diag(s^2), as a graph computes it: 0.1 is no dyadic product
    c = Array("C", "float64", (2, 2), doubles([0.1, 0.7, -0.3, 0.2]))
    s = Array("s", "float64", (2,), doubles([0.1, 0.3]))
    steps = [["input", 2], ["linear", 0, 0], ["scale", 1, 1], ["scale", 2, 2], ["concat", 1, 3]]
    minus = {"values": ["-1"], "shape": [1]}
    found = rows(about(steps, [named(c), named(s), minus]), [c, s])
    for row, other, factor in zip(found[:2], found[2:], (0.1, 0.3), strict=True):
        assert [-Fraction(factor) * x for x in row] == other


numbers = st.integers(-3, 3).map(float)
halves = st.fractions(min_value=-2, max_value=2, max_denominator=6)


@st.composite
def maps(draw: st.DrawFn) -> tuple[dict[str, Any], list[Array]]:
    """Maps of up to six steps over arrays of float64 and constants."""
    steps: list[Any] = [["input", draw(st.integers(1, 3))]]
    sizes = [steps[0][1]]
    entries: list[dict[str, Any]] = []
    arrays: list[Array] = []

    def table(shape: tuple[int, ...]) -> int:
        count = math.prod(shape)
        if draw(st.booleans()):
            values = draw(st.lists(halves, min_size=count, max_size=count))
            entries.append({"values": [str(v) for v in values], "shape": list(shape)})
        else:
            data = doubles(draw(st.lists(numbers, min_size=count, max_size=count)))
            arrays.append(Array(f"a{len(arrays)}", "float64", shape, data))
            entries.append(named(arrays[-1]))
        return len(entries) - 1

    for _ in range(draw(st.integers(0, 6))):
        source = draw(st.integers(0, len(sizes) - 1))
        size = sizes[source]
        name = draw(st.sampled_from(NAMES))
        if name == "concat":
            others = draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=3))
            steps.append(["concat", *others])
            sizes.append(sum(sizes[other] for other in others))
        elif name == "add":
            equal = [k for k, other in enumerate(sizes) if other == size]
            steps.append(["add", *draw(st.lists(st.sampled_from(equal), min_size=1, max_size=3))])
            sizes.append(size)
        elif name == "select":
            places = draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=4))
            steps.append(["select", places, source])
            sizes.append(len(places))
        elif name == "combine":
            times = draw(st.sampled_from([g for g in range(1, size + 1) if size % g == 0]))
            weights = st.fractions(-4, 4, max_denominator=6).map(str)
            term = st.tuples(st.integers(0, size // times - 1), weights).map(list)
            terms = draw(st.lists(st.lists(term, max_size=3), min_size=1, max_size=3))
            steps.append([name, times, terms, source])
            sizes.append(times * len(terms))
        elif name == "centre":
            groups = draw(st.sampled_from([g for g in range(1, size + 1) if size % g == 0]))
            steps.append([name, groups, source])
            sizes.append(size)
        elif name.startswith("linear"):
            height = draw(st.integers(1, 3))
            shape = (height, size) if name == "linear" else (size, height)
            steps.append([name, table(shape), source])
            sizes.append(height)
        else:
            steps.append([name, table(draw(st.sampled_from([(1,), (size,), (size, 1)]))), source])
            sizes.append(size)
    return about(steps, entries), arrays


NAMES = (
    *("linear", "linear-transposed", "shift", "shift-negative", "scale", "concat"),
    *("add", "select", "combine", "centre"),
)


@given(maps())
def test_random_maps_on_both_roads(case: tuple[dict[str, Any], list[Array]]) -> None:
    subject, arrays = case
    assert rows(subject, arrays) == evaluate_map(subject, arrays)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_infinite_entries_are_invalid(value: float) -> None:
    array = Array("w", "float64", (1, 1), doubles([value]))
    with pytest.raises(InvalidProof, match="finite") as caught:
        rows(about([["input", 1], ["linear", 0, 0]], [named(array)]), [array])
    assert caught.value.address == "subject.arrays[0]"


def test_extreme_floats_are_exact() -> None:
    array = Array("w", "float64", (2, 1), doubles([5e-324, 1.7976931348623157e308]))
    found = rows(about([["input", 1], ["linear", 0, 0]], [named(array)]), [array])
    assert found == [[Fraction(5e-324), 0], [Fraction(1.7976931348623157e308), 0]]


def test_arrays_are_told_apart_by_shape_and_number_format() -> None:
    data = doubles([1.0, 2.0])
    wanted = Array("w", "float64", (2, 1), data)
    for other in (
        Array("w", "float64", (1, 2), data),
        Array("w", "int64", (2, 1), data),
        Array("w", "float64", (2, 1), data + b"\0"),
        Array("w", "float64", (2, 1), struct.pack("<2d", 1.0, 3.0)),
    ):
        with pytest.raises(InvalidProof, match="no float64 array"):
            rows(about([["input", 1], ["linear", 0, 0]], [named(wanted)]), [other])
    subject = about([["input", 1], ["linear", 0, 0]], [named(wanted)])
    assert len(rows(subject, [other, wanted])) == 2


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[dict[str, Any], list[Array]]:
    """Convolutions of every kind over one or two axes, after a shift and before a scale."""
    axes = draw(st.integers(1, 2))
    groups = draw(st.integers(1, 2))
    sides = [draw(st.integers(1, 4)) for _ in range(axes)]
    shape = [groups * draw(st.integers(1, 2)), *sides]
    transposed = draw(st.booleans())
    mode = "zero" if transposed else draw(st.sampled_from(MODES))
    highest = min(sides) - 1 if mode == "reflect" else min(2, *sides)
    padding = st.lists(st.integers(0, highest), min_size=2, max_size=2)
    grid: dict[str, Any] = {
        "shape": shape,
        "stride": [draw(st.integers(1, 3)) for _ in range(axes)],
        "dilation": [draw(st.integers(1, 2)) for _ in range(axes)],
        "padding": [draw(padding) for _ in range(axes)],
        "groups": groups,
        "mode": mode,
    }
    if transposed:
        grid["output_padding"] = [draw(st.integers(0, 1)) for _ in range(axes)]
    taps = [draw(st.integers(1, 3)) for _ in range(axes)]
    filters = draw(st.integers(1, 2))
    first = (shape[0], filters) if transposed else (filters * groups, shape[0] // groups)
    whole = (*first, *taps)
    entries = draw(st.lists(numbers, min_size=math.prod(whole), max_size=math.prod(whole)))
    arrays = [Array("k", "float64", whole, doubles(entries))]
    name = "transposed-convolution" if transposed else "convolution"
    constants = [{"values": ["1/3"] * shape[0], "shape": [shape[0]]}]
    constants += [{"values": [str(k + 1) for k in range(filters * groups)], "shape": [1, 1]}]
    constants[1]["shape"] = [filters * groups]
    steps = [["input", math.prod(shape)], ["channel-shift", 1, 0], [name, 0, 1, grid]]
    steps += [["channel-scale", 2, 2], ["channel-shift-negative", 2, 3]]
    return about(steps, [named(arrays[0]), *constants]), arrays


MODES = ("zero", "circular", "reflect", "replicate")


@given(convolutions())
def test_convolutions_on_both_roads(case: tuple[dict[str, Any], list[Array]]) -> None:
    subject, arrays = case
    try:
        read_subject(subject, plenty())
    except MalformedProof:  # no output is left
        assume(False)
    found = system(subject, arrays)
    expected = evaluate_map(subject, arrays)
    assert rows(subject, arrays) == expected
    n = found.n
    point = Vector([fmpz(3 * j - 4) for j in range(n)], fmpz(7))
    values = [Fraction(int(v), 7 * int(found.scale)) for v in found.values(point, "x")]
    x = [Fraction(3 * j - 4, 7) for j in range(n)] + [Fraction(1)]
    assert values == [sum(a * t for a, t in zip(row, x, strict=True)) for row in expected]
