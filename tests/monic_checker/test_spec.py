"""The specification's worked example, byte for byte."""

import hashlib
import io
import re
from pathlib import Path

import pytest

from monic_checker import Array, Claim, InvalidProof, MalformedProof, check
from tests.monic_checker.examples import SPEC_ARRAY, SPEC_EXAMPLE

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "src" / "monic" / "certificate" / "SPEC.md"


def checked(proof: bytes) -> Claim:
    return check(io.BytesIO(proof), [SPEC_ARRAY])


def test_is_what_the_specification_prints() -> None:
    block = re.search(r"```\n(.*?)```|((?: {4}.*\n)+)", SPEC.read_text().split("## 6.")[1])
    assert block is not None
    text = block[1] or re.sub("(?m)^ {4}", "", block[2])
    version, header, *_ = text.encode().split(b"\n")
    assert SPEC_EXAMPLE.split(b"\n")[:2] == [version, header]
    assert bytes.fromhex("02000001") == SPEC_EXAMPLE[-4:]


def test_holds() -> None:
    claim = checked(SPEC_EXAMPLE)
    assert (claim.claim, claim.kind, claim.m, claim.n) == ("INJECTIVE", "relu-layer", 2, 1)
    assert (claim.evidence, claim.findings.nodes, claim.findings.relations) == ("tree", 3, 1)
    assert claim.arrays[0].sha256 == hashlib.sha256(SPEC_ARRAY.data).hexdigest()


def test_sentence_names_claim_weights_domain_and_assumption() -> None:
    sentence = checked(SPEC_EXAMPLE).sentence()
    for words in (
        "is injective on the whole of R^1",
        "ReLU(W x + b), from R^1 to R^2",
        "'weight' (float64 [2, 1], SHA-256 b74fce6cd8bcafd0",
        "v0 = x, v1 = A0 v0, A0 = 'weight'",
        "Assumption: none",
        "3 nodes with 1 relations",
    ):
        assert words in sentence


@pytest.mark.parametrize("length", range(len(SPEC_EXAMPLE)))
def test_truncated_at_every_byte_is_malformed(length: int) -> None:
    with pytest.raises(MalformedProof):
        checked(SPEC_EXAMPLE[:length])


@pytest.mark.parametrize("more", [b"\0", b"\n", b"\x02\0\0\x01"])
def test_nothing_may_follow(more: bytes) -> None:
    with pytest.raises(MalformedProof, match="body: expected the file to end here"):
        checked(SPEC_EXAMPLE + more)


def test_other_weights_are_invalid() -> None:
    other = Array("weight", "float64", (2, 1), SPEC_ARRAY.data[::-1])
    with pytest.raises(InvalidProof, match="no float64 array of shape") as caught:
        check(io.BytesIO(SPEC_EXAMPLE), [other])
    assert caught.value.address == "subject.arrays[0]"


@pytest.mark.parametrize(
    ("body", "address", "words"),
    [
        ("0000", "node 0", "a relation without rows"),
        ("0001", "node 0", "no record at distance 1"),
        ("010000", "node 0", "no circuit"),
        ("020000", "node 0", "ends before"),
        ("02000000", "node 0", "twice"),
        ("02000003", "node 0", "below 3"),
        ("0200000102", "body", "to end here"),
        ("0300000102", "node 0", "wrong signs"),
        ("0400", "node 0", "at most 3"),
        ("82000000 01", "node 0", "superfluous"),
        ("ffffffffffffffffff01", "node 0", "over 9 bytes"),
        ("02000002", "node 0", "no circuit"),
    ],
)
def test_other_bodies_are_refused(body: str, address: str, words: str) -> None:
    head = SPEC_EXAMPLE[:-4]
    with pytest.raises((InvalidProof, MalformedProof), match=words) as caught:
        checked(head + bytes.fromhex(body))
    assert caught.value.address == address


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("monic-proof 1", "monic-proof 2"),
        ("monic-proof 1\n", "monic-proof 1\r\n"),
        ('"assumption": null', '"assumption": "general-position"'),
        ('"assumption": null, ', ""),
        (
            '{"claim": "INJECTIVE", "assumption": null,',
            '{"assumption": null, "claim": "INJECTIVE",',
        ),
        ('"claim": "INJECTIVE"', '"claim": "INJECTIVE", "claim": "INJECTIVE"'),
        ('"claim": "INJECTIVE"', '"claim": "NOT_INJECTIVE"'),
        ('["input", 1]', '["input", true]'),
        ('["input", 1]', '["input", 1.0]'),
        ('["input", 1]', '["input", 1e0]'),
        ('["input", 1]', '["input", NaN]'),
        ('["input", 1]', '["input", Infinity]'),
        ('["input", 1]', '["input", 1], ["input", 1]'),
        ('["input", 1]', '["input", 2]'),
        ('["input", 1]', '["input", 100000000000000000000]'),
        ('["input", 1]', '["input", 0]'),
        ('["linear", 0, 0]', '["linear", 0, 1]'),
        ('["linear", 0, 0]', '["linear", 1, 0]'),
        ('["linear", 0, 0]', '["linear", 0, 0, 0]'),
        ('["linear", 0, 0]', '["linear-transposed", 0, 0]'),
        ('["linear", 0, 0]', '["bend", 0, 0]'),
        ('["linear", 0, 0]', '["concat"]'),
        ('["linear", 0, 0]', '["add"]'),
        ('["linear", 0, 0]', '["select", [], 0]'),
        ('["linear", 0, 0]', '["select", [1], 0]'),
        ('["linear", 0, 0]', '["select", [-1], 0]'),
        ('["linear", 0, 0]', '["linear", 0, 0], ["add", 0, 1]'),
        ('["linear", 0, 0]', '["combine", 1, [], 0]'),
        ('["linear", 0, 0]', '["combine", 1, [[[1, "1"]]], 0]'),
        ('["linear", 0, 0]', '["combine", 1, [[[0, 1]]], 0]'),
        ('["linear", 0, 0]', '["combine", 1, [[[0, "1/0"]]], 0]'),
        ('["linear", 0, 0]', '["combine", 1, [[0, "1"]], 0]'),
        ('["linear", 0, 0]', '["combine", 1, [[[0, "1", 0]]], 0]'),
        ('["linear", 0, 0]', '["combine", 1, [[[0, "1"]]], 1]'),
        ('["linear", 0, 0]', '["combine", 0, [[[0, "1"]]], 0]'),
        ('["linear", 0, 0]', '["combine", 2, [[[0, "1"]]], 0]'),
        ('["linear", 0, 0]', '["combine", [[[0, "1"]]], 0]'),
        ('["linear", 0, 0]', '["centre", 0, 0]'),
        ('["linear", 0, 0]', '["centre", 2, 0]'),
        ('["linear", 0, 0]', '["centre", 1, 1]'),
        ('["linear", 0, 0]', '["centre", true, 0]'),
        ('["linear", 0, 0]', "[]"),
        ('"kind": "whole"', '"kind": "whole", "radius": "1"'),
        ('"kind": "whole"', '"kind": ["whole"]'),
        ('"kind": "tree"', '"kind": "tree", "nodes": 3'),
        ('"kind": "tree"', '"kind": "collision"'),
        ("relu-layer", "affine"),
        ('"shape": [2, 1]', '"shape": [2, 1, 1]'),
        ('"shape": [2, 1]', '"shape": [2]'),
        ('"shape": [2, 1]', '"shape": [-2, -1]'),
        ("b74f", "B74F"),
        ("b74f", "b74"),
        ("float64", "float8"),
    ],
)
def test_other_headers_are_malformed(old: str, new: str) -> None:
    assert old.encode() in SPEC_EXAMPLE
    with pytest.raises(MalformedProof):
        checked(SPEC_EXAMPLE.replace(old.encode(), new.encode(), 1))
