"""Matrices that are said to be random, and numbers of theirs elsewhere in the network."""

import io
import json
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from monic.decision.network import kinship
from monic_checker import Array, Claim, InvalidProof, check
from monic_checker.arrays import decode
from monic_checker.kinship import _Numbers, are_kin
from tests.monic_checker.budgets import plenty
from tests.monic_checker.tiny_prover import VERSION, named

Table = Any
PRECISIONS = {"float16": 11, "bfloat16": 8, "float32": 24}


def as_array(name: str, table: Table) -> Array:
    return Array(name, str(table.dtype), table.shape, table.tobytes())


def as_constant(table: Table) -> dict[str, Any]:
    numbers = [number.as_integer_ratio() for number in table.astype(float).ravel().tolist()]
    return {"values": [f"{p}/{q}" for p, q in numbers], "shape": list(table.shape)}


def skip(matrix: Table, *others: Any, steps: list[Any] | None = None) -> tuple[bytes, list[Array]]:
    """A proof about z -> B z + A z, where the network has some more arrays, and more steps."""
    m, n = matrix.shape
    branch = np.random.default_rng(9).standard_normal((m, n))
    arrays = [as_array("A", matrix)]
    arrays += [as_array(f"other{k}", t) for k, t in enumerate(others) if not isinstance(t, dict)]
    first, *more = (named(array) for array in arrays)
    entries = [first, as_constant(branch), *more, *(t for t in others if isinstance(t, dict))]
    last = [["linear", 1, 0], *(steps or [])]
    stage = {
        "activation": "identity",
        "carried": 0,
        "slope": None,
        "arrays": entries,
        "map": [["input", n], *last, ["linear", 0, 0], ["add", len(last), len(last) + 1]],
    }
    evidence = {"stages": 1, "domain": None, "evidence": {"kind": "random-skip"}}
    header = {
        "claim": "INJECTIVE",
        "assumption": "random-projections",
        "subject": {"kind": "network", "stages": [stage], "domain": {"kind": "whole"}},
        "evidence": {"kind": "composition", "layers": [evidence]},
    }
    return VERSION + json.dumps(header).encode() + b"\n", arrays


def attempt(matrix: Table, *others: Any, steps: list[Any] | None = None) -> Claim:
    proof, arrays = skip(matrix, *others, steps=steps)
    return check(io.BytesIO(proof), arrays)


WHOLE = np.array([[1.0, 2.0], [2.0, -1.0], [3.0, 5.0], [-4.0, 7.0], [0.0, 6.0]])
SMALL = np.array([[1.0], [2.0], [-1.0]])
DRAWN = np.random.default_rng(3).standard_normal((7, 3))
SINGLE = DRAWN.astype(np.float32)
ORDER = np.random.default_rng(5)

COPIES: dict[str, Callable[[Table], Any]] = {
    "another format": lambda a: a.astype(np.float32 if a.dtype == np.float64 else np.float64),
    "half precision": lambda a: a.astype(np.float16),
    "transposed": lambda a: np.ascontiguousarray(a.T),
    "negated": lambda a: -a,
    "three times": lambda a: 3 * a,
    "a tenth, rounded": lambda a: (a * 0.1).astype(np.float32),
    "signs changed": lambda a: a * np.where(ORDER.random(a.shape) < 0.5, -1.0, 1.0),
    "rows permuted": lambda a: np.ascontiguousarray(a[::-1]),
    "columns permuted": lambda a: np.ascontiguousarray(a[:, ::-1]) * 2,
    "all permuted": lambda a: ORDER.permutation(a.ravel()).reshape(a.shape) / 4,
    "flat": lambda a: 1.5 * a.ravel(),
    "a kernel": lambda a: a[:, :, None, None],
    "a constant": as_constant,
    "a constant, scaled": lambda a: as_constant(5 * a),
    "a block of more": lambda a: np.block([[a, a + 17.3], [a - 5.7, 0.3 - a]]),
    "some rows": lambda a: np.ascontiguousarray(a[1:4]),
    "a column": lambda a: np.ascontiguousarray(a[:, 0]) / 8,
}


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("name", ["whole", "drawn", "single"])
def test_copies_are_refused(copy: str, name: str) -> None:
    matrix = {"whole": WHOLE, "drawn": DRAWN, "single": SINGLE}[name]
    attempt(matrix)
    with pytest.raises(InvalidProof, match="shares its numbers"):
        attempt(matrix, COPIES[copy](matrix))


@pytest.mark.parametrize("copy", [c for c in COPIES if c not in ("some rows", "a block of more")])
def test_copies_of_three_small_numbers_are_refused(copy: str) -> None:
    with pytest.raises(InvalidProof, match="shares its numbers"):
        attempt(SMALL, COPIES[copy](SMALL))


def test_weights_of_combinations_are_numbers_too() -> None:
    for factor, refused in ((2, True), (0, False)):
        rows = [[[0, str(factor * a + 1 - factor / 2)]] for a in (1, 2, -1)]
        steps = [["combine", 1, rows, 0]]
        if refused:
            rows = [[[0, a]] for a in ("2/3", "4/3", "-2/3")]
            steps = [["combine", 1, rows, 0]]
            with pytest.raises(InvalidProof, match=r"map\[2\]"):
                attempt(SMALL, steps=[*steps, ["add", 1, 2]])
        else:
            rows = [[[0, a]] for a in ("2/3", "5/3", "-2/3")]
            attempt(SMALL, steps=[["combine", 1, rows, 0], ["add", 1, 2]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_row_among_others_is_refused(dtype: str) -> None:
    """Long numbers meet by chance less often than these do."""
    rng = np.random.default_rng(1)
    matrix, other = rng.standard_normal((9, 4)).astype(dtype), rng.standard_normal((50, 4))
    attempt(matrix, other.astype(dtype))
    other[7] = -2 * matrix[3]
    with pytest.raises(InvalidProof, match="shares its numbers"):
        attempt(matrix, other.astype(dtype))


def test_shifts_after_the_matrix_are_spared() -> None:
    """A z + c is injective when A z is."""
    shift = np.ascontiguousarray(SMALL[:, 0])
    proof, arrays = skip(SMALL, shift)
    header = json.loads(proof.split(b"\n")[1])
    steps = header["subject"]["stages"][0]["map"]
    steps.append(["shift", 2, len(steps) - 1])
    late = VERSION + json.dumps(header).encode() + b"\n"
    assert check(io.BytesIO(late), arrays).claim == "INJECTIVE"
    steps[1:2] = [["linear", 1, 0], ["shift", 2, 1]]
    steps[3:] = [["linear", 0, 0], ["add", 2, 3]]
    early = VERSION + json.dumps(header).encode() + b"\n"
    with pytest.raises(InvalidProof, match="shares its numbers"):
        check(io.BytesIO(early), arrays)


def numbers(table: Table) -> _Numbers:
    vector = decode(as_array("t", table), plenty())
    return _Numbers(vector, PRECISIONS.get(str(table.dtype), 53), plenty())


def kin(first: Table, second: Table) -> bool:
    """By the checker, and by the engine's road."""
    found = are_kin(numbers(first), numbers(second), plenty())
    assert found == kinship.are_kin(first, second)
    return found


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16, "float32", "float64"])
@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_honest_draws_are_strangers(dtype: Any, law: str) -> None:
    """Biases of two numbers, small and large matrices, among them many that meet by chance."""
    rng = np.random.default_rng(0)
    draw = rng.standard_normal if law == "normal" else lambda size: rng.uniform(-0.1, 0.1, size)
    pairs = [(size, other) for size in (3, 10, 200) for other in (2, 3, 7, 200)] * 10
    pairs += [(6000, 2), (6000, 5), (6000, 6000)]
    found = 0
    for size, other in pairs:
        found += kin(draw(size).astype(dtype), draw(other).astype(dtype))
    assert found <= (1 if dtype is ml_dtypes.bfloat16 else 0)


def test_two_small_numbers_again_and_again_say_nothing() -> None:
    rays, wide = np.array([1.0, -1.0, 2.0, -2.0]), np.array([1.0, 2.0, 1.0, -1.0, 2.0, 3.0])
    assert not kin(rays, wide)
    assert kin(rays, 3 * rays)
    assert kin(np.array([1.0, 3.0, 2.0, -2.0]), np.append(wide, 2.0))


def test_single_numbers_in_double_are_still_single() -> None:
    """The numbers themselves say how finely they were drawn."""
    rng = np.random.default_rng(0)
    pair = [rng.standard_normal(20_000).astype("float32").astype("float64") for _ in range(2)]
    assert len(np.intersect1d(np.abs(pair[0]), np.abs(pair[1]))) > 3
    assert not kin(*pair)
    assert kin(pair[0], np.append(pair[1], pair[0][:5000]))


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("name", ["whole", "drawn", "single", "small"])
def test_two_roads_agree_on_copies(copy: str, name: str) -> None:
    matrix = {"whole": WHOLE, "drawn": DRAWN, "single": SINGLE, "small": SMALL}[name]
    if not isinstance(other := COPIES[copy](matrix), dict):
        assert kin(matrix, other) or name == "small"


def test_ones_and_zeros_are_strangers() -> None:
    matrix = np.random.default_rng(0).standard_normal((5, 2))
    for other in (np.ones(7), np.zeros(4), np.eye(5), np.array([1.0]), np.full(64, 0.5)):
        assert not kin(matrix, other)


def test_copies_in_parts_are_refused() -> None:
    """Each part has one number of the matrix, and together they cancel it."""
    matrix = np.random.default_rng(1).standard_normal((3, 1))
    parts = [-matrix * unit[:, None] for unit in np.eye(3)]
    assert np.array_equal(sum(parts), -matrix)
    with pytest.raises(InvalidProof, match="shares its numbers"):
        attempt(matrix, *parts)
    assert all(kin(matrix, part) for part in parts)


@pytest.mark.parametrize("number", [1.0, 0.37])
def test_a_matrix_of_one_number_has_no_density(number: float) -> None:
    matrix = np.array([[number], [0.0], [0.0]])
    with pytest.raises(InvalidProof, match="no density"):
        attempt(matrix, -matrix)
