"""Random layers against a dense search over pairs."""

import numpy as np
import pytest

from monic.bounds import bound
from monic.decision import decide
from monic.model import Ball, Box, Orthant, ReLULayer, WholeSpace
from tests.bounds.dense import least_ratio

DOMAINS = ("whole", "whole", "box", "box", "orthant", "ball")


def some_layer(seed: int) -> ReLULayer:
    """A layer with n = 2 or 3 and at most 12 rows; most are one-to-one."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 4))
    kind = DOMAINS[seed % len(DOMAINS)]
    m = int(rng.integers(3 * n if kind == "whole" else 2 * n, 13))
    weight = rng.standard_normal((m, n))
    if seed % 3 == 0:
        weight = rng.integers(-2, 3, (m, n)).astype(np.float64)
    if seed % 4 == 0:
        weight[n : 2 * n] = -weight[:n][: len(weight[n : 2 * n])] * rng.choice([0.5, 1.0, 2.0])
    bias = None if seed % 2 else np.abs(rng.standard_normal(m)) * rng.choice([0.3, 1.0, -0.1])
    lower = rng.uniform(-2, 0, n)
    domain = {
        "whole": WholeSpace(),
        "orthant": Orthant(),
        "box": Box(lower, lower + rng.uniform(0.5, 3, n)),
        "ball": Ball(float(rng.uniform(0.5, 2)), rng.uniform(-1, 1, n)),
    }[kind]
    return ReLULayer(weight, bias, domain)


def agreement(seeds: range) -> tuple[int, int, int]:
    """How many layers were asked, how often the search came within 2%, and the ends within 1%."""
    asked = close = narrow = 0
    for seed in seeds:
        layer = some_layer(seed)
        found = bound(layer).inverse_lipschitz
        if found.upper == 0:
            assert decide(layer).verdict.name == "NOT_INJECTIVE"
            continue
        dense = least_ratio(layer, np.random.default_rng(seed + 1))
        assert dense >= found.lower * (1 - 1e-6), f"seed {seed}: {dense} under {found}"
        asked += 1
        close += abs(dense / found.upper - 1) <= 0.02
        narrow += found.gap <= 0.0101
    return asked, close, narrow


@pytest.mark.slow
def test_the_dense_search_stays_inside() -> None:
    asked, close, narrow = agreement(range(5, 13))
    assert asked >= 3
    assert close >= 0.95 * asked
    assert narrow == asked


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_hundred_layers() -> None:
    asked = close = narrow = 0
    for first in range(0, 2000, 50):
        found = agreement(range(first, first + 50))
        asked, close, narrow = asked + found[0], close + found[1], narrow + found[2]
        if asked >= 500:
            break
    assert asked >= 500
    assert close >= 0.95 * asked
    assert narrow >= 0.99 * asked
