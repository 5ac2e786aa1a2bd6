"""Arrays are frozen on entry and taken exactly."""

import hashlib
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from monic import LayerError
from monic.model.array import Array, dyadic, freeze, sha256

FLOATS = (np.float16, np.float32, np.float64)
INTEGERS = (*(np.int8, np.int16, np.int32, np.int64), *(np.uint8, np.uint16, np.uint32, np.uint64))


def _entries(array: Array) -> list[list[Fraction]]:
    """Returns array = Z 2^e as Fractions."""
    matrix, exponent = dyadic(array)
    return [[int(v) * Fraction(2) ** exponent for v in row] for row in matrix.tolist()]


def _tables(dtype: Any, **options: Any) -> st.SearchStrategy[Array]:
    shapes = npst.array_shapes(min_dims=2, max_dims=2, max_side=4)
    elements = npst.from_dtype(np.dtype(dtype), **options) if options else None
    return npst.arrays(dtype, shapes, elements=elements)


@given(
    st.sampled_from(FLOATS).flatmap(
        lambda dtype: _tables(dtype, allow_nan=False, allow_infinity=False)
    )
)
def test_floats_are_taken_exactly(table: Array) -> None:
    frozen = freeze(table, "weight", ndim=2)
    assert frozen.dtype == table.dtype
    assert _entries(frozen) == [[Fraction(float(v)) for v in row] for row in table]


@given(st.sampled_from(INTEGERS).flatmap(_tables))
def test_integers_are_taken_exactly(table: Array) -> None:
    assert _entries(freeze(table, "weight")) == [[Fraction(int(v)) for v in row] for row in table]


@given(npst.arrays(np.uint16, (3, 2)))
def test_bfloat16_is_taken_exactly(bits: Array) -> None:
    table = bits.view(ml_dtypes.bfloat16)
    if not np.isfinite(table.astype(np.float32)).all():
        with pytest.raises(LayerError, match="NaN or infinity"):
            freeze(table, "weight")
        return
    frozen = freeze(table, "weight")
    assert frozen.dtype.name == "bfloat16"
    assert sha256(frozen) == hashlib.sha256(bits.astype("<u2").tobytes()).hexdigest()
    # a bfloat16 is the upper half of a float32
    wide = (bits.astype(np.uint32) << 16).view(np.float32)
    assert _entries(frozen) == [[Fraction(float(v)) for v in row] for row in wide]


@given(_tables(np.float64, allow_nan=False, allow_infinity=False))
def test_numbers_of_many_sizes_share_one_exponent(table: Array) -> None:
    table = table.copy()
    table[0, 0] = 5e-324
    table[-1, -1] = np.finfo(np.float64).max
    assert _entries(freeze(table, "weight")) == [[Fraction(float(v)) for v in r] for r in table]


def test_zeros_and_vectors() -> None:
    assert _entries(freeze(np.zeros((2, 3)), "weight")) == [[Fraction(0)] * 3] * 2
    assert _entries(freeze([-0.0, 0.5], "bias")) == [[Fraction(0)], [Fraction(1, 2)]]
    assert _entries(freeze(0.75, "scale")) == [[Fraction(3, 4)]]


def test_a_frozen_array_is_a_copy_that_cannot_change() -> None:
    table = np.ones((2, 2))
    frozen = freeze(table, "weight")
    table[0, 0] = 7.0
    assert frozen[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        frozen[0, 0] = 7.0


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [">f8", "<f8", ">f4", ">f2", ">i4"])
def test_the_digest_is_of_little_endian_bytes_in_c_order(dtype: str, order: Any) -> None:
    table = np.array([[1, 2, 3], [4, 5, 6]], dtype=dtype, order=order)
    little = np.ascontiguousarray(table).astype(table.dtype.newbyteorder("<"))
    frozen = freeze(table, "weight")
    assert frozen.tobytes() == little.tobytes()
    assert sha256(frozen) == sha256(table) == hashlib.sha256(little.tobytes()).hexdigest()


def test_a_view_with_strides_is_taken_as_it_reads() -> None:
    table = np.arange(24.0).reshape(4, 6)[::2, ::-3]
    assert freeze(table, "weight").tolist() == table.tolist()


def test_lists_become_float64() -> None:
    assert freeze([[1, 2]], "weight").dtype == np.float64
    assert freeze([1, 0.5], "bias").tolist() == [1.0, 0.5]


@pytest.mark.parametrize("value", [2**53 + 1, Fraction(1, 3)], ids=["integer", "fraction"])
def test_a_list_whose_numbers_are_no_floats_is_not_rounded_in_silence(value: object) -> None:
    try:
        frozen = freeze([[value]], "weight")
    except LayerError:
        return
    assert _entries(frozen) == [[value]]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ([[1.0, float("nan")]], "NaN or infinity"),
        ([[float("inf")]], "NaN or infinity"),
        (np.array([[np.nan]], dtype=np.float16), "NaN or infinity"),
        ([[1.0], [2.0, 3.0]], "rectangular"),
        ([1.0, 2.0], "2 dimensions"),
        (3.0, "2 dimensions"),
        (np.zeros((1, 1, 1)), "2 dimensions"),
        (np.array([[1j]]), "complex128"),
        (np.array([[True]]), "bool"),
        (np.array([[None]]), "object"),
        ([[10**400]], "rectangular|finite|float"),
        ("weights", "Got"),
        (None, "Got"),
    ],
)
def test_what_is_no_table_of_finite_numbers_is_refused(values: object, match: str) -> None:
    with pytest.raises(LayerError, match=match) as caught:
        freeze(values, "the weight of /fc", ndim=2)
    assert "the weight of /fc" in str(caught.value)


def test_errors_are_value_errors_too() -> None:
    assert issubclass(LayerError, ValueError)
