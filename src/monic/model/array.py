"""Arrays of weights, frozen on entry and taken exactly: every finite float is a rational."""

import hashlib
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpz_mat

from monic.errors import LayerError

__all__ = ["Array", "Derived", "dyadic", "exact", "fraction", "freeze", "sha256"]

Array = np.ndarray[Any, np.dtype[Any]]

#: The number formats that are taken exactly; the names are numpy's (and ml_dtypes').
EXACT_DTYPES = (
    "bfloat16",
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
)


class Derived(np.ndarray[Any, np.dtype[Any]]):
    """An array that remembers what it was computed from (`monic.model.derived`).

    Copies that are made for another step remember it too; views do not.
    """

    origin: Any = None

    def marked(self, array: Array) -> "Derived":
        """Returns a view of another array that remembers the same."""
        found = array.view(Derived)
        found.origin = self.origin
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        from monic.model.derived import derive

        return derive, (self.origin,)


def freeze(values: object, name: str, *, ndim: int | None = None) -> Array:
    """Returns a read-only little-endian copy of an array of finite numbers.

    Arguments:
        values: Anything numpy turns into an array; torch tensors on the CPU are such.
        name: What the array is called in error messages.
        ndim: The number of dimensions to insist on.

    Raises:
        LayerError: for NaN, infinities, other number formats or another number of dimensions.

    Example:
        >>> freeze([[1, 2]], "weight").dtype
        dtype('float64')
    """
    array = _as_array(values, name)
    if array.dtype.name not in EXACT_DTYPES:
        raise LayerError(
            f"Expected {name} in one of {', '.join(EXACT_DTYPES)}. Got {array.dtype.name}."
        )
    if ndim is not None and array.ndim != ndim:
        raise LayerError(f"Expected {name} with {ndim} dimensions. Got shape {array.shape}.")
    if not np.all(np.isfinite(array.astype(np.float64))):
        raise LayerError(f"Expected finite numbers in {name}. Got NaN or infinity.")
    array = np.array(array, dtype=array.dtype.newbyteorder("<"), order="C", copy=True)
    array.setflags(write=False)
    if isinstance(values, Derived) and values.origin is not None:
        return values.marked(array)
    return array


def _as_array(values: object, name: str) -> Array:
    if isinstance(values, list | tuple):
        return _from_numbers(values, name)
    detach = getattr(values, "detach", None)  # a torch tensor; bfloat16 has no numpy dtype there
    if detach is not None:
        tensor = detach().cpu()
        values = tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor
    return np.asarray(values)


def _from_numbers(values: object, name: str) -> Array:
    """Python numbers become float64, as numpy users expect, where that loses nothing."""
    try:
        array = np.asarray(values, dtype=np.float64)
        given = np.asarray(values, dtype=object)
        pairs = zip(array.flat, given.flat, strict=True)
        rounded = [g for f, g in pairs if np.isfinite(f) and Fraction(f) != Fraction(g)]
    except (ValueError, TypeError, OverflowError) as error:
        raise LayerError(f"Expected {name} as a rectangular table of numbers: {error}") from None
    if rounded:
        raise LayerError(
            f"Expected numbers that float64 holds exactly in {name}. Got {rounded[0]}; give an "
            "integer array, or the number as a product."
        )
    return array


def sha256(array: Array) -> str:
    """Returns the SHA-256 of an array's little-endian bytes in C order."""
    data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return hashlib.sha256(data.tobytes()).hexdigest()


def dyadic(array: Array) -> tuple[fmpz_mat, int]:
    """Returns (Z, e) with array = Z 2^e exactly; a vector becomes a column.

    Example:
        >>> dyadic(freeze([0.5, 3.0], "bias"))
        ([1]
        [6], -1)
    """
    table = array.reshape(array.shape[0], -1) if array.ndim else array.reshape(1, 1)
    if table.dtype.kind in "iu":
        return fmpz_mat(table.tolist()), 0
    mantissas, exponents = np.frexp(table.astype(np.float64))
    integers = np.ldexp(mantissas, 53).astype(np.int64)
    present = integers != 0
    if not present.any():
        return fmpz_mat(*table.shape), 0
    # trailing zero bits are dropped first, so that float32 weights stay short integers
    low = integers & -integers
    trailing = np.where(present, np.frexp(low.astype(np.float64))[1] - 1, 0)
    integers >>= trailing
    powers = exponents.astype(np.int64) - 53 + trailing
    exponent = int(powers[present].min())
    shifts = np.where(present, powers - exponent, 0)
    lengths = np.frexp(np.abs(integers).astype(np.float64))[1] + shifts
    if int(lengths.max()) < 62:  # they fit into 64 bits
        entries = (integers << shifts).reshape(-1).tolist()
    else:
        entries = (integers.astype(object) << shifts.astype(object)).reshape(-1).tolist()
    return fmpz_mat(table.shape[0], table.shape[1], entries), exponent


def exact(number: Any) -> Fraction:
    """Returns the rational that a finite number of any exact format stands for.

    Example:
        >>> exact(np.float16(0.1)), exact(2**53 + 1)
        (Fraction(819, 8192), Fraction(9007199254740993, 1))
    """
    if isinstance(number, int | np.integer):
        return Fraction(int(number))
    return number if isinstance(number, Fraction) else Fraction(float(number))


def fraction(number: Any, name: str) -> Fraction:
    """Returns a finite number, or a string such as "1/3", as an exact fraction.

    Raises:
        LayerError: when it is NaN, infinite or no number.
    """
    try:
        return Fraction(number) if isinstance(number, str) else exact(number)
    except (ValueError, OverflowError, TypeError):
        raise LayerError(f"Expected a finite number for {name}. Got {number!r}.") from None
