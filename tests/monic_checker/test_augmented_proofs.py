"""Norms that give out their deviations: what is proved about them, and where they are defined."""

import copy
import io

import pytest

from monic_checker import Claim, InvalidProof, MalformedProof, check
from tests.monic_checker.examples import EXAMPLES, Example, augmented
from tests.monic_checker.networks import (
    collision_header,
    composition,
    first_stage_header,
    network_subject,
)
from tests.monic_checker.tiny_prover import Layer

WHOLE = {"kind": "whole"}
GOOD = augmented("1/4")


def checked(example: Example) -> Claim:
    return check(io.BytesIO(example.proof), example.arrays)


def changed(example: Example, **entries: object) -> Example:
    """The example with other entries in its first stage; ... takes one away."""
    header = copy.deepcopy(example.header)
    stage = header["subject"]["stages"][0] | entries
    header["subject"]["stages"][0] = {k: v for k, v in stage.items() if v is not ...}
    return Example(header, example.body, example.arrays)


def test_the_sentence_says_what_is_given_out() -> None:
    sentence = checked(GOOD).sentence()
    assert "augmented-normalization of 1 groups with epsilon 1/4 past the first 1" in sentence
    assert "from R^2 to R^4" in sentence
    assert "is zero" not in sentence
    assert checked(GOOD).assumption is None


@pytest.mark.parametrize("epsilon", ["0", "-0", "0/3"])
def test_the_sentence_says_where_it_is_defined(epsilon: str) -> None:
    sentence = checked(augmented(epsilon)).sentence()
    assert "where no group before an augmented-normalization is zero" in sentence


@pytest.mark.parametrize(
    "entries",
    [
        {"epsilon": "-1/4"},
        {"epsilon": ...},
        {"epsilon": None},
        {"epsilon": 1},
        {"groups": ...},
        {"groups": 0},
        {"groups": 3},
        {"groups": 2},  # one more number, which the next map does not take
        {"carried": 3},
        {"slope": 0},
        {"activation": "direction"},
        {"activation": "one-to-one"},
        {"activation": "one-to-one", "groups": ..., "epsilon": ...},
        {"activation": "direction", "epsilon": ...},
        {"activation": ["augmented-normalization"]},
    ],
)
def test_malformed_stages(entries: dict[str, object]) -> None:
    with pytest.raises(MalformedProof):
        checked(changed(GOOD, **entries))


def test_a_next_map_takes_the_roots_as_well() -> None:
    stages = GOOD.header["subject"]["stages"][:1]
    alone = {"kind": "network", "stages": stages, "domain": WHOLE}
    layers = GOOD.header["evidence"]["layers"][:1]
    evidence = {"kind": "composition", "layers": layers}
    header = GOOD.header | {"subject": alone, "evidence": evidence}
    assert checked(Example(header, b"", GOOD.arrays)).m == 4


def test_a_map_that_forgets_a_root_is_not_proved() -> None:
    forgets = Layer([[*([0.0] * j), 1.0, *([0.0] * (4 - j))] for j in range(3)] * 2)
    for epsilon in ("0", "1"):
        with pytest.raises(InvalidProof):
            checked(augmented(epsilon, forgets))


def test_no_bounds_behind_it() -> None:
    """Whatever holds of x, nothing is said of the values and their roots."""
    split = Layer([[1.0, 0.0], [2.0, 1.0]], {"kind": "box", "lower": ["0"], "upper": ["1"]})
    for kind, ends in (
        ("orthant", {}),
        ("box", {"lower": [None, None, "0"], "upper": [None] * 3}),
    ):
        last = Layer([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
        words = "augmented-normalization past 1 of 1 with 1"
        header, body = composition([(split, words), (last, "identity")], [0, 1, 2])
        layers = header["evidence"]["layers"]
        layers[0]["evidence"]["rows"] = [0]
        example = Example(header, body, [*split.arrays, *last.arrays])
        assert checked(example)
        layers[1]["domain"] = {"kind": kind} | ends
        with pytest.raises(InvalidProof, match="every output of stage 0"):
            checked(example)


MERGING = Layer([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0]])
LAST = Layer([[1.0, 0.0, 0.0, 0.0]])


def pair(epsilon: str, x: list[str], other: list[str]) -> Example:
    stages = [(MERGING, f"augmented-normalization of 1 with {epsilon}"), (LAST, "identity")]
    header = collision_header(stages, WHOLE, x, other)
    return Example(header, b"", [*MERGING.arrays, *LAST.arrays])


def test_points_may_meet_before_it_where_it_is_defined() -> None:
    for epsilon in ("0", "1/4"):
        assert "meet after stage 0" in checked(pair(epsilon, ["1", "0"], ["0", "1"])).sentence()
        with pytest.raises(InvalidProof, match="differ before augmented"):  # a multiple
            checked(pair(epsilon, ["1", "0"], ["0", "2"]))
    assert checked(pair("1/4", ["1", "-1"], ["2", "-2"]))
    with pytest.raises(InvalidProof, match="augmented-normalization is zero"):
        checked(pair("0", ["1", "-1"], ["2", "-2"]))


def test_other_evidence_asks_for_a_norm_that_is_always_defined() -> None:
    ray = Layer([[1.0, 0.0, 0.0]])
    for epsilon in ("0", "1"):
        words = f"augmented-normalization of 1 with {epsilon}"
        stages = [(ray, words), (Layer([[1.0, 1.0, 0.0]]), "identity")]
        arrays = [array for layer, _ in stages for array in layer.arrays]
        narrow = collision_header(stages, WHOLE, [], []) | {
            "evidence": {"kind": "bottleneck", "stage": 0, "x": ["1", "1"]}
        }
        first = first_stage_header(stages, WHOLE, [])
        both = {"kind": "collision", "x": ["1", "0"], "other": ["1", "1"]}
        first["evidence"]["evidence"] = both
        for header in (narrow, first):
            example = Example(header, b"", arrays)
            if epsilon == "1":
                assert checked(example)
            else:
                with pytest.raises(MalformedProof):
                    checked(example)


def test_no_slopes_are_known() -> None:
    whole = copy.deepcopy(EXAMPLES["contraction"])
    whole.header["subject"]["stages"][0]["activation"] = "augmented-normalization"
    whole.header["subject"]["stages"][0] |= {"groups": 1, "epsilon": "1"}
    for stage in whole.header["subject"]["stages"][1:]:
        stage["map"][0] = ["input", 3]
        stage["map"].insert(1, ["select", [0, 1], 0])
        stage["map"][2:] = [["linear", 0, 1], *stage["map"][3:]]
    with pytest.raises(InvalidProof, match="slopes are known"):
        checked(whole)


@pytest.mark.parametrize("epsilon", ["1", "0"])
def test_random_matrices_come_after_lipschitz_stages(epsilon: str) -> None:
    example = copy.deepcopy(EXAMPLES["random projection"])
    rays = Layer([[1.0, 0.0], [-1.0, 0.0], [2.0, 0.0], [-2.0, 1.0]])
    stages = example.header["subject"]["stages"]
    words = f"augmented-normalization of 1 with {epsilon}"
    stages[0] = network_subject([(rays, words)], WHOLE)["stages"][0]
    entry = example.header["evidence"]["layers"][0]
    entry["evidence"] = {"kind": "independent-rows", "rows": [0]}
    wide = Layer(
        [
            [1.0, 0.0, 2.0, 1.0, 3.0, 0.5],
            [0.0, 1.0, 0.0, -1.0, 2.0, 0.0],
            [0.0, 0.0, 1.0, 3.0, 1.0, 1.0],
        ]
    )
    stages[1] = network_subject([(wide, "identity")], WHOLE)["stages"][0]
    example = Example(example.header, b"", [*rays.arrays, *wide.arrays])
    if epsilon == "1":
        assert checked(example).assumption == "random-projections"
    else:
        with pytest.raises(MalformedProof, match="epsilon of 0"):
            checked(example)
