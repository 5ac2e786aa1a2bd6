"""Branching on Gaussian layers visits about C(2n, n - 1) nodes, whatever m is."""

from math import comb

import numpy as np
import pytest

import monic
from monic import ReLULayer
from tests.decision.agreement import INJECTIVE

slow = pytest.mark.slow


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7, *(pytest.param(n, marks=slow) for n in (8, 9, 10))])
@pytest.mark.parametrize("ratio", [9, 14, 30])
def test_nodes_do_not_grow_with_m(n: int, ratio: int) -> None:
    rng = np.random.default_rng([n, ratio])
    decision = monic.decide(ReLULayer(rng.standard_normal((ratio * n, n))), method="branching")
    assert decision.verdict is INJECTIVE
    assert n <= decision.statistics.nodes <= 1.1 * comb(2 * n, n - 1)
