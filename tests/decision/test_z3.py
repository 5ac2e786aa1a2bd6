"""The third road: z3, which knows neither flats nor dependencies, on 300 layers with n <= 3."""

import numpy as np
import pytest

from tests.decision.agreement import NOT_INJECTIVE, decided
from tests.reference import brute_force, question, z3_not_injective
from tests.strategies import DOMAINS, FAMILIES, random_layer


@pytest.mark.thorough
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("domain", DOMAINS)
def test_verdicts_agree(domain: str, n: int) -> None:
    for k in range(20):
        rng = np.random.default_rng([3, DOMAINS.index(domain), n, k])
        layer = random_layer(rng, family=FAMILIES[k % 3], domain=domain, n=n, bias=k % 2 == 0)
        expected = z3_not_injective(question(layer))
        assert brute_force(question(layer)).injective != expected, f"brute force, case {k}"
        assert (decided(layer).verdict is NOT_INJECTIVE) == expected, f"case {k}"
