"""Ranks of filters, compared with those of the matrices that are written out row by row."""

import io
import itertools
import random
from typing import Any

import pytest
from flint import fmpq, fmpz

from monic_checker import Array, InvalidProof, check
from monic_checker.opposite import _opposite
from tests.monic_checker.examples import Example
from tests.monic_checker.slow_check import evaluate_map
from tests.monic_checker.tiny_prover import doubles, named, rank

#: 1008 is divisible by 2, 3, 4 and 6: frequencies are looked at where filters are circular.
PRIME = 1009


def accepts(header: dict[str, Any], arrays: list[Array]) -> bool:
    try:
        check(io.BytesIO(Example(header, b"", arrays).proof), arrays)
    except InvalidProof:
        return False
    return True


def mirrored(count: int, grid: dict[str, Any], kernel: Array) -> dict[str, Any]:
    """(y, -y) for a convolution y: injective exactly where it has full column rank."""
    channels, *sides = grid["shape"]
    size = channels
    for side in sides:
        size *= side
    steps = [["input", size], ["convolution", 0, 0, grid], ["scale", 1, 1], ["concat", 1, 2]]
    arrays = [named(kernel), {"values": ["-1"], "shape": [1]}]
    subject = {
        "kind": "relu-layer",
        "arrays": arrays,
        "map": steps,
        "domain": {"kind": "whole"},
    }
    pairs = [[i, count + i] for i in range(count)]
    evidence = {"kind": "paired-filters", "prime": PRIME, "pairs": pairs}
    return {"claim": "INJECTIVE", "assumption": None, "subject": subject, "evidence": evidence}


@pytest.mark.parametrize("mode", ["zero", "circular"])
@pytest.mark.parametrize("channels", [1, 2])
def test_filters_have_the_rank_of_their_rows(mode: str, channels: int) -> None:
    generator = random.Random(channels)
    found = set()
    shapes = itertools.product((1, 2, 3, 4), (1, 2), ((0, 0), (0, 1), (1, 1)), range(4))
    for count, stride, padding, _ in shapes:
        taps, side = generator.choice([(2, 4), (3, 4), (2, 6), (3, 3)])
        numbers = [
            float(generator.choice([-1, 0, 1, 1, 2])) for _ in range(count * channels * taps)
        ]
        kernel = Array("kernel", "float64", (count, channels, taps), doubles(numbers))
        grid: dict[str, Any] = {"shape": [channels, side], "stride": [stride], "dilation": [1]}
        grid |= {"padding": [list(padding)], "groups": 1, "mode": mode}
        header = mirrored(count, grid, kernel)
        rows = evaluate_map(header["subject"], [kernel])
        holds = rank([row[:-1] for row in rows]) == channels * side
        assert accepts(header, [kernel]) == holds, (grid, numbers)
        found.add(holds)
    assert found == {True, False}


@pytest.mark.parametrize("less", ["0", "1/2", "51/100", "1"])
def test_shifts_of_both_signs_add_up(less: str) -> None:
    """(1, 2) with bias 1 and (-3/2, -3) with bias -1 - v leave no gap while v <= 1/2."""
    kernel = Array("kernel", "float64", (2, 1, 2), doubles([1.0, 2.0, -1.5, -3.0]))
    grid: dict[str, Any] = {
        "shape": [1, 3],
        "stride": [1],
        "dilation": [1],
        "padding": [[1, 0]],
        "groups": 1,
    }
    header = mirrored(2, grid | {"mode": "circular"}, kernel)
    shifts = [{"values": ["1", "-1"], "shape": [2]}, {"values": ["0", less], "shape": [2]}]
    header["subject"]["arrays"][1:] = shifts
    header["subject"]["map"][2:] = [["channel-shift", 1, 1], ["channel-shift-negative", 2, 2]]
    header["evidence"]["pairs"] = [[0, 1]]
    assert accepts(header, [kernel]) == (less in ("0", "1/2"))


@pytest.mark.parametrize(
    ("row", "other", "slack"),
    [
        ([1, 2, 1], [-2, -4, -1], 1),
        ([1, 2, 1], [-2, -4, -3], -1),
        ([0, 2, 1], [0, -4, -2], 0),
        ([1, 2, 1], [-2, -3, -1], None),
        ([1, 2, 1], [2, 4, -1], None),
        ([0, 2, 1], [1, -4, -2], None),
        ([0, 0, 1], [0, 0, -1], None),
        ([1, 0, 1], [0, 0, -1], None),
    ],
)
def test_rows_of_bounds_are_opposite(row: list[int], other: list[int], slack: int | None) -> None:
    first, second = ([fmpz(entry) for entry in entries] for entries in (row, other))
    if slack is None:
        with pytest.raises(InvalidProof):
            _opposite(first, second, "evidence")
    else:
        assert _opposite(first, second, "evidence") == (fmpq(2), fmpq(slack))
