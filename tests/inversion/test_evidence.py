"""Distances and error bounds of inversions: proofs for the checker, attacked by other values."""

import io
import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from monic import Activation, Network, ReLULayer, Stage, check, invert
from monic.certificate import Certificate
from monic.errors import InvalidProof, InversionError, MalformedProof
from monic.inversion.evidence import Proofs, prove
from monic.model import Input, Linear, Shift
from monic.model.array import Array

Model = ReLULayer | Network


def layers(seed: int) -> ReLULayer:
    """Gaussian layers, and opposite rows with coinciding, overlapping and missing thresholds."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4))
    basis = rng.integers(-3, 4, (n, n)) + 4.0 * np.eye(n)
    if seed % 3 == 0:
        return ReLULayer(rng.standard_normal((5 * n, n)), rng.standard_normal(5 * n) * 0.2)
    weight = np.vstack([basis, -rng.choice([0.5, 1.0, 2.0]) * basis])
    if seed % 3 == 1:
        return ReLULayer(weight)
    return ReLULayer(weight, np.concatenate([np.zeros(n), rng.integers(-1, 2, n)]))


def network(seed: int) -> Network:
    rng = np.random.default_rng(seed)
    first = np.vstack([np.eye(2), -np.eye(2), rng.standard_normal((1, 2))])
    last = Linear(rng.standard_normal((7, 5)), Input(5))
    kind = (Activation.RELU, Activation.IDENTITY)[seed % 2]
    return Network(
        [
            Stage("first", Linear(first, Input(2)), Activation.RELU),
            Stage("last", Shift(rng.standard_normal(7), last), kind),
        ]
    )


def data(model: Model, rng: np.random.Generator) -> Array:
    """Numbers that are no output, some of them negative."""
    m = model.shape[0] if isinstance(model, ReLULayer) else model.stages[-1].out_dim
    return rng.standard_normal(m) + 0.3


def accepted(certificate: Certificate, model: Model, value: Fraction) -> bool:
    header = json.loads(json.dumps(certificate.header))
    header["bound"]["value"] = str(value)
    body = b"" if certificate.body is None else body_of(certificate)
    try:
        check(Certificate(header, io.BytesIO(body)), model)
    except (InvalidProof, MalformedProof):
        return False
    return True


def body_of(certificate: Certificate) -> bytes:
    stream = io.BytesIO()
    certificate.write(stream)
    return stream.getvalue().split(b"\n", 2)[2]


def insist(model: Model, found: Proofs, counts: dict[str, int]) -> None:
    """Proofs hold for their values, and no certificate holds beyond the other end."""
    ends = {(end.quantity, end.relation): end for end in found.ends}
    for certificate in found.certificates().values():
        check(certificate, model)
        said = certificate.header["bound"]
        end = ends[said["quantity"], said["relation"]]
        counts["certified" if end.is_certified else "weaker"] += 1
        other = ends.get((said["quantity"], "<=" if said["relation"] == ">=" else ">="))
        if other is not None and other.end > 0:
            beyond = Fraction(other.end) * (2 if said["relation"] == ">=" else Fraction(1, 2))
            assert not accepted(certificate, model, beyond)
    counts["open"] += sum(not end.is_trivial and end.evidence is None for end in found.ends)


def test_distances_of_layers_have_proofs() -> None:
    counts = {"certified": 0, "weaker": 0, "open": 0}
    for seed in range(36):
        model, rng = layers(seed), np.random.default_rng(seed)
        y = data(model, rng)
        insist(model, prove(model, y, invert(model, y)), counts)
    assert counts["certified"] >= 60
    assert counts["open"] <= 2, counts


def test_distances_of_networks_have_proofs() -> None:
    counts = {"certified": 0, "weaker": 0, "open": 0}
    for seed in range(8):
        model, rng = network(seed), np.random.default_rng(seed)
        y = data(model, rng)
        insist(model, prove(model, y, invert(model, y)), counts)
    assert counts["certified"] >= 12, counts


def test_error_bounds_rest_on_the_inverse_lipschitz_constant() -> None:
    model = layers(1)
    x = np.ones(model.shape[1])
    y = np.maximum(np.asarray(model.weight) @ x, 0.0)
    answer = invert(model, y, noise=0.01)
    found = prove(model, y, answer, noise=0.01)
    [end] = [end for end in found.ends if end.quantity == "error"]
    assert end.evidence is not None
    certificate = found.certificates()["error-at-most"]
    check(certificate, model)
    assert not accepted(certificate, model, end.value * Fraction(9, 10))
    assert float(end.value) == pytest.approx(end.end, rel=1e-6)


def test_other_data_are_refused() -> None:
    model = layers(0)
    y = data(model, np.random.default_rng(0))
    for certificate in prove(model, y, invert(model, y)).certificates().values():
        header: dict[str, Any] = json.loads(json.dumps(certificate.header))
        below = header["bound"]["relation"] == ">="
        header["bound"]["of"] = ["0" if below else "9" for _ in header["bound"]["of"]]
        with pytest.raises(InvalidProof):
            check(Certificate(header), model)


def test_multipliers_of_the_wrong_sign_are_refused() -> None:
    model = ReLULayer([[1.0], [-1.0]])
    answer = invert(model, [1.0, -1.0])
    certificate = prove(model, [1.0, -1.0], answer).certificates()["distance-at-least"]
    header = json.loads(json.dumps(certificate.header))
    header["bound"]["value"] = "2"
    header["evidence"] = {"kind": "dual", "free": ["-1", "-1"], "positive": ["0", "0"]}
    with pytest.raises(InvalidProof, match="wrong sign"):
        check(Certificate(header), model)


def test_one_sample_at_a_time() -> None:
    model = layers(0)
    y = data(model, np.random.default_rng(0))
    with pytest.raises(InversionError, match="one sample"):
        prove(model, [y, y], invert(model, [y, y]))
