"""Wrong proofs about networks, each with the step that must refuse it."""

import copy
import io
from typing import Any

import pytest

from monic_checker import InvalidProof, MalformedProof, check
from tests.monic_checker.examples import EXAMPLES, Example
from tests.monic_checker.networks import collision_header, network_claim_is_true
from tests.monic_checker.tiny_prover import Layer


def refused(example: Example, header: dict[str, Any], body: bytes | None = None) -> str:
    """The address of the error that a changed proof must give."""
    changed = Example(header, example.body if body is None else body, example.arrays)
    with pytest.raises((InvalidProof, MalformedProof)) as caught:
        check(io.BytesIO(changed.proof), example.arrays)
    return caught.value.address


def test_the_sentence_names_every_stage() -> None:
    example = EXAMPLES["composition"]
    sentence = check(io.BytesIO(example.proof), example.arrays).sentence()
    for words in ("the network, from R^1 to R^2", "stage 0 (relu)", "stage 2 (one-to-one)"):
        assert words in sentence


@pytest.mark.parametrize(
    "domain",
    [
        {"kind": "box", "lower": ["0", "0"], "upper": ["1", "3/2"]},  # 2 is reached
        {"kind": "box", "lower": ["1/2", "0"], "upper": ["2", "3/2"]},
        {"kind": "box", "lower": ["0", "0"], "upper": ["2", "149/100"]},
    ],
)
def test_a_domain_that_misses_outputs_is_refused(domain: dict[str, Any]) -> None:
    example = EXAMPLES["composition on a box"]
    header = copy.deepcopy(example.header)
    header["evidence"]["layers"][1]["domain"] = domain
    assert refused(example, header) == "evidence.layers[1].domain"


@pytest.mark.parametrize(
    "domain",
    [
        None,
        {"kind": "polyhedron", "A": [["1", "0"], ["-1", "0"]], "c": ["-1", "-1"]},  # empty
        {"kind": "ball", "radius": "100", "center": ["0", "0"]},
    ],
)
def test_inner_domains_are_orthants_boxes_or_everything(domain: object) -> None:
    example = EXAMPLES["composition"]
    header = copy.deepcopy(example.header)
    header["evidence"]["layers"][1]["domain"] = domain
    assert refused(example, header) == "evidence.layers[1].domain.kind"


def test_the_first_domain_is_the_subjects() -> None:
    example = EXAMPLES["composition"]
    header = copy.deepcopy(example.header)
    header["evidence"]["layers"][0]["domain"] = {"kind": "whole"}
    assert refused(example, header) == "evidence.layers[0].domain"


def test_an_orthant_holds_what_a_relu_gives_and_nothing_else_does() -> None:
    example = EXAMPLES["composition"]
    header = copy.deepcopy(example.header)
    layers = header["evidence"]["layers"]
    layers[2]["domain"] = {"kind": "orthant"}
    check(io.BytesIO(Example(header, example.body, example.arrays).proof), example.arrays)
    header["subject"]["stages"][1]["activation"] = "one-to-one"
    layers[1] |= {"domain": {"kind": "whole"},
                  "evidence": {"kind": "independent-rows", "rows": [0, 1]}}  # fmt: skip
    # stage 0 alone has a tree; whatever follows one-to-one may be negative
    assert refused(example, header, _first_tree(example)) == "evidence.layers[2].domain"


def _first_tree(example: Example) -> bytes:
    """The shortest beginning of the body with which the first stage's tree ends."""
    return next(
        example.body[:length] for length in range(len(example.body)) if _is_tree(example, length)
    )


def _is_tree(example: Example, length: int) -> bool:
    stage = example.header["subject"]["stages"][0]
    subject = {"kind": "relu-layer", "arrays": stage["arrays"], "map": stage["map"]}
    subject["domain"] = example.header["subject"]["domain"]
    header = example.header | {"subject": subject, "evidence": {"kind": "tree"}}
    try:
        check(io.BytesIO(Example(header, example.body[:length], []).proof), example.arrays)
    except (InvalidProof, MalformedProof):
        return False
    return True


def test_tanh_and_sigmoid_have_known_ranges() -> None:
    example = EXAMPLES["composition"]
    for name, low in (("tanh", "-1"), ("sigmoid", "0")):
        header = copy.deepcopy(example.header)
        header["subject"]["stages"][1]["activation"] = name
        box = {"kind": "box", "lower": [low] * 2, "upper": ["1"] * 2}
        evidence = {"kind": "independent-rows", "rows": [0, 1]}
        layers = header["evidence"]["layers"]
        layers[1] |= {"domain": {"kind": "orthant"}, "evidence": evidence}
        layers[2]["domain"] = box
        good = Example(header, _first_tree(example), example.arrays)
        check(io.BytesIO(good.proof), example.arrays)
        box["upper"] = ["1", "9/10"]
        assert refused(example, header, good.body) == "evidence.layers[2].domain"


def test_a_missing_layer_is_malformed() -> None:
    example = EXAMPLES["composition"]
    header = copy.deepcopy(example.header)
    del header["evidence"]["layers"][2]
    assert refused(example, header) == "evidence.layers"


def test_trees_in_another_order_do_not_hold() -> None:
    example = EXAMPLES["composition"]
    first = _first_tree(example)
    rest = example.body[len(first) :]
    assert first != rest
    refused(example, example.header, rest + first)


_IDENTITY = Layer([[1.0, 0.0]])
_HALF = Layer([[1.0, -1.0]])


@pytest.mark.parametrize(
    ("activations", "x", "other", "address"),
    [
        (("relu", "relu"), "-1", "-1", "evidence.other"),
        (("relu", "relu"), "-1", "-9", "evidence.other"),
        (("relu", "relu"), "-1", "5", "evidence"),
        (("relu", "relu"), "1/4", "1/2", None),  # both below 1 in the second stage
        (("tanh", "relu"), "1/4", "1/2", "evidence"),  # true, and not shown by rationals
        (("tanh", "relu"), "-1", "-2", "evidence"),
        (("identity", "relu"), "-1", "-2", None),
        (("identity", "one-to-one"), "-1", "-2", "evidence"),
        (("relu", "one-to-one"), "-1", "-2", None),
    ],
)
def test_collisions(activations: tuple[str, str], x: str, other: str, address: str | None) -> None:
    stages = list(zip((_IDENTITY, _HALF), activations, strict=True))
    box = {"kind": "box", "lower": ["-4"], "upper": [None]}
    header = collision_header(stages, box, [x], [other])
    example = Example(header, b"", [*_IDENTITY.arrays, *_HALF.arrays])
    if address is None:
        check(io.BytesIO(example.proof), example.arrays)
        assert network_claim_is_true(header, example.arrays)
    else:
        assert refused(example, header) == address


def test_stages_that_do_not_fit_are_malformed() -> None:
    header = collision_header(
        [(_IDENTITY, "relu"), (Layer([[1.0, 1.0, 0.0]]), "relu")], {"kind": "whole"}, ["0"], ["1"]
    )
    example = Example(header, b"", [])
    assert refused(example, header) == "subject.stages[1]"
    header["subject"]["stages"] = []
    assert refused(example, header) == "subject.stages"


def test_bytes_after_a_collision_are_malformed() -> None:
    example = EXAMPLES["network collision"]
    assert refused(example, example.header, b"\0") == "body"


@pytest.mark.parametrize(
    ("change", "address"),
    [
        ({"stage": 0}, "evidence.stage"),  # as many numbers as inputs
        ({"stage": 2}, "evidence.stage"),
        ({"stage": True}, "evidence.stage"),
        ({"x": ["1", "0"]}, "evidence.x"),  # on the boundary
        ({"x": ["1"]}, "evidence.x"),
    ],
)
def test_bottlenecks(change: dict[str, Any], address: str) -> None:
    example = EXAMPLES["bottleneck"]
    header = copy.deepcopy(example.header)
    header["evidence"] |= change
    assert refused(example, header) == address


def test_a_bottleneck_may_lie_behind_smooth_activations() -> None:
    example = EXAMPLES["bottleneck"]
    header = copy.deepcopy(example.header)
    header["subject"]["stages"][0] |= {"activation": "tanh", "carried": 1}
    check(io.BytesIO(Example(header, b"", example.arrays).proof), example.arrays)


def test_what_is_carried_and_bent_is_said() -> None:
    for name, words in (
        ("carried numbers", "stage 0 (relu past the first 1 numbers)"),
        ("leaky slopes", "stage 0 (leaky-relu with the slopes A2)"),
    ):
        example = EXAMPLES[name]
        assert words in check(io.BytesIO(example.proof), example.arrays).sentence()


@pytest.mark.parametrize(
    ("name", "change", "address"),
    [
        ("carried numbers", {"carried": 2}, "subject.stages[0].carried"),
        ("carried numbers", {"carried": -1}, "subject.stages[0].carried"),
        ("carried numbers", {"slope": 0}, "subject.stages[0].slope"),
        ("leaky slopes", {"slope": None}, "subject.stages[0].slope"),
        ("leaky slopes", {"slope": 3}, "subject.stages[0].slope"),
        (
            "leaky slopes",
            {"slope": 0},
            "subject.stages[0].slope",
        ),  # the weights as slopes: one is -2
    ],
)
def test_wrong_stages(name: str, change: dict[str, Any], address: str) -> None:
    example = EXAMPLES[name]
    header = copy.deepcopy(example.header)
    header["subject"]["stages"][0] |= change
    assert refused(example, header) == address


@pytest.mark.parametrize(
    ("norms", "address"),
    [
        ([["1", "0", "9/8", "0"], ["9/8", "5/8", "0", "0"]], "evidence.norms[0]"),  # not above 1
        ([["9/8", "0", "7/8", "0"], ["9/8", "5/8", "0", "0"]], "evidence.norms[0]"),
        ([["9/8", "0", "-9/8", "0"], ["9/8", "5/8", "0", "0"]], "evidence.norms[0]"),
        ([["9/8", "0", "9/8", "0"], ["9/8", "3/8", "0", "0"]], "evidence.norms[1]"),
        ([["9/8", "0", "2", "0"], ["9/8", "5/8", "0", "0"]], "evidence"),  # 5/4 is no contraction
        ([["9/8", "0", "9/8", "0"]], "evidence.norms"),
        ([["9/8", "0", "9/8"], ["9/8", "5/8", "0", "0"]], "evidence.norms[0]"),
    ],
)
def test_norms_that_prove_nothing(norms: list[list[str]], address: str) -> None:
    example = EXAMPLES["contraction"]
    header = copy.deepcopy(example.header)
    header["evidence"]["layers"][0]["evidence"]["norms"] = norms
    assert refused(example, header) == address


@pytest.mark.parametrize(
    ("change", "address"),
    [
        ({"inverse": [["-4/5"]]}, "evidence.weights[0]"),
        ({"inverse": [["2"]]}, "evidence.weights[0]"),
        ({"inverse": [["0"]]}, "evidence.weights[0]"),
        ({"weights": ["0"]}, "evidence.weights"),
        ({"weights": ["-1"]}, "evidence.weights"),
        ({"inverse": [["4/5", "0"]]}, "evidence.inverse[0]"),
    ],
)
def test_slopes_that_prove_nothing(change: dict[str, Any], address: str) -> None:
    example = EXAMPLES["slopes"]
    header = copy.deepcopy(example.header)
    header["evidence"]["layers"][0]["evidence"] |= change
    assert refused(example, header) == address


@pytest.mark.parametrize("name", ["contraction", "slopes"])
def test_runs_need_slopes_that_are_known(name: str) -> None:
    """Tanh moves numbers by at most their difference; of "one-to-one" nothing is known."""
    example = EXAMPLES[name]
    header = copy.deepcopy(example.header)
    first = header["subject"]["stages"][0]
    first["activation"] = "tanh"
    check(io.BytesIO(Example(header, b"", example.arrays).proof), example.arrays)
    first["activation"] = "one-to-one"
    assert refused(example, header).startswith("evidence")


def test_a_run_that_does_not_fit_the_stages_is_malformed() -> None:
    example = EXAMPLES["contraction"]
    for count in (0, 1, 3):
        header = copy.deepcopy(example.header)
        header["evidence"]["layers"][0]["stages"] = count
        assert refused(example, header).startswith("evidence")


def test_a_large_branch_is_no_contraction() -> None:
    """x - 2 ReLU(x + 1) folds, whatever the norms say."""
    example = EXAMPLES["contraction"]
    header = copy.deepcopy(example.header)
    last = Layer([[1.0, -2.0, 0.0]])
    header["subject"]["stages"][1]["arrays"] = last.header({})["subject"]["arrays"]
    arrays = [*example.arrays[:2], *last.arrays]
    for bound in ("5/8", "17/8"):
        header["evidence"]["layers"][0]["evidence"]["norms"][1][1] = bound
        with pytest.raises(InvalidProof):
            check(io.BytesIO(Example(header, b"", arrays).proof), arrays)
