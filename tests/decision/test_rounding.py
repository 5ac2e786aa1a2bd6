"""Rounding is not innocent: [B; fl(-DB)], the same as a product, and with powers of two."""

from fractions import Fraction

import numpy as np
import pytest

from monic import Product, ReLULayer
from monic.model.array import Array
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, decided
from tests.reference import Vector, question, rank

SIZES = (2, 4, 8, 16)


def _random(n: int, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng([n, seed])
    return rng.standard_normal((n, n)), rng.uniform(0.5, 2.0, n)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", SIZES)
def test_written_out_it_is_not_injective(n: int, seed: int) -> None:
    basis, scales = _random(n, seed)
    decision = decided(ReLULayer(np.vstack([basis, -scales[:, None] * basis])))
    assert decision.verdict is NOT_INJECTIVE
    assert decision.margin is not None
    assert 0 < decision.margin.value < 1e-12
    assert decision.margin.rounding
    assert decision.margin.distance is not None
    assert 0 < decision.margin.distance < 1e-15
    assert "rounding" in decision.reason


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", SIZES)
def test_as_a_product_it_is_injective(n: int, seed: int) -> None:
    basis, scales = _random(n, seed)
    decision = decided(ReLULayer(Product(np.vstack([np.eye(n), -np.diag(scales)]), basis)))
    assert decision.verdict is INJECTIVE
    assert decision.certificate is not None
    assert decision.certificate.kind == "paired-rows"


@pytest.mark.parametrize("n", SIZES)
def test_with_powers_of_two_it_is_injective(n: int) -> None:
    basis, scales = _random(n, 0)
    powers = 2.0 ** np.round(np.log2(scales))
    decision = decided(ReLULayer(np.vstack([basis, -powers[:, None] * basis])))
    assert decision.verdict is INJECTIVE
    assert decision.certificate is not None
    assert decision.certificate.kind == "paired-rows"


@pytest.mark.parametrize("n", SIZES)
def test_with_biases_that_pair(n: int) -> None:
    basis, scales = _random(n, 1)
    outer = np.vstack([np.eye(n), -np.diag(scales)])
    bias = np.concatenate([np.zeros(n), np.full(n, 5e-324)])
    assert decided(ReLULayer(Product(outer, basis), bias)).verdict is INJECTIVE
    assert decided(ReLULayer(Product(outer, basis), -bias)).verdict is NOT_INJECTIVE


def test_a_plain_failure_is_not_called_rounding() -> None:
    decision = decided(ReLULayer(np.eye(3)))
    assert decision.verdict is NOT_INJECTIVE
    assert decision.margin is not None
    assert not decision.margin.rounding
    assert 1e-3 < decision.margin.value <= 1


@pytest.mark.parametrize("seed", range(40))
def test_the_margin_holds_at_the_point(seed: int) -> None:
    """At x the rows without w_i.x <= -t |w_i| |x| do not span: a perturbation below t is safe."""
    rng = np.random.default_rng(seed)
    layer = ReLULayer(rng.standard_normal((int(rng.integers(3, 9)), 3)))
    decision = decided(layer)
    assert decision.margin is not None
    x, share = decision.point, Fraction(decision.margin.value)
    if x is None:
        pytest.skip("a collision alone does not say at which point it was found")
    asked = question(layer)
    close = [w for w in asked.rows if not _is_far(w, x, share)]
    assert share > 0
    assert rank(close) < asked.dim


def _is_far(w: Vector, x: Vector, share: Fraction) -> bool:
    value, norms = _dot(w, x), _dot(w, w) * _dot(x, x)
    return value < 0 and value**2 >= share**2 * norms


def _dot(a: Vector, b: Vector) -> Fraction:
    return sum((s * t for s, t in zip(a, b, strict=True)), Fraction(0))
