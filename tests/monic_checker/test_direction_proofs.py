"""Networks with directions, norms with epsilon = 0: which pairs of points meet, and where."""

import io
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic_checker import InvalidProof, MalformedProof, check
from tests.monic_checker.examples import Example
from tests.monic_checker.networks import collision_header, composition, first_stage_header
from tests.monic_checker.tiny_prover import Layer

WHOLE = {"kind": "whole"}
SAME = Layer([[float(i == j) for j in range(5)] for i in range(4)])
LAST = Layer([[1.0, 2.0, 0.0, 1.0, 0.0]])
ONCE = [(SAME, "direction of 2")]
AFTER = [*ONCE, (LAST, "identity")]


def checked(stages: list[tuple[Layer, str]], x: list[str], other: list[str]) -> str:
    arrays = [array for layer, _ in stages for array in layer.arrays]
    example = Example(collision_header(stages, WHOLE, x, other), b"", arrays)
    return check(io.BytesIO(example.proof), arrays).sentence()


@pytest.mark.parametrize("stages", [ONCE, AFTER])
def test_each_group_has_its_own_positive_multiple(stages: list[tuple[Layer, str]]) -> None:
    sentence = checked(stages, ["1", "-2", "0", "3"], ["1/2", "-1", "0", "9"])
    assert "where no group before a direction is zero" in sentence
    assert "direction of 2 groups" in sentence


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (["2", "-4", "0", "-3"], "differ before direction"),  # a negative multiple
        (["2", "-4", "3", "0"], "differ before direction"),
        (["2", "-4", "0", "0"], "group before stage 0's direction is zero"),
        (["2", "-5", "0", "3"], "differ before direction"),
        (["1", "-2", "0", "3"], "another point"),
    ],
)
def test_other_pairs_do_not_meet(other: list[str], why: str) -> None:
    for stages in (ONCE, AFTER):
        with pytest.raises(InvalidProof, match=why):
            checked(stages, ["1", "-2", "0", "3"], other)


def test_carried_numbers_are_not_scaled() -> None:
    stages = [(SAME, "direction of 1")]
    arrays = SAME.arrays
    header = collision_header(stages, WHOLE, ["1", "2", "3", "4"], ["2", "4", "6", "8"])
    for carried, other in ((1, ["1", "4", "6", "8"]), (2, ["1", "2", "6", "8"])):
        header["subject"]["stages"][0]["carried"] = carried
        header["evidence"]["other"] = other
        assert check(io.BytesIO(Example(header, b"", arrays).proof), arrays)
        header["evidence"]["other"] = ["2", "4", "6", "8"]
        with pytest.raises(InvalidProof, match="differ before direction"):
            check(io.BytesIO(Example(header, b"", arrays).proof), arrays)


RAY = Layer([[1.0, 0.0], [2.0, 0.0]])


def test_points_that_have_met_are_followed_to_the_last_direction() -> None:
    """ReLU(x, 2x) is the zero vector for x <= 0: there a norm behind it is not defined."""
    pair = Layer([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0]])
    good = [(pair, "relu"), (Layer([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), "direction of 1")]
    assert "meet after stage 0" in checked(good, ["1", "0"], ["0", "1"])
    with pytest.raises(InvalidProof, match="stage 1's direction is zero"):
        checked(good, ["-1", "0"], ["0", "-1"])
    assert "meet after stage 1" in checked(good, ["1", "0"], ["0", "2"])
    smooth = [(pair, "tanh"), good[1]]
    with pytest.raises(InvalidProof, match="no direction is followed past tanh"):
        checked(smooth, ["1", "0"], ["0", "1"])
    twice = [good[1], good[1]]
    with pytest.raises(InvalidProof, match="no direction is followed past direction"):
        checked(twice, ["1", "0"], ["2", "0"])


def test_no_other_evidence_is_taken() -> None:
    """A first stage may merge only points at which a later norm is not defined."""
    stages = [(RAY, "relu"), (Layer([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), "direction of 1")]
    arrays = [array for layer, _ in stages for array in layer.arrays]
    first = first_stage_header(stages, WHOLE, ["-1"])
    narrow = first | {"evidence": {"kind": "bottleneck", "stage": 0, "x": ["1"]}}
    whole, body = composition([(RAY, "identity"), stages[1]], [0])
    for header in (first, narrow, whole):
        with pytest.raises(MalformedProof) as caught:
            check(io.BytesIO(Example(header, body, arrays).proof), arrays)
        assert caught.value.address.startswith("evidence.kind")


@pytest.mark.parametrize("groups", [0, -1, 3, 5, True, None, "2"])
def test_groups_must_divide(groups: object) -> None:
    header = collision_header(ONCE, WHOLE, ["1", "2", "3", "4"], ["2", "4", "6", "8"])
    header["subject"]["stages"][0]["groups"] = groups
    with pytest.raises(MalformedProof):
        check(io.BytesIO(Example(header, b"", []).proof), SAME.arrays)


def test_groups_belong_to_a_direction() -> None:
    header = collision_header(
        [(SAME, "identity")], WHOLE, ["1", "2", "3", "4"], ["2", "4", "6", "8"]
    )
    header["subject"]["stages"][0]["groups"] = 2
    with pytest.raises(MalformedProof):
        check(io.BytesIO(Example(header, b"", []).proof), SAME.arrays)
    del header["subject"]["stages"][0]["groups"]
    header["subject"]["stages"][0]["activation"] = "direction"
    with pytest.raises(MalformedProof):
        check(io.BytesIO(Example(header, b"", []).proof), SAME.arrays)


NUMBERS = st.lists(st.integers(-2, 2), min_size=4, max_size=4)


@given(NUMBERS, NUMBERS, st.sampled_from([1, 2, 4]))
def test_accepted_exactly_where_the_signs_and_squares_agree(
    x: list[int], other: list[int], groups: int
) -> None:
    """y / |y| is known by its signs and by the rational squares y_i^2 / |y|^2."""

    def image(point: list[int]) -> list[tuple[bool, Fraction]] | None:
        size, found = 4 // groups, []
        for at in range(0, 4, size):
            group = point[at : at + size]
            square = sum(t * t for t in group)
            if square == 0:
                return None
            found += [(t > 0, Fraction(t * t, square)) for t in group]
        return found

    stages = [(SAME, f"direction of {groups}")]
    true = x != other and image(x) is not None and image(x) == image(other)
    try:
        checked(stages, list(map(str, x)), list(map(str, other)))
    except InvalidProof:
        assert not true
    else:
        assert true
