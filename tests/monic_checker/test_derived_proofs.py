"""Arrays that a proof computes: what must hold of them, and attacks on them."""

import io
import json
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from monic_checker import Array, Claim, InvalidProof, MalformedProof, OverBudget, check
from tests.monic_checker.tiny_prover import named

TREE = bytes.fromhex("02000001")  # rows 0 and 1 are opposite: the worked example's tree


def doubles(name: str, shape: tuple[int, ...], *numbers: float) -> Array:
    return Array(name, "float64", shape, struct.pack(f"<{len(numbers)}d", *numbers))


W = doubles("w", (2, 1), 1.0, -1.0)
G = doubles("gamma", (2,), 3.0, 0.5)
V = doubles("variance", (2,), 2.0, 7.0)
Q = Array("q", "int8", (2, 1), struct.pack("<2b", 3, -4))
S = Array("s", "float32", (2,), struct.pack("<2f", 0.1, 0.25))
Z = Array("z", "int8", (2,), struct.pack("<2b", 1, 1))

FACTORS = {"factors": [1, 2], "epsilon": "1/100", "shape": [2]}
INTEGERS = {"dequantized": [0, 1, 2], "axis": 0, "shape": [2, 1]}


def header(entries: list[Any], steps: list[Any]) -> dict[str, Any]:
    subject = {"kind": "relu-layer", "arrays": entries, "map": [["input", 1], *steps]}
    return {
        "claim": "INJECTIVE",
        "assumption": None,
        "subject": subject | {"domain": {"kind": "whole"}},
        "evidence": {"kind": "tree"},
    }


def normed() -> dict[str, Any]:
    """[1; -1] under a batch norm."""
    entries = [named(W), named(G), named(V), dict(FACTORS)]
    return header(entries, [["linear", 0, 0], ["channel-scale", 3, 1]])


def dequantised() -> dict[str, Any]:
    """The weights (2 s_0, -5 s_1)."""
    entries = [named(Q), named(S), named(Z), dict(INTEGERS)]
    return header(entries, [["linear", 3, 0]])


def attempt(document: dict[str, Any], *arrays: Array) -> Claim:
    text = b"monic-proof 1\n" + json.dumps(document).encode() + b"\n" + TREE
    return check(io.BytesIO(text), arrays)


def test_factors_are_computed_and_named() -> None:
    claim = attempt(normed(), W, G, V)
    for words in (
        "A3 = A1 / sqrt(A2 + 1/100), each rounded to 53 bits",
        "A1 = 'gamma', A2 = 'variance'",
        "'gamma' (float64 [2]",
    ):
        assert words in claim.sentence()
    assert {array.name for array in claim.arrays} == {"w", "gamma", "variance"}


def test_integers_are_scaled_and_named() -> None:
    claim = attempt(dequantised(), Q, S, Z)
    assert "A3 = A1 times (A0 - A2) along axis 0" in claim.sentence()
    without = dequantised()
    without["subject"]["arrays"][3]["dequantized"] = [0, 1]
    assert "A3 = A1 times A0 along axis 0" in attempt(without, Q, S, Z).sentence()


def test_a_collision_of_dequantised_weights_is_exact() -> None:
    """0.25 as a float32, and 0.1 as the float32 next to it: w = 2 s; y = 2 w + 1 at two points."""
    document = dequantised() | {"claim": "NOT_INJECTIVE"}
    document["subject"]["map"] = [["input", 2], ["linear-transposed", 3, 0]]
    first, second = Fraction(struct.unpack("<f", struct.pack("<f", 0.1))[0]) * 2, Fraction(-5, 4)
    document["evidence"] = {
        "kind": "collision",
        "x": ["0", "0"],
        "other": [str(-second), str(first)],
    }
    text = b"monic-proof 1\n" + json.dumps(document).encode() + b"\n"
    assert check(io.BytesIO(text), [Q, S, Z]).claim == "NOT_INJECTIVE"
    document["evidence"]["other"] = ["5/4", "1/5"]  # 0.1 as a decimal
    text = b"monic-proof 1\n" + json.dumps(document).encode() + b"\n"
    with pytest.raises(InvalidProof, match="different outputs"):
        check(io.BytesIO(text), [Q, S, Z])


def test_a_negative_factor_flips_a_row() -> None:
    flipped = doubles("gamma", (2,), 3.0, -0.5)
    document = normed()
    document["subject"]["arrays"][1] = named(flipped)
    with pytest.raises(InvalidProof, match="wrong signs"):
        attempt(document, W, flipped, V)


def test_other_gammas_and_variances_are_invalid() -> None:
    for array in (W, G, V):
        others = [other for other in (W, G, V) if other is not array]
        with pytest.raises(InvalidProof, match="the model has no float64 array"):
            attempt(normed(), *others)


@pytest.mark.parametrize("variance", [-1.0, -0.01, -1e300])
def test_roots_that_do_not_exist_are_invalid(variance: float) -> None:
    bad = doubles("variance", (2,), 2.0, variance)
    document = normed()
    document["subject"]["arrays"][2] = named(bad)
    if variance == -0.01:  # its float is not -1/100
        document["subject"]["arrays"][3]["epsilon"] = str(-Fraction(variance))
    with pytest.raises(InvalidProof, match="positive once epsilon is added") as caught:
        attempt(document, W, G, bad)
    assert caught.value.address == "subject.arrays[3]"


def _change(**changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["subject"]["arrays"][3].update(changes)


def _drop(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["subject"]["arrays"][3].pop(key)


FACTOR_CHANGES = [
    *(_change(factors=value) for value in ([1], [1, 2, 0], [1, 3], [3, 2], [1, -1], "12", None)),
    *(_change(factors=value) for value in ([0, 2], [1, True])),
    *(_change(epsilon=value) for value in (0, "1/0", "x", None, "1e-5")),
    *(_change(shape=value) for value in ([1], [2, 1], [], 2)),
    *(_change(more=1), _change(values=["1", "1"]), _drop("epsilon"), _drop("shape")),
]


@pytest.mark.parametrize("change", FACTOR_CHANGES)
def test_malformed_factors(change: Callable[[dict[str, Any]], object]) -> None:
    document = normed()
    document["subject"]["arrays"][0] = {"values": ["1", "-1"], "shape": [2, 1]}
    change(document)
    if document["subject"]["arrays"][3].get("factors") == [0, 2]:
        document["subject"]["arrays"][0] = {"values": ["1", "1", "1"], "shape": [3]}
    with pytest.raises(MalformedProof) as caught:
        attempt(document, G, V)
    assert caught.value.address.startswith("subject.arrays[3]")


INTEGER_CHANGES = [
    *(_change(dequantized=value) for value in ([0], [0, 1, 2, 1], [3, 1], [0, 9], [], None)),
    *(_change(axis=value) for value in (1, 2, -1, "0", None, True)),
    *(_change(shape=value) for value in ([2], [1, 2], [2, 1, 1])),
    *(_change(more=1), _change(epsilon="1"), _drop("axis"), _drop("shape")),
]


@pytest.mark.parametrize("change", INTEGER_CHANGES)
def test_malformed_integers(change: Callable[[dict[str, Any]], object]) -> None:
    document = dequantised()
    change(document)
    with pytest.raises(MalformedProof) as caught:
        attempt(document, Q, S, Z)
    assert caught.value.address.startswith("subject.arrays[3]")


def test_one_scale_for_all_needs_no_axis_of_its_size() -> None:
    one = Array("s", "float32", (), struct.pack("<f", 0.5))
    entry = INTEGERS | {"dequantized": [0, 1], "axis": 1}
    document = header([named(Q), named(one), entry], [["linear", 2, 0]])
    assert attempt(document, Q, one).claim == "INJECTIVE"


def test_a_factor_that_asks_for_much_memory_is_refused() -> None:
    long = {"values": ["1/" + "7" * 10**6], "shape": [1]}
    many = {"values": ["1"] * 10**4, "shape": [10**4]}
    document = header(
        [long, many, {"factors": [0, 1], "epsilon": "1", "shape": [10**4]}],
        [["select", [0] * 10**4, 0], ["scale", 2, 1]],
    )
    with pytest.raises(OverBudget, match="memory"):
        attempt(document)
