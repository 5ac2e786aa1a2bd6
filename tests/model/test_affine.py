"""Affine expressions agree with Fractions, step by step."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import monic
from monic import LayerError, Product
from monic.model import AffineMap, Concat, Input, Linear, Scale, Select, Shift, Sum
from monic.model.array import Array
from tests.reference import evaluate

DTYPES = (np.float16, np.float32, np.float64, np.int8, np.int64)
Rows = list[list[Fraction]]


def _exact(step: AffineMap) -> tuple[Rows, list[Fraction]]:
    """Returns the library's own rows and bias as Fractions."""
    value = step.exact()
    unit = Fraction(2) ** value.exponent
    rows = [[int(v) * unit for v in row] for row in value.weight.tolist()]
    return rows, [int(v[0]) * unit for v in value.bias.tolist()]


@st.composite
def _arrays(draw: st.DrawFn, *shape: int) -> Array:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from(DTYPES))
    scale = draw(st.sampled_from([1.0, 1.0, 100.0, 1e-3]))
    return (rng.normal(size=shape) * scale).astype(dtype)


@st.composite
def affine_maps(draw: st.DrawFn, dim: int, depth: int = 4) -> AffineMap:
    """Draws an expression over R^dim."""
    step: AffineMap = Input(dim)
    for _ in range(draw(st.integers(0, depth))):
        kind, size = draw(st.sampled_from(["linear", "shift", "scale", "concat"])), step.out_dim
        count = draw(st.sampled_from([1, size]))
        if kind == "linear":
            out, turned = draw(st.integers(1, 4)), draw(st.booleans())
            shape = (size, out) if turned else (out, size)
            step = Linear(draw(_arrays(*shape)), step, turned)
        elif kind == "shift":
            step = Shift(draw(_arrays(count)), step, draw(st.booleans()))
        elif kind == "scale":
            step = Scale(draw(_arrays(count)), step)
        elif step.out_dim <= 6:
            step = Concat((step, draw(affine_maps(dim, depth=1)), Scale(-np.ones(1), step)))
    return step


@given(st.integers(1, 3).flatmap(affine_maps))
def test_expressions_agree_with_fractions(step: AffineMap) -> None:
    rows, bias = evaluate(step)
    assert _exact(step) == (rows, bias)
    assert (step.out_dim, step.in_dim) == (len(rows), len(rows[0]))


@given(st.data(), st.integers(1, 3))
def test_composition_is_composition(data: st.DataObject, dim: int) -> None:
    inner = data.draw(affine_maps(dim, depth=2))
    outer = data.draw(affine_maps(inner.out_dim, depth=2))
    both = outer.compose(inner)
    (first, shift), (second, last) = evaluate(inner), evaluate(outer)
    columns = list(zip(*first, strict=True))
    rows = [[_dot(row, column) for column in columns] for row in second]
    assert _exact(both) == (rows, [_dot(r, shift) + b for r, b in zip(second, last, strict=True)])


def _dot(a: list[Fraction], b: list[Fraction] | tuple[Fraction, ...]) -> Fraction:
    return sum((s * t for s, t in zip(a, b, strict=True)), Fraction(0))


def test_a_product_is_not_rounded() -> None:
    rows, bias = _exact(Product([[1.0], [-0.1]], [[0.3, 1e-300]]))
    assert rows[1] == [-Fraction(0.1) * Fraction(0.3), -Fraction(0.1) * Fraction(1e-300)]
    assert rows[1][0] != Fraction(-0.1 * 0.3)
    assert bias == [0, 0]


def test_products_of_extreme_factors_neither_overflow_nor_vanish() -> None:
    for size in (1.7976931348623157e308, 5e-324):
        assert _exact(Product([[size]], [[size]], [[size]]))[0] == [[Fraction(size) ** 3]]


@settings(max_examples=30)
@given(st.data(), st.lists(st.integers(1, 4), min_size=2, max_size=5))
def test_products_associate(data: st.DataObject, sizes: list[int]) -> None:
    factors = [data.draw(_arrays(m, n)) for m, n in pairwise(sizes)]
    step: AffineMap = Input(sizes[-1])
    for factor in reversed(factors):
        step = Linear(factor, step)
    assert _exact(Product(*factors)) == _exact(step)


def test_a_shared_part_is_one_step() -> None:
    part: AffineMap = Linear(np.eye(2), Input(2))
    for _ in range(60):  # as a tree this would have 2^60 leaves
        part = Scale(np.array([0.5]), Concat((part, part))) if part.out_dim < 4 else part
        part = Linear(np.ones((2, 4)), part) if part.out_dim == 4 else part
    assert len(part.steps()) < 200
    assert part.exact().weight.nrows() == 2


def test_a_long_chain_needs_no_deep_recursion() -> None:
    step: AffineMap = Input(1)
    for _ in range(3_000):
        step = Shift(np.array([1.0]), step)
    assert _exact(step) == ([[Fraction(1)]], [Fraction(3_000)])
    assert step.compose(step).exact().bias[0, 0] == 6_000


def test_arrays_of_a_map_are_copies() -> None:
    weight = np.ones((1, 1))
    step = Linear(weight, Input(1))
    weight[0, 0] = 5.0
    assert _exact(step)[0] == [[1]]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Product(),
        lambda: Product([[1.0]], [[1.0], [2.0]]),
        lambda: Product([1.0, 2.0]),
        lambda: Linear(np.ones((2, 3)), Input(2)),
        lambda: Linear(np.ones((2, 3)), Input(3), transposed=True),
        lambda: Linear(np.ones((0, 2)), Input(2)),
        lambda: Linear(np.full((1, 1), np.nan), Input(1)),
        lambda: Shift(np.ones(3), Input(2)),
        lambda: Shift(np.ones(0), Input(2)),
        lambda: Scale(np.ones(3), Input(2)),
        lambda: Concat(()),
        lambda: Concat((Input(1), Input(2))),
        lambda: Input(0),
        lambda: Input(2).compose(Input(3)),
    ],
)
def test_steps_that_do_not_fit_are_refused(make: Callable[[], AffineMap]) -> None:
    with pytest.raises(LayerError, match=r"Expected .*\. Got .*\."):
        make()


def test_a_map_has_one_input(tmp_path: Path) -> None:
    """However it was built: branches on other inputs are branches of the same one."""
    rows = np.array([[1.0, 2.0], [3.0, -1.0]])
    other = Linear(-rows, Input(2))
    both = Concat((Linear(rows, Input(2)), other, Sum((Input(2), Select([1, 0], Input(2))))))
    nested = Concat((both, Sum((Input(2), Input(2))), Input(2)))
    for value in (both, nested):
        assert sum(isinstance(step, Input) for step in value.steps()) == 1
        assert value.start() is value.steps()[0]
    assert other.parts()[0] is not both.start()  # nothing that others hold was changed
    matrix = np.array([[int(t) for t in row] for row in nested.exact().weight.tolist()])
    wanted = [*rows, *-rows, [1, 1], [1, 1], [2, 0], [0, 2], [1, 0], [0, 1]]
    np.testing.assert_array_equal(matrix, wanted)
    layer = monic.ReLULayer(Concat((Linear(np.eye(2), Input(2)), Linear(-np.eye(2), Input(2)))))
    decision = monic.decide(layer)
    assert decision.verdict is monic.Verdict.INJECTIVE
    assert decision.certificate is not None
    monic.check(decision.certificate.save(tmp_path / "proof"), layer)
