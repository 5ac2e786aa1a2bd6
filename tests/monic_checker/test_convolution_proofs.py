"""Wrong proofs about convolutions, each refused for its own reason."""

import copy
import io
import json
from typing import Any

import pytest

from monic_checker import InvalidProof, MalformedProof, check
from tests.monic_checker.examples import EXAMPLES, Example
from tests.monic_checker.tiny_prover import doubles


def checked(example: Example) -> None:
    check(io.BytesIO(example.proof), example.arrays)


def changed(name: str, change: Any) -> Example:
    """A copy of an example whose header was changed in place."""
    example = EXAMPLES[name]
    header = copy.deepcopy(example.header)
    change(header)
    return Example(header, example.body, example.arrays)


def evidence(**fields: Any) -> Any:
    return lambda header: header["evidence"].update(fields)


def first_class(**fields: Any) -> Any:
    return lambda header: header["evidence"]["classes"][0].update(fields)


def grid(**fields: Any) -> Any:
    return lambda header: header["subject"]["map"][1][3].update(fields)


FACTORED, WRITTEN = "paired filters, factored", "paired filters, written out"
RANK = {"kind": "paired-filters", "prime": 1009, "pairs": [[0, 2]]}


@pytest.mark.parametrize(
    ("name", "change", "kind", "words"),
    [
        (FACTORED, evidence(pairs=[[0, 3], [1, 2]]), InvalidProof, "not opposite"),
        (FACTORED, evidence(pairs=[[0, 0], [1, 3]]), InvalidProof, "not opposite"),
        (FACTORED, evidence(pairs=[[0, 2], [0, 2]]), MalformedProof, "different first blocks"),
        (FACTORED, evidence(pairs=[]), MalformedProof, "at least one pair"),
        (FACTORED, evidence(pairs=[[0, 4]]), MalformedProof, "numbers below 4"),
        (FACTORED, evidence(prime=1001), MalformedProof, "expected a prime"),
        (FACTORED, evidence(prime=2**31 + 11), MalformedProof, "below"),
        (FACTORED, evidence(pairs=[[0, 2]], prime=2), MalformedProof, "at least 3"),
        (WRITTEN, grid(padding=[[4, 0]]), MalformedProof, "padding that fit"),
        (WRITTEN, grid(mode="zero", stride=[2]), InvalidProof, "rank"),
        (WRITTEN, grid(shape=[3, 1]), MalformedProof, "for 3 channels"),
        (WRITTEN, grid(padding=[[2**31 - 1, 2**31 - 1]], mode="zero"), MalformedProof, "fit"),
        ("windows by pairs", evidence(size=[2]), MalformedProof, "does not lie in the input"),
        ("windows by pairs", evidence(size=[]), MalformedProof, "each axis"),
        ("windows by pairs", first_class(windows=[[0, 0], [0, 1]]), InvalidProof, "cover"),
        ("windows by pairs", first_class(windows=[[1, 0]]), MalformedProof, "lie in the input"),
        ("windows by pairs", first_class(windows=[]), MalformedProof, "one window"),
        ("windows by pairs", first_class(proof={"kind": "point"}), MalformedProof, "one of"),
        ("windows by pairs", evidence(classes=[]), InvalidProof, "cover"),
        ("windows by pairs", first_class(proof={"kind": "tree"}), MalformedProof, "ends before"),
        ("windows by trees", first_class(proof=RANK), InvalidProof, "not opposite"),
        ("windows by opposite filters", first_class(proof=RANK), InvalidProof, "not full"),
        ("windows by opposite filters", first_class(windows=[[0, 0]]), InvalidProof, "cover"),
        ("windows by opposite filters", evidence(size=[1]), InvalidProof, None),
        (FACTORED, evidence(kind="tree"), MalformedProof, None),
    ],
)
def test_is_refused(name: str, change: Any, kind: type[Exception], words: str | None) -> None:
    checked(EXAMPLES[name])
    with pytest.raises(kind, match=words):
        checked(changed(name, change))


def test_biases_that_leave_a_gap_are_refused() -> None:
    example = EXAMPLES[WRITTEN]
    kernel, bias = example.arrays
    lower = type(bias)("bias", "float64", (2,), doubles([1.0, -1.5 - 2**-40]))
    header = copy.deepcopy(example.header)
    header["subject"]["arrays"][1] = {
        "dtype": "float64",
        "shape": [2],
        "sha256": lower.sha256,
    }
    with pytest.raises(InvalidProof, match="leave a gap"):
        checked(Example(header, b"", [kernel, lower]))
    header["subject"]["map"][2][0] = "channel-shift-negative"
    checked(Example(header, b"", [kernel, lower]))  # -1 and 1.5 + 2^-40 leave none


def test_one_filter_fewer_covers_less() -> None:
    example = changed(FACTORED, evidence(pairs=[[1, 3]]))
    checked(example)  # filter 1 by itself has full column rank
    example = changed(FACTORED, lambda h: grid(padding=[[0, 1]], stride=[3])(h))
    with pytest.raises(InvalidProof, match="rank"):
        checked(example)


def test_numbers_that_differ_within_a_filter_make_no_blocks() -> None:
    def spread(header: dict[str, Any]) -> None:
        values = {"values": ["-1/2"] * 5 + ["-1/4"], "shape": [6]}
        header["subject"]["arrays"].append(values)
        header["subject"]["map"][2] = ["scale", 2, 1]

    with pytest.raises(InvalidProof, match="one number for each filter"):
        checked(changed(FACTORED, spread))


def test_convolutions_of_anything_but_the_input_make_no_blocks() -> None:
    def shifted(header: dict[str, Any]) -> None:
        header["subject"]["arrays"].append({"values": ["1"], "shape": [1]})
        steps = header["subject"]["map"]
        inner = ["shift", 2, 0]
        steps[1][2] = 1
        steps[2:] = [["channel-scale", 1, 2], ["concat", 2, 3]]
        steps.insert(1, inner)

    with pytest.raises(InvalidProof, match="convolutions of the input"):
        checked(changed(FACTORED, shifted))


def test_huge_outputs_are_refused_before_they_are_built() -> None:
    subject = {
        "kind": "relu-layer",
        "arrays": [{"values": ["1"], "shape": [1, 1, 1, 1, 1]}],
        "map": [
            ["input", 1],
            [
                "convolution",
                *(0, 0),
                {
                    "shape": [1, 1, 1, 1],
                    "stride": [1, 1, 1],
                    "dilation": [1, 1, 1],
                    "padding": [[4000, 4000]] * 3,
                    "groups": 1,
                    "mode": "replicate",
                },
            ],
        ],
        "domain": {"kind": "whole"},
    }
    for why in (
        {"kind": "paired-filters", "prime": 1013, "pairs": [[0, 0]]},
        {"kind": "tree"},
    ):
        header = {"claim": "INJECTIVE", "assumption": None, "subject": subject, "evidence": why}
        proof = b"monic-proof 1\n" + json.dumps(header).encode() + b"\n"
        with pytest.raises((MalformedProof, InvalidProof)):
            check(io.BytesIO(proof), [])
