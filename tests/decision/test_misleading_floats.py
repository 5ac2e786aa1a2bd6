"""Layers that floats misjudge: exact arithmetic repairs the search, and the verdict is right."""

import numpy as np
import pytest

from monic import ReLULayer
from tests.decision.agreement import INJECTIVE, decided
from tests.reference import brute_force, question
from tests.strategies import DOMAINS, misleading_layer


@pytest.mark.thorough
@pytest.mark.parametrize("bias", [False, True], ids=["linear", "biased"])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("domain", DOMAINS)
def test_verdicts_agree(domain: str, n: int, bias: bool) -> None:
    for k in range(12):
        rng = np.random.default_rng([DOMAINS.index(domain), n, int(bias), k])
        layer = misleading_layer(rng, domain=domain, n=n, bias=bias)
        expected = brute_force(question(layer)).injective
        method = "auto" if k % 2 else "branching"
        assert (decided(layer, method=method).verdict is INJECTIVE) == expected, f"case {k}"


def test_repairs_happen_and_are_counted() -> None:
    repairs = 0
    for k in range(30):
        rng = np.random.default_rng([9, k])
        layer = misleading_layer(rng, domain="whole", n=3, bias=False)
        repairs += decided(layer, method="branching").statistics.repairs
    assert repairs > 0


@pytest.mark.parametrize("n", [2, 3, 4, 6])
def test_almost_dependent_rows(n: int) -> None:
    """Rows of rank 1 or 2 up to 2^-40: every basis is as good as singular in floats."""
    rng = np.random.default_rng(n)
    verdicts = set()
    for _ in range(20):
        m = int(rng.integers(2 * n, 5 * n))
        common = rng.integers(-2, 3, (m, 1)) * np.ones((1, n))
        weight = common + rng.integers(-8, 9, (m, n)) * 2.0**-40
        weight[n : 2 * n] = -weight[:n]
        weight[rng.integers(m), rng.integers(n)] += rng.choice([0.0, 2.0**-40])
        layer = ReLULayer(weight)
        expected = brute_force(question(layer)).injective if n < 6 else None
        found = decided(layer, method="branching").verdict is INJECTIVE
        verdicts.add(found)
        assert expected is None or found == expected
    assert verdicts == {True, False}
