"""Proofs that hold, for every kind of evidence and on every domain, are accepted."""

import io
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic_checker import check
from tests.monic_checker.examples import DOMAINS, EXAMPLES, TREES
from tests.monic_checker.slow_check import claim_is_true, tree_holds
from tests.monic_checker.tiny_prover import Layer, injective, prove


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_holds(name: str) -> None:
    example = EXAMPLES[name]
    claim = check(io.BytesIO(example.proof), example.arrays)
    assert claim.claim == example.header["claim"]
    assert claim.evidence == example.header["evidence"]["kind"]
    assert claim_is_true(example.header, example.arrays)
    assert claim.findings.words in claim.sentence()


@pytest.mark.parametrize("name", TREES)
def test_every_tree_holds_on_the_second_road_too(name: str) -> None:
    assert tree_holds(TREES[name].layer, TREES[name].body)


def test_a_repeated_relation_is_not_computed_again() -> None:
    example = EXAMPLES["tree on three dimensions"]
    assert example.body.endswith(bytes.fromhex("03 01 00 01 06 00  00 01"))
    findings = check(io.BytesIO(example.proof), example.arrays).findings
    assert findings.relations == 3  # of four records


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("whole", "on the whole of R^2"),
        ("orthant", "on the orthant x >= 0 of R^2"),
        ("box", "on a box in R^2 (-x0 <= 1, 2x0 <= 1, x1 <= 2)"),
        ("polyhedron", "on a polyhedron in R^2 (x0 +x1 <= 1, -2x0 +4x1 <= 3)"),
        ("ball", "on the ball of radius 1 around 0 in R^2"),
        ("ball with centre", "on the ball of radius 3/2 around (1/3, 0) in R^2"),
    ],
)
def test_sentences_name_the_domain(domain: str, words: str) -> None:
    example = EXAMPLES[f"tree on {domain}"]
    assert words in check(io.BytesIO(example.proof), example.arrays).sentence()


small = st.integers(-2, 2).map(float)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    """Layers of small integers on R^2, on all domains but balls."""
    domain = draw(st.sampled_from([d for d in DOMAINS.values() if d["kind"] != "ball"]))
    rows = draw(st.lists(st.lists(small, min_size=3, max_size=3), min_size=2, max_size=6))
    return Layer(rows, domain)


@given(layers())
def test_a_layer_has_a_proof_when_brute_force_says_injective(layer: Layer) -> None:
    proof = prove(layer)
    assert (proof is not None) == injective(layer)
    if proof is not None:
        assert check(io.BytesIO(proof), layer.arrays).m == layer.m


@pytest.mark.thorough
@given(
    st.lists(st.lists(small, min_size=3, max_size=3), max_size=3),
    st.fractions(min_value=Fraction(1, 4), max_value=3, max_denominator=4),
    st.lists(st.fractions(min_value=-1, max_value=1, max_denominator=3), min_size=2, max_size=2),
)
def test_proofs_on_balls_hold_on_both_roads(
    extra: list[list[float]], radius: Fraction, center: list[Fraction]
) -> None:
    domain = {"kind": "ball", "radius": str(radius), "center": [str(c) for c in center]}
    rows = [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 2.0], *extra]
    layer = Layer(rows, domain)
    proof = prove(layer)
    if proof is not None:
        assert check(io.BytesIO(proof), layer.arrays).evidence == "tree"
        assert claim_is_true(layer.header({"kind": "tree"}), layer.arrays)
