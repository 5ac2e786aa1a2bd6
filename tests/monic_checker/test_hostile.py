"""Hostile files: only the errors that are documented may escape, in bounded time and memory."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monic_checker import Array, Claim, InvalidProof, MalformedProof, OverBudget, check
from tests.monic_checker.examples import EXAMPLES, SPEC_ARRAY, SPEC_EXAMPLE
from tests.monic_checker.tiny_prover import VERSION, Layer

WHOLE = {"kind": "whole"}


def attempt(
    proof: bytes, arrays: list[Array]
) -> Claim | InvalidProof | MalformedProof | OverBudget:
    try:
        return check(io.BytesIO(proof), arrays)
    except (InvalidProof, MalformedProof, OverBudget) as error:
        str(error).encode()  # must be printable everywhere
        return error


def with_subject(subject: dict[str, Any], evidence: dict[str, Any], claim: str) -> bytes:
    header = {"claim": claim, "assumption": None, "subject": subject, "evidence": evidence}
    return VERSION + json.dumps(header).encode() + b"\n"


def with_map(steps: list[Any], arrays: list[Any]) -> bytes:
    subject = {"kind": "relu-layer", "arrays": arrays, "map": steps, "domain": WHOLE}
    return with_subject(subject, {"kind": "tree"}, "INJECTIVE")


@settings(max_examples=500)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    assert isinstance(attempt(data, []), MalformedProof)
    assert isinstance(attempt(VERSION + data, []), MalformedProof)
    assert isinstance(attempt(VERSION + data + b"\n", []), MalformedProof)


@given(st.sampled_from(sorted(EXAMPLES)), st.binary(max_size=60))
def test_random_bodies(name: str, body: bytes) -> None:
    example = EXAMPLES[name]
    attempt(example.proof[: len(example.proof) - len(example.body)] + body, example.arrays)


@pytest.mark.thorough
@settings(max_examples=1000)
@given(
    st.sampled_from(sorted(EXAMPLES)),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_changed_bytes(name: str, edits: list[tuple[int, int]]) -> None:
    proof = bytearray(EXAMPLES[name].proof)
    for place, byte in edits:
        proof[place % len(proof)] = byte
    attempt(bytes(proof), EXAMPLES[name].arrays)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=300)
@given(json_values, st.sampled_from(["claim", "assumption", "subject", "evidence", None]))
def test_any_json(value: Any, key: str | None) -> None:
    header = EXAMPLES["tree on box"].header
    document = value if key is None else header | {key: value}
    data = VERSION + json.dumps(document).encode() + b"\n"
    attempt(data, EXAMPLES["tree on box"].arrays)


@pytest.mark.parametrize("letter", ["[", '{"a":'])
def test_deep_nesting_is_malformed(letter: str) -> None:
    data = VERSION + letter.encode() * 200_000 + b"\n"
    assert isinstance(attempt(data, []), MalformedProof)


def test_a_header_without_end_is_malformed() -> None:
    assert isinstance(attempt(VERSION + b" " * 10**6, []), MalformedProof)


ONE = {"values": ["1"], "shape": [1]}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("steps", "arrays"),
    [
        ([["input", 10**17]], []),
        ([["input", 10**17], ["shift", 0, 0]], [ONE]),
        ([["input", 10**6]], []),
        ([["input", 10**6], ["scale", 0, 0]], [ONE]),
        ([["input", 1], *(["concat", i, i] for i in range(60))], []),
        ([["input", 1], *(["concat", i, i] for i in range(35))], []),
        ([["input", 1], ["concat", *[0] * 200_000], ["concat", *[1] * 200_000]], []),
        ([["input", 10**17], ["select", [0], 0]], []),
        ([["input", 10**6], ["select", [0], 0]], []),
        ([["input", 10**17], ["combine", 1, [[[0, "1/3"]]], 0]], []),
        ([["input", 10**6], ["combine", 1, [[]], 0]], []),
        ([["input", 10**6], ["combine", 10**6, [[[0, "1"]] * 2] * 10**4, 0]], []),
        ([["input", 10**6], ["centre", 1, 0]], []),
        ([["input", 1], *(["combine", 1, [[[0, "7" * 10**5]]], i] for i in range(10))], []),
        ([["input", 1], ["combine", 1, [[[0, f"1/{p}"] for p in range(1, 10**5)]], 0]], []),
        ([["input", 2**20], *(["linear", 0, 0],) * 10_000], [ONE | {"shape": [1, 2**20]}]),
        ([["input", 10**5], *(["shift", 0, i] for i in range(10**4))], [ONE]),
        ([["input", 1], ["linear", 0, 0]], [ONE | {"shape": [10**17, 10**17]}]),
        ([["input", 1], ["linear", 0, 0]], [ONE | {"shape": [1] * 10**5}]),
        ([["input", 1], ["linear", 0, 0]], [ONE | {"shape": [0, 1], "values": []}]),
        ([["input", 1], ["linear", 0, 0]], [ONE | {"shape": [10**17, 0], "values": []}]),
        (
            [["input", 1], *(["scale", 0, i] for i in range(10**5))],
            [{"values": ["7" * 10**6], "shape": [1]}],
        ),
        (
            [["input", 5000], ["scale", 0, 0]],
            [{"values": ["7" * 10**6], "shape": [1]}],
        ),
    ],
)
def test_small_files_that_ask_for_very_much_are_refused(
    steps: list[Any], arrays: list[Any]
) -> None:
    assert isinstance(attempt(with_map(steps, arrays), []), MalformedProof | OverBudget)


def test_an_array_that_is_named_often_is_read_once() -> None:
    layer = Layer([[1.0, 0.0], [-1.0, 0.0]])
    named = layer.header({"kind": "tree"})["subject"]["arrays"][0]
    proof = with_map([["input", 1], ["linear", 4999, 0]], [named] * 5000)
    claim = attempt(proof + bytes.fromhex("02000001"), layer.arrays)
    assert isinstance(claim, Claim)
    assert len(claim.arrays) == 1


@pytest.mark.thorough
def test_denominators_whose_common_multiple_is_long_are_refused() -> None:
    # each number is short, but written over one denominator they would take 10^11 digits
    n = 20_000
    rationals = [f"1/{10**150 + k}" for k in range(n)]
    header = EXAMPLES["point"].header
    subject = header["subject"] | {
        "arrays": [{"values": ["1"], "shape": [1]}, {"values": ["1"] * n, "shape": [1, n]}],
        "map": [["input", n], ["linear", 1, 0]],
        "domain": {"kind": "polyhedron", "A": [rationals], "c": ["1"]},
    }
    evidence = {"kind": "collision", "x": rationals, "other": ["0"] * n}
    attempt_ = attempt(with_subject(subject, evidence, "NOT_INJECTIVE"), [])
    assert isinstance(attempt_, OverBudget)


def test_long_rationals_are_read() -> None:
    digits = "1" + "0" * 50_000 + "1"
    layer = Layer([[1.0, 0.0]])
    evidence = {"kind": "collision", "x": [f"-{digits}/7"], "other": [f"-1/{digits}"]}
    claim = attempt(layer.proof(evidence, "NOT_INJECTIVE"), layer.arrays)
    assert isinstance(claim, Claim)
    assert len(claim.sentence()) < 2000


def test_long_multipliers_are_read_in_linear_time() -> None:
    layer = Layer([[1.0, 2.0]], {"kind": "ball", "radius": "1", "center": ["0"]})
    long = b"\x80" * 10**6 + b"\x01"
    body = bytes([1, 0, 0]) + long
    claim = attempt(layer.proof({"kind": "tree"}, body=body), layer.arrays)
    assert isinstance(claim, Claim)


@pytest.mark.parametrize(
    "number", ["1/0", "1/-1", "0x1", "1_0", "١", " 1", "1 ", "1\n", "--1", "/"]
)
def test_rationals_are_digits_only(number: str) -> None:
    layer = Layer([[1.0, 0.0]])
    evidence = {"kind": "point", "x": [number]}
    found = attempt(layer.proof(evidence, "NOT_INJECTIVE"), layer.arrays)
    assert isinstance(found, MalformedProof)
    assert found.address == "evidence.x[0]"


class Endless(io.RawIOBase):
    """A stream that goes on with the same bytes for ever."""

    def __init__(self, start: bytes, more: bytes) -> None:
        self._pending = start
        self._more = more

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), 4096)
        while len(self._pending) < size:
            self._pending += self._more * 64
        buffer[:size], self._pending = self._pending[:size], self._pending[size:]
        return size


@pytest.mark.parametrize("more", [b"\x02\x00\x00\x01", b"\x00\x01", b"\xff"])
def test_an_endless_body_is_left_soon(more: bytes) -> None:
    stream = io.BufferedReader(Endless(SPEC_EXAMPLE, more))
    with pytest.raises(MalformedProof):
        check(stream, [SPEC_ARRAY])


def cube_tree(depth: int, n: int) -> Iterator[bytes]:
    """The tree for the rows e_0, -e_0, e_1, -e_1, ...: one of each pair is active."""
    if depth < n:
        yield bytes([2, 0, 2 * depth, 2 * depth + 1])
        yield from cube_tree(depth + 1, n)
        yield from cube_tree(depth + 1, n)


class Pieces(io.RawIOBase):
    """A stream of pieces that are made when they are read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = next(self._pieces, b"")
        buffer[: len(piece)] = piece
        return len(piece)


def cube(n: int) -> tuple[bytes, list[Array]]:
    rows = [[s * float(i == j) for i in range(n)] + [0.0] for j in range(n) for s in (1, -1)]
    layer = Layer(rows)
    return layer.proof({"kind": "tree"}), layer.arrays


def peak_memory(n: int) -> int:
    head, arrays = cube(n)

    def pieces() -> Iterator[bytes]:
        yield from (head[i : i + 1000] for i in range(0, len(head), 1000))
        yield from cube_tree(0, n)

    tracemalloc.start()
    try:
        claim = check(io.BufferedReader(Pieces(pieces())), arrays)
        assert claim.findings.nodes == 2 ** (n + 1) - 1
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_nodes() -> None:
    assert peak_memory(12) < peak_memory(6) + 2**19
