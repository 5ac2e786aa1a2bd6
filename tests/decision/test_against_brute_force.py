"""The second road: on 3,120 small layers the engine says what all hyperplane flats say."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from tests.decision.agreement import INJECTIVE, decided
from tests.reference import brute_force, question
from tests.strategies import DOMAINS, FAMILIES, random_layer

#: For each of the 120 combinations of family, domain, n and bias.
CASES = 26


@pytest.mark.thorough
@pytest.mark.parametrize("bias", [False, True], ids=["linear", "biased"])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("family", FAMILIES)
def test_verdicts_agree(family: str, domain: str, n: int, bias: bool) -> None:
    place = [FAMILIES.index(family), DOMAINS.index(domain), n, int(bias)]
    for k in range(CASES):
        rng = np.random.default_rng([*place, k])
        layer = random_layer(rng, family=family, domain=domain, n=n, bias=bias)
        expected = brute_force(question(layer)).injective
        assert (decided(layer).verdict is INJECTIVE) == expected, f"case {k} of {place}"
        if k % 3 == 0:
            branched = decided(layer, method="branching")
            assert (branched.verdict is INJECTIVE) == expected, f"branching, case {k} of {place}"


@pytest.mark.thorough
def test_both_verdicts_are_common() -> None:
    """A comparison on layers that are all alike would show little."""
    seen: Counter[tuple[str, int, bool]] = Counter()
    for domain, n, k in product(DOMAINS, (1, 2, 3), range(60)):
        rng = np.random.default_rng([DOMAINS.index(domain), n, k])
        layer = random_layer(rng, family=FAMILIES[k % 3], domain=domain, n=n, bias=k % 2 == 0)
        seen[domain, n, brute_force(question(layer)).injective] += 1
    assert len(seen) == 2 * 15
    assert min(seen.values()) >= 6
