"""Certified ends against full cell enumeration in exact arithmetic, on all kinds of domain."""

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from monic import Activation, Network, ReLULayer, Stage, bound
from monic.bounds import inverse_lipschitz, sampling
from monic.bounds.interval import Interval
from monic.bounds.inverse_lipschitz import Pair
from monic.model import (
    AffineMap,
    Concat,
    Convolution,
    Geometry,
    Input,
    Linear,
    Orthant,
    Scale,
    Shift,
)
from tests.bounds.cells import Truth, truth_of, truth_of_two
from tests.reference import Vector
from tests.strategies import DOMAINS, FAMILIES, random_domain, random_layer

#: Pairs of inputs of one question that floats look at, and how many are evaluated exactly.
PAIRS, EXACT = 400, 3


def some_layer(seed: int) -> ReLULayer:
    """A small layer with zero rows, duplicates, antiparallel pairs and biases among its rows."""
    rng = np.random.default_rng(seed)
    n = (1, 2, 2, 2, 1, 3)[seed % 6]
    return random_layer(
        rng,
        family=FAMILIES[seed % 3],
        domain=DOMAINS[seed % 5],
        n=n,
        bias=bool(rng.random() < 0.6),
        m=int(rng.integers(n, 7 if n < 3 else 6)),
    )


def some_convolution(seed: int) -> ReLULayer:
    """Two or three filters on a line of two or three entries, their negatives often beside."""
    rng = np.random.default_rng(seed)
    width, filters = int(rng.integers(2, 4)), int(rng.integers(1, 3))
    kernel = rng.integers(-2, 3, (filters, 1, 2)).astype(np.float64)
    mode = str(rng.choice(["zero", "circular"]))
    geometry = Geometry((1, width), padding=(((0, 1)),), mode=mode)
    step = Convolution(kernel, Input(width), geometry)
    parts = [step, Scale(np.array([-float(rng.choice([0.5, 1.0, 2.0]))]), step)]
    value: AffineMap = Concat(tuple(parts)) if rng.random() < 0.7 else step
    if rng.random() < 0.5:
        value = Shift(rng.integers(-1, 2, value.out_dim).astype(np.float64), value)
    return ReLULayer(value, domain=random_domain(rng, DOMAINS[seed % 5], width))


def some_network(seed: int) -> Network:
    """Two stages; the second often has pairs of which the orthant uses one row."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 3))
    first = random_layer(
        rng, family=FAMILIES[seed % 3], domain="whole", n=n, bias=seed % 2 == 0, m=3
    )
    second = random_layer(
        rng, family=("ternary", "quinary")[seed % 2], domain="whole", n=3, bias=seed % 4 < 2, m=4
    )
    stages = [
        Stage(name, layer.map, Activation.RELU)
        for name, layer in (("first", first), ("second", second))
    ]
    return Network(stages, random_domain(rng, DOMAINS[seed % 5], n))


def pairs_of(truth: Truth, seed: int) -> Iterator[tuple[Vector, Vector]]:
    """The pairs with the least and the greatest ratios of a dense search inside the domain.

    Both inputs lie on lines through the points of two cells, between them (the domain is convex);
    pairs across walls are among them, and pairs within a cell. Floats choose, fractions judge.
    """
    rng = np.random.default_rng(seed)
    points = [cell.point for cell in truth.cells]
    floats = np.array([[float(t) for t in point] for point in points])
    ends = rng.integers(len(points), size=(2, PAIRS, 2))
    shares = rng.integers(0, 65, size=(2, PAIRS, 1)) / 64.0
    x, other = floats[ends[:, :, 0]] * (1 - shares) + floats[ends[:, :, 1]] * shares
    gaps = np.linalg.norm(x - other, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.linalg.norm(truth.floats(x) - truth.floats(other), axis=1) / gaps
    ratios[gaps < 1e-9] = np.nan
    order = np.argsort(ratios)[: int(np.isfinite(ratios).sum())].tolist()
    for k in dict.fromkeys([*order[:EXACT], *order[-1:]]):
        pair = []
        for end in range(2):
            first, second = (points[i] for i in ends[end, k])
            share = Fraction(float(shares[end, k, 0]))
            pair.append(tuple(a + share * (b - a) for a, b in zip(first, second, strict=True)))
        if pair[0] != pair[1]:
            yield pair[0], pair[1]


def insist_on_truth(
    truth: Truth,
    kappa: Interval,
    stretch: Interval,
    pair: Pair | None,
    holds: Callable[[Vector], bool],
    seed: int,
) -> None:
    """No end of kappa or of the Lipschitz constant is on the wrong side."""
    assert truth.stretches_at_most(stretch.upper)
    assert truth.stretches_at_least(stretch.lower)
    assert truth.squeezes_at_most_on_cells(kappa.lower), "kappa <= sigma*"
    low, high = Fraction(kappa.lower) ** 2, Fraction(stretch.upper) ** 2
    for x, other in pairs_of(truth, seed):
        assert low <= truth.square_ratio(x, other) <= high
    if pair is not None:
        assert holds(pair.x)
        assert holds(pair.other)
        assert low <= truth.square_ratio(pair.x, pair.other) <= Fraction(pair.ratio) ** 2


def insist_on_layer(layer: ReLULayer, seed: int) -> None:
    truth, found = truth_of(layer), bound(layer, gap=0.3, seed=seed)
    kappa, sigma = found.inverse_lipschitz, found.smallest_singular
    insist_on_truth(truth, kappa, found.lipschitz, found.pair, layer.domain.contains, seed)
    assert truth.squeezes_at_most_on_cells(sigma.lower)
    assert truth.squeezes_at_least_on_cells(sigma.upper)
    assert truth.squeezes_at_most_on_cells(found.frame.lower)
    assert truth.stretches_at_most(found.frame.upper)
    if found.method == "exact formula":  # it may be an infimum that nothing attains
        assert truth.squeezes_at_least_on_cells(kappa.upper, 2)
    else:  # what attains the upper end: a pair of inputs, or sigma*
        attained = found.pair is not None and found.pair.ratio <= kappa.upper
        assert attained or truth.squeezes_at_least_on_cells(kappa.upper)


def insist_on_network(network: Network, seed: int) -> None:
    truth, found = truth_of_two(network), bound(network, gap=0.3, seed=seed)
    kappa, holds = found.inverse_lipschitz, network.domain.contains
    insist_on_truth(truth, kappa, found.lipschitz, found.pair, holds, seed)
    attained = found.pair is not None and found.pair.ratio <= kappa.upper
    assert attained or truth.squeezes_at_least_on_cells(kappa.upper)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upper ends of kappa by a shorter local search; their truth is asked, not their size."""
    monkeypatch.setattr(inverse_lipschitz, "LINES", 8)
    monkeypatch.setattr(inverse_lipschitz, "FINALISTS", 2)
    monkeypatch.setattr(sampling, "CLIMB", 8)


@pytest.mark.thorough
@pytest.mark.parametrize("start", range(0, 432, 72))
def test_layers(start: int) -> None:
    for seed in range(start, start + 72):
        insist_on_layer(some_layer(seed), seed)


@pytest.mark.thorough
def test_convolutions() -> None:
    for seed in range(36):
        insist_on_layer(some_convolution(seed), seed)


@pytest.mark.thorough
def test_networks() -> None:
    for seed in range(32):
        insist_on_network(some_network(seed), seed)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_two_thousand_layers_and_two_hundred_networks() -> None:
    for seed in range(1000, 2900):
        insist_on_layer(some_layer(seed), seed)
    for seed in range(1000, 1100):
        insist_on_layer(some_convolution(seed), seed)
    for seed in range(1000, 1200):
        insist_on_network(some_network(seed), seed)


def test_a_shorter_row_counts_where_the_longer_one_is_never_active() -> None:
    found = bound(ReLULayer([[-2.0], [1.0]], domain=Orthant()))
    assert found.lipschitz.contains(1)
    assert found.inverse_lipschitz == Interval(1.0, 1.0)
    assert found.lipschitz.upper <= 1.0000000001


def test_a_shorter_row_counts_behind_a_relu() -> None:
    first = Linear(np.array([[1.0], [-1.0]]), Input(1))
    second = Linear(np.array([[-2.0, 0], [1.0, 0], [0, -2.0], [0, 1.0]]), Input(2))
    stages = [Stage("first", first), Stage("second", second)]
    found = bound(Network(stages))
    assert found.lipschitz.contains(1)
    assert found.lipschitz.upper <= 1.0000000001
    assert found.inverse_lipschitz.lower == pytest.approx(2**-0.5, rel=0.01)
    assert Fraction(found.inverse_lipschitz.upper) ** 2 >= Fraction(1, 2)


def test_rows_that_vanish_at_a_point_are_active_on_one_side_only() -> None:
    found = bound(ReLULayer([[1.5], [-0.1], [-1.0]]))
    assert found.lipschitz.lower == 1.5
    assert found.lipschitz.upper < 1.51
    assert found.lipschitz.contains(1.5)
    assert found.frame.contains(Fraction(1.5))


def test_a_domain_so_thin_that_floats_see_no_inside() -> None:
    insist_on_layer(some_layer(2333), 2333)
