"""What proves the ends of intervals: checked by the checker, and attacked."""

import io
import json
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import monic_checker
from monic import Activation, Network, NetworkBounds, ReLULayer, Stage, bound, check
from monic.bounds import Bounds, inverse_lipschitz, sampling
from monic.certificate import Certificate
from monic.errors import InvalidProof, MalformedProof
from monic.model import Ball, Box, Input, Linear, Orthant, Shift
from tests.bounds.cells import Truth, truth_of
from tests.bounds.test_cells import some_convolution, some_layer, some_network

Found = Bounds | NetworkBounds
Header = dict[str, Any]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inverse_lipschitz, "LINES", 8)
    monkeypatch.setattr(inverse_lipschitz, "FINALISTS", 2)
    monkeypatch.setattr(sampling, "CLIMB", 8)


def proved(model: ReLULayer | Network, **options: Any) -> Found:
    return bound(model, gap=0.3, evidence=True, **options)


def insist_on_proofs(model: ReLULayer | Network, found: Found, counts: Counter[str]) -> None:
    """Every certificate holds, and says the end that it certifies, or a weaker bound."""
    for certificate in found.certificates().values():
        check(certificate, model)
    for end in found.ends:
        if end.is_trivial:
            counts["trivial"] += 1
            continue
        assert end.evidence is not None, end
        counts["certified" if end.is_certified else "weaker"] += 1
        lower = end.relation == ">="
        assert end.value <= end.end if lower else end.value >= end.end


@pytest.mark.thorough
def test_all_ends_of_layers_have_proofs() -> None:
    counts = Counter[str]()
    for seed in range(100):
        layer = some_layer(seed)
        insist_on_proofs(layer, proved(layer), counts)
    assert counts["certified"] >= 350
    assert counts["weaker"] == 0


@pytest.mark.thorough
def test_all_ends_of_convolutions_and_networks_have_proofs() -> None:
    counts = Counter[str]()
    for seed in range(20):
        for model in (some_convolution(seed), some_network(seed)):
            insist_on_proofs(model, proved(model), counts)
    assert counts["certified"] >= 120


@pytest.mark.thorough
def test_pairs_of_cells_have_proofs_on_every_domain() -> None:
    """To a gap of 2%, where sigma*/sqrt(2) is far below; their claims are attacked as well."""
    found, domains = 0, set()
    for seed in range(200, 320):
        layer = some_layer(seed)
        bounds = bound(layer, gap=0.02, evidence=True)
        if bounds.method == "pairs of cells":
            [end] = [
                e for e in bounds.ends if e.quantity == "inverse-lipschitz" and e.relation == ">="
            ]
            assert end.is_certified
            certificate = bounds.certificates()["inverse-lipschitz-at-least"]
            assert certificate.kind == "pairs-of-cells"
            check(certificate, layer)
            text, body = parts(certificate)
            header = json.loads(text)
            header["bound"]["value"] = str(
                Fraction(bounds.inverse_lipschitz.upper) * Fraction(1001, 1000)
            )
            assert not is_accepted(header, body, layer)
            found += 1
            domains.add(type(layer.domain).__name__)
    assert found >= 15
    assert len(domains) >= 4, domains


def test_networks_with_affine_and_carried_stages() -> None:
    rng = np.random.default_rng(0)
    first = np.vstack([np.eye(2), -np.eye(2), rng.standard_normal((1, 2))])
    stages = [
        Stage("first", Shift(np.ones(5), Linear(first, Input(2))), carried=1),
        Stage("second", Linear(rng.standard_normal((6, 5)), Input(5)), Activation.IDENTITY),
    ]
    network = Network(stages, Box(-np.ones(2), np.ones(2)))
    found = proved(network)
    counts = Counter[str]()
    insist_on_proofs(network, found, counts)
    assert counts["certified"] >= 3
    assert isinstance(found, NetworkBounds)
    for stage in found.stages:
        assert stage.bounds.certificates(), stage.name


def test_a_claim_has_words() -> None:
    layer = ReLULayer([[1.0], [-1.0]])
    found = proved(layer).certificates()
    stream = io.BytesIO(written(found["lipschitz-at-most"]))
    matrix = layer.weight
    assert matrix is not None
    array = monic_checker.Array("weight", "float64", (2, 1), np.asarray(matrix).tobytes())
    claim = monic_checker.check(stream, [array])
    assert claim.claim == "BOUND"
    assert "has a Lipschitz constant" in claim.sentence()
    assert "of at most" in claim.sentence()


def written(certificate: Certificate) -> bytes:
    stream = io.BytesIO()
    certificate.write(stream)
    return stream.getvalue()


class Oracle:
    """Judges claims about one layer by its cells, and by inputs."""

    def __init__(self, layer: ReLULayer, found: Bounds) -> None:
        self.truth: Truth = truth_of(layer)
        self.found = found

    def is_false(self, said: dict[str, str]) -> bool:
        """Whether a claim is known to be false."""
        value = Fraction(said["value"])
        sigma = self.truth
        judges: dict[tuple[str, str], Callable[[Fraction], bool]] = {
            ("lipschitz", "<="): lambda v: not sigma.stretches_at_most(v),
            ("lipschitz", ">="): lambda v: not sigma.stretches_at_least(v),
            ("smallest-singular", ">="): lambda v: not sigma.squeezes_at_most_on_cells(v),
            ("smallest-singular", "<="): lambda v: not sigma.squeezes_at_least_on_cells(v),
            ("inverse-lipschitz", ">="): lambda v: v > self.found.inverse_lipschitz.upper,
            ("inverse-lipschitz", "<="): lambda v: v < self.found.inverse_lipschitz.lower,
        }
        return judges[said["quantity"], said["relation"]](value)


def is_accepted(header: Header, body: bytes, layer: ReLULayer) -> bool:
    try:
        check(Certificate(header, io.BytesIO(body)), layer)
    except (InvalidProof, MalformedProof):
        return False
    return True


def parts(certificate: Certificate) -> tuple[str, bytes]:
    """The header as JSON, and the body."""
    _, header, body = written(certificate).split(b"\n", 2)
    return header.decode(), body


NUDGES = [Fraction(10**k + s, 10**k) for k in (14, 9, 6, 3, 1) for s in (1, -1)]


def test_no_value_beyond_the_truth_is_accepted() -> None:
    """Each proved end is moved little by little, to both sides: what is accepted is true."""
    refused = accepted = 0
    for seed in range(24):
        layer = some_layer(seed)
        found = proved(layer)
        assert isinstance(found, Bounds)
        oracle = Oracle(layer, found)
        for certificate in found.certificates().values():
            text, body = parts(certificate)
            for nudge in NUDGES:
                header = json.loads(text)
                header["bound"]["value"] = str(Fraction(header["bound"]["value"]) * nudge)
                if is_accepted(header, body, layer):
                    accepted += 1
                    assert not oracle.is_false(header["bound"]), (seed, header["bound"])
                else:
                    refused += 1
    assert refused > 200
    assert accepted > 200


def mutated(text: str, body: bytes, rng: np.random.Generator) -> tuple[Header, bytes]:
    """Another claim, another evidence or another body."""
    header = json.loads(text)
    kind = int(rng.integers(6))
    said, why = header["bound"], header["evidence"]
    if kind == 0:
        said["relation"] = str(rng.choice([">=", "<="]))
        said["quantity"] = str(rng.choice(["lipschitz", "inverse-lipschitz", "smallest-singular"]))
    elif kind == 1:
        said["value"] = str(Fraction(said["value"]) * Fraction(int(rng.integers(1, 9)), 4))
    elif kind == 2 and body:
        place = int(rng.integers(len(body)))
        body = body[:place] + bytes([int(rng.integers(256))]) + body[place + 1 :]
    elif kind == 3 and body:
        place = int(rng.integers(len(body)))
        body = (
            body[:place]
            + bytes(rng.integers(0, 4, int(rng.integers(3))).tolist())
            + body[place + 1 :]
        )
    elif kind == 4 and (lists := [v for v in why.values() if isinstance(v, list) and v]):
        chosen = lists[int(rng.integers(len(lists)))]
        place = int(rng.integers(len(chosen)))
        other = chosen[int(rng.integers(len(chosen)))]
        chosen[place] = str(int(rng.integers(-2, 3))) if isinstance(other, str) else other
    elif kind == 5:
        m = header["subject"]["arrays"][0].get("shape", [2])[0]
        if "always" in why:
            why["always"] = rng.permutation(m)[: int(rng.integers(3))].tolist()
            why["pairs"] = [rng.permutation(m)[:2].tolist()] if rng.random() < 0.3 else []
    return header, body


def attack(seeds: range, times: int, *, gap: float = 0.3, kind: str = "") -> tuple[int, int]:
    """How many mutated proofs were judged, and how many accepted; a false one fails."""
    judged = accepted = 0
    for seed in seeds:
        layer, rng = some_layer(seed), np.random.default_rng(seed)
        found = bound(layer, gap=gap, evidence=True)
        oracle = Oracle(layer, found)
        known = [c for c in found.certificates().values() if c.kind == kind or not kind]
        for k in range(times if known else 0):
            header, body = mutated(*parts(known[k % len(known)]), rng)
            nudge = Fraction(int(rng.integers(90, 111)), 100)
            if rng.random() < 0.5:
                header["bound"]["value"] = str(Fraction(header["bound"]["value"]) * nudge)
            judged += 1
            if is_accepted(header, body, layer):
                accepted += 1
                assert not oracle.is_false(header["bound"]), (seed, k, header["bound"])
    return judged, accepted


@pytest.mark.thorough
def test_mutated_proofs() -> None:
    judged, accepted = attack(range(30), 40)
    assert judged == 1200
    assert accepted > 50
    judged, accepted = attack(range(200, 260), 40, gap=0.1, kind="pairs-of-cells")
    assert judged >= 300
    assert accepted > 20


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_twenty_thousand_mutated_proofs() -> None:
    judged, accepted = attack(range(200, 400), 100)
    assert judged == 20_000
    assert accepted > 500
    judged, accepted = attack(range(400, 800), 100, gap=0.1, kind="pairs-of-cells")
    assert judged >= 4_000
    assert accepted > 200


def test_evidence_on_a_ball_and_on_walls() -> None:
    """Rows that touch the ball from outside, and rows that touch the orthant's wall."""
    for layer in (
        ReLULayer([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], [1.0, 1.0, -1.0], Ball(1.0)),
        ReLULayer([[1.0, 0.0], [0.0, 1.0], [-2.0, -2.0]], domain=Orthant()),
    ):
        found = proved(layer)
        insist_on_proofs(layer, found, Counter())
        assert isinstance(found, Bounds)
        assert found.lipschitz.upper <= 1.0000001
        assert found.smallest_singular.lower >= 0.69


def test_interrupted_bounds_say_what_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    found = proved(ReLULayer(np.random.default_rng(0).standard_normal((40, 5))), time_limit=0.0)
    assert {end.relation for end in found.ends} == {">=", "<="}
    for end in found.ends:
        assert end.evidence is None or end.value == end.end
