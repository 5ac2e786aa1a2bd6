"""The sentence of a claim, with its digest, says which function was proved."""

import copy
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monic.certificate import digest_of_proof, subject_digest
from monic.errors import MalformedProof as Unreadable
from monic_checker import InvalidProof, MalformedProof, check, check_files
from monic_checker.bottleneck import Bottleneck
from monic_checker.canonical import canonical_form
from monic_checker.canonical import subject_digest as checked_digest
from monic_checker.claim import state_claim
from monic_checker.evidence import Findings
from monic_checker.header import Header, read_header
from monic_checker.network import NetworkSubject, read_network
from monic_checker.subject import Subject, read_subject
from tests.monic_checker.budgets import plenty
from tests.monic_checker.examples import EXAMPLES, SPEC_ARRAY, SPEC_EXAMPLE

CORPUS = Path(__file__).parents[1] / "certificates"
FILES = sorted(CORPUS.rglob("*.monic"))


def understood(proof: bytes) -> str:
    """The digest by the checker, of a proof that need not hold."""
    return checked_digest(read_header(io.BytesIO(proof), plenty()).subject)


@pytest.mark.parametrize("proof", FILES, ids=lambda p: str(p.relative_to(CORPUS).with_suffix("")))
def test_two_roads_agree_on_the_corpus(proof: Path) -> None:
    try:
        expected = understood(proof.read_bytes())
    except (MalformedProof, InvalidProof):
        return
    assert digest_of_proof(proof) == expected
    if proof.parent.name == "valid":
        claim = check_files(proof, [proof.with_suffix(".npz")])
        assert claim.subject_digest == expected
        assert f" Subject digest: {expected}." in claim.sentence()


def test_the_worked_example_by_hand() -> None:
    """What the specification says, letter by letter."""
    text = (
        'monic-subject 1\n{"arrays":[{"dtype":"float64","sha256":"b74fce6cd8bcafd014a1ce8c6585beac'
        '59c5f4098a6d499f5d1d42d464146633","shape":[2,1]}],"domain":{"kind":"whole"},'
        '"kind":"relu-layer","map":[["input",1],["linear",0,0]]}'
    )
    claim = check(io.BytesIO(SPEC_EXAMPLE), [SPEC_ARRAY])
    assert claim.subject_digest == hashlib.sha256(text.encode()).hexdigest()


def test_how_a_rational_is_written_does_not_matter() -> None:
    for text, same in (("1/2", "2/4"), ("0", "-0/7"), ("-3", "-09/3")):
        digests = set()
        for number in (text, same):
            subject = {
                "kind": "relu-layer",
                "arrays": [{"values": [number], "shape": [1]}],
                "map": [["input", 1], ["shift", 0, 0], ["combine", 1, [[[0, number]]], 1]],
                "domain": {"kind": "polyhedron", "A": [["1/3"]], "c": [number]},
            }
            header = EXAMPLES["point"].header | {"claim": "NOT_INJECTIVE", "subject": subject}
            header["evidence"] = {"kind": "point", "x": ["-9"]}
            proof = b"monic-proof 1\n" + json.dumps(header).encode() + b"\n"
            digests |= {subject_digest(subject), understood(proof)}
        assert len(digests) == 1


def test_text_that_is_no_proof(tmp_path: Path) -> None:
    path = tmp_path / "x.monic"
    for text in (b"", b"[]", b"{}", b'{"subject": {"map": [["combine"]]}}', b'{"subject": 1/0}'):
        path.write_bytes(b"monic-proof 1\n" + text)
        with pytest.raises(Unreadable):
            digest_of_proof(path)


GRID = {
    "shape": [2, 4, 4],
    "stride": [2, 2],
    "dilation": [1, 1],
    "padding": [[1, 1], [1, 1]],
    "groups": 1,
    "mode": "zero",
}
BIG = {"values": [str(k) for k in range(36)], "shape": [2, 2, 3, 3]}
SUBJECTS: list[dict[str, Any]] = [
    {
        "kind": "relu-layer",
        "arrays": [BIG, {"values": ["1", "2"], "shape": [2]}],
        "map": [
            ["input", 32],
            ["convolution", 0, 0, GRID],
            [
                "transposed-convolution",
                0,
                1,
                GRID | {"shape": [2, 2, 2], "output_padding": [1, 0]},
            ],
            ["channel-shift", 1, 2],
            ["select", [*range(0, 20, 2), 3], 3],
        ],
        "domain": {"kind": "ball", "radius": "7/2", "center": ["1"] * 32},
    },
    {
        "kind": "affine",
        "arrays": [
            {"values": ["1", "2", "3", "4"], "shape": [2, 2]},
            {"values": ["4", "9"], "shape": [2]},
            {"factors": [1, 1], "epsilon": "1/100", "shape": [2]},
            {"dequantized": [0, 1], "axis": 1, "shape": [2, 2]},
        ],
        "map": [
            ["input", 2],
            ["linear", 0, 0],
            ["linear-transposed", 3, 1],
            ["quotient", 2, 2],
            ["concat", 1, 3],
            ["combine", 2, [[[0, "1/2"], [1, "-2"]], []], 4],
            ["centre", 2, 5],
            ["add", 4, 6],
        ],
        "domain": {"kind": "box", "lower": ["-1", None], "upper": ["5/3", "7"]},
    },
    {
        "kind": "affine",
        "arrays": [{"values": ["1"] * 40, "shape": [40]}],
        "map": [["input", 40], ["scale", 0, 0]],
        "domain": {"kind": "box", "lower": ["-1"] * 40, "upper": ["1"] * 40},
    },
    {
        "kind": "network",
        "stages": [
            {
                "activation": "leaky-relu",
                "carried": 1,
                "slope": 0,
                "arrays": [{"values": ["1/5", "1/7"], "shape": [2]}],
                "map": [["input", 3], ["select", [2, 0, 1], 0]],
            },
            {
                "activation": "augmented-normalization",
                "carried": 1,
                "slope": None,
                "groups": 1,
                "epsilon": "1/10",
                "arrays": [],
                "map": [["input", 3]],
            },
        ],
        "domain": {
            "kind": "polyhedron",
            "A": [["1", "2", "3"], ["-1", "0", "1"]],
            "c": ["5", "6"],
        },
    },
]


def changes(value: Any) -> Iterator[Any]:
    """Every value that differs in one place."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from (value | {key: other} for other in changes(entry))
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            yield from ([*value[:place], x, *value[place + 1 :]] for x in changes(entry))
            if place and value[place] != value[place - 1]:
                yield [*value[: place - 1], entry, value[place - 1], *value[place + 1 :]]
        yield value[:-1]
        yield [*value, *value[-1:]]
    elif isinstance(value, int):
        yield from {value + 1, value - 1, 2 * value} - {value}
    elif value is None:
        yield "1/3"
        yield 0
    elif value[-1:].isdigit():
        yield from {f"{value}1", "-" + value, f"{value}/9" if "/" not in value else "3"} - {
            "-0",
            "0/9",
        }
        yield None
    else:
        yield from {"zero", "circular", "reflect", "replicate", "affine", "relu-layer"} - {value}
        yield from {"linear", "linear-transposed", "shift", "shift-negative", "scale"} - {value}
        yield from {"quotient", "channel-scale", "channel-shift", "concat", "add"} - {value}
        yield from {"relu", "identity", "tanh", "one-to-one", "orthant", "whole"} - {value}


def said(subject: dict[str, Any]) -> tuple[str, str] | None:
    """The sentence without its digest, and the digest; None when it is no subject."""
    try:
        if subject["kind"] == "network":
            read: Subject | NetworkSubject = read_network(subject, plenty())
        else:
            read = read_subject(subject, plenty())
    except MalformedProof:
        return None
    header = Header("NOT_INJECTIVE", None, read, "bottleneck", Bottleneck(0, []))
    claim = state_claim(header, [None] * len(read.arrays), Findings("none"))
    assert claim.subject_digest == subject_digest(subject)
    return claim.sentence().replace(claim.subject_digest, ""), claim.subject_digest


@pytest.mark.parametrize("place", range(len(SUBJECTS)))
def test_subjects_that_differ_anywhere_are_told_apart(place: int) -> None:
    base = SUBJECTS[place]
    texts, digests = set(), set()
    for other in (base, *changes(copy.deepcopy(base))):
        if (words := said(other)) is not None:
            texts.add(json.dumps(other, sort_keys=True))
            digests.add(words[1])
    assert len(texts) > 20
    assert len(digests) == len(texts)


def test_short_subjects_are_told_apart_by_words_alone() -> None:
    """Nothing of these is long, so that the sentence says it all."""
    for base in (SUBJECTS[1], SUBJECTS[3]):
        others = {json.dumps(other): other for other in (base, *changes(base))}
        sentences = [said(other) for other in others.values()]
        words = [sentence[0] for sentence in sentences if sentence is not None]
        assert len(set(words)) + 1 == len(words) > 20  # one has an array that no step uses


def test_the_canonical_form_is_a_subject_itself() -> None:
    for base in SUBJECTS:
        words = said(base)
        again = json.loads(_canonical_text(base))
        assert again.keys() == base.keys()
        assert said(again) == words


def _canonical_text(subject: dict[str, Any]) -> str:
    read = read_network if subject["kind"] == "network" else read_subject
    return "".join(canonical_form(read(subject, plenty())))
