"""Tables of convolutions and sides of boxes, made when asked for, against written-out ones."""

import random

import pytest
from flint import fmpq, fmpz

from monic_checker.sides import BoxSides, OrthantSides, Side
from monic_checker.table import Table
from tests.monic_checker.budgets import plenty


def folded(index: int, size: int, mode: str) -> int:
    """What lies at an index: the padded input, written out."""
    around: dict[str, list[int]] = {
        "circular": 3 * [*range(size)],
        "zero": [-1] * size + [*range(size)] + [-1] * size,
    }
    around["replicate"] = [0] * size + [*range(size)] + [size - 1] * size
    around["reflect"] = [-1, *range(size - 1, 0, -1), *range(size), *range(size - 2, -1, -1), -1]
    return around[mode][index + size]


@pytest.mark.parametrize("mode", ["zero", "circular", "reflect", "replicate"])
def test_forward_tables(mode: str) -> None:
    rng = random.Random(3)
    for _ in range(200):
        size, taps = rng.randint(2, 7), rng.randint(1, 3)
        stride, dilation, before, after = (rng.randint(1, 3), rng.randint(1, 3), 0, 0)
        before, after = rng.randrange(size), rng.randrange(size)
        length = (size + before + after - dilation * (taps - 1) - 1) // stride + 1
        expected = [
            tuple(folded(i * stride - before + k * dilation, size, mode) for k in range(taps))
            for i in range(length)
        ]
        table = Table(max(length, 0), taps, size, stride, dilation, before, mode)
        assert list(table) == expected
        assert table[:2] == expected[:2]


def test_transposed_tables() -> None:
    rng = random.Random(4)
    for _ in range(200):
        size, taps = rng.randint(1, 6), rng.randint(1, 3)
        stride, dilation, before = rng.randint(1, 3), rng.randint(1, 3), rng.randint(0, 3)
        length = (size - 1) * stride + dilation * (taps - 1) + 1
        expected = [[-1] * taps for _ in range(length)]
        for source in range(size):
            for k in range(taps):
                row = source * stride + k * dilation - before
                if 0 <= row < length:
                    expected[row][k] = source
        table = Table(length, taps, size, stride, dilation, before, "transposed")
        assert [list(line) for line in table] == expected


def test_tables_end() -> None:
    table = Table(2, 1, 2, 1, 1, 0, "zero")
    assert table[-1] == (1,)
    with pytest.raises(IndexError):
        table[2]


def test_sides_of_boxes() -> None:
    lows, highs = [None, fmpq(1, 2), None], [None, fmpq(3), fmpq(-2, 3)]
    sides = BoxSides(lows, highs)
    below, above, last = (
        Side([(1, fmpz(-2))], fmpz(-1)),
        Side([(1, fmpz(1))], fmpz(3)),
        Side([(2, fmpz(3))], fmpz(-2)),
    )
    assert list(sides) == sides[:] == [below, above, last]
    assert [sides.of(j) for j in range(3)] == [[], [below, above], [last]]


def test_sides_of_orthants() -> None:
    sides = OrthantSides(3)
    assert list(sides) == [Side([(j, fmpz(-1))], fmpz(0)) for j in range(3)]
    assert sides.of(2) == [sides[2]]
    with pytest.raises(IndexError):
        sides[3]


def test_tables_that_read_alike() -> None:
    table = Table(3, 2, 4, 1, 1, 0, "zero")
    assert table.reads_like(Table(3, 2, 4, 1, 1, 0, "circular"), plenty())
    assert not table.reads_like(Table(3, 2, 4, 1, 1, 1, "circular"), plenty())
    assert not table.reads_like(Table(2, 2, 4, 1, 1, 0, "zero"), plenty())
