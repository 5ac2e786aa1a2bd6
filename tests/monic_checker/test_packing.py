"""Evidence `packing`: relations with disjoint open rows, under the assumption that is stated."""

import io
import json

import numpy as np
import pytest

import monic
from monic import ReLULayer
from monic_checker import InvalidProof, MalformedProof, check
from tests.monic_checker.examples import DOMAINS
from tests.monic_checker.slow_check import tree_holds
from tests.monic_checker.tiny_prover import Layer, injective

#: Two triangles around the origin, no two rows parallel.
TRIANGLES = Layer([[1, 0, 0], [-1, 2, 0], [-1, -3, 0], [2, 1, 0], [-3, 1, 0], [1, -4, 0]])
BODY = bytes([0, 0, 3, 0, 0, 1, 2, 3, 0, 3, 4, 5])

#: On the unit ball, a triangle with room, and a row that is active everywhere.
ROUND = Layer([[1, 0, 0], [-1, 2, 0], [-1, -3, 1], [2, 1, 3]], DOMAINS["ball"])
ROUND_BODY = bytes([0, 0, 0, 3, 0, 0, 1, 2, 5, 3, 2, 1, 0, 3, 1])


def proof(layer: Layer, body: bytes, assumption: str | None = "general-position") -> bytes:

    header = layer.header({"kind": "packing"}) | {"assumption": assumption}
    order = ["claim", "assumption", "subject", "evidence"]
    text = json.dumps({key: header[key] for key in order})
    return b"monic-proof 1\n" + text.encode() + b"\n" + body


def accepts(layer: Layer, body: bytes) -> bool:
    try:
        check(io.BytesIO(proof(layer, body)), layer.arrays)
    except (InvalidProof, MalformedProof):
        return False
    return True


def test_two_triangles() -> None:
    assert injective(TRIANGLES)
    claim = check(io.BytesIO(proof(TRIANGLES, BODY)), TRIANGLES.arrays)
    assert claim.assumption == "general-position"
    assert "Assumption: general position" in claim.sentence()
    assert "which was not checked" in claim.sentence()
    assert "1 nodes of it by packing" in claim.sentence()


@pytest.mark.parametrize("assumption", [None, "statistics", "", "general position"])
def test_the_assumption_must_be_stated(assumption: str | None) -> None:
    with pytest.raises(MalformedProof) as caught:
        check(io.BytesIO(proof(TRIANGLES, BODY, assumption)), TRIANGLES.arrays)
    assert caught.value.address == "assumption"


def test_a_plain_tree_assumes_nothing() -> None:
    header = TRIANGLES.header({"kind": "tree"}) | {"assumption": "general-position"}

    text = b"monic-proof 1\n" + json.dumps(header).encode() + b"\n" + BODY
    with pytest.raises(MalformedProof):
        check(io.BytesIO(text), TRIANGLES.arrays)


def test_a_tree_holds_no_packing() -> None:
    with pytest.raises(MalformedProof, match="relation without rows"):
        check(io.BytesIO(TRIANGLES.proof({"kind": "tree"}) + BODY), TRIANGLES.arrays)


def test_relations_may_share_no_open_row() -> None:
    twice = bytes([0, 0, 3, 0, 0, 1, 2, 3, 0, 0, 1, 2])
    with pytest.raises(InvalidProof, match="share"):
        check(io.BytesIO(proof(TRIANGLES, twice)), TRIANGLES.arrays)


def test_a_packing_on_a_ball_carries_multipliers() -> None:
    claim = check(io.BytesIO(proof(ROUND, ROUND_BODY)), ROUND.arrays)
    assert claim.assumption == "general-position"
    assert "2 relations, 1 nodes of it by packing" in claim.sentence()
    unmarked = ROUND_BODY[1:]
    with pytest.raises(MalformedProof):
        check(io.BytesIO(proof(ROUND, unmarked)), ROUND.arrays)
    light = bytes([0, 0, 0, 3, 0, 0, 1, 2, 9, 3, 1, 1, 0, 3, 1])
    with pytest.raises(InvalidProof, match="beta"):
        check(io.BytesIO(proof(ROUND, light)), ROUND.arrays)
    shared = bytes([0, 0, 0, 1, 0, 3, 1, 1, 0, 3, 1])
    with pytest.raises(InvalidProof, match="share"):
        check(io.BytesIO(proof(ROUND, shared)), ROUND.arrays)


@pytest.mark.parametrize(("layer", "body"), [(TRIANGLES, BODY), (ROUND, ROUND_BODY)])
def test_a_changed_packing_is_accepted_exactly_when_it_still_holds(
    layer: Layer, body: bytes
) -> None:
    bodies = {body[:i] + body[i + 1 :] for i in range(len(body))}
    bodies |= {body[:i] + body[i : i + 1] + body[i:] for i in range(len(body))}
    for i in range(len(body)):
        bodies |= {body[:i] + bytes([v]) + body[i + 1 :] for v in (*range(9), 127, 128, 255)}
    seen = set()
    for changed in bodies:
        holds = tree_holds(layer, changed, packing=True)
        assert accepts(layer, changed) == holds, changed.hex()
        seen.add(holds)
    assert False in seen


def test_truncated_at_every_byte_is_malformed() -> None:
    whole = proof(TRIANGLES, BODY)
    for length in range(len(whole)):
        with pytest.raises(MalformedProof):
            check(io.BytesIO(whole[:length]), TRIANGLES.arrays)


@pytest.mark.parametrize(("m", "n"), [(60, 6), (100, 10), (150, 12)])
@pytest.mark.parametrize("round_", [False, True])
def test_the_engine_packs(m: int, n: int, round_: bool) -> None:
    rng = np.random.default_rng(m)
    layer = ReLULayer(rng.standard_normal((m, n)))
    if round_:
        center = rng.standard_normal(n) / n
        layer = ReLULayer(layer.weight, rng.standard_normal(m) / 2, monic.Ball(0.75, center))
    decision = monic.decide(layer, assume="general-position")
    assert decision.verdict is monic.Verdict.INJECTIVE
    assert decision.assumption == "general-position"
    assert decision.certificate is not None
    assert decision.certificate.kind == "packing"
    monic.check(decision.certificate, layer)


def test_what_was_not_asked_for_is_not_assumed() -> None:
    layer = ReLULayer(np.random.default_rng(0).standard_normal((60, 6)))
    assert monic.decide(layer).assumption is None
    with pytest.raises(monic.LayerError, match="general-position"):
        monic.decide(layer, method="packing")


def test_an_assumption_that_is_plainly_false_is_not_made() -> None:
    weight = np.random.default_rng(0).standard_normal((40, 4))
    for extra in (np.zeros(4), 2 * weight[0], -weight[1]):
        layer = ReLULayer(np.vstack([weight, extra]))
        decision = monic.decide(layer, assume="general-position")
        assert decision.assumption is None
        assert decision.verdict is not monic.Verdict.UNDECIDED
        alone = monic.decide(layer, assume="general-position", method="packing")
        assert alone.verdict is monic.Verdict.UNDECIDED
        assert "not in general position: row" in alone.reason


def test_undecided_says_that_a_packing_exists() -> None:
    layer = ReLULayer(np.random.default_rng(0).standard_normal((320, 16)))
    decision = monic.decide(layer, limits=monic.Limits(nodes=500))
    assert decision.verdict is monic.Verdict.UNDECIDED
    assert "ask with assume='general-position'" in decision.reason


@pytest.mark.parametrize(
    ("kind", "assumption", "words"),
    [
        ("packing", None, "assumption: expected 'general-position'"),
        ("packing", "random-projections", "assumption: expected 'general-position'"),
        ("tree", "general-position", "assumption: expected None"),
        ("tree", None, "relation without rows"),
        ("packing", "general-position", None),
    ],
)
def test_a_composition_rests_on_what_its_layers_rest_on(
    kind: str, assumption: str | None, words: str | None
) -> None:
    layer = TRIANGLES.header({"kind": "packing"})["subject"]
    after = {"activation": "relu", "carried": 0, "slope": None}
    stage = after | {"arrays": layer["arrays"], "map": layer["map"]}
    subject = {"kind": "network", "stages": [stage], "domain": layer["domain"]}
    part = {"stages": 1, "domain": None, "evidence": {"kind": kind}}
    evidence = {"kind": "composition", "layers": [part]}
    header = {"claim": "INJECTIVE", "assumption": assumption, "subject": subject}
    text = b"monic-proof 1\n" + json.dumps(header | {"evidence": evidence}).encode() + b"\n" + BODY
    if words is None:
        assert check(io.BytesIO(text), TRIANGLES.arrays).assumption == assumption
        return
    with pytest.raises((MalformedProof, InvalidProof), match=words):
        check(io.BytesIO(text), TRIANGLES.arrays)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[1, 0, 0], [-1, 0, 0], [2, 0, 0], [-3, 0, 0]], "0 and 1 are parallel"),
        ([[1, 2, 0], [0, 0, 1], [-1, -3, 0], [2, 1, 0]], "row 1 is zero"),
        ([[1, 2, 0], [3, -1, 1], [-1, -3, 0], [-0.5, -1, 7]], "0 and 3 are parallel"),
    ],
)
def test_rows_that_are_plainly_not_in_general_position(
    rows: list[list[float]], words: str
) -> None:
    """The first is no injective layer, though two disjoint relations stand in its proof."""
    layer = Layer(rows)
    body = bytes([0, 0, 2, 0, 0, 1, 2, 0, 2, 3])
    with pytest.raises(InvalidProof, match=words):
        check(io.BytesIO(proof(layer, body)), layer.arrays)
