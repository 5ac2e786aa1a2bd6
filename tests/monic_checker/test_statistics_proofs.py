"""Networks with norms: what rests on their statistics, and what may not pass them."""

import io

import pytest

from monic_checker import InvalidProof, MalformedProof, check
from tests.monic_checker.examples import Example
from tests.monic_checker.networks import collision_header, composition
from tests.monic_checker.tiny_prover import Layer

WHOLE = {"kind": "whole"}
FIRST = Layer([[1.0, 0.0], [-1.0, 0.0], [2.0, 1.0]])
LAST = Layer([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.5], [1.0, 0.0, 0.0, 0.0]])


def composed(activation: str, assumption: str | None) -> Example:
    """A ray and a norm of three numbers, which LAST maps one-to-one."""
    header, body = composition([(FIRST, activation), (LAST, "identity")], [0, 1, 2])
    header["evidence"]["layers"][0]["evidence"] = {"kind": "independent-rows", "rows": [0]}
    header["assumption"] = assumption
    return Example(header, body, [*FIRST.arrays, *LAST.arrays])


def test_the_sentence_says_what_is_given() -> None:
    example = composed("normalization", "statistics")
    claim = check(io.BytesIO(example.proof), example.arrays)
    assert claim.assumption == "statistics"
    for words in ("same means and deviations", "which was not checked", "normalization"):
        assert words in claim.sentence()


@pytest.mark.parametrize(
    ("activation", "assumption"),
    [
        ("normalization", None),
        ("normalization", "general-position"),
        ("normalization", "general-position and statistics"),
        ("normalization", "Statistics"),
        ("one-to-one", "statistics"),
        ("identity", "statistics"),
    ],
)
def test_the_assumption_must_be_stated_and_needed(activation: str, assumption: str | None) -> None:
    example = composed(activation, assumption)
    with pytest.raises(MalformedProof) as caught:
        check(io.BytesIO(example.proof), example.arrays)
    assert caught.value.address == "assumption"


def test_other_norms_are_one_to_one_without_an_assumption() -> None:
    example = composed("one-to-one", None)
    assert check(io.BytesIO(example.proof), example.arrays).assumption is None


MERGING = Layer([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0]])


@pytest.mark.parametrize("activation", ["normalization", "one-to-one"])
def test_points_may_meet_before_a_norm_and_not_behind_it(activation: str) -> None:
    before = collision_header([(MERGING, activation)], WHOLE, ["1", "0"], ["0", "1"])
    claim = check(io.BytesIO(Example(before, b"", []).proof), MERGING.arrays)
    assert claim.assumption is None
    pair = Layer([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    behind = collision_header(
        [(pair, activation), (MERGING, "identity")], WHOLE, ["1", "0"], ["0", "1"]
    )
    with pytest.raises(InvalidProof, match=f"differ before {activation}"):
        check(io.BytesIO(Example(behind, b"", []).proof), [*pair.arrays, *MERGING.arrays])
    wrong = behind | {"assumption": "statistics"}
    with pytest.raises(MalformedProof) as caught:
        check(io.BytesIO(Example(wrong, b"", []).proof), [*pair.arrays, *MERGING.arrays])
    assert caught.value.address == "assumption"
